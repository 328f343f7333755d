from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from radvlm.errors import RecipeError
from radvlm.recipe import Recipe, Section, digest, dump, load


class Inner(Section):
    lr: float = 1e-3
    epochs: int = Field(1, gt=0)


class Outer(Recipe):
    schedule: Inner = Inner()
    name: str = "x"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    return path


def test_overrides_win_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "out: runs/a\nschedule: {lr: 0.1}\n")
    recipe = load(Outer, path, ["schedule.lr=2e-5", "schedule.epochs=3", "name=y"])
    assert (recipe.schedule.lr, recipe.schedule.epochs, recipe.name) == (2e-5, 3, "y")


def test_an_override_makes_the_section_it_needs(tmp_path: Path) -> None:
    assert load(Outer, written(tmp_path, "out: a\n"), ["schedule.lr=1"]).schedule.lr == 1.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("out: a\nschedul: {}\n", "Did you mean 'schedule'"),
        ("out: a\nschedule: {epoch: 2}\n", "Did you mean 'schedule.epochs'"),
        ("out: a\nschedule: {epochs: 0}\n", "schedule.epochs: input should be greater than 0"),
        ("name: a\n", "out: field required"),
        ("- a\n- b\n", "not a mapping"),
        ("out: [\n", "not valid YAML"),
    ],
)
def test_a_wrong_recipe_gets_one_line_with_the_file(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load(Outer, written(tmp_path, text))
    assert says in str(caught.value) and "recipe.yaml" in str(caught.value)
    assert "\n" not in str(caught.value) and caught.value.exit_status == 2


@pytest.mark.parametrize("override", ["schedule", "=3", "name.sub=3"])
def test_a_wrong_override_is_refused(tmp_path: Path, override: str) -> None:
    with pytest.raises(RecipeError):
        load(Outer, written(tmp_path, "out: a\nname: b\n"), [override])


def test_the_digest_depends_on_what_is_asked_and_not_on_where_it_goes(tmp_path: Path) -> None:
    path = written(tmp_path, "out: a\n")
    plain, elsewhere = load(Outer, path), load(Outer, path, ["out=b"])
    assert digest(plain) == digest(elsewhere) != digest(load(Outer, path, ["schedule.lr=1"]))


def test_a_dumped_recipe_loads_again(tmp_path: Path) -> None:
    recipe = load(Outer, written(tmp_path, "out: a\nschedule: {lr: 0.5}\n"))
    assert Outer.model_validate(dump(recipe)) == recipe
