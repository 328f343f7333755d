"""One part of a build, in a process of its own: sources → studies → examples → shards.

A part is some slices of the patients. It reads the tables of every source, but makes only the
studies of its slices; each slice becomes one shard a split, so the files do not depend on how many
parts there are.
"""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from inspect import signature
from itertools import groupby, islice
from pathlib import Path
from typing import Any
from zlib import crc32

from radvlm import registry
from radvlm.build.leakage import leak_keys, settle
from radvlm.build.merge import merge
from radvlm.build.mixture import Row, ask, make_rows
from radvlm.build.recipe import BuildRecipe
from radvlm.build.tally import (
    LEAK_RULE,
    NOT_CURATED,
    WITHHELD,
    Candidate,
    Tally,
    digest_of,
)
from radvlm.errors import LeakageError, RecipeError
from radvlm.io.dataset import STUDIES, shard_name
from radvlm.io.tables import Kind, TableWriter, example_to_plain
from radvlm.protocols import WHOLE, Slice, Source, slice_key
from radvlm.records import Example, Split, Study
from radvlm.sources.folder import split_of

_TELL_EVERY = 500


@dataclass(frozen=True, slots=True)
class Job:
    """What a part is to do. Without ``folder`` it only counts.

    ``withheld`` are the (family, patient) pairs nobody may train on, ``beacon`` is a file in which
    it tells how many studies it has read.
    """

    recipe: BuildRecipe
    indices: frozenset[int]
    folder: Path | None
    withheld: frozenset[tuple[str, str | None]] = frozenset()
    beacon: Path | None = None


def open_sources(recipe: BuildRecipe) -> dict[str, Source]:
    """The recipe's sources by name, each with its root and those of the sources it needs.

    Raises:
        RecipeError: a root is missing.
    """
    return {name: _source(recipe, name) for name in recipe.sources}


def read_source(
    recipe: BuildRecipe, name: str, source: Source, part: Slice = WHOLE
) -> Iterator[Study]:
    """The studies of a source, at most ``limit``, put into the recipe's split where in none."""
    said = recipe.sources[name].split
    for study in islice(source.studies(part), recipe.limit):
        if study.split is None and said != "own":
            _, leak = next(leak_keys(study), ("", study.id))
            split = split_of(study.family, leak) if said == "hash" else said
            yield dataclasses.replace(study, split=split)
        else:
            yield study


