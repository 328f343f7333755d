"""A checkpoint → the Hugging Face hub, where the access of its data allows that."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from radvlm.errors import CheckpointError, OutputError
from radvlm.io import egress
from radvlm.models.card import read_card
from radvlm.models.model_card import README

_FILES = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.model", README)
"""Weights, configuration, tokenizer and card; whatever else lies in the folder stays."""


def push_to_hub(folder: Path, repository: str, private: bool = True) -> str:
    """Upload a checkpoint with its card; returns where it is.

    The token is the one ``huggingface_hub`` finds by its own rules.

    Raises:
        EgressError: the data the model was trained on is not open. A private repository is still
            a hub.
        CheckpointError: the folder is no checkpoint or has no card.
        OutputError: the hub refused.
    """
    egress.check(read_card(folder).access, "hub", repository)
    if not (folder / README).is_file():
        raise CheckpointError("has no model card", folder, f"radvlm models card {folder}")
    hub = HfApi()
    try:
        hub.create_repo(repository, private=private, exist_ok=True)
        return str(
            hub.upload_folder(repo_id=repository, folder_path=folder, allow_patterns=list(_FILES))
        )
    except (HfHubHTTPError, OSError) as error:
        raise OutputError(
            f"the hub refused ({type(error).__name__})", repository, "Check name, token and network"
        ) from error
