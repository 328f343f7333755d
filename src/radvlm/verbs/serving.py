"""``radvlm serve``: the API and the page."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer

from radvlm.errors import InputError, RadvlmError

if TYPE_CHECKING:
    from uvicorn import Server

    from radvlm.explain.explainer import Explainer
    from radvlm.models.opening import Opening
    from radvlm.serve.guard import Limits

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_TLS = """\
Traffic is not encrypted. Better listen on 127.0.0.1 behind a proxy with TLS, for instance
  radvlm serve … --allow-host radvlm.example.org
  caddy reverse-proxy --from radvlm.example.org --to 127.0.0.1:{port}"""


def serve(
    model: Annotated[
        Path | None, typer.Argument(help="A checkpoint, or a served model's card; else the demo's.")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen on.")] = 8000,
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow-host", help="Host names to answer to, behind a proxy."),
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="A token; else RADVLM_TOKEN.")
    ] = None,
    per_minute: Annotated[
        int, typer.Option("--per-minute", help="Requests of one address.", min=1)
    ] = 1200,
    explain: Annotated[
        Path | None,
        typer.Option("--explain", help="The folder 'explainer' of radvlm explain classify."),
    ] = None,
) -> None:
    """Serve a model on an OpenAI-compatible API and a page; research use only."""
    token, names = _token(token_file), frozenset(allow or ())
    outside = host not in LOOPBACK
    if (outside or names - LOOPBACK) and not token:
        raise InputError(
            "what others can reach needs a token",
            host if outside else min(names - LOOPBACK),
            "Set RADVLM_TOKEN or --token-file",
        )
    path = model or _demo()
    with _listening(host, port) as listening:
        if outside:
            print(_TLS.format(port=port))
        from radvlm.serve.guard import Limits

        hosts = None if outside and not names else names | LOOPBACK
        limits = Limits(hosts=hosts, token=token, per_minute=per_minute)
        where = f"http://{f'[{host}]' if ':' in host else host}:{port}  (the API: /docs)"
        _serve(path, limits, listening, where, _explainer(explain))


def _serve(
    path: Path,
    limits: Limits,
    listening: socket.socket,
    where: str,
    explainer: Explainer | None,
) -> None:
    from radvlm.models.domain import read_domain
    from radvlm.models.opening import Opening, opened
    from radvlm.serve.app import create_app
    from radvlm.serve.running import server

    # Another name than this machine's own is a proxy's.
    proxied = bool(limits.hosts and limits.hosts - LOOPBACK)
    if path.is_file():
        with opened(path, "private") as behind:
            print(f"{behind.info.scope}\n{where}", flush=True)
            app = create_app(behind, limits, explainer=explainer)
            server(app, proxied=proxied).run([listening])
        return
    opening = Opening(path)
    print(f"{opening.info.scope}\n{where}", flush=True)
    app = create_app(opening, limits, read_domain(path), explainer=explainer)
    running = server(app, proxied=proxied)
    with _loading(opening, running):
        running.run([listening])


def _explainer(folder: Path | None) -> Explainer | None:
    """Read before anything is served: what cannot be explained with is told at once."""
    if folder is None:
        return None
    from radvlm.explain.explainer import Explainer

    return Explainer.load(folder)


@contextmanager
def _loading(opening: Opening, running: Server) -> Iterator[None]:
    """Read the weights while the page is already answered; the server ends where that fails."""
    failed: list[RadvlmError] = []

    def load() -> None:
        try:
            opening.load()
        except RadvlmError as error:
            failed.append(error)
            running.should_exit = True

    Thread(target=load, daemon=True).start()
    yield
    if failed:
        raise failed[0]


def _listening(host: str, port: int) -> socket.socket:
    """A socket taken before the model is loaded, so that a taken port is told at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=512)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or "it is no port"
        raise InputError(
            f"cannot listen ({why.lower()})", f"{host}:{port}", "Choose another --port"
        ) from error


def _token(file: Path | None) -> str | None:
    """The token of a file or of the environment; an empty one is a mistake, never no token."""
    if file is None:
        return os.environ.get("RADVLM_TOKEN")
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise InputError("the token cannot be read", file, "Check the file") from None
    if not token:
        raise InputError("the token is empty", file, "Write one into it: openssl rand -hex 32")
    return token


def _demo() -> Path:
    checkpoint = Path("runs/demo/model/checkpoint")
    if not checkpoint.exists():
        from radvlm.demo.run import run_demo

        run_demo("full", Path("runs/demo"), quiet=False)
    return checkpoint
