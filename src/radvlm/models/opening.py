"""A checkpoint folder, or the description of a served model or a baseline → what answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import yaml

from radvlm import registry
from radvlm.codecs import get_codec
from radvlm.models.card import read_card
from radvlm.protocols import BoxCodec, Chat, Decoding, Model, ModelInfo
from radvlm.records import Access, Reply


@contextmanager
def opened(path: Path, access: Access) -> Iterator[Model]:
    """The model of a checkpoint folder or, where ``path`` is a file, of what it describes.

    Args:
        path: a folder with ``radvlm.json``; or in YAML or JSON an ``EndpointCard``, or the
            ``BaselineFile`` of a published model.
        access: the strictest class of the data it will be asked about.

    Raises:
        EgressError: such data may not go to the servers described.
        CheckpointError, RecipeError, RegistryError: it cannot be opened.
    """
    if not path.is_file():
        yield open_model(path)
        return
    with registry.resolve("models", _family(path)).from_file(path, access) as described:
        yield described


def _family(path: Path) -> str:
    """What the file says it describes; ``endpoint`` where it says nothing, as its check will."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return "endpoint"
    family = tree.get("family") if isinstance(tree, dict) else None
    return family if family == "baseline" else "endpoint"


class Opening:
    """The model of a checkpoint folder, whose weights are read by ``load`` or when first asked.

    What the card says is known at once; ``info.revision`` is empty until the weights are there.

    Raises:
        CheckpointError: the folder is not a radvlm checkpoint; from ``load``, cannot be loaded.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._card = folder, read_card(folder)
        self.codec: BoxCodec = get_codec(self._card.codec)
        self._model: Model | None = None
        self._loading = Lock()

    @property
    def info(self) -> ModelInfo:
        """What the checkpoint's card says."""
        return self._card.about("") if self._model is None else self._model.info

    def load(self) -> Model:
        """The model itself, loaded once."""
        with self._loading:
            self._model = self._model or open_model(self._folder)
            return self._model

    def answer(self, chats: Sequence[Chat], decoding: Decoding) -> Iterator[tuple[int, Reply]]:
        """Replies as they are ready."""
        return self.load().answer(chats, decoding)

    def stream(self, chat: Chat, decoding: Decoding) -> Iterator[str]:
        """The reply to one chat, piece by piece."""
        return self.load().stream(chat, decoding)

    def logprobs(self, chats: Sequence[Chat], continuations: Sequence[str]) -> list[list[float]]:
        """Log-probability of each token of each continuation after its chat."""
        return self.load().logprobs(chats, continuations)


def open_model(folder: Path) -> Model:
    """Load a checkpoint with the family its ``radvlm.json`` names.

    Raises:
        CheckpointError: the folder is not a radvlm checkpoint or cannot be loaded.
        RegistryError: its family is unknown here.
    """
    model: Model = registry.resolve("models", read_card(folder).family).from_folder(folder)
    return model
