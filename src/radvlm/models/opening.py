"""A checkpoint folder → the model family that can run it."""

from __future__ import annotations

from pathlib import Path

from radvlm import registry
from radvlm.models.card import read_card
from radvlm.protocols import Model


def open_model(folder: Path) -> Model:
    """Load a checkpoint with the family its ``radvlm.json`` names.

    Raises:
        CheckpointError: the folder is not a radvlm checkpoint or cannot be loaded.
        RegistryError: its family is unknown here.
    """
    model: Model = registry.resolve("models", read_card(folder).family).from_folder(folder)
    return model
