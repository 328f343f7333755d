"""What the routes share: the engine, the images, the decoder; from what is asked to a chat."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable
from typing import TypeVar

from radvlm.errors import ImageError, InputError
from radvlm.models.domain import Domain
from radvlm.protocols import Chat, Model, Pixels
from radvlm.records import Reply, Turn
from radvlm.serve.decoding import Decoder, Picture
from radvlm.serve.engine import Engine, Overloaded
from radvlm.serve.images import EXAMPLES, Images
from radvlm.serve.scope import beyond
from radvlm.serve.wire import ChatRequest, ImagePart, to_parts

T = TypeVar("T")
OWN = "radvlm://image/"
_LARGE = 100_000
"""Characters of base64 from which decoding is not left to the event loop."""


class Service:
    """What the routes share.

    Args:
        model: what answers.
        domain: what its training images look like, where that is known.
    """

    def __init__(self, model: Model, domain: Domain | None) -> None:
        self.engine, self.images, self.decoder = Engine(model, domain), Images(), Decoder()
        self._drawing = asyncio.Semaphore(2)

    async def close(self) -> None:
        """End what runs beside the event loop."""
        self.engine.close()
        await self.decoder.close()

    async def decoded(self, data: bytes) -> Picture:
        """The image of a file's bytes; ``Overloaded`` where too many uploads wait."""
        if self.decoder.full:
            raise Overloaded("too many uploads wait", remedy="Try again in a moment")
        return await self.decoder.decode(data)

    async def picture(self, url: str) -> Picture:
        """The image of a data URI or of ``radvlm://image/<id>``; nothing is ever fetched."""
        if url.startswith(OWN):
            return await self.kept(url.removeprefix(OWN))
        head, _, coded = url.partition(",")
        if not (head.startswith("data:") and head.endswith(";base64")):
            raise ImageError("images are given as data URIs or radvlm://image/<id>")
        try:
            if len(coded) < _LARGE:
                data = base64.b64decode(coded, validate=True)
            else:
                data = await asyncio.to_thread(base64.b64decode, coded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ImageError("the data URI is not base64") from error
        return await self.decoded(data)

    async def kept(self, name: str) -> Picture:
        """The upload or example of that id; ``ImageError`` where there is none."""
        if name in EXAMPLES:
            return await asyncio.to_thread(self.images.get, name)
        return self.images.get(name)

    async def drawn(self, work: Callable[[], T]) -> T:
        """What ``work`` makes of pixels, beside the event loop, two at a time."""
        async with self._drawing:
            return await asyncio.to_thread(work)

    async def chat(self, asked: ChatRequest) -> Chat:
        """The chat of a request; system messages belong to the checkpoint and are refused."""
        images: list[Pixels] = []
        turns: list[Turn] = []
        most = max(1, self.engine.model.info.max_images)
        if not 1 <= sum(len(m.images) for m in asked.messages) <= most:
            raise InputError("a chat is about at least one image, and no more than the model takes")
        if any(message.role == "system" for message in asked.messages):
            raise InputError("the system turn belongs to the checkpoint and cannot be set")
        if asked.messages[-1].role != "user":
            raise InputError("the last message is the user's")
        for message in asked.messages:
            content = message.content
            text = content if isinstance(content, str) else ""
            for part in [] if isinstance(content, str) else content:
                if isinstance(part, ImagePart):
                    images.append((await self.picture(part.image_url.url)).pixels)
                else:
                    text += part.text
            turns.append(
                Turn("assistant" if message.role == "assistant" else "user", to_parts(text))
            )
        return Chat(tuple(images), tuple(turns))

    def beyond(self, chat: Chat) -> Reply | None:
        """What is said in the model's place to a question that is none of its tasks'."""
        asked = "".join(p for p in chat.turns[-1].parts if isinstance(p, str))
        boxed = any(not isinstance(p, str) for p in chat.turns[-1].parts)
        said = beyond(asked, len(chat.turns) > 1 or boxed, self.engine.model.info.tasks)
        return Reply(said, 0, "stop", 0.0) if said else None
