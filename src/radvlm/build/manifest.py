"""``manifest.json``: what a data set holds, where it came from, and what is not in it."""

from __future__ import annotations

import dataclasses
import platform
from collections import Counter
from collections.abc import Mapping
from typing import Any

from radvlm import __version__
from radvlm import recipe as recipes
from radvlm.build.plan import Plan
from radvlm.build.recipe import SPLITS, BuildRecipe
from radvlm.build.tally import Tally, content_hash
from radvlm.io.egress import strictest
from radvlm.protocols import Source
from radvlm.sources.curated import CuratedSource

SCHEMA_VERSION = 2


def manifest_of(
    recipe: BuildRecipe,
    sources: Mapping[str, Source],
    tally: Tally,
    plan: Plan,
    copies: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Plain values; ``files`` and ``sensitive`` are added when the files are there.

    ``copies`` is what ``build.copies`` found, none where nobody looked.
    """
    per_split: Counter[str] = Counter()
    for (_, _, split, _), count in tally.examples.items():
        per_split[split] += count
    return {
        "schema_version": SCHEMA_VERSION,
        "radvlm": __version__,
        "python": platform.python_version(),
        "mixture": f"{recipe.name}-partial" if plan.waiting else recipe.name,
        "waiting": plan.waiting,
        "recipe": recipes.digest(recipe),
        "seed": recipe.seed,
        "access": strictest(source.access for source in sources.values()),
        "sources": [
            {
                "name": name,
                "family": source.family,
                "access": source.access,
                "licence": source.licence,
                "citation": source.citation,
                "studies": tally.by_source[name],
            }
            for name, source in sources.items()
        ],
        "studies": tally.studies,
        "studies_by_source": dict(sorted(tally.by_source.items())),
        "studies_without_split": tally.facts["without_split"],
        "studies_with_patient_unknown": tally.facts["patient_unknown"],
        "studies_withheld": tally.facts["withheld"],
        "patients": {split: tally.patients[split] for split in SPLITS},
        "examples": [
            {"row": row, "task": task, "split": split, "source": source, "examples": n}
            for (row, task, split, source), n in sorted(tally.examples.items())
        ],
        "content": {
            split: content_hash(tally.content[split], per_split[split])
            for split in SPLITS
            if per_split[split]
        },
        "written_by": _writers(sources),
        "plan": [dataclasses.asdict(row) for row in plan.rows],
        "leak": _leak(recipe, tally, copies),
        "quarantined": len(tally.quarantine),
        "quarantine": [
            {"source": source, "reason": reason, "records": n}
            for (source, reason), n in sorted(
                Counter((item.source, item.reason) for item in tally.quarantine).items()
            )
        ],
    }


def _leak(recipe: BuildRecipe, tally: Tally, copies: Mapping[str, Any] | None) -> dict[str, Any]:
    """Who and what is on both sides of a split."""
    return {
        "rule": recipe.leak,
        "patients_in_several_splits": dict(sorted(tally.overlap.items())),
        "studies_dropped": tally.facts["leak_dropped"],
        "contaminated_test_examples": tally.contaminated,
        "copies": copies,
    }


def _writers(sources: Mapping[str, Source]) -> list[dict[str, Any]]:
    """Who wrote the curated text of the mixture."""
    curated = [source for source in sources.values() if isinstance(source, CuratedSource)]
    return [said for source in curated for said in source.written_by()]
