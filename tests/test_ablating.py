"""Models trained on one task beside one trained on all, down to Table 6."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from radvlm import recipe as recipes
from radvlm.ablating import EVERY, AblateRecipe, ablate, training_of
from radvlm.demo.recipe import DemoRecipe
from radvlm.errors import InputError

ROOT = Path(__file__).parents[1]
TASKS = yaml.safe_load((ROOT / "recipes/evaluate_demo.yaml").read_text())["per_task"]
TINY = (
    "{image_size: 28, patch_size: 14, vision_width: 16, vision_layers: 1, "
    "text_width: 16, text_layers: 1}"
)


def recipe(data: Path, out: Path, alone: list[str]) -> AblateRecipe:
    tree = {
        "out": out,
        "train": ROOT / "recipes/train/demo.yaml",
        "evaluate": ROOT / "recipes/evaluate_demo.yaml",
        "overrides": [
            f"data.folder={data}",
            "schedule.epochs=0.05",
            f"model.tiny={TINY}",
            "samples=0",
        ],
        "evaluate_overrides": [
            f"data={data}",
            # As the recipe has it: a share for every task, also where only some are asked.
            f"per_task={{{', '.join(f'{task}: 2' for task in TASKS)}}}",
            "bootstrap.samples=20",
            "decoding.max_tokens=4",
        ],
        "alone": alone,
    }
    return recipes.check(AblateRecipe, tree)


def test_each_overlay_trains_on_its_task_alone_with_all_else_equal(
    data: Path, tmp_path: Path
) -> None:
    asked = recipe(data, tmp_path, list(EVERY))
    joint = training_of(asked, "all")
    assert joint.tasks == () and joint.model.name == "All"
    for name in EVERY:
        one = training_of(asked, name)
        wanted = ("conversation", "grounded_conversation") if name == "conversation" else (name,)
        assert one.tasks == wanted
        own = {"tasks": (), "ablation": None, "out": joint.out, "model": joint.model}
        assert one.model_copy(update=own) == joint


def test_the_table_has_a_row_a_model_and_figures_of_its_own_task_alone(
    data: Path, tmp_path: Path
) -> None:
    asked = recipe(data, tmp_path / "out", ["anatomical_grounding"])
    table = ablate(asked, quiet=True)
    rows = {row.model.partition("@")[0]: row for row in table.rows}
    assert table.number == "6" and set(rows) == {"Anatomical grounding alone", "All"}
    column = {head: k for k, head in enumerate(table.heads)}
    alone, joint = rows["Anatomical grounding alone"].cells, rows["All"].cells
    assert alone[column["Anatomical grounding"]].value is not None
    assert alone[column["Phrase grounding"]].value is None
    assert joint[column["Phrase grounding"]].value is not None
    # Published rows stand apart: their test set is another.
    assert {below.model for below in table.below} >= {"All (RadVLM)", "Anatomical grounding alone"}
    trained = (tmp_path / "out/all/model/metrics.jsonl").stat().st_mtime_ns
    assert ablate(asked, quiet=True) == table
    assert (tmp_path / "out/all/model/metrics.jsonl").stat().st_mtime_ns == trained


def test_a_protocol_is_asked_only_its_sets_of_the_task(data: Path, tmp_path: Path) -> None:
    sets = {
        "grounds": {
            "data": str(data),
            "built_by": "x.yaml",
            "per_task": 2,
            "metrics": {"anatomical_grounding": ["mean_iou"]},
        },
        "reports": {
            "data": str(data),
            "built_by": "x.yaml",
            "per_task": 2,
            "metrics": {"report": ["rouge_l"]},
        },
    }
    protocol = tmp_path / "protocol.yaml"
    tree = {"name": "p", "out": "x", "sets": sets, "decoding": {"max_tokens": 4}}
    protocol.write_text(yaml.safe_dump(tree))
    asked = recipe(data, tmp_path / "out", ["report"]).model_copy(
        update={"evaluate": protocol, "evaluate_overrides": ("bootstrap.samples=20",)}
    )
    ablate(asked, quiet=True)
    scored = tmp_path / "out" / "report" / "scores"
    assert (scored / "reports").is_dir() and not (scored / "grounds").exists()
    assert (tmp_path / "out" / "all" / "scores" / "grounds").is_dir()


def test_it_compares_in_one_process(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="in one process"):
        ablate(recipe(data, tmp_path, ["report"]), quiet=True)


def test_the_recipes_of_the_ablation_load(demo_recipe: DemoRecipe) -> None:
    for name in ("ablation.yaml", "ablation_demo.yaml"):
        loaded = recipes.load(AblateRecipe, ROOT / "recipes" / name)
        assert loaded.alone == EVERY and (ROOT / loaded.train).exists()
        assert (ROOT / loaded.evaluate).exists()
