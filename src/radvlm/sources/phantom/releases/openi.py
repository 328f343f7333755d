"""The simulated cohort as Open-i's Indiana collection is on disk, in both its forms.

``NLMCXR_reports.tgz`` with ``NLMCXR_png/``, and below ``kaggle/`` the twin with its two tables.
Each study becomes a patient of its own, as in the release. Reports from 900001 on are traps.
"""

from __future__ import annotations

import csv
import gzip
import io
import shutil
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from radvlm.io.files import atomic_folder
from radvlm.io.tables import read_studies
from radvlm.records import Study, View
from radvlm.sources.phantom.releases.ids import numbers
from radvlm.vocabulary import NO_FINDING

Traps = dict[str, list[str]]

NO_IMAGE, ENTITIES, DAMAGED, ANOTHER, LINK, LARGE, TWICE = range(900001, 900008)
OUTSIDE = "../../IM-0001-1001"

_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "lung lung"><!ENTITY b "&a;&a;&a;">]>'
    '<eCitation><uId id="CXR{}"/><AbstractText Label="FINDINGS">&b;</AbstractText></eCitation>'
)


def number_of(study: str) -> str:
    """The number a study of the cohort has in the release: ``p00012s2`` is 122."""
    patient, study_number, _ = numbers(study)
    return str(10 * patient + study_number)


def image_of(view: str) -> str:
    """What an image is called after its report's number: ``IM-0122-1001``."""
    return f"IM-{int(number_of(view)):04d}-{numbers(view)[2]}001"


def write(cohort: Path, out: Path) -> Traps:
    """Write both forms into the new folder ``out``; returns trap → names in the release.

    Raises:
        OutputError: ``out`` is not empty or cannot be written.
    """
    studies = list(read_studies(cohort / "studies.parquet"))
    traps: Traps = {
        "no_image": [f"CXR{NO_IMAGE}"],
        "entities": [f"CXR{ENTITIES}"],
        "damaged": [f"CXR{DAMAGED}"],
        "another_report": [f"CXR{ANOTHER}"],
        "link": [f"CXR{LINK}"],
        "too_large": [f"CXR{LARGE}"],
        "contradicting_rows": [f"CXR{TWICE}"],
        "listed_twice": [_nlm(view) for view in studies[1].views],
        "duplicated_row": [f"CXR{number_of(studies[1].id)}"],
        "missing_image": [f"CXR{number_of(studies[2].id)}_IM-0000-9001"],
        "missing_image_kaggle": [f"{number_of(studies[2].id)}_IM-0000-9001.dcm.png"],
        "escaping_image": [OUTSIDE],
        "no_findings": [f"CXR{number_of(studies[3].id)}"],
    }
    with atomic_folder(out) as aside:
        _write_archive(aside / "NLMCXR_reports.tgz", _reports(studies))
        _write_tables(aside / "kaggle", studies)
        for folder, name in (("NLMCXR_png", _nlm), ("kaggle/images/images_normalized", _kaggle)):
            (aside / folder).mkdir(parents=True)
            for view in (view for study in studies for view in study.views):
                target = aside / folder / name(view)
                shutil.copyfile(cohort / view.path, target.with_name(f"{target.name}.png"))
    return traps


def _nlm(view: View) -> str:
    return f"CXR{number_of(view.id)}_{image_of(view.id)}"


def _kaggle(view: View) -> str:
    return f"{number_of(view.id)}_{image_of(view.id)}.dcm"


def _sections(position: int, study: Study) -> dict[str, str]:
    """The report's sections in the release's order; the fourth study's has no findings."""
    return {
        "comparison": "None.",
        "indication": "XXXX-year-old with cough & fever > 38.",
        "findings": "" if position == 3 else study.texts["findings"],
        "impression": study.texts["impression"],
    }


def _terms(study: Study) -> list[str]:
    shown = [f.name for f in study.findings if f.status == "present" and f.name != NO_FINDING]
    return list(dict.fromkeys(shown)) or ["normal"]


