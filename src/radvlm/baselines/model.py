"""A published baseline as a ``Model``: our questions in its own words, its replies in its codec.

In: a YAML file with ``family: baseline`` (``BaselineFile``), given wherever a model is named. The
model runs in its own process and environment (``worker``, ``environment``). What is known of a
study beyond its frontal image reaches it only with ``context: native``; the context is part of the
model's name, and so of every score.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from hashlib import sha256
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
from radvlm.baselines.environment import digest_of, made
from radvlm.baselines.native import ALONE, Context, Contexts, Native
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
UNASKED = "not asked: its authors publish no such prompt, or the study is unknown"


class BaselineFile(Section):
    """Which baseline, where its weights are, and what it may see.

    Attributes:
        weights: a local folder; gated and credentialed weights can be had in no other way.
        base: a local folder of the weights that its own adapt, for those that need it.
        revision: of weights from the hub, 40 hexadecimal digits; a model that brings code of its
            own runs no other, and one whose code knows no revisions needs local weights.
        context: one frontal image alone, or all that the model was made to be given.
        studies: with ``native``, the built data set whose studies say what else there is.
        environment: where ``radvlm baseline setup`` made it, if not in the usual place.
        timeout_s: for one reply.
    """

    family: Literal["baseline"] = "baseline"
    baseline: str
    weights: Path | None = None
    base: Path | None = None
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
        card, weights = native.card, _weights(said, native)
        if (said.context == "native") != (said.studies is not None):
            raise InputError(
                "context native needs studies, and they it", "studies", "Name a built data set"
            )
        folder = made(said.baseline, said.environment)
        command = [
            str(folder / "venv/bin/python"),
            str(RUNNERS / card.runner),
            *("--weights", weights, "--device", said.device),
            *(("--revision", said.revision) if said.revision else ()),
            *(("--base", str(said.base)) if said.base else ()),
            *(("--max-pixels", str(card.max_pixels)) if card.max_pixels else ()),
        ]
        code = {"PYTHONPATH": str(folder / "code")} if card.code else {}
        worker = Worker(command, folder / "last.log", answering=said.timeout_s, environment=code)
        contexts = contexts_of(said.studies) if said.studies else {}
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
            revision=f"{said.revision or _told(said.weights)},lock={digest_of(card.name)[:8]}",
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
        if decoding.max_tokens < (most := self.native.card.max_tokens):
            raise InputError(
                f"{self.native.card.name} is published with replies of up to {most:,} tokens",
                "decoding.max_tokens",
                f"Set it to {most} at least, or its answers are cut",
            )
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
        pixels = self._pixels(chat.images[0])
        size = pixels.shape[1], pixels.shape[0]
        ask = read_ask(self._text(chat.turns[-1], size))
        context = self._context(chat)
        prompt = None if context is None else self.native.prompt(ask, context)
        if prompt is None:
            return Reply(UNASKED, 0, "error", 0.0)
        shown = {path: self._file(Path(path)) for path in prompt.images}
        request = {
            "id": next(self._numbers),
            "turns": [
                *self._history(chat.turns[:-1], size),
                {"role": "user", "text": prompt.text},
            ],
            "images": [self._file(pixels), *shown.values()],
            "fields": {name: shown.get(v or "", v) for name, v in prompt.fields.items()},
            "max_tokens": decoding.max_tokens,
        }
        return self._heard(self._worker.ask(request), ask)

    def _heard(self, said: Mapping[str, object], ask: Ask) -> Reply:
        if "error" in said or not isinstance(said.get("text"), str):
            return Reply("", 0, "error", 0.0)
        text = self.native.read(ask, str(said["text"]))
        finish: Literal["stop", "length"] = "length" if said.get("finish") == "length" else "stop"
        return Reply(text, int(str(said.get("tokens", 0))), finish, 0.0)

    def _history(self, turns: Sequence[Turn], size: tuple[int, int]) -> list[dict[str, str]]:
        """Earlier questions in its words, its earlier answers in its coordinates."""
        said = []
        for turn in turns:
            text = self._text(turn, size)
            if turn.role == "user" and (prompt := self.native.prompt(read_ask(text), ALONE)):
                text = prompt.text
            said.append({"role": turn.role, "text": text})
        return said

    def _text(self, turn: Turn, size: tuple[int, int]) -> str:
        """A turn with its boxes in the baseline's coordinates."""
        return "".join(
            part if isinstance(part, str) else self.codec.render(part, size) for part in turn.parts
        )

    def _context(self, chat: Chat) -> Context | None:
        """What else is known; none where a native context is asked for and the image is unknown."""
        if self._said.context == "single_frontal":
            return ALONE
        return self._contexts.get(str(chat.images[0]))

    def _pixels(self, image: Path | Pixels) -> Pixels:
        return read_image(image) if isinstance(image, Path) else image

    def _file(self, image: Path | Pixels) -> str:
        """The image as an 8-bit PNG on disk, squared where the model is shown it so."""
        pixels = self._pixels(image)
        shown = squared(pixels) if self.native.card.square else Image.fromarray(pixels)
        target = self._shown / f"{next(self._numbers)}.png"
        shown.save(target)
        return str(target)


def _told(folder: Path | None) -> str:
    """A local folder of weights by its name and the names and sizes of its files."""
    assert folder is not None  # either this or a revision is there
    listed = sorted((p.name, p.stat().st_size) for p in folder.iterdir() if p.is_file())
    return f"{folder.name}:{sha256(repr(listed).encode()).hexdigest()[:8]}"


def _weights(said: BaselineFile, native: Native) -> str:
    """A local folder, or the name on the hub where it is pinned."""
    card = native.card
    for what, folder in (("weights", said.weights), ("base", said.base)):
        if folder is not None and not folder.is_dir():
            raise InputError(f"no folder of {what}", folder, f"See {card.apply}")
    if card.base and said.base is None:
        raise InputError(f"{card.name} adapts {card.base}", "base", "Give its local folder")
    if said.weights is not None:
        return str(said.weights)
    if said.revision is None or card.code:
        raise InputError(
            f"weights of {card.name} must be pinned",
            "weights",
            "Give a local folder"
            + ("" if card.code else ", or the commit of its repository on the hub as revision"),
        )
    return card.weights
