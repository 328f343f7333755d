"""A published baseline as a ``Model``: our questions in its own words, its replies in its codec.

In: a YAML file with ``family: baseline`` (``BaselineFile``), given wherever a model is named. The
model runs in its own process and environment (``worker``, ``environment``). What is known of a
study beyond its frontal image reaches it only with ``context: native``; the context is part of the
model's name, and so of every score.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Literal, Self

from PIL import Image
from pydantic import Field

from radvlm import recipe
from radvlm.baselines.asks import Ask, read_ask
from radvlm.baselines.contexts import contexts_of
from radvlm.baselines.environment import made
from radvlm.baselines.native import ALONE, FINDINGS, Context, Contexts, Native, Prompt
from radvlm.baselines.table import baseline
from radvlm.baselines.worker import Worker
from radvlm.codecs import get_codec
from radvlm.errors import InputError
from radvlm.io.image import read_image
from radvlm.models.card import RESEARCH_SCOPE
from radvlm.models.endpoint_images import squared
from radvlm.protocols import BoxCodec, Chat, Decoding, ModelInfo, Pixels
from radvlm.recipe import Section
from radvlm.records import Access, Reply, Turn

RUNNERS = Path(__file__).parent / "runners"
UNASKED = "not asked: its authors publish no such prompt"


class BaselineFile(Section):
    """Which baseline, where its weights are, and what it may see.

    Attributes:
        weights: a local folder; gated and credentialed weights can be had in no other way.
        revision: of weights from the hub, 40 hexadecimal digits; a model that brings code of its
            own runs no other.
        context: one frontal image alone, or all that the model was made to be given.
        studies: with ``native``, the built data set whose studies say what else there is.
        environment: where ``radvlm baseline setup`` made it, if not in the usual place.
        timeout_s: for one reply.
    """

    family: Literal["baseline"] = "baseline"
    baseline: str
    weights: Path | None = None
    revision: str | None = Field(None, pattern=r"^[0-9a-f]{40}$")
    context: Contexts = "single_frontal"
    studies: Path | None = None
    environment: Path | None = None
    device: str = "cuda"
    timeout_s: float = Field(300.0, gt=0)


class BaselineModel:
    """Answers chats through the baseline's process, one at a time."""

    def __init__(
        self, native: Native, worker: Worker, said: BaselineFile, contexts: Mapping[str, Context]
    ) -> None:
        self.native, self._worker, self._said, self._contexts = native, worker, said, contexts
        self._numbers = count(1)
        self._held = ExitStack()
        self._shown = Path(self._held.enter_context(TemporaryDirectory()))

    @classmethod
    def from_file(cls, path: Path, access: Access = "private") -> Self:
        """The baseline of a file; nothing is started before the first question.

        Raises:
            RecipeError, RegistryError: the file is wrong, or names no baseline.
            InputError: it has no environment, no weights, or weights that are not pinned.
        """
        said = recipe.load(BaselineFile, path)
        native = baseline(said.baseline)
        weights = _weights(said, native)
        folder = made(said.baseline, said.environment)
        command = [
            str(folder / "venv/bin/python"),
            str(RUNNERS / native.card.runner),
            *("--weights", weights, "--device", said.device),
            *(("--revision", said.revision) if said.revision else ()),
        ]
        code = {"PYTHONPATH": str(folder / "code")} if native.card.code else {}
        worker = Worker(command, folder / "last.log", answering=said.timeout_s, environment=code)
        contexts = contexts_of(said.studies) if said.studies and said.context == "native" else {}
        return cls(native, worker, said, contexts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._worker.close()
        self._held.close()

    @property
    def info(self) -> ModelInfo:
        """The card; the context stands in the name."""
        card, said = self.native.card, self._said
        return ModelInfo(
            name=f"{card.name}[context={said.context}]",
            revision=said.revision or (said.weights.name if said.weights else "unknown"),
            family="baseline",
            licence=card.licence,
            access="credentialed" if card.saw else "open",
            tasks=card.tasks,
            codec=card.codec,
            max_images=1 if said.context == "single_frontal" else 3,
            scope=RESEARCH_SCOPE,
        )

    @property
    def codec(self) -> BoxCodec:
        """The convention its authors publish."""
        return get_codec(self.native.card.codec)

    def answer(self, chats: Sequence[Chat], decoding: Decoding) -> Iterator[tuple[int, Reply]]:
        """Replies in order; an error is a reply that ends in one.

        Raises:
            InputError: sampling or a form of replies is asked for, which no baseline was given.
            IncompleteError: its process cannot be kept alive.
        """
        if decoding.temperature or decoding.constraint or decoding.n > 1:
            raise InputError("a baseline answers greedily and freely", "decoding")
        for index, chat in enumerate(chats):
            yield index, self._answer(chat, decoding)

    def stream(self, chat: Chat, decoding: Decoding) -> Iterator[str]:
        """The whole reply as one piece."""
        yield self._answer(chat, decoding).text

    def logprobs(self, chats: Sequence[Chat], continuations: Sequence[str]) -> list[list[float]]:
        """Not to be had.

        Raises:
            InputError: always.
        """
        raise InputError("a baseline gives no log-probabilities", self.native.card.name)

    def _answer(self, chat: Chat, decoding: Decoding) -> Reply:
        question = str(chat.turns[-1].parts[0])
        ask = read_ask(question)
        context = self._context(chat)
        prompt = self.native.prompt(ask, context)
        if prompt is None:
            return Reply(UNASKED, 0, "error", 0.0)
        request = {
            "id": next(self._numbers),
            "turns": [*self._history(chat.turns[:-1]), {"role": "user", "text": prompt.text}],
            "images": [self._file(chat.images[0]), *prompt.images],
            "fields": dict(prompt.fields),
            "max_tokens": max(decoding.max_tokens, self.native.card.max_tokens),
        }
        return self._heard(self._worker.ask(request), ask)

    def _heard(self, said: Mapping[str, object], ask: Ask) -> Reply:
        if "error" in said or not isinstance(said.get("text"), str):
            return Reply("", 0, "error", 0.0)
        text = self.native.read(ask, str(said["text"]))
        finish: Literal["stop", "length"] = "length" if said.get("finish") == "length" else "stop"
        return Reply(text, int(str(said.get("tokens", 0))), finish, 0.0)

    def _history(self, turns: Sequence[Turn]) -> list[dict[str, str]]:
        """Earlier questions in its words, its earlier answers in its coordinates."""
        said = []
        for turn in turns:
            if turn.role == "user":
                prompt = self.native.prompt(read_ask(str(turn.parts[0])), ALONE) or Prompt("")
                text = prompt.text.replace(FINDINGS, "")
            else:
                text = "".join(
                    part if isinstance(part, str) else self.codec.render(part, (1000, 1000))
                    for part in turn.parts
                )
            said.append({"role": turn.role, "text": text})
        return said

    def _context(self, chat: Chat) -> Context:
        image = chat.images[0]
        return self._contexts.get(str(image), ALONE) if isinstance(image, Path) else ALONE

    def _file(self, image: Path | Pixels) -> str:
        """The image as an 8-bit PNG on disk, squared where the model is shown it so."""
        pixels = read_image(image) if isinstance(image, Path) else image
        shown = squared(pixels) if self.native.card.square else Image.fromarray(pixels)
        target = self._shown / "frontal.png"
        shown.save(target)
        return str(target)


def _weights(said: BaselineFile, native: Native) -> str:
    """A local folder, or the name on the hub where it is pinned."""
    if said.weights is not None:
        if not said.weights.is_dir():
            raise InputError("no folder of weights", said.weights, f"See {native.card.apply}")
        return str(said.weights)
    if said.revision is None:
        raise InputError(
            f"weights of {native.card.name} must be pinned",
            "revision",
            "Give the commit of its repository on the hub, or a local folder as weights",
        )
    return native.card.weights
