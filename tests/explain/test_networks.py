"""The blocks against values worked out by hand, and the published sizes."""

from __future__ import annotations

import torch

from radvlm.explain.blocks import Attention, ResBlock, adaptive_norm, time_embedding
from radvlm.explain.networks import PUBLISHED, SHAPES, Denoiser, Encoder


def test_adaptive_norm_by_hand() -> None:
    h = torch.tensor([1.0, -2.0]).view(1, 2, 1, 1)
    time = torch.tensor([[0.5, 1.0, 0.25, -1.0]])  # scales, then shifts
    scaled_only = adaptive_norm(h, time, torch.tensor([[1.0, -0.5]]))
    # (1 × 1.5 + 0.25) × 2 and (−2 × 2 − 1) × 0.5
    assert scaled_only.flatten().tolist() == [3.5, -2.5]
    shifted = adaptive_norm(h, time, torch.tensor([[1.0, -0.5, 10.0, 20.0]]))
    assert shifted.flatten().tolist() == [13.5, 17.5]


def test_a_conditioned_block_begins_as_its_skip() -> None:
    torch.manual_seed(0)
    block = ResBlock(32, 32, embedding=8, code=4)
    x = torch.randn(2, 32, 4, 4)
    with torch.no_grad():
        bias = block.out_layers[3].bias
        assert isinstance(bias, torch.Tensor)
        torch.nn.init.zeros_(bias)
        assert torch.equal(block(x, torch.randn(2, 8), torch.randn(2, 4)), x)


def test_attention_is_a_weighted_mean_of_values() -> None:
    torch.manual_seed(0)
    block = Attention(32)
    torch.nn.init.normal_(block.proj_out.weight)
    x = torch.randn(1, 32, 2, 2)
    flat = x.flatten(2)
    q, k, v = block.qkv(block.norm(flat))[0].T.chunk(3, dim=1)
    weights = (q @ k.T / 32**0.5).softmax(dim=1)
    expected = flat[0] + block.proj_out((weights @ v).T[None])[0]
    assert torch.allclose(block(x)[0].flatten(1), expected, atol=1e-5)


def test_time_embedding_is_cosines_then_sines() -> None:
    found = time_embedding(torch.tensor([0.0, 1.0]), 4)
    assert torch.allclose(found[0], torch.tensor([1.0, 1.0, 0.0, 0.0]))
    assert torch.allclose(
        found[1, [0, 2]],
        torch.tensor([1.0])
        .cos()
        .repeat(2)
        .lerp(torch.tensor([1.0]).sin().repeat(2), torch.tensor([0.0, 1.0])),
    )


def test_the_published_size() -> None:
    """30.2 and 138.3 million parameters, as counted in the published code."""
    with torch.device("meta"):
        encoder, denoiser = Encoder(PUBLISHED), Denoiser(PUBLISHED)
    millions = [sum(p.numel() for p in net.parameters()) / 1e6 for net in (encoder, denoiser)]
    assert [round(m, 1) for m in millions] == [30.2, 138.3]


def test_every_shape_gives_images_of_its_side() -> None:
    for name in ("small", "middle"):
        config = SHAPES[name]
        x = torch.randn(2, 1, config.side, config.side)
        z = Encoder(config)(x)
        assert z.shape == (2, config.z)
        assert Denoiser(config)(x, torch.tensor([0.0, 1000.0]), z).shape == x.shape
