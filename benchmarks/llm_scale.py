"""The client of text endpoints against a local stub: rate, a run full of faults, and kills.

    python -m benchmarks.llm_scale [--kills 20]

Rate: 1,920 requests of 0.5 s each, 32 at once (64 a second would be perfect). Chaos: 1,000 requests
of 0.05 s, of which 20 % meet a 429, 5 % a 503, 2 % silence, 3 % an answer that is no JSON and 1 % a
refusal. Kills: a run of 1,000 requests ended by SIGKILL again and again; what it had reported as
done must not be sent again. Writes ``results/llm_scale.json`` and ``llm.md``.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.results_file import write_result
from radvlm.io.files import read_json
from radvlm.llm.client import Client
from radvlm.llm.store import CallStore

TESTS = Path(__file__).parents[1] / "tests"
sys.path += [str(TESTS), str(TESTS / "llm")]

from llm_cases import Doubled, doubling, requests  # noqa: E402

from stub_server import Fault, StubServer  # noqa: E402

FAULTS: dict[Fault, float] = {
    "busy": 0.20, "broken": 0.05, "hang": 0.02, "malformed": 0.03, "refusal": 0.01,
}  # fmt: skip
PROGRAM = """
import sys
sys.path += sys.argv[3:]
from pathlib import Path
from llm_cases import requests
from radvlm.llm.client import Client
from radvlm.llm.recipe import EndpointSection, LlmSection
from radvlm.llm.store import CallStore
section = LlmSection(model="m", endpoints=(EndpointSection(url=sys.argv[1]),))
with CallStore(Path(sys.argv[2])) as store, Client(section, store, "open") as client:
    for number, result in client.run(requests(1000)):
        print(number, flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    kills = parser.parse_args().kills
    with tempfile.TemporaryDirectory() as folder:
        figures: dict[str, dict[str, Any]] = {
            "rate": rate(Path(folder) / "rate"),
            "chaos": chaos(Path(folder) / "chaos"),
            "kills": killed(Path(folder) / "kills", kills),
        }
    command = f"python -m benchmarks.llm_scale --kills {kills}"
    path = write_result("llm_scale", command, 1000, figures)
    (Path(__file__).parent / "llm.md").write_text(page(path), encoding="utf-8")
    print(path)
    right = figures["chaos"]["valid"] + figures["chaos"]["failed"] == 1000
    sys.exit(0 if right and not figures["kills"]["sent_again"] else 1)


def rate(store: Path, count: int = 1920) -> dict[str, Any]:
    with (
        StubServer(doubling, latency=0.5) as server,
        CallStore(store) as kept,
        Client(server.section(concurrency=32), kept, "credentialed") as client,
    ):
        start = time.perf_counter()
        right = sum(result.failure is None for _, result in client.run(requests(count)))
        seconds = time.perf_counter() - start
    return {
        "requests": count,
        "right": right,
        "latency_s": 0.5,
        "concurrency": 32,
        "a_second": round(count / seconds, 1),
    }


def chaos(store: Path, count: int = 1000) -> dict[str, Any]:
    valid = 0
    failures: Counter[str] = Counter()
    with (
        StubServer(doubling, latency=0.05, faults=FAULTS) as server,
        CallStore(store) as kept,
        Client(server.section(timeout_s=1.0), kept, "credentialed") as client,
    ):
        for number, result in client.run(requests(count)):
            if result.failure:
                failures[result.failure] += 1
            else:
                valid += result.parsed == Doubled(number=number, double=2 * number)
        sent, given = len(server.requests), dict(server.given)
    return {
        "requests": count,
        "valid": valid,
        "failed": failures.total(),
        "failures": dict(failures),
        "calls_a_request": round(sent / count, 3),
        "met": given,
    }


def killed(store: Path, kills: int) -> dict[str, Any]:
    """Kill the program after a random number of further answers; look at what is sent next."""
    rng = random.Random(0)
    told: set[int] = set()
    again = done = 0
    paths = [str(TESTS), str(TESTS / "llm")]
    with StubServer(doubling, latency=0.02) as server:
        command = [sys.executable, "-c", PROGRAM, f"http://127.0.0.1:{server.port}/v1", str(store)]
        while done < kills:
            before, known = len(server.requests), set(told)
            process = subprocess.Popen([*command, *paths], stdout=subprocess.PIPE)
            assert process.stdout is not None
            wanted = len(known) + rng.randrange(5, 45)
            for line in process.stdout:
                told.add(int(line))
                wanted -= 1
                if not wanted:
                    break
            process.kill()
            process.wait()
            process.stdout.close()
            done += 1
            again += _again(server, before, known)
        before, known = len(server.requests), set(told)
        subprocess.run([*command, *paths], check=True, stdout=subprocess.DEVNULL)
        again += _again(server, before, known)
        sent = len(server.requests)
    return {"kills": done, "requests": 1000, "sent": sent, "sent_again": again}


def _again(server: StubServer, before: int, known: set[int]) -> int:
    asked = {request["messages"][0]["content"] for request in server.requests[before:]}
    return sum(f"double {number}" in asked for number in known)


def page(path: Path) -> str:
    result = read_json(path)
    rate, chaos, kills = (result["figures"][name] for name in ("rate", "chaos", "kills"))
    failures = ", ".join(f"{n} {why}" for why, n in sorted(chaos["failures"].items()))
    return f"""# The client of text endpoints, measured

Command: `{result["command"]}` at commit {result["commit"]}, {result["hardware"]}; the server is a
stub in the same process.

| what | figure |
| --- | ---: |
| requests a second, {rate["concurrency"]} at once, 0.5 s each | {rate["a_second"]} |
| with faults: valid answers of {chaos["requests"]:,} | {chaos["valid"]:,} |
| with faults: counted as failed | {chaos["failed"]} ({failures}) |
| with faults: calls a request | {chaos["calls_a_request"]} |
| {kills["kills"]} kills: completed requests that were sent again | {kills["sent_again"]} |
| {kills["kills"]} kills: calls for {kills["requests"]:,} requests | {kills["sent"]:,} |
"""


if __name__ == "__main__":
    main()
