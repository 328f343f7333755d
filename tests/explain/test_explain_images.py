from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radvlm import recipe as recipes
from radvlm.errors import LeakageError, RecipeError
from radvlm.explain.images import Row, columns, of_split, read_rows
from radvlm.explain.pixels import to_pixels, to_square, to_tensor, unsquared
from radvlm.explain.planning import check_disjoint, count
from radvlm.explain.recipe import ImagesRecipe, PretrainRecipe
from radvlm.explain.store import squares
from radvlm.io.tables import read_studies


def recipe_of(cohort: Path, out: Path, kind: type[ImagesRecipe] = ImagesRecipe) -> ImagesRecipe:
    tree = {
        "out": str(out),
        "data": {"roots": {"phantom": str(cohort)}},
        "sources": {"phantom": {"source": "phantom", "closed": ["pacemaker"]}},
    }
    return recipes.check(kind, tree)


def test_rows_and_attributes_are_what_the_studies_say(cohort: Path, tmp_path: Path) -> None:
    rows = read_rows(recipe_of(cohort, tmp_path))
    studies = {s.views[0].id: s for s in read_studies(cohort / "studies.parquet")}
    assert len(rows) == len(studies)  # lateral views are left out
    names = ("Pleural Effusion", "pacemaker", "port", "sex=F", "projection=AP", "age>60")
    found = columns(rows, names)
    for k, row in enumerate(rows):
        study = studies[row.view]
        shown = {f.name for f in study.findings if f.status == "present"}
        assert found["Pleural Effusion"][k] == ("Pleural Effusion" in shown)
        assert found["pacemaker"][k] == ("pacemaker" in shown)
        assert found["port"][k] == 1 if "port" in shown else np.isnan(found["port"][k])
        assert found["sex=F"][k] == (study.sex == "F")
        assert found["projection=AP"][k] == (study.views[0].projection == "AP")
        assert found["age>60"][k] == ((study.age or 0) > 60)


def test_a_table_adds_attributes_and_an_unknown_one_is_refused(
    cohort: Path, tmp_path: Path
) -> None:
    rows = read_rows(recipe_of(cohort, tmp_path))
    table = tmp_path / "t.csv"
    table.write_text(f"view,drawn\n{rows[0].view},1\n{rows[1].view},0\n{rows[2].view},\n")
    found = columns(rows, ("drawn",), table)["drawn"]
    assert found[:2].tolist() == [1, 0] and np.isnan(found[2:]).all()
    with pytest.raises(RecipeError, match="nothing is known"):
        columns(rows, ("Unheard Of",))


def test_squares_are_kept_and_made_anew_for_other_images(cohort: Path, tmp_path: Path) -> None:
    rows = read_rows(recipe_of(cohort, tmp_path))[:10]
    path = tmp_path / "s.npy"
    kept, images = squares(rows, 32, path, 1)
    assert images.shape == (10, 32, 32) and kept == rows
    written = path.stat().st_mtime_ns
    squares(rows, 32, path, 1)
    assert path.stat().st_mtime_ns == written
    _, fewer = squares(rows[:4], 32, path, 1)
    assert len(fewer) == 4


def test_an_image_becomes_a_square_and_comes_back_without_being_mirrored() -> None:
    ramp = np.tile(np.linspace(0, 255, 80).astype(np.uint8), (40, 1))
    square = to_square(ramp, 20)
    assert square.shape == (20, 20) and square[0, 0] < 20 < 235 < square[0, -1]
    assert np.array_equal(to_pixels(to_tensor(square[None]))[0], square)
    back = unsquared(square, (80, 40))
    assert back.shape == (40, 80) and np.abs(back.astype(int) - ramp).max() < 12


def test_a_plan_counts_and_a_patient_in_two_splits_is_refused(cohort: Path, tmp_path: Path) -> None:
    made = recipe_of(cohort, tmp_path, PretrainRecipe)
    assert isinstance(made, PretrainRecipe)
    counted = count(made)
    rows = read_rows(made)
    assert counted["total"]["images"] == len(rows)
    assert counted["total"]["train"] == len(of_split(rows, "train"))
    row = rows[0]
    other = Row(
        **{name: getattr(row, name) for name in Row.__slots__} | {"split": "test", "view": "x"}
    )
    again = Row(**{name: getattr(row, name) for name in Row.__slots__} | {"split": "train"})
    with pytest.raises(LeakageError):
        check_disjoint([again, other])
