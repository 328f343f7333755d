from __future__ import annotations

import asyncio
import base64
import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from openai import NotFoundError, OpenAI

from radvlm.protocols import Chat, Decoding
from radvlm.records import Box, Turn
from radvlm.serve.app import create_app
from radvlm.serve.engine import Engine, Overloaded
from radvlm.serve.guard import Limits
from radvlm.serve.images import as_png, example
from radvlm.serve.wire import FINDINGS, to_parts
from served import ENDS, SAID, Stub, get, post, running


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running(create_app(Stub(), Limits())) as where:
        yield where


def messages(url: str) -> list[Any]:
    image = {"type": "image_url", "image_url": {"url": url}}
    return [
        {"role": "user", "content": [{"type": "text", "text": "Where is the left lung?"}, image]}
    ]


def test_the_openai_client_works_unchanged(address: str) -> None:
    client = OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
    uri = "data:image/png;base64," + base64.b64encode(as_png(example("example-1").pixels)).decode()
    whole = client.chat.completions.create(model="stub", messages=messages(uri))
    assert whole.choices[0].message.content == SAID
    told = whole.model_dump()["choices"][0]["message"]["radvlm"]
    assert told["parts"][1] == [[0.1, 0.2, 0.3, 0.4]] and told["scope"] == "A stub."
    own = messages("radvlm://image/example-1")
    pieces = client.chat.completions.create(model="stub", messages=own, stream=True)
    text = "".join(p.choices[0].delta.content or "" for p in pieces)
    assert text == SAID.replace("h", "")
    assert [m.id for m in client.models.list()] == ["stub"]


def test_an_upload_is_kept_and_shown(address: str) -> None:
    png = as_png(example("example-1").pixels)
    kept = post(f"{address}/v1/images", files={"file": ("a.png", png)}).json()
    shown = get(f"{address}/v1/images/{kept['id']}.png")
    assert shown.content == png and "default-src 'none'" in shown.headers["content-security-policy"]


def test_a_reading_comes_back(address: str) -> None:
    got = post(f"{address}/v1/read", json={"image": "radvlm://image/example-1"})
    assert got.status_code == 200 and got.json()["schema_version"] == 1


def test_what_is_damaged_costs_one_answer(address: str) -> None:
    for body in (b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + bytes(40)):
        got = post(f"{address}/v1/images", files={"file": ("../../etc/passwd", body)})
        assert got.status_code == 422 and "/" not in got.json()["error"]["message"]


def test_a_long_body_is_turned_away_announced_or_not(address: str) -> None:
    host = address.removeprefix("http://")
    line = http.client.HTTPConnection(host)
    line.putrequest("POST", "/v1/read")
    line.putheader("Content-Length", "20000001")
    line.endheaders()
    assert line.getresponse().status == 413
    line = http.client.HTTPConnection(host)
    line.putrequest("POST", "/v1/read")
    line.putheader("Transfer-Encoding", "chunked")
    line.endheaders()
    try:
        for _ in range(21):
            line.send(b"f4240\r\n" + bytes(1_000_000) + b"\r\n")
    except ConnectionError:
        pass  # turned away in the middle; the answer may still be read
    assert line.getresponse().status == 413


def test_other_hosts_and_files_are_not_served(address: str) -> None:
    assert get(f"{address}/health", headers={"Host": "evil.example"}).status_code == 421
    for path in ("/..%2f..%2fapp.py", "/%2e%2e/app.py", "/app.py", "//etc/passwd"):
        assert get(address + path).status_code == 404


def test_drawn_boxes_become_boxes_and_impossible_ones_stay_text() -> None:
    assert to_parts("at [0.1, 0.2, 0.3, 0.4]?") == ("at ", (Box(0.1, 0.2, 0.3, 0.4),), "?")
    assert to_parts("[0.3, 0.2, 0.1, 0.4]") == ("[0.3, 0.2, 0.1, 0.4]",)


