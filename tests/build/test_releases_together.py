"""All releases of one simulated cohort built together: what is said of one study is joined."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from radvlm import recipe as recipes
from radvlm.build.recipe import BuildRecipe
from radvlm.build.run import build, plan
from radvlm.io.dataset import examples_of, studies_of
from radvlm.sources.phantom.cohort import PhantomConfig, make_cohort
from radvlm.sources.phantom.releases import writing

RECIPES = Path(__file__).parents[2] / "recipes"
MIMIC = ("mimic_cxr", "mimic_cxr_reports", "chest_imagenome", "ms_cxr")


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every release of one cohort, as somebody with all agreements has them."""
    from importlib import import_module

    base = tmp_path_factory.mktemp("releases")
    make_cohort(PhantomConfig(patients=24, size=64, seed=5), base / "cohort")
    found = {}
    for name in writing.RELEASES:
        writer = import_module(f"radvlm.sources.phantom.releases.{name}")
        writer.write(base / "cohort", base / name)
        found[name] = base / name
    return found


def recipe(name: str, roots: dict[str, Path], out: Path, *more: str) -> BuildRecipe:
    used = recipes.load(BuildRecipe, RECIPES / f"{name}.yaml").sources
    given = [f"data.roots.{n}={p}" for n, p in roots.items() if n in used]
    return recipes.load(BuildRecipe, RECIPES / f"{name}.yaml", [*given, f"out={out}", *more])


def without_curated(made: BuildRecipe) -> BuildRecipe:
    sources = {n: s for n, s in made.sources.items() if n != "curated"}
    return made.model_copy(update={"sources": sources})


@pytest.fixture(scope="module")
def paper(roots: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> BuildRecipe:
    """The paper's mixture, built from it all as far as it needs no curated text."""
    out = tmp_path_factory.mktemp("paper") / "out"
    made = without_curated(
        recipe("paper", roots, out, "partial=true", "tolerance=1.0", "studies=true")
    )
    build(made)
    return made


def test_the_paper_s_mixture_builds_and_the_rest_waits(paper: BuildRecipe) -> None:
    manifest = json.loads((paper.out / "manifest.json").read_text())
    assert manifest["mixture"] == "paper-partial" and manifest["access"] == "credentialed"
    waiting = {name for name, row in paper.tasks.items() if row.curated}
    assert set(manifest["waiting"]) == waiting == set(plan(paper).waiting)
    built = {row["row"] for row in manifest["examples"]}
    assert built >= {
        "mimic_labels",
        "chexpert_labels",
        "imagenome_regions",
        "vindr_detection",
        "vindr_grounding",
        "ms_cxr_phrases",
        "padchest_phrases",
    }


def test_what_several_releases_say_of_a_study_is_one_record(paper: BuildRecipe) -> None:
    joined = [s for s in studies_of(paper.out) if set(s.sources) > {"mimic_cxr"}]
    boxed = [s for s in joined if {"chest_imagenome", "ms_cxr"} <= set(s.sources)]
    assert boxed
    for study in boxed:
        assert study.regions and any(f.phrase and f.boxes for f in study.findings)
        assert all(view.path for view in study.views)
    assert any(f.origin == "chexpert" for study in boxed for f in study.findings)


def test_no_patient_of_a_family_is_on_both_sides(paper: BuildRecipe) -> None:
    sides: dict[tuple[str, str | None], set[str]] = defaultdict(set)
    for split in ("train", "validate", "test"):
        for example in examples_of(paper.out, split):
            sides[example.family, example.patient or example.views[0].id].add(split)
    assert len(sides) > 20 and all(len(splits) == 1 for splits in sides.values())


def test_the_gold_patients_train_nothing_and_make_a_test_set(
    roots: dict[str, Path], paper: BuildRecipe, tmp_path: Path
) -> None:
    gold = recipe("test_imagenome_gold", roots, tmp_path / "gold", "tolerance=1.0")
    build(gold)
    held = {e.patient for e in examples_of(gold.out, "test")}
    trained = {e.patient for e in examples_of(paper.out, "train") if e.family == "mimic"}
    assert held and trained and not held & trained


def test_the_published_code_s_overlap_is_listed_and_follows_each_score(
    roots: dict[str, Path], tmp_path: Path
) -> None:
    made = recipe(
        "published_code", roots, tmp_path / "out", "partial=true", "tolerance=1.0", "studies=true"
    )
    leak = build(without_curated(made))["leak"]
    assert any("chest_imagenome" in who for who in leak["patients_in_several_splits"])
    listed = set(leak["contaminated_test_examples"])
    trained = {e.patient for e in examples_of(made.out, "train") if e.family == "mimic"}
    tests = [e for e in examples_of(made.out, "test") if e.family == "mimic"]
    assert listed == {e.id for e in tests if e.patient in trained} != set()


@pytest.mark.parametrize("name", ["open", "test_padchest_phrases", "test_vindr_grounding"])
def test_other_recipes_build(roots: dict[str, Path], tmp_path: Path, name: str) -> None:
    manifest = build(recipe(name, roots, tmp_path / "out", "tolerance=1.0"))
    assert sum(row["examples"] for row in manifest["examples"]) > 0
