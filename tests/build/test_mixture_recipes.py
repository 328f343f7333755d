"""The mixtures that ship: they load, name what exists, and state the paper's Table 1."""

from __future__ import annotations

from pathlib import Path

import pytest

from radvlm import recipe as recipes
from radvlm import registry
from radvlm.build.mixture import make_rows
from radvlm.build.recipe import BuildRecipe

FOLDER = Path(__file__).parents[2] / "recipes"
OTHERS = ("curate", "ablation", "evaluate", "diffchest")
"""Recipes of other stages begin with their names."""

MIXTURES = sorted(p for p in FOLDER.glob("*.yaml") if not p.name.startswith(OTHERS))


@pytest.mark.parametrize("path", MIXTURES, ids=lambda path: path.stem)
def test_a_recipe_names_sources_tasks_and_options_that_exist(path: Path) -> None:
    made = recipes.load(BuildRecipe, path)
    assert made.name == path.stem
    make_rows(made.tasks)
    for choice in made.sources.values():
        source = registry.resolve("sources", choice.source)
        source("somewhere", **dict.fromkeys(source.needs, "somewhere"), **choice.options)
    for row in made.tasks.values():
        assert row.source is None or row.source in made.sources or row.source == "released"


def test_the_paper_s_counts_add_up_to_those_of_table_1() -> None:
    rows = recipes.load(BuildRecipe, FOLDER / "paper.yaml").tasks
    training = [row for row in rows.values() if "train" in row.splits]
    assert sum((row.published or 0) * row.repeat for row in training) == 1_115_021
    assert sum(row.published or 0 for row in training) == 1_052_162
    tests = [row.published for row in rows.values() if row.splits == ("test",)]
    assert tests == [3314, 518, 2000, 2108, 189, 500, 155]


def test_each_test_set_alone_is_the_paper_s_row() -> None:
    paper = recipes.load(BuildRecipe, FOLDER / "paper.yaml").tasks
    published = {(row.task, row.published) for row in paper.values() if row.splits == ("test",)}
    alone = [recipes.load(BuildRecipe, p) for p in FOLDER.glob("test_*.yaml")]
    found = {
        (row.task or name, row.published) for made in alone for name, row in made.tasks.items()
    }
    assert published <= found
    assert all(row.splits == ("test",) for made in alone for row in made.tasks.values())
