"""The published file's names, from a file made with them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from radvlm.errors import CheckpointError
from radvlm.explain.autoencoder import Both, DiffusionAutoencoder
from radvlm.explain.convert import convert_published, renamed
from radvlm.explain.networks import PUBLISHED

SMALL = PUBLISHED.model_copy(
    update={
        "side": 32,
        "width": 32,
        "multipliers": (1, 2),
        "encoder_width": 32,
        "encoder_multipliers": (1, 2),
        "embedding": 16,
        "z": 8,
        "blocks": 1,
    }
)


def published(network: Both) -> dict[str, torch.Tensor]:
    """The names of the published code for the same parts."""
    found = {}
    for name, value in network.state_dict().items():
        own = name.removeprefix("denoiser.").replace("time_embed.", "time_embed.time_embed.")
        found[f"ema_model.{own}"] = value
        found[f"model.{own}"] = torch.zeros_like(value)
    return found | {
        "ema_model.latent_net.layers.0.linear.weight": torch.ones(1),
        "x_T": torch.ones(1),
    }


def test_names_of_the_published_code() -> None:
    names = set(published(Both(SMALL)))
    assert {
        "ema_model.time_embed.time_embed.2.weight",
        "ema_model.input_blocks.0.0.weight",
        "ema_model.input_blocks.1.0.in_layers.2.weight",
        "ema_model.input_blocks.1.0.cond_emb_layers.1.weight",
        "ema_model.input_blocks.2.0.emb_layers.1.bias",
        "ema_model.middle_block.1.qkv.weight",
        "ema_model.output_blocks.0.0.skip_connection.weight",
        "ema_model.output_blocks.1.2.out_layers.3.weight",
        "ema_model.out.2.weight",
        "ema_model.encoder.input_blocks.0.0.weight",
        "ema_model.encoder.out.3.weight",
    } <= names


def test_averaged_weights_are_taken_and_give_the_same_images(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Both(SMALL)
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    path = tmp_path / "last.ckpt"
    torch.save({"state_dict": published(network)}, path)
    convert_published(path, tmp_path / "out", SMALL)
    made = DiffusionAutoencoder.load(tmp_path / "out")
    for name, value in network.state_dict().items():
        assert torch.equal(made.network.state_dict()[name], value)
    assert made.card.access == "credentialed"


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    torch.save({"state_dict": {"ema_model.encoder.x": torch.ones(1)}}, path)
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        convert_published(path, tmp_path / "out", SMALL)
    assert renamed({"model.encoder.x": torch.ones(1)}) == {}