def test_turns_logprobs_and_the_form_of_replies(address: str) -> None:
    client = OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
    own = messages("radvlm://image/example-1")
    later = [*own, {"role": "assistant", "content": SAID}, {"role": "user", "content": "And now?"}]
    scored = client.chat.completions.create(
        model="stub", messages=later, logprobs=True, max_completion_tokens=20, top_p=1
    ).choices[0]
    assert scored.logprobs is not None and scored.logprobs.content is not None
    tokens = [one.token for one in scored.logprobs.content]
    assert tokens == [SAID[:8], SAID[8:13], SAID[13:]] and ENDS[-1] == len(SAID)
    assert [one.logprob for one in scored.logprobs.content] == [-0.1, -0.2, -0.3]
    events = list(
        client.chat.completions.create(
            model="stub", messages=own, logprobs=True, stream=True,
            stream_options={"include_usage": True},
        )
    )  # fmt: skip
    said = [e.choices[0] for e in events if e.choices and e.choices[0].delta.content]
    assert [c.delta.content for c in said] == tokens and all(c.logprobs for c in said)
    assert events[-1].usage is not None and events[-1].usage.completion_tokens == 3
    form: Any = {"type": "json_schema", "json_schema": {"name": FINDINGS, "schema": {}}}
    client.chat.completions.create(model="stub", messages=own, response_format=form)
    assert client.models.retrieve("stub").id == "stub"
    with pytest.raises(NotFoundError):
        client.models.retrieve("gpt")


@pytest.mark.parametrize(
    "field", [{"n": 2}, {"tools": []}, {"stop": "."}, {"top_p": 0.5}, {"temperature": 3}]
)
def test_what_is_not_served_is_refused_and_not_ignored(address: str, field: dict[str, Any]) -> None:
    asked = {"messages": messages("radvlm://image/example-1"), **field}
    assert post(f"{address}/v1/chat/completions", json=asked).status_code == 400


def test_a_question_beyond_the_tasks_is_answered_without_the_model(address: str) -> None:
    client = OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
    own = messages("radvlm://image/example-1")
    own[0]["content"][0]["text"] = "Write a poem about autumn."
    for stream in (False, True):
        got: Any = client.chat.completions.create(model="stub", messages=own, stream=stream)
        text = (
            "".join(e.choices[0].delta.content or "" for e in got)
            if stream
            else got.choices[0].message.content
        )
        assert text.startswith("I was only taught to")


def test_chats_about_different_images_are_answered_together() -> None:
    model = Stub(0.02)
    images = [np.full((8, 8), k, np.uint8) for k in range(12)]
    chats = [Chat((one,), (Turn("user", ("Where?",)),)) for one in images]

    async def all_of_them() -> None:
        engine = Engine(model, batch=8)
        replies = await asyncio.gather(*(engine.answer(chat, Decoding()) for chat in chats))
        assert [reply.text for reply in replies] == [SAID] * 12 and engine.busy == 0
        engine.close()

    asyncio.run(asyncio.wait_for(all_of_them(), 10))
    assert model.batches == [8, 4]
    assert all(a is b.images[0] for a, b in zip(images, model.chats, strict=True))


def test_streams_beyond_the_bound_are_refused_and_do_not_hang() -> None:
    async def both() -> None:
        engine = Engine(Stub(), most_waiting=1)
        chat = Chat((np.zeros((8, 8), np.uint8),), (Turn("user", ("Where?",)),))
        first = engine.stream(chat, Decoding())
        await anext(first)
        with pytest.raises(Overloaded):
            await anext(engine.stream(chat, Decoding()))
        assert [piece async for piece in first]
        while engine.busy:  # the stream's thread ends in its own time
            await asyncio.sleep(0.01)
        engine.close()

    asyncio.run(asyncio.wait_for(both(), 10))


def test_every_route_but_health_needs_the_token(tmp_path: Path) -> None:
    """What holds no data, the files of the page, is open: without it nobody could enter one."""
    (tmp_path / "index.html").write_text("<p>page</p>")
    app = create_app(Stub(), Limits(token="right"), static=tmp_path)
    with TestClient(app, base_url="http://localhost") as client:
        paths = [
            route.path.replace("{name}", "example-1").replace("{name:path}", "stub")
            for route in _routes(app.routes)
            if isinstance(route, APIRoute)
        ]
        assert len(paths) >= 14
        for path in {*paths, "/openapi.json", "/no/such", "/index.html/../v1/models"} - {"/health"}:
            for method in ("GET", "POST", "HEAD", "PUT"):
                for given in ({}, {"Authorization": "Bearer wrong"}):
                    assert client.request(method, path, headers=given).status_code == 401, path
        right = {"Authorization": "Bearer right"}
        assert client.get("/v1/models", headers=right).status_code == 200
        for path in ("/health", "/", "/index.html"):
            assert client.get(path).status_code == 200
        assert client.post("/").status_code == 401


def _routes(routes: Any) -> Iterator[Any]:
    """All routes, those of routers that are kept whole included."""
    for route in routes:
        inner = getattr(getattr(route, "original_router", None), "routes", None)
        yield from _routes(inner) if inner else [route]
