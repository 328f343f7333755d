"""Shared fixtures: a small simulated cohort, its data set, and one tiny trained checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings

from radvlm.build.run import build
from radvlm.demo.recipe import DemoRecipe, load_preset
from radvlm.io.dataset import examples_of
from radvlm.models.local import LocalModel
from radvlm.records import Example
from radvlm.sources.phantom.cohort import make_cohort
from radvlm.train.run import train

T = TypeVar("T")

# The same examples everywhere and no deadline: a busy machine fails no test, and a change that does
# is the change's. Others are looked for by --hypothesis-profile=default.
settings.load_profile("ci")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all test processes of one run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if (base.name.startswith("popen-")) else base


def once(shared: Path, name: str, make: Callable[[Path], T]) -> Path:
    """Make ``shared/name`` in the first process that asks; the others wait for it."""
    target, lock = shared / name, shared / f"{name}.lock"
    with _locked(lock):
        if not target.exists():
            make(target)
    return target


class _locked:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        import fcntl

        self.file = self.path.open("w")
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self.file.close()


@pytest.fixture(scope="session")
def demo_recipe(shared: Path) -> DemoRecipe:
    """The quick demo's recipe with everything below the shared folder."""
    return load_preset("quick", shared / "quick")


@pytest.fixture(scope="session")
def cohort(shared: Path, demo_recipe: DemoRecipe) -> Path:
    """A folder with some sixty simulated patients."""
    (shared / "quick").mkdir(exist_ok=True)
    return once(shared, "quick/cohort", lambda path: make_cohort(demo_recipe.cohort, path))


@pytest.fixture(scope="session")
def data(shared: Path, cohort: Path, demo_recipe: DemoRecipe) -> Path:
    """The data set built from the cohort."""
    return once(shared, "quick/data", lambda _: build(demo_recipe.build_recipe()))


@pytest.fixture(scope="session")
def checkpoint(shared: Path, data: Path, demo_recipe: DemoRecipe) -> Path:
    """A tiny checkpoint trained on that data set in seconds."""
    once(shared, "quick/model", lambda _: train(demo_recipe.train_recipe()))
    return shared / "quick" / "model" / "checkpoint"


@pytest.fixture(scope="session")
def test_examples(data: Path) -> list[Example]:
    """Every example of the test patients."""
    return list(examples_of(data, "test"))


@pytest.fixture
def real_cxr() -> Iterator[Path]:
    """The folder of real radiographs beside the checkout; skips where it is absent."""
    folder = Path(__file__).parents[1] / "../shared/data/real_cxr"
    if not (folder / "manifest.csv").exists():
        pytest.skip("no folder of real radiographs beside the checkout")
    yield folder.resolve()


FAMILIES = ("llava_onevision", "qwen3_vl", "qwen25_vl", "gemma3")


@pytest.fixture(params=FAMILIES)
def local(request: pytest.FixtureRequest) -> LocalModel:
    """A tiny model of each family; its weights are not to be changed."""
    return _tiny(request.param)


@cache
def _tiny(family: str) -> LocalModel:
    from tiny_models import tiny

    return tiny(family)
