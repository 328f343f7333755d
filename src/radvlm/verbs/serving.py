"""``radvlm serve``: the API and the page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from radvlm.errors import InputError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


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
) -> None:
    """Serve a model on an OpenAI-compatible API; research use only."""
    from radvlm.models.domain import read_domain
    from radvlm.models.opening import opened
    from radvlm.serve.app import create_app
    from radvlm.serve.guard import Limits
    from radvlm.serve.running import server

    token = _token(token_file)
    outside = host not in LOOPBACK
    if outside and not token:
        raise InputError(
            "an address others can reach needs a token", host, "Set RADVLM_TOKEN or --token-file"
        )
    if outside:
        print("Traffic is not encrypted: put a TLS proxy (caddy, nginx) in front of it.")
    limits = Limits(hosts=frozenset(allow) if allow else None if outside else LOOPBACK, token=token)
    path = model or _demo()
    domain = read_domain(path) if path.is_dir() else None
    with opened(path, "private") as ready:
        print(f"{ready.info.scope}\nhttp://{host}:{port}")
        server(create_app(ready, limits, domain), host, port).run()


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
    from radvlm.demo.run import run_demo

    checkpoint = Path("runs/demo/model/checkpoint")
    if not checkpoint.exists():
        run_demo("full", Path("runs/demo"), quiet=False)
    return checkpoint
