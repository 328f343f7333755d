"""How the API stands a load: steady, too much, malformed; and how soon the first page is there.

    python -m benchmarks.serving --demo runs/demo

The server is a process of its own with a stub of known latency in the model's place, so what is
measured is everything around a model; clients are another process, on loopback. ``--demo`` is the
folder of ``radvlm demo``, made (``--preset quick``) where it is missing. ``--seconds`` is the
length of the steady load. Writes ``results/serving.json`` and ``benchmarks/serving.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results_file import write_result
from benchmarks.serving_clients import chat_body, form_body, noise, post
from benchmarks.serving_measures import (
    asked,
    counted,
    floors,
    metric,
    quantile,
    sampled,
    slope,
    until,
)
from benchmarks.serving_page import write_page
from radvlm.demo.run import run_demo

LATENCY, CLIENTS, CROWD, MALFORMED = 0.05, 16, 64, 1000
CROWD_SECONDS, SETTLING = 30.0, 30.0
STORE_FULL = 540
"""Uploads of a million pixels that fill the memory kept for images."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, default=Path("runs/demo"))
    parser.add_argument("--seconds", type=float, default=300.0)
    given = parser.parse_args()
    start = first_page(given.demo)
    with stub() as (process, port):
        fill(port)
        figures: dict[str, Any] = {
            "start": start,
            "steady": steady(process, port, given.seconds),
            "crowd": crowd(port),
            "malformed": malformed(port),
            "shared_machine_load": [round(one, 2) for one in os.getloadavg()],
            "latency": LATENCY,
        }
    command = "python -m benchmarks.serving"
    write_page(write_result("serving", command, figures["steady"]["requests"], figures))


def first_page(demo: Path) -> dict[str, Any]:
    """Seconds from ``radvlm serve``, with the demo's checkpoint there, to the answer of ``/``."""
    if not (demo / "model" / "checkpoint").exists():
        run_demo("quick", demo, quiet=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as there:
        shutil.copytree(demo / "model" / "checkpoint", Path(there, "runs/demo/model/checkpoint"))
        began = time.perf_counter()
        command = [str(Path(sys.executable).with_name("radvlm")), "serve", "--port", str(port)]
        with ended(subprocess.Popen(command, cwd=there, stdout=subprocess.DEVNULL)):
            status = until(lambda: asked(port, "/"), 120)
            return {"seconds": round(time.perf_counter() - began, 2), "status": status}


@contextmanager
def stub() -> Iterator[tuple[int, int]]:
    """The server's process and port."""
    command = [sys.executable, "-m", "benchmarks.serving_stub", str(LATENCY)]
    with ended(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        until(lambda: asked(port, "/health"), 60)
        yield server.pid, port


@contextmanager
def ended(process: subprocess.Popen[Any]) -> Iterator[subprocess.Popen[Any]]:
    """The process, ended with the block."""
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def fill(port: int) -> None:
    """Fill what is kept of uploads, so that it does not look like a leak."""
    line, form = HTTPConnection("127.0.0.1", port, timeout=60), form_body(noise(99))
    for _ in range(STORE_FULL):
        assert post(line, *form)[0] == 200


def steady(process: int, port: int, seconds: float) -> dict[str, Any]:
    """Requests a second, latencies, errors and growth of memory under a load it should bear."""
    run_clients(port, CLIENTS, min(seconds, SETTLING))
    before = os.getloadavg()[0]
    with sampled(process) as samples:
        seen = run_clients(port, CLIENTS, seconds)
    times = np.array([taken for status, taken in seen if status == 200])
    return {
        "clients": CLIENTS,
        "seconds": seconds,
        "requests": len(seen),
        "per_second": round(len(seen) / seconds, 2),
        "median": round(float(np.median(times)), 3),
        "p99": round(float(np.percentile(times, 99)), 3),
        "errors": sum(status != 200 for status, _ in seen),
        "memory_mb": round(samples[-1][1] / 1e6, 1),
        "memory_slope_mb_per_minute": slope(floors(samples)),
        "memory_slope_of_every_second": slope(samples),
        "load_average_before": round(before, 2),
    }


def crowd(port: int) -> dict[str, Any]:
    """How soon those are turned away for whom there is no room, and how soon it is over."""
    before = counted(port)
    seen = run_clients(port, CROWD, CROWD_SECONDS)
    ended_at = time.perf_counter()
    line, body = HTTPConnection("127.0.0.1", port, timeout=60), chat_body(noise(0))
    until(lambda: post(line, *body)[0] == 200, 60)
    recovered = time.perf_counter() - ended_at
    after = counted(port)
    refused = {edge: after.get(edge, 0.0) - before.get(edge, 0.0) for edge in after}
    return {
        "clients": CROWD,
        "answered": sum(status == 200 for status, _ in seen),
        "refused": round(refused[float("inf")]),
        "other": sum(status not in {200, 429, 503} for status, _ in seen),
        "median": quantile(refused, 0.5),
        "p99": quantile(refused, 0.99),
        "recovery": round(recovered, 3),
    }


def malformed(port: int) -> dict[str, Any]:
    """Damaged uploads: how they are answered, and whether a process died of them."""
    rng, whole = random.Random(0), noise(1)
    died = metric(port, "radvlm_restarts")
    line = HTTPConnection("127.0.0.1", port, timeout=60)
    statuses: dict[str, int] = {}
    for number in range(MALFORMED):
        status, _ = post(line, *form_body(damaged(whole, rng, number)))
        statuses[str(status)] = statuses.get(str(status), 0) + 1
    deaths = metric(port, "radvlm_restarts") - died
    return {"uploads": MALFORMED, "statuses": statuses, "deaths": deaths}


def damaged(whole: bytes, rng: random.Random, number: int) -> bytes:
    """Cut short, overwritten here and there, another format's beginning, or noise."""
    data = bytearray(whole[: rng.randrange(8, 20_000)])
    match number % 4:
        case 0:
            return bytes(data)
        case 1:
            for _ in range(8):
                data[rng.randrange(min(len(data), 64))] = rng.randrange(256)
            return bytes(data)
        case 2:
            head = rng.choice([b"\xff\xd8\xff", bytes(128) + b"DICM", b"GIF89a", b""])
            return head + rng.randbytes(2000)
        case _:
            return rng.randbytes(rng.randrange(1, 5000))


def run_clients(port: int, clients: int, seconds: float) -> list[tuple[int, float]]:
    """Status and seconds of each request, from a process of their own."""
    command = [sys.executable, "-m", "benchmarks.serving_clients", str(port)]
    done = subprocess.run(
        [*command, str(clients), str(seconds)],
        stdout=subprocess.PIPE,
        check=True,
        timeout=seconds + 180,
    )
    return [(status, taken) for status, taken in json.loads(done.stdout)]


if __name__ == "__main__":
    main()
