"""The recipes of ``radvlm explain``: pretrain, classify, image, audit, readers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from radvlm.explain.networks import SHAPES, NetworkConfig
from radvlm.recipe import Recipe, Section

Direction = Literal["covariance", "weight"]


def _shape(value: Any) -> Any:
    """A published or small size by its name, with changes: ``{base: small, side: 96}``."""
    if isinstance(value, str):
        value = {"base": value}
    if isinstance(value, dict) and "base" in value:
        named = SHAPES.get(value["base"])
        if named is None:
            raise ValueError(f"network.base is none of {', '.join(SHAPES)}")
        return named.model_dump() | {k: v for k, v in value.items() if k != "base"}
    return value


class Roots(Section):
    """Where the data lies: root folders by name."""

    roots: dict[str, Path]


class SourceChoice(Section):
    """One source, and which of its studies: the ``splits`` to read, all unless given.

    ``closed`` names findings and devices that are absent where an image of this source does not
    list them; elsewhere what is not listed is not known. ``only`` lists the names of sources whose
    rows are kept where a folder holds several.
    """

    source: str
    options: dict[str, Any] = Field(default_factory=dict)
    closed: tuple[str, ...] = ()
    only: tuple[str, ...] = ()


class ImagesRecipe(Recipe):
    """What every step needs: sources of radiographs, split by patient."""

    data: Roots
    sources: dict[str, SourceChoice]
    lateral: bool = False
    limit: PositiveInt | None = None
    workers: PositiveInt | None = None
    seed: int = 0


class PretrainSchedule(Section):
    """How long and how fast. ``ema`` is the decay of the averaged weights that are kept.

    Times are drawn as u^(1/``noisy``): 1 is even, as published; more looks oftener at noisy images,
    where only z says what is there.
    """

    images: PositiveInt = 50_000
    batch: PositiveInt = 32
    lr: float = Field(1e-3, gt=0)
    warmup: float = Field(0.03, ge=0, lt=1)
    decay: bool = True
    weight_decay: float = Field(0.0, ge=0)
    clip: float = Field(1.0, gt=0)
    ema: float = Field(0.998, gt=0, lt=1)
    noisy: float = Field(1.0, ge=1)


class Published(Section):
    """What a publication counts, shown by ``--plan`` beside what there is."""

    images: PositiveInt
    patients: PositiveInt


class PretrainRecipe(ImagesRecipe):
    """``radvlm explain pretrain``: radiographs → a diffusion autoencoder. No label is read.

    Attributes:
        network: sizes; a name (small, middle, published), or values over it.
        shift: by how much of its side an image is moved at random, so that few images go further.
        processes: how many ``torchrun`` must have started.
    """

    network: Annotated[NetworkConfig, BeforeValidator(_shape)] = NetworkConfig()
    schedule: PretrainSchedule = PretrainSchedule()
    shift: float = Field(0.0, ge=0, lt=0.5)
    published: Published | None = None
    precision: Literal["float32", "bfloat16"] = "float32"
    processes: PositiveInt | None = None
    threads: PositiveInt | None = None
    save_every: PositiveInt = 200
    spike: float = Field(50.0, gt=1)


class Closed(Section):
    """The closed loop: stop where the re-scored image passes ``target``.

    ``target`` is a probability of the model that is explained; without one, the image has to become
    what the typical image on the other side is to the model: its median score there, and past even
    odds at least. The amplitude starts at the step that a linear model calls for and grows by
    ``growth`` at most ``tries`` times; ``reach`` bounds the length of the step in standard
    deviations of z.
    """

    target: float | None = Field(None, gt=0, lt=1)
    growth: float = Field(1.35, gt=1)
    tries: PositiveInt = 12
    reach: float = Field(8.0, gt=0)

    def goal(self, typical: tuple[float, float], add: bool) -> float:
        """The logit to pass, upwards where ``add``, else downwards (then of the opposite sign).

        ``typical`` are the median logits of images without the attribute, and with it.
        """
        if self.target is not None:
            return math.log(self.target / (1 - self.target))
        return max(typical[1] if add else -typical[0], 0.0)


class ExplainRecipe(ImagesRecipe):
    """What ``classify``, ``image`` and ``audit`` share: an autoencoder and labelled radiographs.

    Attributes:
        autoencoder: the folder ``pretrain`` wrote.
        attributes: what probes are fitted for: names of findings or devices, ``sex=F``,
            ``projection=AP``, ``source=NAME``, ``age>60``.
        table: a CSV with a column ``view`` and columns of 0, 1 or nothing, whose names may be
            attributes as well.
        ridge: strength of the quadratic penalty on a probe's weights.
        steps: DDIM steps each way.
        chance: a probe whose interval of AUC reaches below this is not used for claims.
    """

    autoencoder: Path
    attributes: tuple[str, ...]
    table: Path | None = None
    ridge: float = Field(1e-2, gt=0)
    steps: PositiveInt = 12
    refine: int = Field(1, ge=0)
    bootstrap: PositiveInt = 1000
    chance: float = Field(0.55, ge=0.5, lt=1)
    batch: PositiveInt = 64
    threads: PositiveInt | None = None


class ClassifyRecipe(ExplainRecipe):
    """``radvlm explain classify``: a linear probe an attribute, with AUC and interval.

    ``apart`` are attributes that go together in the data and are told apart by weights, for the
    explainer that is kept. ``shares`` are the shares of the labelled patients that the
    label-efficiency curve learns from, ``draws`` how many subsets of each.
    """

    apart: tuple[str, ...] = ()
    shares: tuple[float, ...] = (0.01, 0.03, 0.1, 1.0)
    draws: PositiveInt = 5


class ImageRecipe(ExplainRecipe):
    """``radvlm explain image``: patient-specific counterfactuals of some test images.

    ``image`` is a file of one's own; without it the first ``count`` test images without the
    finding are taken. ``direction`` ``weight`` is the published rule (raw weights; with ``fixed``
    also its fixed amplitude). Over the images, ``null`` random directions and ``shuffled`` probes
    of shuffled labels say how often an attribute appears for nothing.
    """

    finding: str
    image: Path | None = None
    count: PositiveInt = 8
    confounders: tuple[str, ...] = ()
    direction: Direction = "covariance"
    fixed: bool = False
    loop: Closed = Closed()
    frames: PositiveInt = 9
    null: PositiveInt = 3
    shuffled: PositiveInt = 3


class Audited(Section):
    """The model that is asked: a checkpoint or endpoint file; ``question`` names the finding."""

    model: Path
    report: bool = False
    boxes: bool = False


class AuditRecipe(ExplainRecipe):
    """``radvlm explain audit``: does a model's answer rest on a confounder?

    Attributes:
        finding: what the model is asked for.
        confounders: attributes that are added to and removed from images to see its answer change.
        audited: the model.
        controls: further models that are known to be clean or to use the shortcut, by role.
        questions: images whose scores the surrogate is fitted on.
        images: test images that are edited.
        null: random directions of equal length.
        shuffled: probes fitted to shuffled labels, whose directions are a second null.
        threshold: reliance above which the exit status is 1.
        alpha: level of the test against random directions, shared by adding and removing.
    """

    finding: str
    confounders: tuple[str, ...]
    audited: Audited
    controls: dict[Literal["clean", "shortcut"], Audited] = Field(default_factory=dict)
    questions: PositiveInt = 600
    images: PositiveInt = 100
    null: PositiveInt = 20
    shuffled: PositiveInt = 5
    threshold: float = Field(0.2, gt=0)
    alpha: float = Field(0.01, gt=0, lt=1)
    loop: Closed = Closed()

    @model_validator(mode="after")
    def _named(self) -> AuditRecipe:
        missing = {self.finding, *self.confounders} - set(self.attributes)
        if missing:
            raise ValueError(f"{min(missing)!r} is not among attributes")
        return self


class ReadersRecipe(Recipe):
    """``radvlm explain readers``: pairs → a blinded reading pack; with ``answers``, agreement.

    ``pairs`` is a folder that ``image`` wrote; ``answers`` are the files readers hand back.
    """

    pairs: Path
    options: tuple[str, ...]
    answers: tuple[Path, ...] = ()
    bootstrap: PositiveInt = 2000
    seed: int = 0
