"""What is peculiar to LLaVA-OneVision: tiles of any resolution, and the tiny model to learn on."""

from __future__ import annotations

import pytest
import torch

from radvlm.models.card import TOY_SCOPE, Card
from radvlm.models.llava_onevision import LlavaOnevision
from radvlm.models.tiny import make_tiny, train_tokenizer
from tiny_models import TEXTS, TILED, chat, picture, tiny

CARD = Card(name="t", family="llava_onevision", scope=TOY_SCOPE, access="open")


@pytest.fixture(scope="module")
def model() -> LlavaOnevision:
    return make_tiny(TILED.model_copy(update={"tiles": 1}), TEXTS, CARD)


def test_every_coordinate_is_one_token_with_its_comma() -> None:
    tokenizer = train_tokenizer(TEXTS, 600)
    for k in range(101):
        text = f"[{k / 100:.2f}, 0.50, 1.00, 1.00]"
        assert len(tokenizer(text).input_ids) == 6
        assert tokenizer.decode(tokenizer(text).input_ids) == text


def test_near_coordinates_and_patches_begin_near(model: LlavaOnevision) -> None:
    table = model.network.get_input_embeddings().weight.detach()
    for after in ("", ", "):
        texts = [f"{k / 100:.2f}{after}" for k in (50, 51, 55, 70)]
        rows = table[[model.processor.tokenizer(text).input_ids[0] for text in texts]]
        likeness = torch.nn.functional.cosine_similarity(rows[:1], rows[1:])
        assert likeness[0] > 0.9 > likeness[1] > likeness[2]
    tower = model.network.model.vision_tower
    across, down, diagonal = (
        (tower.embeddings.position_embedding.weight[0] - row).norm()
        for row in tower.embeddings.position_embedding.weight[[1, 2, 3]]
    )
    assert torch.isclose(across, down) and diagonal > across


@pytest.mark.parametrize(
    ("size", "tiles"), [((28, 28), 1), ((28, 56), 2), ((90, 45), 2), ((60, 64), 4)]
)
def test_an_image_is_its_overview_and_as_many_tiles_as_it_fills(
    size: tuple[int, int], tiles: int
) -> None:
    """Grids of up to two by two tiles of 28 pixels, the one that keeps most and wastes least."""
    assert tiny("llava_onevision").prepare(picture(*size)).pixels.shape == (tiles + 1, 3, 28, 28)


def test_of_several_images_each_is_one_square() -> None:
    shown = tiny("llava_onevision").prepare(picture(90, 45), alone=False)
    assert shown.pixels.shape == (1, 3, 28, 28) and shown.size == (90, 45)
    # Borders of the mean grey, 127, on both sides: a quarter of the width each.
    assert shown.pixels[..., :6].abs().max() < 0.02 > shown.pixels[..., -6:].abs().max()
    assert shown.pixels[..., 10:18].abs().max() > 0.2


def test_a_group_of_one_is_the_chat_itself(model: LlavaOnevision) -> None:
    said = chat(picture(30, 30), "Where?", "Yes.")
    assert model.encode_group([said]).tokens == model.encode(said, open_reply=False).tokens
