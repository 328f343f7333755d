"""The releases of real size, made small: a build of them gives exactly what was put in."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.build_kills import files_of
from benchmarks.full_size import PAPER, expected, make_metadata, roots

from radvlm import recipe as recipes
from radvlm.build.recipe import BuildRecipe
from radvlm.build.run import build, plan
from radvlm.io.dataset import examples_of
from radvlm.records import Example

SCALE = 0.004


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("full_size")
    make_metadata(root / "releases", SCALE)
    return root / "releases"


def recipe(releases: Path, out: Path) -> BuildRecipe:
    return recipes.load(BuildRecipe, PAPER, [*roots(releases), f"out={out}", "workers=1"])


@pytest.fixture(scope="module")
def training(releases: Path) -> list[Example]:
    out = releases.parent / "data"
    build(recipe(releases, out))
    return list(examples_of(out, "train"))


def test_at_full_size_the_releases_hold_what_the_paper_counts() -> None:
    rows = recipes.load(BuildRecipe, PAPER).tasks
    assert expected() == {name: row.published for name, row in rows.items()}


def test_the_plan_counts_every_row_to_the_unit(releases: Path) -> None:
    planned = plan(recipe(releases, releases.parent / "none"))
    assert {row.name: row.kept for row in planned.rows} == expected(SCALE)
    assert not planned.waiting


def test_the_build_writes_what_the_plan_counts(training: list[Example]) -> None:
    rows = recipes.load(BuildRecipe, PAPER).tasks
    wanted = {
        n: c * rows[n].repeat for n, c in expected(SCALE).items() if "train" in rows[n].splits
    }
    assert len(training) == sum(wanted.values())


def test_texts_are_as_long_as_real_ones(training: list[Example]) -> None:
    reports = [
        len(e.turns[1].target.text) for e in training if e.task == "report" if e.turns[1].target
    ]
    talks = [len(e.turns) // 2 for e in training if "conversation" in e.task]
    assert 200 < sum(reports) / len(reports) < 400
    assert set(talks) <= set(range(5, 11)) and 6 < sum(talks) / len(talks) < 9


def test_the_same_scale_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        make_metadata(tmp_path / name, 0.002)
    made = files_of(tmp_path / "a")
    assert len(made) > 1000
    assert files_of(tmp_path / "b") == made
