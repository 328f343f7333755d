"""What training takes from a family: rows of several chats, positions, groups, layers, targets."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest
import torch
from torch import nn

from radvlm.models.batches import IGNORED
from radvlm.models.encoding import Tokens
from radvlm.models.local import LocalModel
from radvlm.models.qwen_vl import positions
from radvlm.models.tiny_families import tiny_gemma3
from radvlm.protocols import Chat
from tiny_models import MIXED, chat, picture, stock_inputs, tiny

QUESTIONS = (
    ("Where is the carina?", "The carina is at ."),
    ("And?", "No.", "Where?", "Yes. No pneumothorax is seen."),
    ("Yes.", "No."),
)


def groups(count: int = 2) -> list[list[Chat]]:
    """Chats about images of different sizes, those of a group about the same one."""
    images = [picture(40, 75, 1), picture(80, 45, 2)][:count]
    return [[chat(image, *said) for said in QUESTIONS] for image in images]


def told_scores(model: LocalModel, batch: dict[str, Any]) -> list[torch.Tensor]:
    """The log-probabilities of the learned tokens of each row."""
    labels = batch.pop("labels")[:, 1:]
    with torch.inference_mode():
        table = model.network(**batch).logits[:, :-1].log_softmax(-1)
    chosen = table.gather(-1, labels.clamp(min=0)[..., None])[..., 0]
    return [row[mask.ne(IGNORED)] for row, mask in zip(chosen, labels, strict=True)]


def check_packing(model: LocalModel) -> None:
    together = groups()
    batch = model.collate([model.encode_group(group) for group in together], left=False)
    assert len(batch.get("image_grid_thw", batch["pixel_values"])) == len(together)
    packed = told_scores(model, batch)
    for group, row in zip(together, packed, strict=True):
        single = [model.collate([model.encode(c, open_reply=False)], left=False) for c in group]
        alone = torch.cat([told_scores(model, one)[0] for one in single])
        assert torch.allclose(row, alone, atol=2e-4)


def test_chats_that_share_a_row_see_what_they_would_see_alone(local: LocalModel) -> None:
    check_packing(local)


def test_so_they_do_where_a_sliding_window_is_shorter_than_the_chat() -> None:
    check_packing(tiny_gemma3(["Where?"], tiny("gemma3").card, window=12))


def test_chats_about_two_images_and_about_none_can_share_a_row(local: LocalModel) -> None:
    for images in ((picture(40, 75, 1), picture(80, 45, 2)), ()):
        group = [chat(images, *said) for said in QUESTIONS]
        row = told_scores(local, local.collate([local.encode_group(group)], left=False))[0]
        single = [local.collate([local.encode(c, open_reply=False)], left=False) for c in group]
        alone = torch.cat([told_scores(local, one)[0] for one in single])
        assert torch.allclose(row, alone, atol=2e-4)


def test_a_shared_row_may_stand_beside_a_single_one(local: LocalModel) -> None:
    group, other = groups()
    rows = [local.encode_group(group), local.encode_group(other[:1])]
    beside = told_scores(local, local.collate(rows, left=False))[1]
    alone = told_scores(local, local.collate(rows[1:], left=False))[0]
    assert torch.allclose(beside, alone, atol=2e-4)


def test_every_group_of_parameters_learns_from_an_answer(local: LocalModel) -> None:
    learner = tiny(local.card.family)
    network = learner.network.train()
    batch = learner.collate([learner.encode_group(group) for group in groups()], left=False)
    labels = batch.pop("labels")
    hidden = network.model(**batch).last_hidden_state[:, :-1]
    learned = labels[:, 1:].ne(IGNORED)
    scores = network.lm_head(hidden[learned])
    nn.functional.cross_entropy(scores, labels[:, 1:][learned]).backward()  # type: ignore[no-untyped-call]
    for name, members in learner.parameter_groups().items():
        moved = [p for p in members if p.grad is not None and p.grad.abs().sum() > 0]
        assert moved, name


def test_each_parameter_is_in_one_group(local: LocalModel) -> None:
    found = local.parameter_groups()
    everything = list(local.network.parameters())
    assert all(found.values())
    assert sum(map(len, found.values())) == len(everything)
    assert {id(p) for members in found.values() for p in members} == set(map(id, everything))
    tower = {id(p) for p in found["vision"]}
    inside = [n for n, p in local.network.named_parameters() if id(p) in tower]
    assert all(n.startswith(local.vision_prefix) for n in inside)


def test_the_sharded_layers_hold_both_towers(local: LocalModel) -> None:
    modules = list(local.network.modules())
    for name in local.decoder_layers:
        assert sum(type(module).__name__ == name for module in modules) >= 2
    assert set(local.decoder_layers) <= set(local.network._no_split_modules)


def test_lora_is_put_on_the_language_model_s_linear_layers_alone(local: LocalModel) -> None:
    names = {n: m for n, m in local.network.named_modules() if re.fullmatch(local.lora_targets, n)}
    layers = local.network.config.text_config.num_hidden_layers
    assert len(names) == 7 * layers
    assert all(isinstance(m, nn.Linear) and "visual" not in n for n, m in names.items())
    assert not any(n.startswith(local.vision_prefix) for n in names)


@pytest.mark.parametrize("family", ["qwen3_vl", "qwen25_vl"])
@pytest.mark.parametrize("k", range(3))
def test_positions_equal_the_library_s_own(family: str, k: int) -> None:
    model = tiny(family)
    two = chat((picture(40, 60, 5), picture(90, 50, 6)), "Where is the carina?")
    for asked in (MIXED[k], two):
        stock = stock_inputs(model, asked)
        expected, _ = model.network.model.get_rope_index(
            stock["input_ids"], stock["mm_token_type_ids"], stock["image_grid_thw"]
        )
        batch = model.collate([model.encode(asked, open_reply=True)], left=True)
        assert torch.equal(batch["position_ids"], expected)


def test_after_an_image_text_goes_on_from_its_longer_side() -> None:
    row = Tokens((7, 9, 9, 9, 9, 9, 9, 7, 7), (False,) * 9)
    found = cast("list[list[int]]", positions(row, [(1, 4, 6)], 2, 9).tolist())
    assert found == [
        [0, 1, 1, 1, 1, 1, 1, 4, 5],
        [0, 1, 1, 1, 2, 2, 2, 4, 5],
        [0, 1, 2, 3, 1, 2, 3, 4, 5],
    ]