def run_job(job: Job) -> Tally:
    """Do one part; the files are whole only when it returns."""
    part = _Part(job)
    with _uncollected(), part.writers:
        for number, studies in enumerate(part.patients(), 1):
            part.take(studies)
            if job.beacon and number % _TELL_EVERY == 0:
                job.beacon.write_text(str(part.tally.studies))
    for source in part.sources.values():
        part.tally.quarantine += source.quarantine
    return part.tally


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of reference cycles: a build makes none, and looking takes most time.

    Records are freed as ever, when nobody refers to them any more.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Part:
    def __init__(self, job: Job) -> None:
        self.job, self.recipe = job, job.recipe
        self.slice = Slice(job.indices, job.recipe.shards)
        self.sources = open_sources(job.recipe)
        self.rows = make_rows(job.recipe.tasks)
        self.writers = _Writers(job.folder, job.recipe.shards)
        self.tally = Tally()
        self._applying: dict[tuple[Split | None, tuple[str, ...]], list[Row]] = {}

    def patients(self) -> Iterator[list[Study]]:
        """The studies of one leak key after another, joined over the sources."""
        streams = (
            read_source(self.recipe, name, source, self.slice)
            for name, source in self.sources.items()
        )
        for _, studies in groupby(merge(*streams), key=_leak_group):
            yield list(studies)

    def take(self, studies: Sequence[Study]) -> None:
        """Count, ask and write what is known of one patient."""
        studies = [self._spared(study) for study in studies]
        settled = settle(studies, self.recipe.leak)
        for study in settled.lost:
            self._count_lost(study, LEAK_RULE)
            self.tally.facts["leak_dropped"] += 1
        if settled.overlap:
            self.tally.overlap[_overlap_of(studies)] += 1
        placed: dict[Split, list[str]] = {}
        for study in settled.kept:
            self._count(study)
            self._ask(study, placed)
        if len(placed) > 1 and self.recipe.leak != "report":
            raise LeakageError(
                f"rows would put one patient into {' and '.join(sorted(placed))}",
                f"{studies[0].family} study {studies[0].id}",
                "Correct 'splits' and 'into' of the recipe's rows",
            )
        if "train" in placed:
            self.tally.contaminated += placed.get("test", [])
        for split in {study.split for study in settled.kept if study.split}:
            self.tally.patients[split] += len(set(leak_keys(studies[0])))

    def _spared(self, study: Study) -> Study:
        """The study with the split it may be in, given the patients withheld."""
        if study.split in (None, "test") or (study.family, study.patient) not in self.job.withheld:
            return study
        if self.recipe.withheld == "test":
            return dataclasses.replace(study, split="test")
        self._count_lost(study, WITHHELD)
        self.tally.facts["withheld"] += 1
        return dataclasses.replace(study, split=None)

    def _count(self, study: Study) -> None:
        self.tally.studies += 1
        self.tally.by_source.update(study.sources)
        self.tally.facts["without_split"] += study.split is None
        if study.patient is None:
            self.tally.facts["patient_unknown"] += 1
            if study.split:
                keys = leak_keys(study)
                self.tally.views_of_unknown += [(key, study.split) for key in keys]
        if self.recipe.studies:
            self.writers.add("studies", STUDIES, study, _home(study))

    def _count_lost(self, study: Study, why: str) -> None:
        assert study.split is not None
        for row in self.rows:
            if row.applies(study):
                lost = sum(1 for _ in ask(study, row, 0, self.recipe.seed))
                self.tally.lost[row.name, study.split, why] += lost

    def _ask(self, study: Study, placed: dict[Split, list[str]]) -> None:
        """Write the study's examples; ``placed`` learns which are in which split."""
        if study.split is None:
            return
        home = _home(study)
        for row in self._rows_for(study):
            for repeat in range(row.choice.repeat):
                asked = 0
                for example in ask(study, row, repeat, self.recipe.seed):
                    self._keep(example, home, row, repeat)
                    placed.setdefault(example.split, []).append(example.id)
                    asked += 1
                if repeat == 0:
                    self.tally.unique[row.name, study.split] += asked
                    if row.choice.curated and not asked:
                        missing = row.views(study)
                        self.tally.lost[row.name, study.split, NOT_CURATED] += missing

    def _rows_for(self, study: Study) -> list[Row]:
        """The rows that apply; a release has few kinds of studies in this respect."""
        kind = study.split, study.sources
        if kind not in self._applying:
            self._applying[kind] = [row for row in self.rows if row.applies(study)]
        return self._applying[kind]

    def _keep(self, example: Example, home: int, row: Row, repeat: int) -> None:
        plain: dict[str, Any] = {}
        digest = 0
        if self.job.folder:
            plain = example_to_plain(example)
            digest = digest_of(plain)
        if row.choice.cap is None:
            kind = (row.name, example.task, example.split, example.source)
            self.tally.examples[kind] += 1
            self.tally.content[example.split] += digest
        else:
            one = Candidate(example.id, digest, example.source)
            capped = (row.name, example.task, example.split, repeat)
            self.tally.candidates.setdefault(capped, []).append(one)
        self.writers.add("examples", f"examples-{example.split}", plain, home)


class _Writers:
    """One table a shard and kind, opened when its first row comes."""

    def __init__(self, folder: Path | None, shards: int) -> None:
        self.folder, self.shards = folder, shards
        self._open: dict[tuple[str, int], TableWriter] = {}
        self._stack = ExitStack()

    def __enter__(self) -> None:
        self._stack.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def add(self, kind: Kind, stem: str, record: Study | Mapping[str, Any], home: int) -> None:
        if self.folder is None:
            return
        key = (stem, home % self.shards)
        if key not in self._open:
            path = self.folder / shard_name(stem, key[1], self.shards)
            self._open[key] = self._stack.enter_context(TableWriter(path, kind))
        writer = self._open[key]
        if isinstance(record, Study):
            writer.add(record)
        else:
            writer.add_plain(dict(record))


def _home(study: Study) -> int:
    """Which shard a study belongs to, before the number of shards is taken off."""
    return crc32(slice_key(study).encode())


def _leak_group(study: Study) -> tuple[str, str, str]:
    """Studies that share it are one patient's; a study of an unknown patient is alone."""
    return study.family, study.patient or "", "" if study.patient else study.id


def _overlap_of(studies: Sequence[Study]) -> str:
    """``mimic_cxr in test, llava_json in train``: who put a patient into which split."""
    said = {f"{'+'.join(s.sources)} in {s.split}" for s in studies if s.split}
    return ", ".join(sorted(said))


def _source(recipe: BuildRecipe, name: str) -> Source:
    choice = recipe.sources[name]
    made = registry.resolve("sources", choice.source)
    roots = recipe.data.roots
    for needed in (name, *made.needs):
        if needed not in roots:
            remedy = f"Give data.roots.{needed}=FOLDER"
            raise RecipeError(f"source {name!r} has no root {needed!r}", remedy=remedy)
    if unknown := choice.options.keys() - signature(made).parameters.keys():
        known = sorted(signature(made).parameters.keys() - {"root", *made.needs, *made.uses})
        remedy = f"Known: {', '.join(known)}" if known else "It has none"
        raise RecipeError(f"source {name!r} has no option {min(unknown)!r}", remedy=remedy)
    others = {other: roots[other] for other in (*made.needs, *made.uses) if other in roots}
    source: Source = made(roots[name], **others, **choice.options)
    return source
