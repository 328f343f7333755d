"""What ``benchmarks.serving`` looks at: memory of processes, the server's own figures, answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from threading import Event, Thread
from typing import Any

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.watched import family, proc


@contextmanager
def sampled(process: int) -> Iterator[list[tuple[float, float]]]:
    """(seconds, bytes) of a process and its children, every second while the block runs."""
    samples: list[tuple[float, float]] = []
    over = Event()

    def look() -> None:
        while not over.wait(1):
            samples.append((time.monotonic(), float(sum(map(unshared, family(process))))))

    watcher = Thread(target=look)
    watcher.start()
    try:
        yield samples
    finally:
        over.set()
        watcher.join()


def unshared(process: int) -> int:
    """Resident bytes of a process that it shares with no other."""
    said = [line.split() for line in proc(process, "smaps_rollup").splitlines()]
    return 1024 * sum(int(line[1]) for line in said if line[0].startswith("Private_"))


def slope(samples: list[tuple[float, float]]) -> dict[str, Any]:
    """Megabytes a minute by least squares, with the 95 % interval of independent errors."""
    minutes, held = np.array(samples).T / np.array([[60.0], [1e6]])
    (value, _), spread = np.polyfit(minutes, held, 1, cov=True)
    half = 1.96 * float(np.sqrt(spread[0, 0]))
    bounds = [round(float(value) - half, 2), round(float(value) + half, 2)]
    return {"value": round(float(value), 2), "interval": bounds}


def floors(samples: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The least of every ten seconds: what is held when few requests are under way."""
    groups = [samples[k : k + 10] for k in range(0, len(samples) - 9, 10)]
    return [min(group, key=lambda one: one[1]) for group in groups]


def counted(port: int) -> dict[float, float]:
    """Requests turned away for want of room, cumulated by the server's own seconds."""
    found: dict[float, float] = {}
    for one in figures_of(port, "radvlm_request_seconds"):
        if one.name.endswith("_bucket") and one.labels["status"] in {"429", "503"}:
            edge = float(one.labels["le"])
            found[edge] = found.get(edge, 0.0) + one.value
    return found


def quantile(cumulated: dict[float, float], share: float) -> float | None:
    """The quantile of a histogram, linear within a bucket as Prometheus reckons it."""
    wanted, below, start = share * cumulated[float("inf")], 0.0, 0.0
    for edge, count in sorted(cumulated.items()):
        if count >= wanted and count > below:
            if edge == float("inf"):
                return None
            return round(start + (edge - start) * (wanted - below) / (count - below), 4)
        below, start = count, edge
    return None


def metric(port: int, name: str) -> int:
    return sum(round(one.value) for one in figures_of(port, name))


def figures_of(port: int, name: str) -> list[Any]:
    line = HTTPConnection("127.0.0.1", port, timeout=60)
    line.request("GET", "/metrics")
    said = line.getresponse().read().decode()
    return [
        one for kind in text_string_to_metric_families(said) if kind.name == name
        for one in kind.samples
    ]  # fmt: skip


def asked(port: int, path: str) -> int:
    """The status of a page; 0 where nobody answers."""
    line = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        line.request("GET", path)
        return line.getresponse().status
    except (OSError, HTTPException):
        return 0


def until(ready: Callable[[], Any], seconds: float) -> Any:
    """Ask until the answer is true; the answer."""
    late = time.perf_counter() + seconds
    while not (answer := ready()):
        if time.perf_counter() > late:
            raise TimeoutError("the server does not answer")
        time.sleep(0.05)
    return answer
