"""TensorBoard, Weights & Biases or trackio, chosen by one key of the recipe.

A tracker is sent the figures of each step and nothing else. The recipe goes with them where the
data is open: it names folders, and a hosted service is a way out for whatever it is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from typing import Any

from radvlm import recipe as recipes
from radvlm.errors import InputError
from radvlm.io import egress
from radvlm.records import Access
from radvlm.train.meters import Listener, StepMeters
from radvlm.train.recipe import TrainRecipe

PROJECT = "radvlm"
_NOTHING_ELSE = {
    "console": "off",
    "disable_code": True,
    "disable_git": True,
    "disable_job_creation": True,
    "x_disable_meta": True,
}
"""Settings by which Weights & Biases keeps from sending what a run prints and where it runs."""


class Tracked:
    """Hands the figures of every step to ``log``, and ends the run with ``end``."""

    def __init__(
        self, log: Callable[[dict[str, float], int], object], end: Callable[[], object]
    ) -> None:
        self._log, self._end = log, end

    def step(self, meters: StepMeters) -> None:
        """Send all figures that are known."""
        found = asdict(meters)
        step = found.pop("step")
        self._log({f"train/{k}": float(v) for k, v in found.items() if v is not None}, step)

    def close(self) -> None:
        """End the run."""
        self._end()


def open_tracker(recipe: TrainRecipe, access: Access) -> Listener:
    """The tracker the recipe names.

    Args:
        recipe: has a ``tracker``.
        access: the strictest class of the data trained on.

    Raises:
        InputError: its package is not installed.
    """
    held = egress.refusal(access, "tracker", str(recipe.tracker))
    told = {} if held else recipes.dump(recipe)
    if recipe.tracker == "tensorboard":
        writer = _package("torch.utils.tensorboard", "tensorboard").SummaryWriter(
            str(recipe.out / "tensorboard")
        )

        def scalars(values: dict[str, float], step: int) -> None:
            for name, value in values.items():
                writer.add_scalar(name, value, step)

        return Tracked(scalars, writer.close)
    service = _package(str(recipe.tracker), str(recipe.tracker))
    name = recipe.model.name
    run = service.init(project=PROJECT, name=name, config=told, settings=_NOTHING_ELSE)
    return Tracked(lambda values, step: run.log(values, step=step), run.finish)


def _package(module: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise InputError(
            "is not installed", f"tracker={package}", f"pip install {package}"
        ) from error
