"""``convert``: every image of some studies as 8-bit grey of a bounded size, on all cores.

In: a table of studies or a built data set. Out, in a folder of its own:

    images/<family>/<two digits>/<view>-<hash>.png   as a viewer shows it, the aspect kept
    studies.parquet     the same studies, their views' paths relative to the folder
    manifest.json       what was converted and what could not be; there when all is done
    shards/  options.json                            what a rerun needs to go on

The published system squeezes VinDr-CXR into squares and leaves MONOCHROME1 inverted; here boxes,
being fractions, stay right because both sides shrink alike. The files are the same bytes for any
number of workers and however often a run was killed.
"""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from radvlm import __version__
from radvlm.errors import InputError, OutputError, RecordError
from radvlm.io.dataset import studies_of
from radvlm.io.egress import strictest
from radvlm.io.files import (
    atomic_path,
    check_writable,
    confined,
    read_json,
    sha256_of,
    write_json,
)
from radvlm.io.image import read_image
from radvlm.io.progress import Bar
from radvlm.io.tables import TableWriter, read_studies
from radvlm.protocols import Pixels, Quarantined
from radvlm.records import Study, View
from radvlm.runtime.memory import keep_freed_memory
from radvlm.runtime.shards import Engine, map_shards

Format = Literal["png", "jpeg"]

SHARD = 64
"""Views a shard: some seconds of work, which is what a killed run loses a worker."""

STUDIES, MANIFEST, OPTIONS = "studies.parquet", "manifest.json", "options.json"
_ELSEWHERE = "Choose another place"
_SUFFIXES: dict[Format, str] = {"png": ".png", "jpeg": ".jpg"}
_UNFINISHED = re.compile(r"\.[0-9a-f]{12}\.(png|jpg|json|parquet|probe)")
"""Temporary names of ``io.files``, which only a killed run leaves behind."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Options:
    """What the images of one folder have in common; the version is that of this module's bytes."""

    size: int | None
    format: Format
    version: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class _Shard:
    """Some views: where each is written below the folder, and its file as the table names it."""

    number: int
    images: tuple[tuple[str, str], ...]


def convert(
    studies: Path,
    out: Path,
    *,
    size: int | None = None,
    format: Format = "png",
    workers: int | None = None,
    engine: Engine = "local",
    progress: Bar | None = None,
) -> dict[str, Any]:
    """Convert the images of all views, going on where an earlier run was ended.

    A view whose image cannot be read is left out of its study, with what was said of it there; a
    study that loses all its views is left out. Both stand in the manifest.

    Args:
        studies: ``studies.parquet``, or the folder of a built data set.
        out: a folder that is empty, or was begun with the same options.
        size: longest side in pixels; smaller images, and all where none is given, keep theirs.
        format: ``png``, or ``jpeg`` of quality 95.
        workers: as for ``map_shards``.
        engine: as for ``map_shards``.
        progress: told how many views of how many are done.

    Returns:
        The manifest: ``views`` asked for, ``converted``, ``studies`` written, ``quarantine``, and
        the ``access`` class, which the images inherit.

    Raises:
        InputError: the size is not positive, or the table cannot be read.
        OutputError: the folder holds something else, is in use, or cannot be written.
        RecordError: two records give one view different files.
    """
    if size is not None and size < 1:
        raise InputError(f"images cannot be {size} pixels large", "size", "Give a positive number")
    options, out, base = _Options(size, format), out.resolve(), _folder_of(studies)
    with _claimed(out, options, base):
        images = _images(studies, options)
        pairs = list(images.items())
        starts = range(0, len(pairs), SHARD)
        shards = [_Shard(n, tuple(pairs[at : at + SHARD])) for n, at in enumerate(starts)]
        damaged: dict[str, str] = {}
        done = 0
        run = partial(_convert_shard, out, base, options)
        for index, found in map_shards(run, shards, workers=workers, engine=engine):
            damaged |= found
            done += len(shards[index].images)
            if progress:
                progress(done, len(images), note=f"{len(damaged)} damaged")
        return _write_tables(studies, out, options, images, damaged)


def _folder_of(studies: Path) -> Path:
    """What relative paths of the table start from."""
    return (studies if studies.is_dir() else studies.parent).resolve()


def _read(studies: Path) -> Iterator[Study]:
    return studies_of(studies) if studies.is_dir() else read_studies(studies)


@contextmanager
def _claimed(out: Path, options: _Options, base: Path) -> Iterator[None]:
    """The folder for this run alone, without what a killed one left under temporary names.

    Raises:
        OutputError: it is the input's, in use, made with other options, or not ours.
    """
    if out == base:
        raise OutputError("is the folder of the studies themselves", out, _ELSEWHERE)
    check_writable(out)
    claim = out / OPTIONS
    if not claim.exists():
        if not all(_UNFINISHED.fullmatch(path.name) for path in out.iterdir()):
            raise OutputError("exists and is not empty", out, _ELSEWHERE)
        write_json(claim, dataclasses.asdict(options))
    if read_json(claim) != dataclasses.asdict(options):
        raise OutputError("holds images converted with other options", out, _ELSEWHERE)
    with claim.open("r+b") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError("another run writes here", out, "Wait for its end") from error
        (out / MANIFEST).unlink(missing_ok=True)
        _sweep(out)
        yield


