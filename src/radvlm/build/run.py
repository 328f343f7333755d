"""``radvlm build``: sources → studies → examples, with a manifest of what went in and what not.

Writes ``studies.parquet``, ``examples-{train,validate,test}.parquet``, ``manifest.json`` and
``recipe.json`` into ``out``, whole or not at all. No pixel is decoded; images are referred to.
"""

from __future__ import annotations

import dataclasses
import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, get_args

from radvlm import __version__, registry
from radvlm import recipe as recipes
from radvlm.build.leakage import assert_no_leak
from radvlm.build.merge import merge
from radvlm.build.recipe import BuildRecipe, TaskChoice
from radvlm.errors import RecipeError
from radvlm.io.egress import strictest
from radvlm.io.files import atomic_folder, sha256_of, write_json
from radvlm.io.tables import write_examples, write_studies
from radvlm.protocols import Quarantined, Source, Task
from radvlm.records import Example, Split, Study

Progress = Callable[..., None]


def build(recipe: BuildRecipe, progress: Progress | None = None) -> dict[str, Any]:
    """Build the data set and return its manifest.

    Raises:
        LeakageError: a patient would be on both sides of a split.
        RecipeError: a source has no root.
    """
    sources = {name: _source(recipe, name) for name in recipe.sources}
    found = [study for source in sources.values() for study in _read(source, recipe.limit)]
    studies = merge(found)
    patients = assert_no_leak(studies)
    examples = _ask_all(studies, recipe, progress)
    quarantine = [item for source in sources.values() for item in source.quarantine]
    with atomic_folder(recipe.out, replace=True) as aside:
        write_studies(aside / "studies.parquet", studies)
        for split in get_args(Split):
            kept = (e for e in examples if e.split == split)
            write_examples(aside / f"examples-{split}.parquet", kept)
        manifest = _manifest(recipe, studies, examples, quarantine)
        manifest["patients"] = patients
        manifest["files"] = {p.name: sha256_of(p) for p in sorted(aside.glob("*.parquet"))}
        write_json(aside / "manifest.json", manifest)
        write_json(aside / "recipe.json", recipes.dump(recipe))
    return manifest


def example_id(example: Example, repeat: int, ordinal: int, seed: int) -> str:
    """Hash of task, source, view ids, repeat (with the ordinal within it) and seed."""
    views = ",".join(view.id for view in example.views)
    key = f"{example.task}|{example.source}|{example.family}|{views}|{repeat}.{ordinal}|{seed}"
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def ask(study: Study, task: Task, repeats: int, seed: int) -> Iterator[Example]:
    """The examples of one study for one task; the same for the same seed, alone or in a run."""
    for repeat in range(repeats):
        rng = random.Random(f"{seed}|{task.name}|{study.family}|{study.id}|{repeat}")
        for ordinal, example in enumerate(task.ask(study, rng)):
            yield dataclasses.replace(example, id=example_id(example, repeat, ordinal, seed))


def incomplete(manifest: dict[str, Any], recipe: BuildRecipe) -> bool:
    """Whether more records were quarantined than the recipe tolerates."""
    lost: int = len(manifest["quarantine"])
    read: int = manifest["studies"]
    return lost > recipe.tolerance * (lost + read)


def _source(recipe: BuildRecipe, name: str) -> Source:
    choice = recipe.sources[name]
    root = recipe.data.roots.get(name)
    if root is None:
        raise RecipeError(f"source {name!r} has no root", remedy=f"Give data.roots.{name}=FOLDER")
    source: Source = registry.resolve("sources", choice.source)(root, **choice.options)
    return source


def _read(source: Source, limit: int | None) -> Iterator[Study]:
    return islice(source.studies(), limit)


def _task(name: str, choice: TaskChoice) -> Task:
    task: Task = registry.resolve("tasks", name)(**choice.options)
    return task


def _ask_all(
    studies: Sequence[Study], recipe: BuildRecipe, progress: Progress | None
) -> list[Example]:
    tasks = [(_task(name, choice), choice.repeat) for name, choice in recipe.tasks.items()]
    examples: list[Example] = []
    for done, study in enumerate(studies, 1):
        if study.split is not None:
            for task, repeats in tasks:
                examples += ask(study, task, repeats, recipe.seed)
        if progress:
            progress(done, len(studies), note=f"{len(examples)} examples")
    return examples


def _manifest(
    recipe: BuildRecipe,
    studies: Sequence[Study],
    examples: Sequence[Example],
    quarantine: Sequence[Quarantined],
) -> dict[str, Any]:
    table = Counter((e.task, e.split, e.source) for e in examples)
    rows = [
        {"task": task, "split": split, "source": source, "examples": n}
        for (task, split, source), n in sorted(table.items())
    ]
    return {
        "schema_version": 1,
        "radvlm": __version__,
        "recipe": recipes.digest(recipe),
        "seed": recipe.seed,
        "access": strictest(study.access for study in studies),
        "studies": len(studies),
        "studies_without_split": sum(study.split is None for study in studies),
        "studies_with_patient_unknown": sum(study.patient is None for study in studies),
        "examples": rows,
        "quarantine": [dataclasses.asdict(item) for item in quarantine],
    }
