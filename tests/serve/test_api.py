from __future__ import annotations

import base64
import http.client
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import httpx2 as httpx
import pytest
from openai import OpenAI
from starlette.datastructures import Headers

from radvlm.codecs import Radvlm01
from radvlm.protocols import Chat, Decoding, ModelInfo
from radvlm.records import Box, Reply
from radvlm.serve.app import create_app
from radvlm.serve.guard import Guard, Limits
from radvlm.serve.images import as_png, example
from radvlm.serve.running import server
from radvlm.serve.wire import to_parts

SAID = "The left lung is here: [0.10, 0.20, 0.30, 0.40]."


class Stub:
    info = ModelInfo("stub", "0", "stub", "none", "open", (), "radvlm_01", 1, "A stub.")
    codec = Radvlm01()

    def __init__(self) -> None:
        self.chats: list[Chat] = []

    def answer(self, chats: Sequence[Chat], decoding: Decoding) -> Iterator[tuple[int, Reply]]:
        self.chats += chats
        for k in range(len(chats)):
            yield k, Reply(SAID, 3, "stop", 0.0)

    def stream(self, chat: Chat, decoding: Decoding) -> Iterator[str]:
        yield from SAID.split("h")

    def logprobs(self, chats: Sequence[Chat], continuations: Sequence[str]) -> list[list[float]]:
        return [[-1.0] for _ in chats]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    running = server(create_app(Stub(), Limits()))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
    running.should_exit = True
    thread.join(10)


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
    kept = httpx.post(f"{address}/v1/images", files={"file": ("a.png", png)}).json()
    shown = httpx.get(f"{address}/v1/images/{kept['id']}.png")
    assert shown.content == png and "default-src 'none'" in shown.headers["content-security-policy"]


def test_a_reading_comes_back(address: str) -> None:
    got = httpx.post(f"{address}/v1/read", json={"image": "radvlm://image/example-1"})
    assert got.status_code == 200 and got.json()["schema_version"] == 1


def test_what_is_damaged_costs_one_answer(address: str) -> None:
    for body in (b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + bytes(40)):
        got = httpx.post(f"{address}/v1/images", files={"file": ("../../etc/passwd", body)})
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
    assert httpx.get(f"{address}/health", headers={"Host": "evil.example"}).status_code == 421
    for path in ("/..%2f..%2fapp.py", "/%2e%2e/app.py", "/app.py", "//etc/passwd"):
        assert httpx.get(address + path).status_code == 404


def test_drawn_boxes_become_boxes_and_impossible_ones_stay_text() -> None:
    assert to_parts("at [0.1, 0.2, 0.3, 0.4]?") == ("at ", (Box(0.1, 0.2, 0.3, 0.4),), "?")
    assert to_parts("[0.3, 0.2, 0.1, 0.4]") == ("[0.3, 0.2, 0.1, 0.4]",)


def test_every_route_but_health_needs_the_token() -> None:
    guard = Guard(create_app(Stub()), Limits(hosts=None, token="right"))

    def status(path: str, **headers: str) -> int | None:
        refused = guard._refused({"path": path}, Headers(headers))
        return refused and refused[0]

    for path in ("/", "/v1/models", "/v1/read", "/metrics", "/openapi.json"):
        assert status(path) == 401 == status(path, authorization="Bearer wrong")
        assert status(path, authorization="Bearer right") is None
    assert status("/health") is None
