"""One model for many requests: chats that arrive together are answered as one batch.

Everything runs in one worker thread, because the local network is not made for two. What waits is
bounded; beyond that a request is turned away at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from radvlm.errors import RadvlmError
from radvlm.models.domain import Domain
from radvlm.protocols import Chat, Decoding, Model
from radvlm.reading import Reader
from radvlm.records import Reply

T = TypeVar("T")


class Overloaded(RadvlmError):
    """More requests wait than the engine takes."""


@dataclass(slots=True, eq=False)
class _Waiting:
    chat: Chat
    decoding: Decoding
    reply: asyncio.Future[Reply]


class Engine:
    """A model behind a bounded queue.

    Args:
        model: what answers.
        domain: what its training images look like, so that others are not read.
        most_waiting: requests that may wait or be answered at a time.
        batch: chats that are answered together at most.
        gather: seconds to wait for others once a chat has come.
    """

    def __init__(
        self,
        model: Model,
        domain: Domain | None = None,
        most_waiting: int = 32,
        batch: int = 8,
        gather: float = 0.004,
    ) -> None:
        self.model = model
        self.reader = Reader(model, domain)
        self._most, self._batch, self._gather = most_waiting, batch, gather
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._waiting: list[_Waiting] = []
        self._draining: asyncio.Task[None] | None = None
        self.busy = 0

    async def answer(self, chat: Chat, decoding: Decoding) -> Reply:
        """The reply to one chat; ``Overloaded`` where too many wait."""
        self._enter()
        try:
            one = _Waiting(chat, decoding, asyncio.get_running_loop().create_future())
            self._waiting.append(one)
            if self._draining is None or self._draining.done():
                self._draining = asyncio.create_task(self._drain())
            return await one.reply
        finally:
            self.busy -= 1

    async def run(self, work: Callable[[], T]) -> T:
        """What ``work`` returns, from the model's thread; ``Overloaded`` where too many wait."""
        self._enter()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self.busy -= 1

    async def stream(self, chat: Chat, decoding: Decoding) -> AsyncIterator[str]:
        """The reply to one chat as it is written; ``Overloaded`` where too many wait."""
        self._enter()
        loop, pieces = asyncio.get_running_loop(), asyncio.Queue[str | None]()
        gone = False

        def write() -> None:
            try:
                for piece in self.model.stream(chat, decoding):
                    if gone:
                        return
                    loop.call_soon_threadsafe(pieces.put_nowait, piece)
            finally:
                loop.call_soon_threadsafe(pieces.put_nowait, None)

        writing = loop.run_in_executor(self._thread, write)
        writing.add_done_callback(self._leave)
        try:
            while (piece := await pieces.get()) is not None:
                yield piece
            await writing
        finally:
            gone = True

    def check_room(self) -> None:
        """``Overloaded`` where too many wait."""
        if self.busy >= self._most:
            raise Overloaded("too many requests wait", remedy="Try again in a moment")

    def close(self) -> None:
        """Let the running batch end and start no other."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _enter(self) -> None:
        self.check_room()
        self.busy += 1

    def _leave(self, done: asyncio.Future[None]) -> None:
        # Only now is the thread free; a listener may have left long before.
        self.busy -= 1
        if not done.cancelled():
            done.exception()  # it has been raised where somebody still listens

    async def _drain(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._gather)
            alike = [w for w in self._waiting if w.decoding == self._waiting[0].decoding]
            batch = alike[: self._batch]
            self._waiting = [w for w in self._waiting if w not in batch]
            await self._settle(batch)

    async def _settle(self, batch: list[_Waiting]) -> None:
        chats, decoding = [one.chat for one in batch], batch[0].decoding
        work: Any = asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: dict(self.model.answer(chats, decoding))
        )
        try:
            replies = await work
            for k, one in enumerate(batch):
                if not one.reply.done():
                    one.reply.set_result(replies[k])
        except Exception as error:  # whatever a model raises belongs to those who asked
            for one in batch:
                if not one.reply.done():
                    one.reply.set_exception(error)