def _sweep(out: Path) -> None:
    for folder, _, names in os.walk(out):
        for name in filter(_UNFINISHED.fullmatch, names):
            os.unlink(os.path.join(folder, name))


def _images(studies: Path, options: _Options) -> dict[str, str]:
    """Where each view is written → its file as the table names it, in the order of the table."""
    images: dict[str, str] = {}
    for study in _read(studies):
        for view in study.views:
            known = images.setdefault(_target(study, view, options), view.path)
            if known != view.path:
                where = f"{study.family} study {study.id}"
                raise RecordError(f"view {view.id} has two different files", where)
    return images


def _target(study: Study, view: View, options: _Options) -> str:
    """A path made of safe characters and unlike that of any other view."""
    key = json.dumps([study.family, study.id, view.id])
    digest = hashlib.sha256(key.encode()).hexdigest()
    name = f"{_plain(view.id)}-{digest[:16]}{_SUFFIXES[options.format]}"
    return f"images/{_plain(study.family)}/{digest[:2]}/{name}"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)[:80] or "_"


def _convert_shard(out: Path, base: Path, options: _Options, shard: _Shard) -> dict[str, str]:
    """Convert the shard unless that was done before; the targets that failed, and why."""
    record = out / "shards" / f"{shard.number:05d}.json"
    inputs = _digest(base, options, shard)
    if record.exists():
        known = read_json(record)
        wanted = (out / target for target, _ in shard.images if target not in known["damaged"])
        if known["inputs"] == inputs and all(path.exists() for path in wanted):
            earlier: dict[str, str] = known["damaged"]
            return earlier
    keep_freed_memory()
    damaged: dict[str, str] = {}
    for target, path in shard.images:
        try:
            pixels = read_image(_locate(base, path))
        except InputError as error:
            damaged[target] = error.what
            (out / target).unlink(missing_ok=True)
        else:
            _write(pixels, out / target, options)
    write_json(record, {"inputs": inputs, "damaged": damaged})
    return damaged


def _locate(base: Path, path: str) -> Path:
    """The file a table names; a relative one stays below the table's folder."""
    if not path:
        raise InputError("the view has no image")
    return Path(path) if os.path.isabs(path) else confined(base, path)


def _digest(base: Path, options: _Options, shard: _Shard) -> str:
    """Hash of all that decides what the shard's files hold: options, paths, sizes and times."""
    said: list[Any] = [dataclasses.astuple(options)]
    for target, path in shard.images:
        try:
            found = os.stat(base / path)
            said.append([target, path, found.st_size, found.st_mtime_ns])
        except (OSError, ValueError):
            said.append([target, path, None])
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _write(pixels: Pixels, target: Path, options: _Options) -> None:
    image = Image.fromarray(pixels)
    longest = max(image.size)
    if options.size is not None and longest > options.size:
        width, height = (max(1, round(side * options.size / longest)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    with atomic_path(target) as aside:
        if options.format == "png":
            image.save(aside, "PNG", compress_level=2)
        else:
            image.save(aside, "JPEG", quality=95)


def _write_tables(
    studies: Path,
    out: Path,
    options: _Options,
    images: Mapping[str, str],
    damaged: Mapping[str, str],
) -> dict[str, Any]:
    """``studies.parquet`` and the manifest, which is returned."""
    access = strictest(study.access for study in _read(studies))
    quarantine: dict[str, Quarantined] = {}
    lost = 0
    table_path = out / STUDIES
    with (
        atomic_path(table_path, private=access != "open") as aside,
        TableWriter(aside, "studies") as table,
    ):
        for study in _read(studies):
            targets = {view.id: _target(study, view, options) for view in study.views}
            for view in study.views:
                if reason := damaged.get(targets[view.id]):
                    source = "+".join(study.sources)
                    quarantine[targets[view.id]] = Quarantined(source, view.path, reason)
            kept = {name: target for name, target in targets.items() if target not in damaged}
            if kept or not study.views:
                table.add(_with_views(study, kept))
            else:
                lost += 1
        written = table.count
    manifest = {
        "schema_version": 1,
        "radvlm": __version__,
        "options": dataclasses.asdict(options),
        "access": access,
        "studies": written,
        "studies_lost": lost,
        "views": len(images),
        "converted": len(images) - len(damaged),
        "quarantine": [dataclasses.asdict(item) for item in quarantine.values()],
        "sensitive": [STUDIES] if access != "open" else [],
        "files": {STUDIES: sha256_of(table_path)},
    }
    write_json(out / MANIFEST, manifest)
    return manifest


def _with_views(study: Study, paths: Mapping[str, str]) -> Study:
    """The study with these views alone, at their new places, and what was said of them."""
    views = (dataclasses.replace(v, path=paths[v.id]) for v in study.views if v.id in paths)
    said = {*paths, None}
    return dataclasses.replace(
        study,
        views=tuple(views),
        findings=tuple(f for f in study.findings if f.view in said),
        regions=tuple(r for r in study.regions if r.view in said),
        dialogues=tuple(d for d in study.dialogues if d.view in said),
    )
