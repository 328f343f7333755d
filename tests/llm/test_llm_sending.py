from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from llm_cases import doubling, requests
from llm_runs import Scripted, results, right

from radvlm.llm.client import Client
from radvlm.llm.recipe import LlmSection
from radvlm.llm.store import CallStore
from stub_server import StubServer

TEXT = '{"number": 0, "double": 0}'


def reply(message: Any, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], **more}


def test_a_redirect_takes_no_data_elsewhere(tmp_path: Path) -> None:
    with StubServer(doubling) as elsewhere:
        there = f"location: http://127.0.0.1:{elsewhere.port}/v1/chat/completions\r\n"
        with Scripted((307, {}, there), forever=True) as server:
            found = results(server.section(), tmp_path / "calls", 1)
    assert (found[0].failure, len(server.requests), elsewhere.requests) == ("denied", 1, [])


class Dripping(StubServer):
    """Sends a space now and then and never an end."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 X\r\ncontent-length: 999\r\n\r\n")
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def test_a_server_that_drips_is_given_up_after_the_timeout(tmp_path: Path) -> None:
    with Dripping() as server:
        start = time.perf_counter()
        found = results(server.section(timeout_s=0.4, attempts=1), tmp_path / "calls", 1)
    assert found[0].failure == "unreachable" and time.perf_counter() - start < 15


@pytest.mark.parametrize(
    ("status", "code"), [(401, "bad_key"), (402, ""), (404, ""), (429, "insufficient_quota")]
)
def test_an_endpoint_that_turns_us_away_for_good_is_left_alone(
    tmp_path: Path, status: int, code: str
) -> None:
    body = {"error": {"message": "no", "code": code}}
    with Scripted((status, body, ""), forever=True) as server:
        found = results(server.section(concurrency=4), tmp_path / "one", 100)
        assert {r.failure for r in found.values()} == {"denied"} and len(server.requests) <= 4
        with StubServer(doubling) as other:
            both = (*server.section(concurrency=4).endpoints, *other.section().endpoints)
            section = LlmSection(model="m", endpoints=both)
            assert right(results(section, tmp_path / "two", 30)) == list(range(30))


@pytest.mark.parametrize("dated", [False, True])
def test_retry_after_is_kept_in_both_its_forms(tmp_path: Path, dated: bool) -> None:
    # A date has whole seconds, so two of them are at least one.
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    header = f"retry-after: {date if dated else 1}\r\n"
    with Scripted((429, {"error": {"message": "full"}}, header)) as server:
        start = time.perf_counter()
        assert right(results(server.section(), tmp_path / "calls", 1)) == [0]
    assert time.perf_counter() - start > 0.9 and len(server.requests) == 2


@pytest.mark.parametrize(
    "body",
    [{}, {"choices": None}, {"choices": []}, reply(None), "<html>", {"error": {"code": 5}}],
    ids=str,
)
def test_a_reply_without_an_answer_is_worth_another_try(tmp_path: Path, body: Any) -> None:
    with Scripted((200, body, "")) as server:
        assert right(results(server.section(), tmp_path / "calls", 1)) == [0]
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "message", [{"role": "assistant", "content": [{"type": "x"}]}, {}], ids=str
)
def test_content_that_is_no_text_is_an_empty_answer(tmp_path: Path, message: Any) -> None:
    with Scripted((200, reply(message), ""), forever=True) as server:
        assert results(server.section(), tmp_path / "calls", 1)[0].failure == "invalid"


def test_tokens_are_counted_by_rule_where_the_endpoint_does_not_say(tmp_path: Path) -> None:
    with Scripted((200, reply({"role": "assistant", "content": TEXT}), "")) as server:
        section = server.section(price_input=1e6, price_output=1e6)
        found = results(section, tmp_path / "calls", 1)[0]
    # "double 0" has 8 characters and the answer 26: 8 // 4 + 1 and 26 // 4 + 1.
    assert (found.tokens_input, found.tokens_output, found.cost) == (3, 7, 10.0)


def test_parameters_are_named_as_the_endpoint_knows_them(tmp_path: Path) -> None:
    with StubServer(doubling) as server:
        results(server.section(max_tokens=9), tmp_path / "one", 1)
        vendor = server.section(max_tokens=9, seed=None, limit_name="max_completion_tokens")
        results(vendor, tmp_path / "two", 1)
    first, second = server.requests
    assert (first["max_tokens"], first["seed"]) == (9, 0)
    assert second["max_completion_tokens"] == 9 and not {"max_tokens", "seed"} & second.keys()


def test_the_schema_is_closed_as_strict_decoding_demands(tmp_path: Path) -> None:
    with StubServer(doubling) as server:
        results(server.section(), tmp_path / "calls", 1)
    sent = server.requests[0]["response_format"]
    assert sent["type"] == "json_schema" and sent["json_schema"]["strict"] is True
    schema = sent["json_schema"]["schema"]
    assert schema["additionalProperties"] is False and schema["required"] == ["number", "double"]


def test_forms_that_were_tried_count_as_requests(tmp_path: Path) -> None:
    with (
        StubServer(doubling, formats=()) as server,
        CallStore(tmp_path / "calls") as store,
        Client(server.section(concurrency=1, budget={"requests": 2}), store, "open") as client,
    ):
        found = dict(client.run(requests(2)))
    assert [found[n].failure for n in (0, 1)] == ["budget", "budget"]
    assert len(server.requests) == client.spent.requests == 2