def _reports(studies: Sequence[Study]) -> Iterator[tuple[str, bytes]]:
    """Name and content of every report of the archive."""
    for position, study in enumerate(studies):
        number = number_of(study.id)
        images = [_nlm(view) for view in study.views]
        if position == 1:
            images += images
        if position == 2:
            images += [f"CXR{number}_IM-0000-9001", OUTSIDE]
        projection = study.views[0].projection
        caption = f"{projection} chest" if len(study.views) == 1 else "Xray Chest PA and Lateral"
        yield number, _xml(number, _sections(position, study), _terms(study), images, caption)
    last = _sections(0, studies[0])
    yield str(NO_IMAGE), _xml(str(NO_IMAGE), last, ["normal"], [], "")
    yield str(ENTITIES), _BOMB.format(ENTITIES).encode()
    yield str(DAMAGED), _xml(str(DAMAGED), last, [], [], "")[:-30]
    yield str(ANOTHER), _xml(str(NO_IMAGE), last, [], [], "")
    yield str(LARGE), _xml(str(LARGE), {"findings": "x" * (1 << 20)}, [], [], "")


def _xml(
    number: str,
    sections: Mapping[str, str],
    terms: Sequence[str],
    images: Sequence[str],
    caption: str,
) -> bytes:
    root = ElementTree.Element("eCitation")
    ElementTree.SubElement(root, "uId", id=f"CXR{number}")
    citation = ElementTree.SubElement(root, "MedlineCitation", Owner="Simulated")
    abstract = ElementTree.SubElement(ElementTree.SubElement(citation, "Article"), "Abstract")
    for section, text in sections.items():
        element = ElementTree.SubElement(abstract, "AbstractText", Label=section.upper())
        # Line breaks as the release has them: they mean nothing.
        element.text = text.replace(". ", ".\n      ") or None
    mesh = ElementTree.SubElement(root, "MeSH")
    for term in terms:
        ElementTree.SubElement(mesh, "major").text = term
    for image in images:
        element = ElementTree.SubElement(root, "parentImage", id=image)
        ElementTree.SubElement(element, "caption").text = caption
    ElementTree.indent(root, "   ")
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root)


def _write_archive(path: Path, reports: Iterator[tuple[str, bytes]]) -> None:
    """The archive with a link among its members, and no time or owner in it."""
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        folder = tarfile.TarInfo("ecgen-radiology")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(folder)
        for number, content in reports:
            member = tarfile.TarInfo(f"ecgen-radiology/{number}.xml")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo(f"ecgen-radiology/{LINK}.xml")
        link.type, link.linkname = tarfile.SYMTYPE, "../../../etc/passwd"
        archive.addfile(link)


def _write_tables(folder: Path, studies: Sequence[Study]) -> None:
    folder.mkdir()
    columns = ["indication", "comparison", "findings", "impression"]
    reports = []
    for position, study in enumerate(studies):
        said = _sections(position, study)
        said["findings"] = said["findings"].replace(". ", ".\n")
        mesh = ";".join(_terms(study))
        reports.append([number_of(study.id), mesh, mesh, "image", *map(said.get, columns)])
    reports.append(reports[1])
    reports += [[str(TWICE), "", "", "", "", "", "", text] for text in ("Clear.", "Effusion.")]
    projections = [
        [number_of(view.id), f"{_kaggle(view)}.png", _side(view)]
        for study in studies
        for view in study.views
    ]
    third = number_of(studies[2].id)
    projections += [
        [third, f"{third}_IM-0000-9001.dcm.png", "Frontal"],
        [third, OUTSIDE, "Frontal"],
    ]
    head = ["uid", "MeSH", "Problems", "image", *columns]
    _write_csv(folder / "indiana_reports.csv", [head, *reports])
    _write_csv(
        folder / "indiana_projections.csv",
        [["uid", "filename", "projection"], *projections],
        encoding="utf-8-sig",
        ending="\r\n",
    )


def _side(view: View) -> str:
    return "Lateral" if view.projection == "LATERAL" else "Frontal"


def _write_csv(
    path: Path, table: Sequence[Sequence[object]], encoding: str = "utf-8", ending: str = "\n"
) -> None:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, lineterminator=ending).writerows(table)
