"""What a data set is made of: sources with their roots, and the rows of the mixture."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from radvlm.build.leakage import LeakRule
from radvlm.io.picture_hash import DISTANCE, MAX_DISTANCE
from radvlm.recipe import Recipe, Section
from radvlm.records import Projection, Split
from radvlm.runtime.shards import Engine

SPLITS: tuple[Split, ...] = ("train", "validate", "test")


class Roots(Section):
    """``data.roots.NAME``: where each source lies on this machine."""

    roots: dict[str, Path]


class SourceChoice(Section):
    """A source of the registry; ``options`` are its constructor's arguments after the root.

    ``split`` is for studies that no source puts into one: ``own`` leaves them out of every split
    (they are counted), ``hash`` cuts 70/10/20 by a hash of the patient, and a split's name puts all
    of them there.
    """

    source: str
    options: dict[str, Any] = Field(default_factory=dict)
    split: Literal["own", "hash", "train", "validate", "test"] = "own"


class TaskChoice(Section):
    """A row of the mixture: one task, asked of the studies that some source spoke of.

    Attributes:
        task: the task of the registry; the row's own name unless given.
        source: ask only studies this source of the recipe spoke of, and say so in the examples.
        splits: ask only studies of these splits.
        into: the split their examples are put into, where it is another one (a paper that also
            trains on validation images).
        projections: keep only examples about views of these projections.
        repeat: how often each study is asked (the paper's ×1 … ×4).
        cap: examples kept of each split and repeat, chosen by a hash; none for all.
        published: how many unique examples a paper gives for the row; the plan compares.
        curated: the recipe of ``radvlm curate`` that writes what this row asks for.
        options: the task's own.
    """

    task: str | None = None
    source: str | None = None
    splits: tuple[Split, ...] = SPLITS
    into: Split | None = None
    projections: tuple[Projection, ...] | None = None
    repeat: int = Field(1, ge=1)
    cap: int | None = Field(None, ge=1)
    published: int | None = Field(None, ge=0)
    curated: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)


class ImageChoice(Section):
    """Converted copies instead of references to the originals: 8-bit grey, the aspect kept.

    ``out`` is a folder of its own, which a rerun and other builds go on with. ``size`` bounds the
    longest side in pixels. ``engine`` is ``ray`` for several machines.
    """

    out: Path
    size: int | None = Field(None, ge=16)
    format: Literal["png", "jpeg"] = "png"
    engine: Engine = "local"


class CopyChoice(Section):
    """A search for pictures of training that are in validation or test under another patient.

    ``out`` is a folder for the hashes of the pictures, which a rerun and other builds go on with.
    ``distance`` is in how many of their 256 bits two hashes of one picture may differ. ``rule``:
    ``report`` lists the overlap and marks the test examples as contaminated, ``drop`` takes the
    patients out of training, ``fail`` stops.
    """

    out: Path
    distance: int = Field(DISTANCE, ge=0, le=MAX_DISTANCE)
    rule: LeakRule = "report"


class BuildRecipe(Recipe):
    """``radvlm build``: sources and tasks → an instruction data set.

    Attributes:
        name: what the mixture is called in its manifest, card and scores.
        leak: what happens where sources put one patient into several splits.
        withheld: patients whose own test set lies elsewhere (Chest ImaGenome's gold set): ``drop``
            them from training and validation, or move them to ``test``.
        partial: build although rows wait for curated text; the mixture is renamed.
        images: convert the images first and refer to the copies.
        copies: look for pictures that sources re-host under other names; every picture is decoded.
        exports: forms for other trainers, written below ``exports/``.
        studies: write the joined studies, too; nothing of the examples needs them.
        shards: files a split; the same whatever the number of workers.
        workers: processes, all cores where none is given.
        limit: studies read from each source.
        tolerance: share of records that may be unreadable before the build counts as incomplete
            (exit status 1).
    """

    name: str = "custom"
    data: Roots
    sources: dict[str, SourceChoice]
    tasks: dict[str, TaskChoice]
    seed: int = 0
    leak: LeakRule = "fail"
    withheld: Literal["drop", "test"] = "drop"
    partial: bool = False
    images: ImageChoice | None = None
    copies: CopyChoice | None = None
    exports: tuple[Literal["llava", "ms_swift", "verl"], ...] = ()
    studies: bool = True
    shards: int = Field(8, ge=1, le=4096)
    workers: int | None = Field(None, ge=1)
    limit: int | None = Field(None, gt=0)
    tolerance: float = Field(0.001, ge=0, le=1)
