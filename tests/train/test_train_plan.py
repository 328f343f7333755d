"""Operations against torch's own counter, sizes and tokens against figures reckoned by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from families import FAMILIES, examples, recipe_of, tiny
from torch.utils.flop_counter import FlopCounterMode

from radvlm.cli import main
from radvlm.errors import ImageError, InputError
from radvlm.models.card import Card
from radvlm.models.real_shapes import shaped
from radvlm.train.arithmetic import PEAKS, Arithmetic
from radvlm.train.foresight import forecast, paper_share, planned_model, workload
from radvlm.train.learner import Learner
from radvlm.train.plan_table import on_every_card
from radvlm.train.recipe import TrainRecipe
from radvlm.train.sequences import to_chats

RECIPES = Path(__file__).parents[2] / "recipes" / "train"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("frozen", [(), ("vision", "projector")])
def test_operations_are_those_torch_counts(
    family: str, frozen: tuple[str, ...], tmp_path: Path
) -> None:
    model = tiny(family)
    model.network.set_attn_implementation("eager")
    for part in frozen:
        for parameter in model.parameter_groups()[part]:
            parameter.requires_grad_(False)
    row = model.encode(to_chats(examples(tmp_path, 4)[2:3])[0], open_reply=False)
    learner = Learner(model.network.train())
    with FlopCounterMode(display=False) as counter:
        learner(model.collate([row], left=False)).backward()
    text = model.network.config.get_text_config()
    width = (getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads) * (
        text.num_attention_heads
    )
    # Plain attention also computes what lies above the diagonal, as much again.
    above = 6 * text.num_hidden_layers * width * len(row.tokens.ids) ** 2
    assert Arithmetic(model)([row]) == pytest.approx(counter.get_total_flops() - above, rel=0.02)


def seven_b(root: Path, *overrides: str) -> TrainRecipe:
    recipe_of(root, "llava_onevision", "none")
    given = [f"data.folder={root / 'data'}", "hardware=8x80gb", *overrides]
    (recipe,) = on_every_card(RECIPES / "radvlm_7b.yaml", given)
    return recipe


def test_a_radiograph_has_the_tokens_of_anyres_max_9() -> None:
    model = shaped("llava_onevision_7b", ["a b"], Card(name="x", family="llava_onevision"))
    # 2,800 × 2,600 fills 6 × 6 tiles, 162 × 150 patches without the border; more than nine tiles'
    # patches are shrunk by √(162·150 / (9·27²)) to 84 × 77, with a newline a row, after 27² of the
    # whole image.
    assert model.image_length((2800, 2600)) == 27**2 + 84 * (77 + 1)
    assert model.sized((2800, 2600)).pixels.shape[0] == 1 + 6 * 6


def test_states_and_hours_of_the_published_size(tmp_path: Path) -> None:
    recipe = seven_b(tmp_path, "data.planned=1115021")
    model = planned_model(recipe, examples(tmp_path))
    weights = sum(p.numel() for p in model.network.parameters())
    assert weights == 8_030_807_584  # the published checkpoint's count
    load = workload(model, recipe, examples(tmp_path))
    assert load.sequences == 1_115_021 and load.steps == round(1_115_021 / 256)
    found = forecast(model, recipe, load)
    # Float32 weights, gradients and two moments of AdamW, in eight shards.
    held = found.footprint
    assert held.weights + held.gradients + held.moments == pytest.approx(16 * weights / 8)
    assert found.gpu_hours == pytest.approx(load.operations / (PEAKS["A100"] * 0.4) / 3600)
    assert found.days == pytest.approx(found.gpu_hours / 8 / 24)
    assert paper_share(load) == pytest.approx(load.operations / (1536 * 3600 * PEAKS["GH200"]))


def test_a_size_is_assumed_only_where_none_is_known(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, "llava_onevision", "out")
    model = tiny("llava_onevision")
    unsized = [
        replace(e, views=tuple(replace(v, width=None, height=None) for v in e.views))
        for e in examples(tmp_path / "data")
    ]
    read = workload(model, recipe, unsized)
    assert read == workload(model, recipe, examples(tmp_path / "data"))
    for image in (tmp_path / "data").glob("*.png"):
        image.write_bytes(b"")
    with pytest.raises(ImageError):
        workload(model, recipe, unsized)
    data = recipe.data.model_copy(update={"planned_size": (500, 500)})
    assert workload(model, recipe.model_copy(update={"data": data}), unsized).tokens > 0


def test_a_recipe_is_reckoned_on_every_card_beside_it_or_on_the_one_it_names() -> None:
    path = RECIPES / "radvlm_7b.yaml"
    everywhere = on_every_card(path, [])
    assert [one.processes for one in everywhere] == [128, 1, 1, 4, 8]
    assert [one.hardware for one in on_every_card(path, ["hardware=1x24gb"])] == ["1x24gb"]


def test_a_card_whose_peak_is_not_known_is_refused(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, "llava_onevision", "out")
    model = tiny("llava_onevision")
    load = workload(model, recipe, examples(tmp_path / "data"))
    with pytest.raises(InputError, match="no card whose peak is known"):
        forecast(model, recipe, load)


def test_the_verb_prints_a_plan_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe_of(tmp_path, "llava_onevision", "none")
    given = [f"data.folder={tmp_path / 'data'}", "hardware=8x80gb", f"out={tmp_path / 'out'}"]
    said = []
    for flags in (["--json"], []):
        verb = ["radvlm", "train", str(RECIPES / "tiny.yaml"), *given, "--plan", *flags]
        monkeypatch.setattr("sys.argv", verb)
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        said.append(capsys.readouterr().out)
    (row,) = json.loads(said[0])["rows"]
    assert row["hardware"] == "8x80gb" and row["fits"] and row["workload"]["sequences"] > 0
    assert "8x80gb" in said[1] and "1,536 hours" in " ".join(said[1].split())
    assert not (tmp_path / "out").exists()
