"""A checkpoint folder, or the description of a served model → what answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from radvlm import registry
from radvlm.models.card import read_card
from radvlm.protocols import Model
from radvlm.records import Access


@contextmanager
def opened(path: Path, access: Access) -> Iterator[Model]:
    """The model of a checkpoint folder or, where ``path`` is a file, of the servers it describes.

    Args:
        path: a folder with ``radvlm.json``, or an ``EndpointCard`` in YAML or JSON.
        access: the strictest class of the data it will be asked about.

    Raises:
        EgressError: such data may not go to the servers described.
        CheckpointError, RecipeError, RegistryError: it cannot be opened.
    """
    if not path.is_file():
        yield open_model(path)
        return
    from radvlm.models.endpoint import EndpointModel

    with EndpointModel.from_file(path, access) as served:
        yield served


def open_model(folder: Path) -> Model:
    """Load a checkpoint with the family its ``radvlm.json`` names.

    Raises:
        CheckpointError: the folder is not a radvlm checkpoint or cannot be loaded.
        RegistryError: its family is unknown here.
    """
    model: Model = registry.resolve("models", read_card(folder).family).from_folder(folder)
    return model
