"""The published checkpoint (DiffAE's Lightning file, as DiffChest's) → an autoencoder folder.

Parts here are named as there, so converting is choosing the averaged weights (``ema_model.*``) and
renaming the time embedding. The file is read without running anything in it (``weights_only``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch

from radvlm.errors import CheckpointError
from radvlm.explain.autoencoder import AutoencoderCard, Both, DiffusionAutoencoder
from radvlm.explain.networks import PUBLISHED, NetworkConfig
from radvlm.models.card import RESEARCH_SCOPE

AVERAGED = "ema_model."
_UNUSED = ("latent_net.", "noise_net.")


def renamed(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Our names of the averaged weights in a published state; what is not used is left out.

    ``encoder.*`` is the encoder; everything else belongs to the denoiser, whose time embedding is
    called ``time_embed.time_embed`` there.
    """
    found = {}
    for name, value in weights.items():
        own = name.removeprefix(AVERAGED)
        if own == name or own.startswith(_UNUSED):
            continue
        own = own.replace("time_embed.time_embed.", "time_embed.", 1)
        found[own if own.startswith("encoder.") else f"denoiser.{own}"] = value
    return found


def convert_published(
    path: Path, out: Path, config: NetworkConfig = PUBLISHED
) -> DiffusionAutoencoder:
    """Convert a checkpoint file into ``out``.

    Raises:
        CheckpointError: it cannot be read, or holds other weights than these sizes have.
    """
    remedy = "Give the .ckpt file of the published autoencoder"
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        weights = renamed(state["state_dict"])
        network = Both(config)
        network.load_state_dict(weights)
    except (OSError, UnpicklingError, KeyError, TypeError, RuntimeError) as error:
        raise CheckpointError("is no such checkpoint", path, remedy) from error
    card = AutoencoderCard(
        network=config, scope=RESEARCH_SCOPE, access="credentialed", images=0, data="published"
    )
    made = DiffusionAutoencoder(network, card)
    made.save(out)
    return made
