"""A server of its own for ``benchmarks.serving``: the whole app around a model that only waits.

    python -m benchmarks.serving_stub LATENCY

Prints the port. A batch of any size takes LATENCY seconds. One address may ask as often as it
likes, because all clients of a benchmark have the same.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator, Sequence

from radvlm.codecs import Radvlm01
from radvlm.protocols import Chat, Decoding, ModelInfo
from radvlm.records import Reply
from radvlm.serve.app import create_app
from radvlm.serve.guard import Limits
from radvlm.serve.running import server

SAID = "The left lung is here: [0.10, 0.20, 0.30, 0.40]."


class Waiting:
    """Answers every batch alike after a fixed time."""

    info = ModelInfo("stub", "0", "stub", "none", "open", (), "radvlm_01", 1, "A stub.")
    codec = Radvlm01()

    def __init__(self, latency: float) -> None:
        self.latency = latency

    def answer(self, chats: Sequence[Chat], decoding: Decoding) -> Iterator[tuple[int, Reply]]:
        """The same reply to each chat."""
        time.sleep(self.latency)
        for k in range(len(chats)):
            yield k, Reply(SAID, 12, "stop", self.latency)

    def stream(self, chat: Chat, decoding: Decoding) -> Iterator[str]:
        """The reply, word by word."""
        for word in SAID.split(" "):
            time.sleep(self.latency / 10)
            yield f"{word} "

    def logprobs(self, chats: Sequence[Chat], continuations: Sequence[str]) -> list[list[float]]:
        """Everything is as likely."""
        return [[-1.0] for _ in chats]


def main() -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    port = listening.getsockname()[1]
    app = create_app(Waiting(float(sys.argv[1])), Limits(per_minute=10**9))
    print(port, flush=True)
    server(app).run([listening])


if __name__ == "__main__":
    main()
