from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import stat
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest
from llm_cases import doubling, requests
from llm_runs import results, right

from radvlm.errors import EgressError, RecipeError
from radvlm.llm.budget import Estimate, estimate
from radvlm.llm.calls import Request, Result
from radvlm.llm.client import Client
from radvlm.llm.recipe import AgreementSection, BudgetSection, EndpointSection, LlmSection
from radvlm.llm.store import CallStore
from radvlm.records import Access
from stub_server import StubServer

KEY = "sk-a-secret-nobody-may-see"


def test_every_request_gets_its_own_answer_and_none_is_sent_twice(tmp_path: Path) -> None:
    with StubServer(doubling, latency=0.005) as server:
        first = results(server.section(), tmp_path / "calls")
        again = results(server.section(), tmp_path / "calls", 25)
    assert right(first) == list(range(20)) and right(again) == list(range(25))
    assert len(server.requests) == 25
    assert [again[n].stored for n in (0, 19, 20)] == [True, True, False]


def test_the_same_question_at_once_is_sent_once(tmp_path: Path) -> None:
    with (
        StubServer(doubling, latency=0.05) as server,
        CallStore(tmp_path / "calls") as store,
        Client(server.section(), store, "open") as client,
    ):
        found = dict(client.run([*requests(3)] * 4))
    assert len(server.requests) == 3
    assert [json.loads(found[n].text)["number"] for n in range(12)] == [0, 1, 2] * 4
    assert sum(result.stored for result in found.values()) == 9


def test_a_question_given_up_leaves_the_same_question_of_others_alone(tmp_path: Path) -> None:
    async def asked(client: Client, server: StubServer) -> tuple[object, object]:
        (same,) = requests(1)
        first, second = (asyncio.create_task(client.complete(same)) for _ in range(2))
        while not server.requests:
            await asyncio.sleep(0.01)
        first.cancel()
        return await asyncio.gather(first, second, return_exceptions=True)

    with (
        StubServer(doubling, latency=1.0) as server,
        CallStore(tmp_path / "calls") as store,
        Client(server.section(), store, "open") as client,
    ):
        given_up, answered = asyncio.run(asked(client, server))
    assert len(server.requests) == 2
    assert isinstance(given_up, asyncio.CancelledError)
    assert isinstance(answered, Result) and answered.failure is None and not answered.stored


def test_another_model_or_parameter_is_another_call(tmp_path: Path) -> None:
    with StubServer(doubling) as server:
        for changes in ({}, {"temperature": 0.5}, {"model": "other"}, {"max_tokens": 7}):
            results(server.section(**changes), tmp_path / "calls", 2)
    assert len(server.requests) == 8


def test_concurrency_is_used_and_kept(tmp_path: Path) -> None:
    with StubServer(doubling, latency=0.2) as server:
        start = time.perf_counter()
        results(server.section(concurrency=8), tmp_path / "calls", 64)
        seconds = time.perf_counter() - start
    assert server.most_at_once == 8
    # One after the other they would take 12.8 s.
    assert seconds < 9


def test_faults_are_waited_out_and_counted(tmp_path: Path) -> None:
    faults = {"busy": 0.2, "broken": 0.05, "hang": 0.02, "malformed": 0.03, "refusal": 0.02}
    with StubServer(doubling, latency=0.002, faults=faults, seed=3) as server:  # type: ignore[arg-type]
        found = results(server.section(timeout_s=3), tmp_path / "calls", 150)
    failed = {n: r.failure for n, r in found.items() if r.failure}
    assert len(found) == 150 and len(right(found)) + len(failed) == 150
    assert set(failed.values()) <= {"refused", "invalid"}
    assert sum(reason == "refused" for reason in failed.values()) == server.given["refusal"] > 0
    assert len(server.requests) <= 1.6 * 150
    assert sum(r.attempts for r in found.values()) == len(server.requests)


def test_a_full_server_lowers_what_is_sent_at_once(tmp_path: Path) -> None:
    with StubServer(doubling, latency=0.01, faults={"busy": 0.9}, rest=0.0) as server:
        section = server.section(concurrency=16, attempts=2)
        with CallStore(tmp_path / "calls") as store, Client(section, store, "open") as client:
            list(client.run(requests(60)))
            (gate,) = client._endpoints._gates.gates
    assert gate.limit < 4


def test_an_answer_that_does_not_fit_is_sent_back_once_with_the_reason(tmp_path: Path) -> None:
    said = iter(['{"number": "x", "double": 2}', '```json\n{"number": 0, "double": 0}\n```'])
    with StubServer(lambda request: next(said)) as server:
        found = results(server.section(), tmp_path / "calls", 1)
    assert right(found) == [0] and found[0].attempts == 2
    roles = [message["role"] for message in server.requests[1]["messages"]]
    assert roles == ["user", "assistant", "user"]
    assert "number: int_type" in server.requests[1]["messages"][-1]["content"]


