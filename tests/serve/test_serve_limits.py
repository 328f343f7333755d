"""Bounds as a client meets them: bodies, pace, crowds, hosts, origins, tokens, headers."""

from __future__ import annotations

import asyncio
import hmac
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import httpx2 as httpx
import pytest
import uvicorn
from fastapi.testclient import TestClient
from starlette.types import Message
from typer.testing import CliRunner
from uvicorn.server import ServerState

from radvlm.cli import app as command
from radvlm.errors import CheckpointError, InputError
from radvlm.models.card import Card, write_card
from radvlm.models.opening import Opening
from radvlm.serve import running as running_module
from radvlm.serve.app import create_app
from radvlm.serve.guard import Guard, Limits
from radvlm.verbs.serving import _loading
from served import Stub, get, post, running

STRICT = {
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob: data:",
    "connect-src 'self'", "font-src 'none'", "frame-ancestors 'none'", "base-uri 'none'",
    "form-action 'none'",
}  # fmt: skip


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running_module, "PATIENCE", 1.5)
        with running(create_app(Stub(0.05), Limits(body_seconds=1.5))) as where:
            yield where


def line_to(address: str) -> socket.socket:
    host, _, port = address.removeprefix("http://").partition(":")
    line = socket.create_connection((host, int(port)))
    line.settimeout(30)
    return line


async def _never(message: Message) -> None:
    raise AssertionError(message)


@pytest.mark.parametrize("announced", [True, False])
def test_too_long_a_body_is_refused_before_it_is_taken(announced: bool) -> None:
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        taken += 1_000_000
        return {"type": "http.request", "body": bytes(1_000_000), "more_body": True}

    statuses: list[int] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    headers = [(b"host", b"localhost"), (b"transfer-encoding", b"chunked")]
    if announced:
        headers = [(b"host", b"localhost"), (b"content-length", b"20000001")]
    scope = {"type": "http", "path": "/v1/read", "method": "POST", "headers": headers}
    coroutine = Guard(_never, Limits())(scope, receive, send)  # type: ignore[arg-type]
    asyncio.run(coroutine)
    assert statuses == [413] and taken == (0 if announced else 21_000_000)


def test_whoever_sends_too_much_still_gets_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    # On a busy machine 25 MB take longer than the patience that other tests here are given.
    monkeypatch.setattr(running_module, "PATIENCE", 30.0)
    with (
        running(create_app(Stub(0.05))) as address,
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        for _ in range(2):
            got = client.post("/v1/images", files={"file": ("a.png", bytes(25_000_000))})
            assert got.status_code == 413 and "20 MB" in got.json()["error"]["message"]
        assert client.get("/health").status_code == 200


def test_forty_one_million_pixels_are_refused_from_the_header(address: str) -> None:
    data = b"IHDR" + struct.pack(">IIBBBBB", 8200, 5000, 8, 0, 0, 0, 0)
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + data
    bomb = head + struct.pack(">I", zlib.crc32(data)) + struct.pack(">I", 4) + b"IDAT" + bytes(8)
    post(f"{address}/v1/images", files={"file": ("a", b"warm")})
    began = time.perf_counter()
    got = post(f"{address}/v1/images", files={"file": ("a.png", bomb)})
    assert got.status_code == 422 and "40 million" in got.json()["error"]["message"]
    assert time.perf_counter() - began < 10


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HTTP/1.1\r\nHost: local", b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\n"
     b"Content-Length: 100\r\n\r\n{"],
)  # fmt: skip
def test_slow_clients_are_closed(address: str, sent: bytes) -> None:
    with line_to(address) as line:
        line.sendall(sent)
        said = b""
        began = time.perf_counter()
        while piece := line.recv(4096):
            said += piece
    assert time.perf_counter() - began < 15
    assert (b"408" in said) == (b"POST" in sent)


@pytest.mark.parametrize("path", ["/v1/read", "/v1/chat/completions", "/v1/images"])
def test_no_body_at_all_is_answered(address: str, path: str) -> None:
    assert post(address + path).status_code == 400


@pytest.mark.parametrize("resumes", [True, False])
def test_who_does_not_take_the_answer_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, resumes: bool
) -> None:
    monkeypatch.setattr(running_module, "PATIENCE", 0.1)

    async def cut_off() -> bool:
        config = running_module.server(create_app(Stub())).config
        line, transport = running_module.Patient(config, ServerState(), {}), Mock()
        line.connection_made(transport)
        line.data_received(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        line.pause_writing()
        if resumes:
            line.resume_writing()
        await asyncio.sleep(0.3)
        called = bool(transport.abort.called)
        line.resume_writing()
        await asyncio.sleep(0.05)
        return called

    assert asyncio.run(cut_off()) is not resumes


def test_a_crowd_is_turned_away_before_its_bodies_are_taken() -> None:
    # Long enough that both are seen at work on a busy machine.
    with running(create_app(Stub(2.0), Limits(at_once=2))) as where:
        asked = {"image": "radvlm://image/example-1"}
        statuses: list[int] = []
        threads = [
            threading.Thread(
                target=lambda: statuses.append(post(f"{where}/v1/read", json=asked).status_code)
            )
            for _ in range(2)
        ]
        for one in threads:
            one.start()
        until = time.perf_counter() + 20
        while "radvlm_busy 2.0" not in get(f"{where}/metrics").text:
            assert time.perf_counter() < until
            time.sleep(0.05)
        with line_to(where) as line:
            line.sendall(
                b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n"
            )
            began = time.perf_counter()
            said = line.recv(4096)
        assert b"429" in said.split(b"\r\n")[0] and b"retry-after: 1" in said
        assert time.perf_counter() - began < 5
        for one in threads:
            one.join()
        assert statuses == [200, 200]
        assert post(f"{where}/v1/read", json=asked).status_code == 200


def test_the_server_s_seconds_begin_with_the_first_byte(address: str) -> None:
    with line_to(address) as line:
        line.sendall(b"GET /v1/examples HTTP/1.1\r\n")
        time.sleep(0.3)
        line.sendall(b"Host: localhost\r\n\r\n")
        assert b"200" in line.recv(65536)
    said = get(f"{address}/metrics").text
    wanted = 'radvlm_request_seconds_sum{route="/v1/examples",status="200"} '
    seconds = float(said.partition(wanted)[2].split("\n")[0])
    assert 0.2 <= seconds < 20


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create_app(Stub()), base_url="http://localhost") as one:
        yield one


