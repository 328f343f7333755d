"""``radvlm.json``: what a checkpoint folder says of itself beyond the Hugging Face layout.

Box codec, system turn, scope and access belong to a checkpoint, not to an architecture, and are
never guessed: a folder without this file is refused, with the remedy.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from radvlm.codecs import get_codec
from radvlm.errors import CheckpointError
from radvlm.io.files import atomic_path
from radvlm.protocols import ModelInfo

FILE = "radvlm.json"
TOY_SCOPE = "toy, trained on simulated images"
RESEARCH_SCOPE = "research use only, not for diagnosis"


class Card(BaseModel):
    """The contents of ``radvlm.json``; ``scope`` is the first line of anything the model says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    name: str
    family: str
    codec: str = "radvlm_01"
    system: str | None = None
    scope: str = RESEARCH_SCOPE
    licence: str = "not stated"
    access: Literal["open", "credentialed", "private"] = "private"
    tasks: tuple[str, ...] = ()
    max_images: int = 1

    def about(self, revision: str) -> ModelInfo:
        """What predictions and pages say of the model."""
        own = ("name", "family", "licence", "access", "tasks", "codec", "max_images", "scope")
        return ModelInfo(revision=revision, **{name: getattr(self, name) for name in own})


def read_card(folder: Path) -> Card:
    """The card of a checkpoint folder.

    Raises:
        CheckpointError: the folder or file is missing, or a value is wrong.
    """
    path = folder / FILE
    try:
        card = Card.model_validate_json(path.read_bytes())
    except OSError:
        remedy = (
            f"Give the folder a {FILE} that names family, codec and scope; see the documentation"
        )
        raise CheckpointError("not a radvlm checkpoint", path, remedy) from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(step) for step in first["loc"])
        raise CheckpointError(f"{key}: {first['msg'].lower()}", path, "Correct the file") from None
    get_codec(card.codec)
    return card


def write_card(card: Card, folder: Path) -> None:
    """Write the card into a checkpoint folder, whole or not at all."""
    with atomic_path(folder / FILE) as aside:
        aside.write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")


def revision_of(folder: Path) -> str:
    """A short hash of the weights' bytes and the card: the same for the same model, wherever."""
    seen = hashlib.sha256()
    for path in sorted([*folder.glob("*.safetensors"), folder / FILE]):
        seen.update(path.name.encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                seen.update(block)
    return seen.hexdigest()[:12]
