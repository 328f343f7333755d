"""The process boundary with a stub in the model's place: noise, crashes, hangs, restarts, and how
a baseline answers an evaluation's questions."""

from __future__ import annotations

import json
import shutil
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from radvlm.baselines import environment, model
from radvlm.baselines.environment import MADE, digest_of, lock_of, setup
from radvlm.baselines.model import BaselineModel
from radvlm.baselines.native import Context
from radvlm.baselines.table import BASELINES, baseline
from radvlm.baselines.worker import Worker
from radvlm.cli import app
from radvlm.errors import IncompleteError, InputError, RecipeError
from radvlm.models.opening import opened
from radvlm.protocols import Chat, Decoding, Model
from radvlm.records import Box, Turn

STUB = """
import os, sys, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from loop import reply, serve

def load(given):
    if given.weights == "missing":
        raise OSError("no such weights")
    print("Loading checkpoint shards: 100%")
    def answer(request):
        asked = request["turns"][-1]["text"]
        print("radvlm-baseline:{not json")
        os.write(1, b"a library that writes to standard output itself\\n")
        if asked == "die":
            os._exit(1)
        if asked == "hang":
            time.sleep(60)
        if asked == "fail":
            raise ValueError("secret of a patient")
        if asked == "show":
            return reply(repr(request["turns"]) + str(request["fields"]), 3, 9)
        if asked.startswith("size"):
            head = open(request["images"][0], "rb").read(24)
            sides = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
            return reply(str(sides), 1, 9)
        return reply("said: " + asked, 2, request["max_tokens"])
    return answer

serve(load)
"""
MOST = 2000
RUNNERS = Path(model.__file__).parent / "runners"


