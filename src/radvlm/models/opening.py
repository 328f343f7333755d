"""A checkpoint folder, or the description of a served model or a baseline → what answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from radvlm import registry
from radvlm.models.card import read_card
from radvlm.protocols import Model
from radvlm.records import Access


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


def open_model(folder: Path) -> Model:
    """Load a checkpoint with the family its ``radvlm.json`` names.

    Raises:
        CheckpointError: the folder is not a radvlm checkpoint or cannot be loaded.
        RegistryError: its family is unknown here.
    """
    model: Model = registry.resolve("models", read_card(folder).family).from_folder(folder)
    return model