@pytest.mark.parametrize(("said", "failure"), [("no JSON", "invalid"), (None, "refused")])
def test_what_a_model_would_not_give_is_asked_again_on_demand_alone(
    tmp_path: Path, said: str | None, failure: str
) -> None:
    faults = {"refusal": 1.0} if said is None else None
    with StubServer(lambda request: said or "", faults=faults) as server:  # type: ignore[arg-type]
        first = results(server.section(), tmp_path / "calls", 1)[0]
        sent = len(server.requests)
        again = results(server.section(), tmp_path / "calls", 1)[0]
        assert len(server.requests) == sent == first.attempts
        results(server.section(retry_failed=True), tmp_path / "calls", 1)
    assert (first.failure, first.stored) == (failure, False)
    assert (again.failure, again.stored) == (failure, True)
    assert len(server.requests) == 2 * sent


def test_a_run_may_be_left_early_and_another_begun(tmp_path: Path) -> None:
    with (
        StubServer(doubling, latency=0.02) as server,
        CallStore(tmp_path / "calls") as store,
        Client(server.section(concurrency=4), store, "open") as client,
    ):
        for _ in client.run(requests(100)):
            break
        assert right(dict(client.run(requests(10)))) == list(range(10))
    assert len(server.requests) <= 10 + 2 * 4


def test_callers_may_have_an_event_loop_of_their_own(tmp_path: Path) -> None:
    async def notebook(section: LlmSection) -> None:
        with CallStore(tmp_path / "calls") as store, Client(section, store, "open") as client:
            assert right(dict(client.run(requests(3)))) == [0, 1, 2]
            several = await asyncio.gather(*map(client.complete, requests(5)))
            assert right(dict(enumerate(several))) == list(range(5))
            assert (client.meter.done, client.meter.stored) == (8, 3)

    with StubServer(doubling) as server:
        asyncio.run(notebook(server.section()))


def test_progress_tells_of_every_result(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    with (
        StubServer(doubling, faults={"refusal": 1.0}) as server,
        CallStore(tmp_path / "calls") as store,
        Client(server.section(price_output=1e6), store, "open") as client,
    ):
        list(client.run(requests(2), lambda *words: told.append(words), 2))
    # Each answer of the stub has five tokens.
    note = "2 sent, 10.00 spent, 2 failed (2 refused)"
    assert [one[:2] for one in told] == [(1, 2), (2, 2)] and told[-1][2] == note


def test_a_dry_run_counts_what_is_not_stored_and_sends_nothing(tmp_path: Path) -> None:
    with StubServer(doubling) as server, CallStore(tmp_path / "calls") as store:
        section = server.section(max_tokens=20, price_input=1e6, price_output=2e6)
        with Client(section, store, "open") as client:
            list(client.run(requests(2)))
        found = estimate([*requests(5), *requests(1, start=4)], section, store)
        assert len(server.requests) == 2
    # Three prompts of 8 characters (3 tokens each) and at most 20 tokens in return; one repeated.
    assert found == Estimate(3, 3, 9, 60, 9.0 + 120.0)


@pytest.mark.parametrize(
    ("formats", "tried"), [(("json_schema", "json_object"), 0), (("json_object",), 1), ((), 2)]
)
def test_endpoints_are_held_to_the_schema_as_they_can_be(
    tmp_path: Path, formats: tuple[str, ...], tried: int
) -> None:
    with StubServer(doubling, formats=formats) as server:
        assert right(results(server.section(concurrency=1), tmp_path / "calls", 4)) == [0, 1, 2, 3]
    last = server.requests[-1]
    assert last.get("response_format", {}).get("type") == (formats[0] if formats else None)
    # What was found out with the first request is not tried again.
    assert len(server.requests) == 4 + tried
    if tried:
        assert "double" in last["messages"][0]["content"]


def test_a_request_the_endpoint_will_never_take_is_rejected(tmp_path: Path) -> None:
    with StubServer(doubling, faults={"rejection": 1.0}) as server:
        found = results(server.section(), tmp_path / "calls", 1)
    # Tried in each of the three forms, and then no more.
    assert found[0].failure == "rejected" and len(server.requests) == 3


def test_where_nobody_answers_the_request_fails_and_the_run_ends(tmp_path: Path) -> None:
    nowhere = EndpointSection(url="http://127.0.0.1:9/v1")
    section = LlmSection(model="m", endpoints=(nowhere,), attempts=2)
    found = results(section, tmp_path / "calls", 3)
    assert [found[n].failure for n in range(3)] == ["unreachable"] * 3


def test_a_dead_endpoint_costs_no_answer(tmp_path: Path) -> None:
    with StubServer(doubling, latency=0.002) as server:
        dead = EndpointSection(url="http://127.0.0.1:9/v1")
        section = LlmSection(model="m", endpoints=(dead, *server.section().endpoints))
        assert right(results(section, tmp_path / "calls", 40)) == list(range(40))


def test_two_endpoints_share_the_work(tmp_path: Path) -> None:
    with StubServer(doubling, latency=0.02) as one, StubServer(doubling, latency=0.02) as two:
        both = (*one.section(concurrency=4).endpoints, *two.section(concurrency=4).endpoints)
        section = LlmSection(model="m", endpoints=both)
        assert right(results(section, tmp_path / "calls", 60)) == list(range(60))
    assert min(len(one.requests), len(two.requests)) >= 20


@pytest.mark.parametrize(
    "budget", [{"requests": 7}, {"tokens": 7 * 40}, {"money": 7 * 40 / 1e6}], ids=str
)
def test_nothing_is_sent_beyond_the_budget(tmp_path: Path, budget: dict[str, float]) -> None:
    prices = {"price_input": 1.0, "price_output": 1.0}
    with StubServer(doubling) as server:
        section = server.section(
            concurrency=1, max_tokens=20, budget=BudgetSection(**budget), **prices
        )
        with CallStore(tmp_path / "calls") as store, Client(section, store, "open") as client:
            found = dict(client.run(requests(60)))
            spent = client.spent
    failed = [r for r in found.values() if r.failure == "budget"]
    sent = len(server.requests)
    assert sent == 60 - len(failed) and sent >= 7
    assert spent.requests == sent and spent.tokens == 15 * sent
    assert spent.money == pytest.approx(15 * sent / 1e6)
    limits = {"requests": spent.requests, "tokens": spent.tokens, "money": spent.money}
    assert all(limits[name] <= most for name, most in budget.items())


def test_log_probabilities_come_where_they_are_asked_for(tmp_path: Path) -> None:
    ask = Request(({"role": "user", "content": "x"},), logprobs=True)
    with StubServer() as server, CallStore(tmp_path / "calls") as store:
        for _ in range(2):
            with Client(server.section(), store, "open") as client:
                ((_, result),) = client.run([ask])
            assert (result.text, result.logprobs) == ("ok", (-0.5,))


def test_keys_come_from_the_environment_and_appear_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("A_KEY", KEY)
    with StubServer(doubling, faults={"broken": 0.4}) as server, caplog.at_level(logging.DEBUG):
        section = server.section(key_env="A_KEY", attempts=2)
        found = results(section, tmp_path / "calls")
    assert set(server.keys) == {f"bearer {KEY}"}
    said = f"{section!r}{section.model_dump_json()}{found}{caplog.text}"
    assert KEY not in said
    assert all(KEY.encode() not in path.read_bytes() for path in tmp_path.iterdir())
    monkeypatch.delenv("A_KEY")
    with CallStore(tmp_path / "calls") as store, pytest.raises(RecipeError, match="A_KEY"):
        Client(section, store, "open")


def test_patients_text_is_in_no_log_and_only_in_a_private_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with StubServer(doubling, faults={"malformed": 0.5}) as server, caplog.at_level(logging.DEBUG):
        results(server.section(), tmp_path / "calls")
    assert "double 1" not in caplog.text
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}


