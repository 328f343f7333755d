"""``radvlm build``: sources → studies → examples, with a manifest of what went in and what not.

Writes shards of studies and examples (``io.dataset``), ``manifest.json``, ``recipe.json``,
``quarantine.jsonl`` and ``README.md`` (the data set's card) into ``out``, whole or not at all. No
pixel is decoded unless the recipe converts or compares the images, which are referred to. The files
are the same bytes for any number of workers.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import orjson

from radvlm import recipe as recipes
from radvlm.build.caps import apply_caps, drop_examples
from radvlm.build.card import card_of
from radvlm.build.copies import PAIRS, find_copies
from radvlm.build.exports import export
from radvlm.build.images import with_images
from radvlm.build.leakage import assert_no_leak
from radvlm.build.manifest import manifest_of
from radvlm.build.part import Job, open_sources, run_job
from radvlm.build.plan import Plan, plan_of
from radvlm.build.recipe import BuildRecipe
from radvlm.build.tally import Tally
from radvlm.codecs import CODECS
from radvlm.errors import RecipeError
from radvlm.io.dataset import MANIFEST
from radvlm.io.files import atomic_folder, sha256_of, write_json
from radvlm.io.progress import Bar
from radvlm.protocols import Source
from radvlm.runtime.shards import cores, map_shards

CODEC = "radvlm_01"
"""How exports write the coordinates of boxes that are text there."""

_LOOK_EVERY = 0.5
"""Seconds between two looks at how far the parts have come."""


def build(recipe: BuildRecipe, progress: Bar | None = None) -> dict[str, Any]:
    """Build the data set and return its manifest.

    Raises:
        LeakageError: a patient, or a picture, would be on both sides of a split, and the recipe
            forbids it.
        RecipeError: a source has no root, or rows wait for curated text.
    """
    sources = open_sources(recipe)
    withheld = _withheld(sources.values())
    reads, lost = with_images(recipe, progress) if recipe.images else (recipe, [])
    with atomic_folder(recipe.out, replace=True) as aside:
        tally = _count(reads, withheld, aside, progress)
        tally.quarantine += lost
        surplus = apply_caps(tally, recipe.tasks)
        planned = plan_of(tally, recipe)
        if planned.waiting and not recipe.partial:
            _refuse(planned.waiting, recipe)
        for path in sorted(aside.glob("examples-*.parquet")) if surplus else ():
            drop_examples(path, surplus)
        copies = find_copies(recipe, aside, tally, progress)
        manifest = manifest_of(recipe, sources, tally, planned, copies)
        _write_quarantine(aside / "quarantine.jsonl", tally)
        if manifest["access"] != "open":
            manifest["sensitive"] = _close(aside)
        manifest["files"] = {p.name: sha256_of(p) for p in sorted(aside.glob("*.parquet"))}
        (aside / "README.md").write_text(card_of(manifest), encoding="utf-8")
        write_json(aside / "recipe.json", recipes.dump(recipe))
        write_json(aside / MANIFEST, manifest)
        for form in recipe.exports:
            export(aside, aside / "exports" / form, form, CODECS[CODEC])
    return manifest


def plan(recipe: BuildRecipe, progress: Bar | None = None) -> Plan:
    """What a build would hold, row by row, beside the published numbers; writes nothing."""
    withheld = _withheld(open_sources(recipe).values())
    tally = _count(recipe, withheld, None, progress)
    apply_caps(tally, recipe.tasks)
    return plan_of(tally, recipe)


def incomplete(manifest: dict[str, Any], recipe: BuildRecipe) -> bool:
    """Whether more records were quarantined than the recipe tolerates."""
    lost: int = manifest["quarantined"]
    read: int = manifest["studies"]
    return lost > recipe.tolerance * (lost + read)


def _withheld(sources: Iterable[Source]) -> frozenset[tuple[str, str | None]]:
    return frozenset((s.family, patient) for s in sources for patient in s.withheld())


def _count(
    recipe: BuildRecipe,
    withheld: frozenset[tuple[str, str | None]],
    folder: Path | None,
    progress: Bar | None,
) -> Tally:
    """Run all parts and join what they counted."""
    workers = 1 if recipe.limit else min(recipe.workers or cores(), recipe.shards)
    with tempfile.TemporaryDirectory() as beacons:
        jobs = [
            Job(
                recipe,
                frozenset(range(number, recipe.shards, workers)),
                folder,
                withheld,
                Path(beacons) / str(number),
            )
            for number in range(workers)
        ]
        tally = Tally()
        with _shown(Path(beacons), progress):
            for _, part in map_shards(run_job, jobs, workers=workers):
                tally.add(part)
    if recipe.leak == "fail":
        assert_no_leak(tally.views_of_unknown)
    tally.quarantine.sort(key=dataclasses.astuple)
    return tally


@contextmanager
def _shown(beacons: Path, progress: Bar | None) -> Iterator[None]:
    """Tell ``progress`` now and then how many studies the parts have read; no total is known."""
    if progress is None:
        yield
        return
    ended = Event()

    def look() -> None:
        while not ended.wait(_LOOK_EVERY):
            read = sum(int(p.read_text() or 0) for p in beacons.iterdir())
            progress(read, 0, note="studies")

    watcher = Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _refuse(waiting: Sequence[str], recipe: BuildRecipe) -> None:
    first = waiting[0]
    raise RecipeError(
        f"{len(waiting)} rows wait for curated text: {', '.join(waiting)}",
        recipe.name,
        f"Run `radvlm curate {recipe.tasks[first].curated}` first, or build the rest with "
        "partial=true",
    )


def _write_quarantine(path: Path, tally: Tally) -> None:
    lines = (orjson.dumps(dataclasses.asdict(item)) + b"\n" for item in tally.quarantine)
    path.write_bytes(b"".join(lines))


def _close(folder: Path) -> list[str]:
    """Make the tables readable by their owner alone, and name them."""
    tables = sorted([*folder.glob("*.parquet"), *folder.glob(PAIRS)])
    for path in tables:
        path.chmod(0o600)
    return [path.name for path in tables]
