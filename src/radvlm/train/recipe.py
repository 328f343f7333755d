"""What a training run is: data, model, sizes, rates. Defaults are the paper's (§3.2) ratios."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from radvlm.models.tiny import TinyConfig
from radvlm.recipe import Recipe, Section


class ModelChoice(Section):
    """Where the weights come from: a checkpoint folder, or a tiny untrained model."""

    folder: Path | None = None
    tiny: TinyConfig | None = None
    name: str
    scope: str

    @model_validator(mode="after")
    def _one_of_two(self) -> ModelChoice:
        if (self.folder is None) == (self.tiny is None):
            raise ValueError("give either model.folder or model.tiny")
        return self


class Schedule(Section):
    """Learning rates and how long. ``vision_lr`` is the vision tower's own (paper: lr / 5)."""

    epochs: float = Field(1.0, gt=0)
    batch: int = Field(8, gt=0, description="sequences an optimiser step")
    lr: float = 1e-5
    vision_lr: float = 2e-6
    warmup: float = Field(0.03, ge=0, lt=1)
    weight_decay: float = 0.0
    clip: float = 1.0


class TrainRecipe(Recipe):
    """``radvlm train``: a built data set and a model → a checkpoint folder."""

    data: Path
    model: ModelChoice
    schedule: Schedule = Schedule()
    questions_per_sequence: int = Field(
        1, gt=0, description="questions about one image that share a sequence"
    )
    tasks: tuple[str, ...] = ()
    precision: Literal["float32", "bfloat16"] = "float32"
    save_every: int = Field(500, gt=0)
    image_cache: int = Field(64, ge=0, description="processed images kept in memory")
    threads: int | None = None
    seed: int = 0