def test_closed_data_goes_to_local_hosts_or_under_an_agreement_alone(tmp_path: Path) -> None:
    away = EndpointSection(url="https://models.example.org/v1")
    promise = {"zero_retention": True, "no_training": True, "no_human_review": True}
    agreed = AgreementSection(**promise, confirmed_by="A. Person", date=date(2026, 1, 2))
    section = LlmSection(model="m", endpoints=(away,))
    with CallStore(tmp_path / "calls") as store:
        closed: tuple[Access, ...] = ("credentialed", "private")
        for access in closed:
            with pytest.raises(EgressError):
                Client(section, store, access)
        broken = agreed.model_copy(update={"no_training": False})
        with pytest.raises(EgressError, match="no_training"):
            Client(section.model_copy(update={"agreement": broken}), store, "private")
        for changes in ({"agreement": agreed}, {"local_hosts": ("models.example.org",)}):
            Client(section.model_copy(update=changes), store, "private").__exit__(None, None, None)


PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from llm_cases import requests
from radvlm.llm.client import Client
from radvlm.llm.recipe import EndpointSection, LlmSection
from radvlm.llm.store import CallStore
section = LlmSection(model="m", endpoints=(EndpointSection(url={url!r}),))
with CallStore(Path({store!r})) as store, Client(section, store, "open") as client:
    for number, result in client.run(requests(300)):
        print(number, flush=True)
"""


def test_killed_at_any_moment_nothing_completed_is_sent_again(tmp_path: Path) -> None:
    with StubServer(doubling, latency=0.02) as server:
        url, tests = f"http://127.0.0.1:{server.port}/v1", os.path.dirname(__file__)
        program = PROGRAM.format(tests=tests, url=url, store=str(tmp_path / "calls"))
        told: set[int] = set()
        for lines in (20, 45, 70):
            process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
            assert process.stdout is not None
            before = len(server.requests)
            known = set(told)
            for _ in range(lines + len(known)):
                told.add(int(process.stdout.readline()))
            process.send_signal(signal.SIGKILL)
            process.wait()
            sent = server.requests[before:]
            asked = {json.loads(json.dumps(r))["messages"][0]["content"] for r in sent}
            assert not {f"double {number}" for number in known} & asked
        found = results(
            LlmSection(model="m", endpoints=(EndpointSection(url=url),)), tmp_path / "calls", 300
        )
    assert right(found) == list(range(300))
    # What was under way when a process died is all that may be asked twice.
    assert len(server.requests) <= 300 + 3 * 32
