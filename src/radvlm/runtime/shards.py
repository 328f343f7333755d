"""``map_shards``: one function over many shards of work, on all cores or on several machines.

In: a function and its shards, both picklable. Out: (index, result) in the order of the shards,
whatever the number of workers. A result waits in memory for its turn and travels through a pipe:
large things go to a file, and their name is the result.

``local`` starts processes with pipes of our own: an executor of the standard library cannot tell
which shard a killed worker had, waits for ever where one dies while it writes its result, and
leaves its workers running when it is killed itself. ``ray`` gives the shards as tasks to Ray's
scheduler, which is what Ray Data runs on, too; the files a shard reads and writes have to be on
storage all machines share.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import islice
from multiprocessing import connection, resource_tracker
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any, Generic, Literal, TypeVar

from radvlm.errors import IncompleteError, RegistryError

Engine = Literal["local", "ray"]
S = TypeVar("S")
R = TypeVar("R")

_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
_NO_REPORT = {"RAY_USAGE_STATS_ENABLED": "0"}
"""Ray reports its use to its makers unless told otherwise."""


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_shards(
    fn: Callable[[S], R],
    shards: Sequence[S],
    *,
    workers: int | None = None,
    engine: Engine = "local",
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[int, R]]:
    """``fn`` of every shard, in order; an exception in one of them ends all and is raised here.

    A local worker is a process with one thread for numerical libraries; a single one is this
    process itself. Workers are given their next shard when the caller asks for a result, so what
    it does between two should be short. Leaving the loop ends the workers at once.

    Args:
        fn: a function that can be imported, or a ``partial`` of one.
        shards: what it is called with.
        workers: how many at a time; all cores (of the cluster, with ``ray``) unless given.
        engine: ``local`` for processes here. ``ray`` for the cluster at ``RAY_ADDRESS``, or a new
            one on this machine where that is not set; a task lost with its machine is repeated.
        progress: told how many shards of how many are done.

    Raises:
        IncompleteError: a worker was killed; the message names its shard, counted from 1.
        RegistryError: the engine is ``ray``, which is not installed.
    """
    done = _on_ray if engine == "ray" else _on_cores
    held: dict[int, R] = {}
    turn = 0
    for count, (index, result) in enumerate(done(fn, shards, workers), 1):
        held[index] = result
        if progress:
            progress(count, len(shards))
        while turn in held:
            yield turn, held.pop(turn)
            turn += 1


def _on_cores(
    fn: Callable[[S], R], shards: Sequence[S], workers: int | None
) -> Iterator[tuple[int, R]]:
    """(index, result) as they are ready."""
    count = min(workers or cores(), len(shards))
    if count <= 1:
        yield from enumerate(map(fn, shards))
        return
    todo = iter(enumerate(shards))
    with _started(fn, count) as started:
        for worker in started:
            worker.give(*next(todo), len(shards))
        busy: dict[Any, _Worker[S, R]] = {worker.pipe: worker for worker in started}
        while busy:
            for pipe in connection.wait(list(busy)):
                worker = busy.pop(pipe)
                index, result = worker.index, worker.result(len(shards))
                for more in islice(todo, 1):
                    worker.give(*more, len(shards))
                    busy[worker.pipe] = worker
                yield index, result


class _Worker(Generic[S, R]):
    """A process that runs one shard after another."""

    def __init__(self, fn: Callable[[S], R]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(fn, theirs), daemon=True)
        self.process.start()
        # Otherwise a dead worker's end would stay open and never be read to its end.
        theirs.close()
        self.index = 0

    def give(self, index: int, shard: S, of: int) -> None:
        self.index = index
        with self._alive(of):
            self.pipe.send(shard)

    def result(self, of: int) -> R:
        with self._alive(of):
            error, result = self.pipe.recv()
        if error is not None:
            raise error
        answer: R = result
        return answer

    @contextmanager
    def _alive(self, of: int) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode or 0
            how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
            raise IncompleteError(
                f"the worker process ended ({how})",
                f"shard {self.index + 1} of {of}",
                "Run it again, with fewer workers if memory ran out",
            ) from None


@contextmanager
def _started(fn: Callable[[S], R], count: int) -> Iterator[list[_Worker[S, R]]]:
    """So many workers, which are gone after the block; at once, where it ends with an error."""
    started: list[_Worker[S, R]] = []
    try:
        with _worker_environment():
            started.extend(_Worker(fn) for _ in range(count))
        yield started
    except BaseException:
        for worker in started:
            worker.process.terminate()
        raise
    finally:
        for worker in started:
            worker.pipe.close()
        for worker in started:
            worker.process.join()


@contextmanager
def _worker_environment() -> Iterator[None]:
    """What processes started in the block inherit: one thread, and no Ctrl-C of their own."""
    # Starting the tracker unblocks the signal again, so it has to run before.
    resource_tracker.ensure_running()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with _environment(_ONE_THREAD):
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """These variables in the block, and what they were before after it."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(fn: Callable[[Any], Any], pipe: Connection) -> None:
    """In a worker: shards from the pipe, (error, result) back, until its other end is closed."""
    Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError):
        while True:
            shard = pipe.recv()
            try:
                pipe.send((None, fn(shard)))
            except Exception as error:
                error.add_note(f"In a worker process:\n{traceback.format_exc()}")
                pipe.send((error, None))


def _end_with_parent() -> None:
    """A killed parent cannot end its workers, and they would go on writing into its output."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _on_ray(
    fn: Callable[[S], R], shards: Sequence[S], workers: int | None
) -> Iterator[tuple[int, R]]:
    """(index, result) as they are ready."""
    try:
        ray = import_module("ray")
    except ImportError as error:
        raise RegistryError(
            "engine 'ray' needs the package ray", remedy="Install radvlm[ray], or use local"
        ) from error
    todo = iter(enumerate(shards))
    running: dict[Any, int] = {}
    with _cluster(ray, workers):
        limit = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        task = ray.remote(num_cpus=1)(_call)

        def begin(count: int) -> None:
            running.update({task.remote(fn, shard): index for index, shard in islice(todo, count)})

        try:
            begin(limit)
            while running:
                (ready,), _ = ray.wait(list(running), num_returns=1)
                index = running.pop(ready)
                result: R = _ray_result(ray, ready, index, len(shards))
                begin(1)
                yield index, result
        finally:
            for left in running:
                ray.cancel(left, force=True)


def _call(fn: Callable[[S], R], shard: S) -> R:
    return fn(shard)


def _ray_result(ray: Any, ready: Any, index: int, of: int) -> Any:
    try:
        return ray.get(ready)
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, Exception) and not isinstance(cause, ray.exceptions.RayError):
            raise cause from error
        raise IncompleteError(
            f"Ray gave it up ({type(cause or error).__name__})",
            f"shard {index + 1} of {of}",
            "See Ray's logs; every machine needs radvlm and the same files",
        ) from error


@contextmanager
def _cluster(ray: Any, workers: int | None) -> Iterator[None]:
    """Ray running: as the caller has started it, or for the length of the block."""
    if ray.is_initialized():
        yield
        return
    # It listens on every interface, and since 2.60 asks whoever comes for a token.
    address = os.environ.get("RAY_ADDRESS") or "local"
    own = {"num_cpus": workers, "include_dashboard": False} if address == "local" else {}
    with _environment(_NO_REPORT if own else {}):
        ray.init(address=address, log_to_driver=False, logging_level="warning", **own)
        try:
            yield
        finally:
            ray.shutdown()
