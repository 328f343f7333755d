"""A stub model behind a real server on loopback."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import httpx2 as httpx
from fastapi import FastAPI

from radvlm.codecs import Radvlm01
from radvlm.protocols import Chat, Decoding, ModelInfo
from radvlm.records import Reply
from radvlm.serve.running import server

SAID = "The left lung is here: [0.10, 0.20, 0.30, 0.40]."
ENDS = (8, 13, len(SAID))


class Stub:
    """Says the same to everything; keeps the chats and the sizes of batches."""

    info = ModelInfo("stub", "0", "stub", "none", "open", (), "radvlm_01", 1, "A stub.")
    codec = Radvlm01()

    def __init__(self, seconds: float = 0.0, max_images: int = 1) -> None:
        self.info = replace(self.info, max_images=max_images)
        self.seconds = seconds
        self.chats: list[Chat] = []
        self.batches: list[int] = []

    def answer(self, chats: Sequence[Chat], decoding: Decoding) -> Iterator[tuple[int, Reply]]:
        time.sleep(self.seconds)
        self.chats += chats
        self.batches.append(len(chats))
        scores = ((-0.1, -0.2, -0.3), ENDS) if decoding.logprobs else (None, None)
        for k in range(len(chats)):
            yield k, Reply(SAID, 3, "stop", 0.0, *scores)

    def stream(self, chat: Chat, decoding: Decoding) -> Iterator[str]:
        self.chats.append(chat)
        yield from SAID.split("h")

    def logprobs(self, chats: Sequence[Chat], continuations: Sequence[str]) -> list[list[float]]:
        return [[-1.0] for _ in chats]


# A client's own five seconds are too few on a busy machine.
get, post = partial(httpx.get, timeout=60), partial(httpx.post, timeout=60)


@contextmanager
def running(app: FastAPI, proxied: bool = False) -> Iterator[str]:
    """The app on uvicorn in a thread; its address."""
    served = server(app, proxied=proxied)
    thread = threading.Thread(target=served.run, daemon=True)
    thread.start()
    while not served.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{served.servers[0].sockets[0].getsockname()[1]}"
    served.should_exit = True
    thread.join(15)
