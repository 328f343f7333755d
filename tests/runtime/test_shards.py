from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from radvlm.errors import ImageError, IncompleteError, RegistryError
from radvlm.runtime.shards import cores, map_shards

THREADS = "OMP_NUM_THREADS"

SCRIPT = """
import os, sys, time
from pathlib import Path
from radvlm.runtime.shards import map_shards

def work(path):
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)

if __name__ == "__main__":
    list(map_shards(work, sys.argv[1:], workers=2))
"""


def late_first(shard: int) -> int:
    time.sleep(0.3 if shard == 0 else 0)
    return shard * shard


def environment(name: str) -> str | None:
    return os.environ.get(name)


def dies_on_two(shard: int) -> int:
    if shard == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return shard


def refuses(shard: int) -> int:
    if shard == 1:
        raise ImageError("is damaged", "a.png", "Fetch it again")
    return shard


def fails(shard: int) -> int:
    return shard // 0


def unsendable(shard: int) -> Any:
    return lambda: shard


def alive(pid: int) -> bool:
    """Whether it runs; a zombie whose new parent has not yet asked for it does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def soon(true: Any, seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_come_in_the_order_of_the_shards(workers: int) -> None:
    told: list[tuple[int, int]] = []
    found = map_shards(
        late_first, range(5), workers=workers, progress=lambda *seen: told.append(seen)
    )
    assert list(found) == [(0, 0), (1, 1), (2, 4), (3, 9), (4, 16)]
    assert told == [(count, 5) for count in range(1, 6)]
    assert not multiprocessing.active_children()


def test_no_shard_is_no_work() -> None:
    assert list(map_shards(late_first, [])) == []


def test_all_cores_are_those_of_this_process() -> None:
    allowed = subprocess.run(["nproc"], capture_output=True, text=True, check=True, env={})
    assert cores() == int(allowed.stdout)


def test_a_worker_has_one_thread_and_the_caller_keeps_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(THREADS, "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    asked = [THREADS, "MKL_NUM_THREADS"]
    assert [v for _, v in map_shards(environment, asked, workers=2)] == ["1", "1"]
    assert (os.environ[THREADS], os.environ.get("MKL_NUM_THREADS")) == ("7", None)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_travels_as_it_is(workers: int) -> None:
    with pytest.raises(ImageError) as caught:
        list(map_shards(refuses, range(3), workers=workers))
    assert str(caught.value) == "a.png: is damaged. Fetch it again"


def test_a_mistake_in_a_worker_says_where_it_was_made() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        list(map_shards(fails, range(2), workers=2))
    assert "in fails" in "".join(caught.value.__notes__)


def test_a_result_that_cannot_travel_is_an_error_and_no_hang() -> None:
    with pytest.raises(Exception, match="lambda"):
        list(map_shards(unsendable, range(2), workers=2))


def test_a_killed_worker_s_shard_is_named() -> None:
    with pytest.raises(IncompleteError) as caught:
        list(map_shards(dies_on_two, range(5), workers=2))
    assert "shard 3 of 5" in str(caught.value) and "SIGKILL" in str(caught.value)
    assert not multiprocessing.active_children()


def test_leaving_the_loop_ends_the_workers_at_once() -> None:
    for result in map_shards(late_first, [1, 0, 0, 0, 0, 0], workers=2):
        assert result == (0, 1)
        assert len(multiprocessing.active_children()) == 2
        break
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_leaves_no_worker_and_no_flood_of_tracebacks(
    tmp_path: Path, stop: signal.Signals
) -> None:
    """Ctrl-C reaches the whole group, as from a terminal; SIGKILL the parent alone.

    What runs in the background of a shell ignores Ctrl-C and has its children ignore it, so the
    test asks for it.
    """
    (tmp_path / "script.py").write_text(SCRIPT)
    shards = [tmp_path / "0", tmp_path / "1"]
    command = [sys.executable, str(tmp_path / "script.py"), *map(str, shards)]
    run = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert soon(lambda: all(s.exists() and s.read_text() for s in shards))
    workers = [int(shard.read_text()) for shard in shards]
    if stop == signal.SIGINT:
        os.killpg(run.pid, stop)
    else:
        run.kill()
    _, said = run.communicate(timeout=60)
    assert run.returncode == -stop
    assert said.count("Traceback") == (stop == signal.SIGINT)
    assert soon(lambda: not any(map(alive, workers)))


def test_without_ray_its_engine_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RegistryError, match=r"radvlm\[ray\]"):
        list(map_shards(late_first, range(2), engine="ray"))


@pytest.fixture
def local_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray on this machine, whose workers can import this file."""
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setenv("RAY_TASK_MAX_RETRIES", "0")


@pytest.mark.usefixtures("local_ray")
def test_ray_gives_the_same_and_fails_the_same() -> None:
    found = map_shards(late_first, range(5), workers=2, engine="ray")
    assert list(found) == list(map_shards(late_first, range(5), workers=1))
    with pytest.raises(ImageError) as caught:
        list(map_shards(refuses, range(3), workers=2, engine="ray"))
    assert str(caught.value) == "a.png: is damaged. Fetch it again"


@pytest.mark.usefixtures("local_ray")
def test_ray_names_the_shard_it_gave_up() -> None:
    with pytest.raises(IncompleteError, match="shard 3 of 5"):
        list(map_shards(dies_on_two, range(5), workers=2, engine="ray"))