def test_pages_of_other_sites_are_not_served(client: TestClient) -> None:
    for origin in ("http://evil.example", "null", "http://localhost.evil.example"):
        got = client.post("/v1/report.pdf", json={"text": "x"}, headers={"Origin": origin})
        assert got.status_code == 403
    own = client.get("/v1/examples", headers={"Origin": "http://localhost"})
    asked = client.options(
        "/v1/read",
        headers={"Origin": "http://localhost", "Access-Control-Request-Method": "POST"},
    )
    assert own.status_code == 200 and asked.status_code == 405
    for answer in (own, asked):
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_every_answer_has_the_strict_headers(client: TestClient) -> None:
    for path in ("/docs", "/docs.css", "/v1/models", "/nothing", "/v1/images/example-1.png"):
        headers = client.get(path).headers
        assert set(headers["content-security-policy"].split("; ")) == STRICT
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"


def test_the_description_is_a_page_without_scripts_that_names_every_route(
    client: TestClient,
) -> None:
    page, described = client.get("/docs").text, client.get("/openapi.json").json()
    assert not [bad for bad in ("<script", "style=", "http://", "https://") if bad in page]
    assert len(described["paths"]) >= 12
    for path, methods in described["paths"].items():
        for about in methods.values():
            assert path in page and about["description"] and "4XX" not in about["responses"]
            answers = about["responses"]
            assert "429" in answers and ("204" in answers or answers["200"]["content"])
    read = described["paths"]["/v1/read"]["post"]["requestBody"]["content"]
    assert set(read) == {"application/json", "multipart/form-data"}


def test_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, right: bytes) -> bool:
        compared.append((given, right))
        return given == right

    monkeypatch.setattr(hmac, "compare_digest", compare)
    with TestClient(create_app(Stub(), Limits(hosts=None, token="right"))) as one:
        for given in ("", "r", "wrong", "Bearer right"):
            got = one.get("/v1/models", headers={"Authorization": given})
            assert got.status_code == (200 if given == "Bearer right" else 401)
    assert [given for given, _ in compared] == [b"", b"r", b"wrong", b"right"]


def test_a_port_that_is_taken_is_one_line_before_the_model_is_loaded(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = CliRunner().invoke(command, ["serve", str(tmp_path), "--port", port])
    assert isinstance(ended.exception, InputError) and "in use" in str(ended.exception)


def test_a_name_others_use_needs_a_token_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RADVLM_TOKEN", raising=False)
    ended = CliRunner().invoke(command, ["serve", "--allow-host", "radvlm.example.org"])
    assert isinstance(ended.exception, InputError) and "needs a token" in str(ended.exception)


@pytest.mark.parametrize(
    ("proxied", "statuses"),
    [(True, [200, 200, 429, 200, 429, 200]), (False, [200, 200, 429, 429, 429, 429])],
)
def test_behind_a_proxy_each_client_has_a_rate_of_its_own(
    proxied: bool, statuses: list[int]
) -> None:
    # A proxy adds the address it sees to what its client claims; the last one is that.
    claims = ["10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.3, 10.0.0.1", "10.0.0.2"]
    with running(create_app(Stub(), Limits(per_minute=2)), proxied) as where:
        found = [
            get(f"{where}/v1/models", headers={"X-Forwarded-For": claim}).status_code
            for claim in claims
        ]
    assert found == statuses


@pytest.mark.parametrize("names", [[], ["localhost"], ["radvlm.example.org"]])
def test_another_name_than_this_machine_s_is_a_proxy_s(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, names: list[str]
) -> None:
    configs: list[uvicorn.Config] = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: configs.append(self.config))
    monkeypatch.setenv("RADVLM_TOKEN", "secret")
    card = tmp_path / "served.yaml"
    card.write_text(
        "name: m\nfamily: endpoint\nllm: {model: m, endpoints: [{url: 'http://127.0.0.1:1/v1'}]}\n"
    )
    options = [option for name in names for option in ("--allow-host", name)]
    ended = CliRunner().invoke(command, ["serve", str(card), "--port", "0", *options])
    assert ended.exit_code == 0, ended.output
    assert [one.proxy_headers for one in configs] == [names == ["radvlm.example.org"]]


def test_what_a_card_says_is_known_before_the_weights(tmp_path: Path) -> None:
    write_card(Card(name="m", family="llava_onevision", scope="A toy."), tmp_path)
    opening = Opening(tmp_path)
    with TestClient(create_app(opening), base_url="http://localhost") as one:
        (card,) = one.get("/v1/models").json()["data"]
    assert card["scope"] == "A toy." and opening.codec.name == "radvlm_01"


def test_weights_that_cannot_be_read_end_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def load(self) -> None:
            raise CheckpointError("cannot be loaded")

    class Running:
        should_exit = False

    served = Running()
    with pytest.raises(CheckpointError), _loading(Broken(), served):  # type: ignore[arg-type]
        until = time.perf_counter() + 5
        while not served.should_exit and time.perf_counter() < until:
            time.sleep(0.01)
    assert served.should_exit
