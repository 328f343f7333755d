"""A build on converted images: the studies are joined first, their images converted, then asked.

Writes into the recipe's ``images.out``: ``joined/studies.parquet`` (what all sources say) and
``converted/`` (``build.convert``). Damaged images are found here and not in training.
"""

from __future__ import annotations

from radvlm.build.convert import convert
from radvlm.build.merge import merge
from radvlm.build.part import open_sources, read_source
from radvlm.build.recipe import BuildRecipe, Roots, SourceChoice
from radvlm.io.egress import strictest
from radvlm.io.files import write_json
from radvlm.io.progress import Bar
from radvlm.io.tables import write_studies
from radvlm.protocols import Quarantined

_NAME = "converted"


def with_images(
    recipe: BuildRecipe, progress: Bar | None = None
) -> tuple[BuildRecipe, list[Quarantined]]:
    """The recipe that reads the converted studies instead, and what was lost on the way."""
    choice = recipe.images
    assert choice is not None  # the caller asks only where images are to be converted
    sources = open_sources(recipe)
    joined, converted = choice.out / "joined", choice.out / _NAME
    streams = (read_source(recipe, name, source) for name, source in sources.items())
    write_studies(joined / "studies.parquet", merge(*streams))
    access = strictest(source.access for source in sources.values())
    write_json(joined / "manifest.json", {"access": access})
    manifest = convert(
        joined / "studies.parquet",
        converted,
        size=choice.size,
        format=choice.format,
        workers=recipe.workers,
        engine=choice.engine,
        progress=progress,
    )
    lost = [item for source in sources.values() for item in source.quarantine]
    lost += [Quarantined(**item) for item in manifest["quarantine"]]
    changes = {
        "data": Roots(roots={_NAME: converted}),
        "sources": {_NAME: SourceChoice(source="studies_table")},
    }
    return recipe.model_copy(update=changes), lost
