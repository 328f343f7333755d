"""The recipe of an evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt

from radvlm.recipe import Recipe, Section

Condition = Literal["trained", "untrained", "blind", "majority"]
"""What answers: a model after training, before it, with another patient's images, or no model."""


class DecodingSection(Section):
    """How replies are written; greedy."""

    max_tokens: PositiveInt = 256


class BootstrapSection(Section):
    """Resampling of patients for the intervals."""

    samples: PositiveInt = 1000
    seed: int = 0


class EvaluateRecipe(Recipe):
    """``data`` is a built data set folder, ``model`` a checkpoint folder (not for ``majority``).

    ``metrics`` names the metrics of a task, where they are not its own defaults. ``tasks`` keeps
    only those named, ``per_task`` so many examples of each (or of those it names,
    and all of the others) and ``limit`` so many in all; they are drawn with ``seed``, which also
    draws the other patients of the blind condition.
    """

    data: Path
    model: Path | None = None
    condition: Condition = "trained"
    split: Literal["train", "validate", "test"] = "test"
    tasks: tuple[str, ...] | None = None
    metrics: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    per_task: PositiveInt | dict[str, PositiveInt] | None = None
    limit: PositiveInt | None = None
    batch_size: PositiveInt = 32
    decoding: DecodingSection = DecodingSection()
    bootstrap: BootstrapSection = BootstrapSection()
    seed: int = 0
