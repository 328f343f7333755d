"""A model behind any OpenAI-compatible vision server: vLLM, SGLang, llama.cpp, a cloud.

Chats become messages with their images as data URIs, and go only where ``io.egress`` lets the
class of the data go. How many are under way, retries and the store of answers are the matter of
``radvlm.llm``. Replies come in the order of their chats, so that a log of predictions is the same
whatever the number of servers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Literal, Self

from radvlm import recipe
from radvlm.codecs import get_codec
from radvlm.errors import IncompleteError, InputError, RadvlmError
from radvlm.llm.calls import Failure, Message, Request, Result, text_tokens
from radvlm.llm.client import Client
from radvlm.llm.recipe import LlmSection
from radvlm.llm.store import CallStore
from radvlm.models import endpoint_live
from radvlm.models.encoding import to_messages
from radvlm.models.endpoint_card import EndpointCard
from radvlm.models.endpoint_images import Sent, to_send
from radvlm.models.memory import Recent, file_key
from radvlm.protocols import BoxCodec, Chat, Decoding, Pixels
from radvlm.records import Access, Reply

_IMAGES_KEPT = 64
_OF_THE_RUN: dict[Failure, str] = {
    "denied": "Check key, model name and path of the endpoints",
    "budget": "Raise the budget of the llm section",
}
"""Failures that no other request would be spared, and what to do."""


class EndpointModel:
    """A served model; use as a context, or ``close`` it.

    Args:
        card: the description.
        store: where answers are kept and looked up, so that nothing is asked twice.
        access: the strictest class of all images and texts that will be sent.

    Raises:
        EgressError: data of that class may not go to one of the endpoints.
        RecipeError: an environment variable that should hold a key is empty.
        RegistryError: the ``openai`` package is not installed.
    """

    def __init__(self, card: EndpointCard, store: CallStore, access: Access = "private") -> None:
        self.card, self.info = card, card.info()
        self.codec: BoxCodec = get_codec(card.codec)
        self._store, self._access = store, access
        self._images: Recent[Sent] = Recent(_IMAGES_KEPT)
        self._clients: dict[tuple[float, int | None], Client] = {}
        self._held = ExitStack()
        # What may not leave is an error of the run, not of each of its images.
        self._client(self._section(Decoding(), 0))

    @classmethod
    def from_file(cls, path: Path, access: Access = "private", store: Path | None = None) -> Self:
        """The model of a description file; without ``store`` answers are kept until it is closed.

        Raises:
            RecipeError: the file cannot be read, or a key or value in it is wrong.
        """
        card = recipe.load(EndpointCard, path)
        with ExitStack() as held:
            if store is None:
                store = Path(held.enter_context(TemporaryDirectory())) / "calls.sqlite"
            model = cls(card, held.enter_context(CallStore(store)), access)
            model._held.push(held.pop_all().__exit__)
        return model

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give up what is under way and close the connections."""
        for client in self._clients.values():
            client.__exit__(None, None, None)
        self._clients.clear()
        self._held.close()

    def answer(self, chats: Sequence[Chat], decoding: Decoding) -> Iterator[tuple[int, Reply]]:
        """Replies in the order of the chats, ``decoding.n`` each.

        A request that came to nothing is a reply that ends in an error. What concerns more than
        one request is raised after all others are answered.

        Raises:
            ImageError: an image cannot be read.
            InputError: several samples are asked of endpoints that take no seed.
            IncompleteError: every endpoint turns us away, or the budget is used up.
        """
        if decoding.n > 1 and self.card.llm.seed is None:
            raise InputError("several samples need a seed", "llm.seed", "Give the section one")
        failure: RadvlmError | None = None
        for sample in range(decoding.n):
            section = self._section(decoding, sample)
            for index, said in self._asked(self._client(section), chats, decoding):
                if isinstance(said, Reply):
                    yield index, said
                else:
                    failure = failure or said
        if failure is not None:
            raise failure

    def stream(self, chat: Chat, decoding: Decoding) -> Iterator[str]:
        """The reply to one chat, piece by piece, from the first endpoint; it is not stored.

        Raises:
            IncompleteError: the endpoint cannot be reached, or will not answer.
        """
        request = self._request(chat, decoding)
        return endpoint_live.stream(self._section(decoding, 0), request)

    def logprobs(self, chats: Sequence[Chat], continuations: Sequence[str]) -> list[list[float]]:
        """Not to be had: the OpenAI protocol scores no text but the server's own.

        Raises:
            InputError: always.
        """
        raise InputError(
            "endpoints give no log-probabilities of given texts",
            self.card.name,
            "Load the checkpoint itself where they are needed",
        )

    def _section(self, decoding: Decoding, sample: int) -> LlmSection:
        """The ``llm`` section with the temperature and seed of a sample."""
        seed = None if self.card.llm.seed is None else decoding.seed + sample
        wanted = {"temperature": decoding.temperature, "seed": seed}
        return self.card.llm.model_copy(update=wanted)

    def _client(self, section: LlmSection) -> Client:
        key = section.temperature, section.seed
        if key not in self._clients:
            self._clients[key] = Client(section, self._store, self._access)
        return self._clients[key]

    def _asked(
        self, client: Client, chats: Sequence[Chat], decoding: Decoding
    ) -> Iterator[tuple[int, Reply | RadvlmError]]:
        """Each chat's number and reply, or why there is none, in order."""
        sent: list[tuple[int, float]] = []
        ready: dict[int, Reply | RadvlmError] = {}

        def requests() -> Iterator[Request]:
            for index, chat in enumerate(chats):
                try:
                    request = self._request(chat, decoding)
                except RadvlmError as error:
                    ready[index] = error
                    continue
                sent.append((index, time.perf_counter()))
                yield request

        told = 0
        for number, result in client.run(requests()):
            index, start = sent[number]
            ready[index] = _heard(result, time.perf_counter() - start)
            while told in ready:
                yield told, ready.pop(told)
                told += 1
        yield from sorted(ready.items(), key=lambda pair: pair[0])

    def _request(self, chat: Chat, decoding: Decoding) -> Request:
        card, shown = self.card, [self._sent(image) for image in chat.images]
        size = shown[0].size if shown else (1, 1)
        messages = to_messages(chat.turns, self.codec, size, len(shown), card.system, card.special)
        uris = iter(shown)
        said = tuple(_message(message, uris) for message in messages)
        extra = card.held_to(decoding.constraint) if decoding.constraint else None
        return Request(said, None, decoding.max_tokens, decoding.logprobs, extra)

    def _sent(self, image: Path | Pixels) -> Sent:
        """An image ready to be sent; files are kept for a while."""
        key = file_key(image) if isinstance(image, Path) else None
        sent = self._images.get(key) if key else None
        if sent is None:
            sent = to_send(image, self.card.longest_side, self.card.square)
            if key:
                self._images.put(key, sent)
        return sent


def _message(message: dict[str, Any], uris: Iterator[Sent]) -> Message:
    """A message of the protocol; a plain string where it is text alone, as all servers take it."""
    content = message["content"]
    if [part["type"] for part in content] == ["text"]:
        return {"role": message["role"], "content": content[0]["text"]}
    parts = [
        {"type": "image_url", "image_url": {"url": next(uris).uri}}
        if part["type"] == "image"
        else part
        for part in content
    ]
    return {"role": message["role"], "content": parts}


def _heard(result: Result, seconds: float) -> Reply | RadvlmError:
    failure = result.failure
    if failure in _OF_THE_RUN:
        what = f"the endpoints answer no more ({failure})"
        return IncompleteError(what, "llm", _OF_THE_RUN[failure])
    if failure is not None:
        return Reply("", 0, "error", seconds)
    tokens = result.tokens_output or text_tokens(result.text)
    finish: Literal["stop", "length"] = "length" if result.finish == "length" else "stop"
    said = (result.logprobs, result.token_ends)
    return Reply(result.text, tokens, finish, seconds, *said)