@pytest.fixture
def runners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which every runner is the stub."""
    folder = tmp_path / "runners"
    folder.mkdir()
    shutil.copy(RUNNERS / "loop.py", folder)
    for path in RUNNERS.glob("*.py"):
        if path.name != "loop.py":
            (folder / path.name).write_text(STUB)
    monkeypatch.setattr(model, "RUNNERS", folder)
    return folder


def worker(runners: Path, tmp_path: Path, weights: str = "w", seconds: float = 20) -> Worker:
    command = [sys.executable, str(runners / "plain.py"), "--weights", weights]
    return Worker(command, tmp_path / "last.log", loading=30, answering=seconds)


def ask(made: Worker, text: str, number: int = 1) -> dict[str, object]:
    turns = [{"role": "user", "text": text}]
    request = {"id": number, "turns": turns, "images": [], "fields": {}, "max_tokens": 9}
    return made.ask(request)


def test_noise_is_passed_over_and_stays_in_a_private_file(runners: Path, tmp_path: Path) -> None:
    with worker(runners, tmp_path) as made:
        assert ask(made, "hello") == {"id": 1, "text": "said: hello", "tokens": 2, "finish": "stop"}
    log = tmp_path / "last.log"
    assert "a library that writes" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_an_error_names_its_type_alone_and_the_next_is_answered(
    runners: Path, tmp_path: Path
) -> None:
    with worker(runners, tmp_path) as made:
        assert ask(made, "fail") == {"id": 1, "error": "ValueError"}
        assert ask(made, "on", 2)["text"] == "said: on"


def test_a_death_is_one_error_and_the_process_is_started_again(
    runners: Path, tmp_path: Path
) -> None:
    with worker(runners, tmp_path) as made:
        assert ask(made, "die") == {"error": "EOFError"}
        assert ask(made, "on", 2)["text"] == "said: on"
        assert ask(made, "die", 3) == {"error": "EOFError"}
        assert ask(made, "on", 4)["text"] == "said: on"


def test_a_hang_ends_in_time(runners: Path, tmp_path: Path) -> None:
    with worker(runners, tmp_path, seconds=0.5) as made:
        assert ask(made, "hang") == {"error": "TimeoutError"}
        assert ask(made, "on", 2)["text"] == "said: on"


def test_what_only_fails_stops_the_run(runners: Path, tmp_path: Path) -> None:
    with worker(runners, tmp_path) as made, pytest.raises(IncompleteError, match="3 times"):
        for number in range(5):
            ask(made, "die", number)


def test_what_cannot_be_loaded_says_where_to_look(runners: Path, tmp_path: Path) -> None:
    with pytest.raises(IncompleteError, match=r"last\.log"):
        ask(worker(runners, tmp_path, "missing"), "hello")
    gone = Worker([str(tmp_path / "python"), "x"], tmp_path / "log")
    with pytest.raises(IncompleteError, match="interpreter"):
        ask(gone, "hello")


@pytest.fixture
def described(tmp_path: Path, runners: Path) -> Path:
    """A file that describes MedGemma in a made environment with weights."""
    return describe(tmp_path, "medgemma")


def describe(folder: Path, name: str, **more: object) -> Path:
    place = folder / name
    (place / "venv/bin").mkdir(parents=True)
    (place / "venv/bin/python").symlink_to(sys.executable)
    (place / MADE).write_text(json.dumps({"baseline": name, "lock": digest_of(name)}))
    (folder / "weights").mkdir(exist_ok=True)
    said = {
        "family": "baseline",
        "baseline": name,
        "weights": str(folder / "weights"),
        "base": str(folder / "weights"),
        "environment": str(place),
        "device": "cpu",
        **more,
    }
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(said))
    return path


def chat(question: str, *before: Turn, size: tuple[int, int] = (60, 100)) -> Chat:
    return Chat((np.zeros(size, np.uint8),), (*before, Turn("user", (question,))))


def said(path: Path, asked: Chat) -> str:
    with opened(path, "credentialed") as made:
        ((_, reply),) = made.answer([asked], Decoding(MOST))
    return reply.text


def test_it_is_a_model_and_its_name_holds_the_context(described: Path) -> None:
    with opened(described, "credentialed") as made:
        assert isinstance(made, Model)
        assert made.info.name == "medgemma[context=single_frontal]"
        assert (made.info.codec, made.info.access) == ("medgemma_yx", "credentialed")


def test_our_question_reaches_it_in_its_own_words(described: Path) -> None:
    assert (
        said(described, chat("Write a report of this radiograph.")) == "said: Describe this X-ray"
    )


def test_medgemma_is_shown_a_square(described: Path, tmp_path: Path) -> None:
    assert said(described, chat("size please")) == "(100, 100)"
    assert said(describe(tmp_path, "llava_ov"), chat("size please")) == "(100, 60)"


def test_history_is_in_its_words_and_its_coordinates(described: Path) -> None:
    # 100 x 60 pixels stand 20 pixels below the top of a square of 100: y 0.2 is at 32 of 100.
    before = (
        Turn("user", ("Write a report of this radiograph.",)),
        Turn("assistant", ("Here: ", (Box(0.1, 0.2, 0.3, 0.4),))),
    )
    heard = said(described, chat("show", *before))
    assert "'Describe this X-ray'" in heard and "[320, 100, 440, 300]" in heard


def test_a_question_without_published_prompt_is_an_error(tmp_path: Path, runners: Path) -> None:
    with opened(describe(tmp_path, "llava_rad"), "open") as made:
        ((_, reply),) = made.answer([chat("Where is the pneumothorax?")], Decoding(MOST))
    assert reply.finish == "error" and "not asked" in reply.text


def test_drawn_boxes_are_part_of_the_question(described: Path) -> None:
    asked = Turn("user", ("What is at ", (Box(0.1, 0.2, 0.3, 0.4),), " here?"))
    heard = said(described, Chat((np.zeros((100, 100), np.uint8),), (asked,)))
    assert heard == 'said: What is at {"box_2d": [200, 100, 400, 300]} here?'


def test_shorter_replies_than_published_are_refused(described: Path) -> None:
    with opened(described, "open") as made, pytest.raises(InputError, match="1,000 tokens"):
        list(made.answer([chat("hello")], Decoding(256)))


def test_an_environment_of_another_lock_is_refused(described: Path, tmp_path: Path) -> None:
    (tmp_path / "medgemma" / MADE).write_text(json.dumps({"baseline": "medgemma", "lock": "0"}))
    with pytest.raises(InputError, match="from its lock"):
        BaselineModel.from_file(described)


def test_native_context_is_another_name(tmp_path: Path, runners: Path,
                                        monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    Image.new("L", (50, 40)).save(tmp_path / "f.png")
    lateral = str(tmp_path / "f.png")
    known = {str(tmp_path / "f.png"): Context(indication="Fever.", lateral=lateral)}
    monkeypatch.setattr(model, "contexts_of", lambda folder: known)
    path = describe(tmp_path, "chexagent", context="native", studies=str(tmp_path))
    with opened(path, "open") as made:
        assert made.info.name == "chexagent[context=native]"
        asked = Chat((tmp_path / "f.png",), (Turn("user", ("Report the findings.",)),))
        ((_, reply),) = made.answer([asked], Decoding(MOST))
        ((_, unknown),) = made.answer([chat("Report the findings.")], Decoding(MOST))
    assert unknown.finish == "error"
    assert reply.text == (
        'said: Given the indication: "Fever.", write a structured findings section for the CXR.'
    )


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"weights": None}, "pinned"),
        ({"weights": "/nowhere/at/all"}, "no folder of weights"),
        ({"context": "native"}, "needs studies"),
        ({"environment": "/nowhere/at/all"}, "baseline setup medgemma"),
    ],
)
def test_what_is_missing_is_named(described: Path, change: dict[str, object], match: str) -> None:
    tree = json.loads(described.read_text()) | change
    described.write_text(json.dumps(tree))
    with pytest.raises(InputError, match=match):
        BaselineModel.from_file(described)


def test_a_wrong_revision_is_refused(described: Path) -> None:
    tree = json.loads(described.read_text()) | {"revision": "main"}
    described.write_text(json.dumps(tree))
    with pytest.raises(RecipeError, match="revision"):
        BaselineModel.from_file(described)


def test_sampling_and_scores_are_refused(described: Path) -> None:
    with opened(described, "open") as made:
        with pytest.raises(InputError, match="greedily"):
            list(made.answer([chat("hello")], Decoding(temperature=1.0)))
        with pytest.raises(InputError, match="log-prob"):
            made.logprobs([chat("hello")], ["Yes"])


def test_an_environment_is_made_from_its_lock_once(tmp_path: Path) -> None:
    ran: list[list[str]] = []

    def run(command: list[str]) -> None:
        ran.append(command)
        if command[:2] == ["git", "clone"]:
            Path(command[-1]).mkdir()

    folder = setup("llava_med", tmp_path / "env", "python3", run)
    assert [command[:4] for command in ran] == [
        ["python3", "-m", "venv", str(folder / "venv")],
        [str(folder / "venv/bin/python"), "-m", "pip", "install"],
        ["git", "clone", "--no-checkout", "https://github.com/microsoft/LLaVA-Med"],
        ["git", "-C", str(folder / "code.part"), "checkout"],
    ]
    assert (folder / "lock.txt").read_text() == lock_of("llava_med")
    assert setup("llava_med", folder, "python3", run) == folder and len(ran) == 4
    assert (folder / "code").is_dir()


def test_a_failed_setup_is_not_taken_for_one(tmp_path: Path) -> None:
    with pytest.raises(IncompleteError, match="could not be set up"):
        setup("medgemma", tmp_path, "/bin/false")
    with pytest.raises(InputError, match="baseline setup"):
        environment.made("medgemma", tmp_path)


@pytest.mark.parametrize("name", BASELINES)
def test_every_lock_pins_every_package(name: str) -> None:
    lines = lock_of(name).splitlines()
    assert any(line.startswith("torch==") for line in lines)
    assert all(line.count("==") == 1 and "://" not in line for line in lines)
    assert (RUNNERS / baseline(name).card.runner).exists()
    if baseline(name).card.code:
        assert len(baseline(name).card.code.partition("@")[2]) == 40


def test_the_verb_lists_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RADVLM_BASELINES", str(tmp_path))
    shown = CliRunner().invoke(app, ["baseline", "list", "--json"])
    cards = {card["name"]: card for card in json.loads(shown.stdout)}
    assert cards.keys() == BASELINES.keys() and not cards["maira2"]["environment"]
