"""Trackers are sent figures and nothing else; a fake one stands for the hosted services."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from families import recipe_of

from radvlm.errors import InputError
from radvlm.train import trackers
from radvlm.train.run import train
from radvlm.train.trackers import open_tracker

FAMILY = "llava_onevision"


class FakeService(ModuleType):
    """Weights & Biases and trackio, as far as both are used."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.begun: list[dict[str, Any]] = []
        self.sent: list[tuple[int, dict[str, float]]] = []
        self.ended = 0

    def init(self, **given: Any) -> FakeService:
        self.begun.append(given)
        return self

    def log(self, values: dict[str, float], step: int) -> None:
        self.sent.append((step, values))

    def finish(self) -> None:
        self.ended += 1


@pytest.fixture(params=["wandb", "trackio"])
def service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FakeService:
    made = FakeService(request.param)
    monkeypatch.setitem(sys.modules, request.param, made)
    return made


def test_a_tracker_is_sent_numbers_of_every_step_and_is_closed(
    service: FakeService, tmp_path: Path
) -> None:
    train(recipe_of(tmp_path, FAMILY, "out", tracker=service.__name__))
    assert [step for step, _ in service.sent] == [1, 2, 3, 4] and service.ended == 1
    assert all(isinstance(v, float) for _, values in service.sent for v in values.values())
    assert {"train/loss", "train/samples_per_second", "train/stall"} <= service.sent[0][1].keys()


@pytest.mark.parametrize(("access", "told"), [("open", True), ("credentialed", False)])
def test_the_recipe_goes_with_them_for_open_data_alone(
    service: FakeService, tmp_path: Path, access: Any, told: bool
) -> None:
    recipe = recipe_of(tmp_path, FAMILY, "out", tracker=service.__name__)
    open_tracker(recipe, access)
    (given,) = service.begun
    assert bool(given["config"]) is told
    assert (str(tmp_path) in str(given)) is told
    assert given["settings"]["console"] == "off" and given["name"] == "t"


def test_a_tracker_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(InputError, match="tracker=wandb: is not installed"):
        train(recipe_of(tmp_path, FAMILY, "out", tracker="wandb"))


def test_tensorboard_gets_a_file_in_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[str, float, int]] = []

    class Writer:
        def __init__(self, folder: str) -> None:
            assert Path(folder) == tmp_path / "out" / "tensorboard"

        def add_scalar(self, name: str, value: float, step: int) -> None:
            written.append((name, value, step))

        def close(self) -> None:
            written.append(("closed", 0.0, 0))

    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    tracker = trackers.open_tracker(
        recipe_of(tmp_path, FAMILY, "out", tracker="tensorboard"), "private"
    )
    train(recipe_of(tmp_path, FAMILY, "out"), listeners=[tracker])
    assert written[-1][0] == "closed" and {step for _, _, step in written[:-1]} == {1, 2, 3, 4}
