"""``radvlm curate``: studies → edited reports or conversations, in the layout of a data set.

Writes shards of studies that hold nothing but what was written (read back by ``sources.curated``),
a JSON with its counts beside each, and ``manifest.json`` last: without it the folder is unfinished.
Run again, finished shards stay; of the others, what a language model has answered is in
``calls.sqlite`` and is not asked again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from hashlib import sha256
from typing import Any

from radvlm import __version__
from radvlm import recipe as recipes
from radvlm.build.merge import merge
from radvlm.build.part import open_sources, read_source
from radvlm.curate.recipe import CurateRecipe
from radvlm.curate.writers import make_writer
from radvlm.curate.writing import Count, Writer
from radvlm.errors import OutputError, RecipeError
from radvlm.io.dataset import MANIFEST, STUDIES, shard_name
from radvlm.io.egress import strictest
from radvlm.io.files import check_writable, read_json, sha256_of, write_json
from radvlm.io.progress import Bar
from radvlm.io.tables import write_studies
from radvlm.llm.budget import Estimate
from radvlm.llm.client import Client
from radvlm.llm.store import CallStore
from radvlm.protocols import Slice, study_key
from radvlm.records import Access, Study
from radvlm.runtime.shards import map_shards

CALLS = "calls.sqlite"
RECIPE = "recipe.json"


def curate(recipe: CurateRecipe, progress: Bar | None = None) -> dict[str, Any]:
    """Write what is not written yet and return the manifest.

    Raises:
        OutputError: the folder holds what another recipe wrote.
        EgressError: the studies may not go to an endpoint.
        RecipeError: a source has no root, or ``only`` names none of them.
    """
    if recipe.only and recipe.only not in recipe.sources:
        raise RecipeError(f"only names no source {recipe.only!r}", recipe.name)
    access = strictest(source.access for source in open_sources(recipe.reading()).values())
    _claim(recipe)
    (recipe.out / MANIFEST).unlink(missing_ok=True)
    total = Count()
    for counted in _shards(recipe, access, progress):
        total.join(counted)
    manifest = _manifest(recipe, access, total)
    write_json(recipe.out / MANIFEST, manifest)
    return manifest


def estimate(recipe: CurateRecipe) -> Estimate | None:
    """What would be sent, without sending anything; none for the rules."""
    if recipe.llm is None or recipe.editor == "rules":
        return None
    access = strictest(source.access for source in open_sources(recipe.reading()).values())
    with (
        CallStore(recipe.out / CALLS) as store,
        Client(recipe.llm, store, access) as client,
    ):
        writer = make_writer(recipe, client)
        found = [writer.estimate(chosen(recipe, index)) for index in range(recipe.shards)]
    parts = [one for one in found if one]
    return Estimate(
        *(
            sum(getattr(one, name) for one in parts)
            for name in ("requests", "stored", "tokens_input", "tokens_output", "money")
        )
    )


def incomplete(manifest: dict[str, Any], recipe: CurateRecipe) -> bool:
    """Whether more studies failed than the recipe tolerates."""
    failed: int = sum(manifest["failures"].values())
    read: int = manifest["studies"]
    return failed > recipe.tolerance * max(read, 1)


def chosen(recipe: CurateRecipe, index: int) -> Iterator[Study]:
    """The studies of a shard that the recipe asks for, joined over its sources, in order."""
    reading = recipe.reading()
    part = Slice(frozenset({index}), recipe.shards)
    streams = (
        read_source(reading, name, source, part) for name, source in open_sources(reading).items()
    )
    for study in merge(*streams):
        asked = recipe.only is None or recipe.only in study.sources
        if asked and study.split in recipe.splits and _drawn(study) < recipe.share:
            yield study


def _drawn(study: Study) -> float:
    """A number from 0 to 1 that depends on the study alone."""
    said = f"{study.family}|{study.id}".encode()
    return int.from_bytes(sha256(said).digest()[:8]) / 2**64


def _claim(recipe: CurateRecipe) -> None:
    check_writable(recipe.out)
    said = {"digest": recipes.digest(recipe), "recipe": recipes.dump(recipe)}
    claim = recipe.out / RECIPE
    if claim.exists() and read_json(claim).get("digest") != said["digest"]:
        raise OutputError("holds what another recipe wrote", recipe.out, "Choose another out")
    write_json(claim, said)


def _shards(recipe: CurateRecipe, access: Access, progress: Bar | None) -> Iterator[Count]:
    """The counts of each shard: in several processes by rules, one after the other by a model."""
    if recipe.editor == "rules":
        run = partial(_by_rules, recipe)
        indices = range(recipe.shards)
        for done, (_, counted) in enumerate(
            map_shards(run, indices, workers=recipe.workers), start=1
        ):
            if progress:
                progress(done, recipe.shards, note="shards")
            yield counted
        return
    assert recipe.llm is not None
    with ExitStack() as stack:
        store = stack.enter_context(CallStore(recipe.out / CALLS))
        client = stack.enter_context(Client(recipe.llm, store, access))
        writer = make_writer(recipe, client)
        for index in range(recipe.shards):
            yield _shard(recipe, writer, index, partial(_tell, client, progress))


def _by_rules(recipe: CurateRecipe, index: int) -> Count:
    return _shard(recipe, make_writer(recipe, None), index, None)


def _tell(client: Client, progress: Bar | None) -> None:
    if progress:
        progress(client.meter.done, 0, note=client.meter.note())


def _shard(recipe: CurateRecipe, writer: Writer, index: int, tell: Any) -> Count:
    """Write one shard and its counts, unless an earlier run has."""
    path = recipe.out / shard_name(STUDIES, index, recipe.shards)
    record = path.with_suffix(".json")
    if path.exists() and record.exists():
        return Count.from_plain(read_json(record))
    counted = Count()
    studies = sorted(_bare(recipe, writer, index, counted, tell), key=study_key)
    counted.written = write_studies(path, studies)
    if any(study.access != "open" for study in studies):
        path.chmod(0o600)
    write_json(record, counted.as_plain())
    return counted


def _bare(
    recipe: CurateRecipe, writer: Writer, index: int, counted: Count, tell: Any
) -> Iterable[Study]:
    for written in writer.write(chosen(recipe, index)):
        counted.add(written)
        if tell:
            tell()
        if bare := written.bare(recipe.carry):
            yield bare


def _manifest(recipe: CurateRecipe, access: Access, total: Count) -> dict[str, Any]:
    writer = make_writer(recipe, None)
    shards = sorted(recipe.out.glob(f"{STUDIES}-*.parquet"))
    closed = [path.name for path in shards] if access != "open" else []
    calls = [CALLS] if (recipe.out / CALLS).exists() else []
    llm = recipe.llm if recipe.editor == "llm" else None
    return {
        "schema_version": 1,
        "kind": "curated",
        "radvlm": __version__,
        "name": recipe.name,
        "write": recipe.write,
        "recipe": recipes.digest(recipe),
        "written_by": [
            {"editor": writer.editor, "model": writer.model, "digest": writer.digest},
            *_earlier(recipe),
        ],
        "access": access,
        **total.as_plain(),
        "endpoints": [one.url for one in llm.endpoints] if llm else [],
        "agreement": llm.agreement.model_dump(mode="json") if llm and llm.agreement else None,
        "sensitive": closed + calls,
        "files": {path.name: sha256_of(path) for path in shards},
    }


def _earlier(recipe: CurateRecipe) -> list[dict[str, Any]]:
    """Who wrote what was carried over from earlier curations."""
    found = []
    for name, choice in recipe.sources.items():
        if choice.source == "curated" and recipe.carry:
            found += read_json(recipe.data.roots[name] / MANIFEST).get("written_by", [])
    return found
