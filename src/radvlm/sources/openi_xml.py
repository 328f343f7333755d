"""The reports of Open-i's Indiana collection as XML, in the archive or unpacked.

In: ``NLMCXR_reports.tgz`` or its folder ``ecgen-radiology``. Out: sections, MeSH terms and images
of a report. Sizes are bounded before memory is taken, only regular members are read, nothing is
unpacked to the disk, and a report that declares a document type (the only place where XML can
declare entities) is refused.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from radvlm.errors import InputError, RecordError, TableError
from radvlm.records import Projection
from radvlm.sources.release import Below

ARCHIVE = "NLMCXR_reports.tgz"
FOLDERS = ("ecgen-radiology", "NLMCXR_reports/ecgen-radiology")
SECTIONS = frozenset({"comparison", "indication", "findings", "impression"})

MAX_REPORT = 1 << 20
"""Bytes of one report; the largest real one has 9,000."""

MAX_ARCHIVE = 1 << 28
"""Bytes of the unpacked archive; the real one has 31 million."""

_ONE_PROJECTION = re.compile(r"\b(AP|PA)\b")
_SEVERAL_VIEWS = re.compile(r"\blat|\band\b|\bviews\b|\btwo\b|\b[2-9](?:v|\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Report:
    """One report: texts by section, and its images as (name, projection)."""

    texts: Mapping[str, str]
    images: tuple[tuple[str, Projection], ...]


def find_reports(root: Path) -> Path | None:
    """The unpacked folder or the archive below the root, none where neither is there."""
    folders = (root / name for name in FOLDERS if (root / name).is_dir())
    archive = root / ARCHIVE
    return next(folders, archive if archive.is_file() else None)


def report_files(path: Path) -> dict[str, Callable[[], bytes]]:
    """The reports by their number (the file's name); each is read when it is called.

    Raises:
        TableError: the archive is damaged, or larger than ``MAX_ARCHIVE``.
    """
    found = _in_archive(path) if path.is_file() else _in_folder(path)
    return {PurePosixPath(name).stem: read for name, read in found.items()}


def parse_report(number: str, data: bytes) -> Report:
    """The report of a file.

    Raises:
        RecordError: it is too large, no XML, declares a document type, or is another report.
    """
    if len(data) > MAX_REPORT:
        raise RecordError("the report is larger than 1 MiB")
    try:
        text = data.decode("utf-8")
        if "<!DOCTYPE" in text:
            raise RecordError("the report declares a document type, which is refused")
        tree = ElementTree.fromstring(text)
    except (UnicodeDecodeError, ElementTree.ParseError) as error:
        raise RecordError("the report is no XML") from error
    said = tree.find("uId")
    if said is None or said.get("id") != f"CXR{number}":
        raise RecordError("the report's number is not that of its file")
    images = (
        (image.get("id", ""), projection_of(even(image.findtext("caption", ""))))
        for image in tree.iterfind("parentImage")
    )
    return Report(_texts(tree), tuple(images))


def projection_of(caption: str) -> Projection:
    """The projection a caption tells: only where it names one and speaks of a single view.

    A caption is that of the examination ("PA and lateral"), and words that could identify the
    patient, often PA among them, are replaced by XXXX.
    """
    named = set(_ONE_PROJECTION.findall(caption))
    if len(named) != 1 or _SEVERAL_VIEWS.search(caption):
        return "UNKNOWN"
    return "AP" if "AP" in named else "PA"


def even(text: str) -> str:
    """The text with its white space evened out."""
    return " ".join(text.split())


def _texts(tree: ElementTree.Element) -> dict[str, str]:
    texts = {
        element.get("Label", "").lower(): even("".join(element.itertext()))
        for element in tree.iter("AbstractText")
    }
    texts = {section: text for section, text in texts.items() if section in SECTIONS}
    for name, kind in (("mesh", "major"), ("mesh_automatic", "automatic")):
        texts[name] = ";".join(even(term.text or "") for term in tree.iterfind(f"MeSH/{kind}"))
    return {section: text for section, text in texts.items() if text}


def _in_archive(path: Path) -> dict[str, Callable[[], bytes]]:
    try:
        with gzip.open(path) as stream:
            data = stream.read(MAX_ARCHIVE + 1)
        if len(data) > MAX_ARCHIVE:
            raise TableError("the archive unpacks to more than 256 MiB", path, "Check the file")
        archive = tarfile.TarFile(fileobj=io.BytesIO(data))
        members = archive.getmembers()
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise TableError("the archive is damaged", path, "Get the file anew") from error
    found = (member for member in members if member.name.endswith(".xml"))
    return {member.name: partial(_read_member, archive, member) for member in found}


def _read_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(member) if member.isreg() else None
    if stream is None:
        raise RecordError("the report is no regular file of the archive")
    return stream.read(MAX_REPORT + 1)


def _in_folder(folder: Path) -> dict[str, Callable[[], bytes]]:
    below = Below(folder)
    return {path.name: partial(_read_file, below, path.name) for path in folder.glob("*.xml")}


def _read_file(below: Below, name: str) -> bytes:
    try:
        with open(below.file(name), "rb") as stream:
            return stream.read(MAX_REPORT + 1)
    except OSError as error:
        raise InputError("the report cannot be read") from error
