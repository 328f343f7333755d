"""What a training run is: data, model, sizes, rates. Defaults are the paper's (§3.2) ratios."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from radvlm.models.tiny import TinyConfig
from radvlm.recipe import Recipe, Section, digest

Part = Literal["vision", "projector", "language"]


def _share(value: Any) -> Any:
    """``5%`` as 0.05."""
    if isinstance(value, str) and value.strip().endswith("%"):
        return float(value.strip().removesuffix("%")) / 100
    return value


class DataChoice(Section):
    """A built data set, and how much of it: a share of every task of every source."""

    folder: Path
    planned: PositiveInt | None = Field(
        None, description="examples that --plan reckons with where only a part is built"
    )
    planned_size: tuple[PositiveInt, PositiveInt] | None = Field(
        None, description="height, width that --plan assumes where none is known"
    )
    subset: Annotated[float, BeforeValidator(_share)] = Field(1.0, gt=0, le=1)


class ModelChoice(Section):
    """Where the weights come from: a checkpoint folder, or a tiny untrained model.

    ``shape`` is the published size that ``--plan`` reckons with while the folder is not there.
    """

    folder: Path | None = None
    shape: str | None = None
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
    batch: int = Field(8, gt=0, description="sequences an optimiser step, over all processes")
    lr: float = 1e-5
    vision_lr: float = 2e-6
    warmup: float = Field(0.03, ge=0, lt=1)
    weight_decay: float = 0.0
    clip: float = 1.0


class Lora(Section):
    """Low-rank adapters in the language model (Hu et al. 2021), merged at the end.

    ``quantize`` keeps the weights below them in four bits (QLoRA); only on a CUDA device.
    """

    rank: PositiveInt = 64
    alpha: PositiveInt = 128
    dropout: float = Field(0.0, ge=0, lt=1)
    quantize: bool = False


class Accelerator(Section):
    """The card a hardware overlay is for; only ``--plan`` reckons with it.

    ``mfu`` is the share of its peak that the plan assumes the run will use.
    """

    name: str
    memory_gb: float = Field(gt=0)
    mfu: float = Field(0.4, gt=0, le=1)


class TrainRecipe(Recipe):
    """``radvlm train``: a built data set and a model → a checkpoint folder."""

    data: Annotated[
        DataChoice, BeforeValidator(lambda v: {"folder": v} if isinstance(v, (str, Path)) else v)
    ]
    model: ModelChoice
    schedule: Schedule = Schedule()
    questions_per_sequence: int = Field(
        1, gt=0, description="questions about one image that share a sequence"
    )
    tasks: tuple[str, ...] = ()
    hardware: str | None = Field(None, description="the overlay of this name, see recipes/train")
    ablation: str | None = Field(None, description="the overlay of this name: one task alone")
    accelerator: Accelerator | None = None
    processes: PositiveInt | None = Field(None, description="how many must take part")
    micro_batch: PositiveInt | None = Field(
        None, description="sequences a process computes at once; all of its share unless given"
    )
    packing: PositiveInt | None = Field(
        None, description="tokens of a row that sequences are packed into; padded unless given"
    )
    lora: Lora | None = None
    freeze: tuple[Part, ...] = ()
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    checkpointing: bool = Field(False, description="layers are recomputed instead of kept")
    workers: int = Field(0, ge=0, description="processes a rank that read and resize images")
    damaged: float = Field(
        0.001, ge=0, le=1, description="share of the sequences that may be unreadable"
    )
    spike: float = Field(10.0, gt=1, description="a loss so many times the usual one ends the run")
    save_every: int = Field(500, gt=0)
    samples: int = Field(8, ge=0, description="questions asked at every save and at the end")
    tracker: Literal["tensorboard", "wandb", "trackio"] | None = None
    image_cache: int = Field(64, ge=0, description="processed images kept in memory")
    threads: int | None = None
    seed: int = 0

    @model_validator(mode="after")
    def _packed_or_padded(self) -> TrainRecipe:
        if self.packing and self.micro_batch:
            raise ValueError("give either packing or micro_batch")
        return self


_HANDLING = ("workers", "threads", "image_cache", "save_every", "samples", "tracker", "damaged")


def identity(recipe: TrainRecipe) -> str:
    """The hash of what a run learns: equal for recipes that differ only in how it is handled."""
    defaults = {key: TrainRecipe.model_fields[key].default for key in _HANDLING}
    return digest(recipe.model_copy(update=defaults))
