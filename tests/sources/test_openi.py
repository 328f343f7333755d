from __future__ import annotations

import csv
import gzip
import os
import shutil
import tarfile
from collections import Counter
from pathlib import Path

import pytest

from radvlm.errors import RecordError, TableError
from radvlm.io.tables import read_studies
from radvlm.protocols import Slice, Source, study_key
from radvlm.records import Study
from radvlm.sources import openi_xml
from radvlm.sources.openi import OpenI
from radvlm.sources.openi_xml import parse_report, projection_of, report_files
from radvlm.sources.phantom.cohort import PhantomConfig, make_cohort
from radvlm.sources.phantom.releases.openi import write

Traps = dict[str, list[str]]
FORMS = ("nlm", "kaggle")

LOST = {
    "nlm": (
        "entities",
        "damaged",
        "another_report",
        "link",
        "too_large",
        "listed_twice",
        "missing_image",
        "escaping_image",
    ),
    "kaggle": ("duplicated_row", "contradicting_rows", "missing_image_kaggle", "escaping_image"),
}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("openi") / "cohort"
    make_cohort(PhantomConfig(patients=10, size=48, seed=7, lateral=0.4), folder)
    return folder


@pytest.fixture(scope="module")
def release(cohort: Path) -> tuple[Path, Traps]:
    out = cohort.parent / "release"
    return out, write(cohort, out)


@pytest.fixture(scope="module")
def roots(release: tuple[Path, Traps]) -> dict[str, Path]:
    return {"nlm": release[0], "kaggle": release[0] / "kaggle"}


def truth(cohort: Path) -> dict[str, Study]:
    """The cohort's studies by number: patient 12's second study is 122."""
    studies = read_studies(cohort / "studies.parquet")
    return {str(int(s.id[1:6]) * 10 + int(s.id[7:])): s for s in studies}


def lost(source: Source) -> Counter[str]:
    return Counter(item.where for item in source.quarantine)


@pytest.mark.parametrize("form", FORMS)
def test_the_cohort_comes_back(form: str, cohort: Path, roots: dict[str, Path]) -> None:
    source: Source = OpenI(roots[form])
    found = {str(study.patient): study for study in source.studies()}
    wanted = truth(cohort)
    extra = {"900001"} if form == "nlm" else set()
    assert set(found) == set(wanted) | extra
    fourth = list(wanted)[3]
    for number, study in wanted.items():
        read = found[number]
        assert (read.family, read.id, read.split, read.access) == (
            "openi",
            f"CXR{number}",
            None,
            "open",
        )
        said = {s: read.texts.get(s) for s in ("findings", "impression", "comparison")}
        expected = {**study.texts, "comparison": "None."}
        assert said == {**expected, "findings": None if number == fourth else expected["findings"]}
        shown = {f.name for f in study.findings if f.status == "present"} - {"No Finding"}
        assert set(read.texts["mesh"].split(";")) == (shown or {"normal"})
        assert len(read.views) == len(study.views)
        for view, original in zip(read.views, study.views, strict=True):
            assert Path(view.path).read_bytes() == (cohort / original.path).read_bytes()
            if form == "kaggle":
                side = "LATERAL" if original.projection == "LATERAL" else "FRONTAL"
                assert view.projection == side
            else:
                alone = len(study.views) == 1
                assert view.projection == (original.projection if alone else "UNKNOWN")


@pytest.mark.parametrize("form", FORMS)
def test_exactly_the_traps_are_quarantined(
    form: str, release: tuple[Path, Traps], roots: dict[str, Path]
) -> None:
    source = OpenI(roots[form])
    list(source.studies())
    assert lost(source) == Counter(name for trap in LOST[form] for name in release[1][trap])
    assert all(item.source == "openi" and item.reason for item in source.quarantine)
    list(source.studies())
    assert len(source.quarantine) == lost(source).total()


def test_both_forms_call_their_images_alike(roots: dict[str, Path]) -> None:
    both = [{v.id for s in OpenI(roots[form]).studies() for v in s.views} for form in FORMS]
    assert both[0] == both[1]


@pytest.mark.parametrize("form", FORMS)
def test_slices_share_the_whole_in_order(form: str, roots: dict[str, Path]) -> None:
    source = OpenI(roots[form])
    whole = list(source.studies())
    everything = lost(source)
    assert [study_key(s) for s in whole] == sorted(study_key(s) for s in whole)
    shared: list[Study] = []
    again: Counter[str] = Counter()
    for index in range(3):
        shared += source.studies(Slice(frozenset({index}), 3))
        again += lost(source)
    assert len(shared) == len(whole) and sorted(shared, key=study_key) == whole
    assert again == everything


def test_a_report_without_images_is_a_study_without_views(roots: dict[str, Path]) -> None:
    (study,) = (s for s in OpenI(roots["nlm"]).studies() if s.id == "CXR900001")
    assert study.views == () and study.texts["impression"]


def test_without_images_no_file_is_looked_for(roots: dict[str, Path], cohort: Path) -> None:
    source = OpenI(roots["nlm"], images=False)
    views = [view for study in source.studies() for view in study.views]
    assert {view.path for view in views} == {""}
    # The two names that lead nowhere are still names.
    assert len(views) == sum(len(s.views) for s in truth(cohort).values()) + 2


def test_the_table_of_the_twin_says_which_image_is_frontal(
    roots: dict[str, Path], tmp_path: Path
) -> None:
    root = tmp_path / "both"
    root.mkdir()
    for name in ("NLMCXR_reports.tgz", "NLMCXR_png"):
        (root / name).symlink_to(roots["nlm"] / name)
    shutil.copy(roots["kaggle"] / "indiana_projections.csv", root)
    told = {v.id: v.projection for s in OpenI(root).studies() for v in s.views}
    assert told == {v.id: v.projection for s in OpenI(roots["kaggle"]).studies() for v in s.views}


def test_unpacked_linked_and_read_only_is_the_same(roots: dict[str, Path], tmp_path: Path) -> None:
    real = tmp_path / "real"
    folder = real / "ecgen-radiology"
    folder.mkdir(parents=True)
    with tarfile.open(roots["nlm"] / "NLMCXR_reports.tgz") as archive:
        for member in archive.getmembers():
            if stream := archive.extractfile(member) if member.isreg() else None:
                (folder / Path(member.name).name).write_bytes(stream.read())
    (real / "NLMCXR_png").symlink_to(roots["nlm"] / "NLMCXR_png")
    outside = tmp_path / "5.xml"
    outside.write_text('<eCitation><uId id="CXR5"/></eCitation>')
    (folder / "5.xml").symlink_to(outside)
    (folder / "notes.xml").write_text("<a/>")
    (tmp_path / "root").symlink_to(real)
    for path in (folder, real):
        path.chmod(0o555)
    source = OpenI(tmp_path / "root")
    assert source.files()[0].path == "ecgen-radiology"
    assert len(report_files(folder)["900006"]()) == openi_xml.MAX_REPORT + 1
    assert list(source.studies()) == list(OpenI(roots["nlm"]).studies())
    assert {"CXR5", "CXRnotes"} <= set(lost(source))
    for path in (real, folder):
        path.chmod(0o755)


def test_compressed_tables_are_the_same(roots: dict[str, Path], tmp_path: Path) -> None:
    root = shutil.copytree(roots["kaggle"], tmp_path / "kaggle")
    before = list(OpenI(root).studies())
    for path in root.glob("*.csv"):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert list(OpenI(root).studies()) == before


@pytest.mark.parametrize("name", ["../../secret-IM-1.png", "/{}/secret-IM-1.png", "out/IM-1.png"])
def test_a_path_of_a_table_reads_nothing_outside(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    (root / "images").mkdir(parents=True)
    (tmp_path / "secret-IM-1.png").write_bytes(b"x")
    (tmp_path / "IM-1.png").write_bytes(b"x")
    (root / "images" / "out").symlink_to(tmp_path)
    (root / "indiana_reports.csv").write_text("uid,findings,impression\n1,Clear.,Normal.\n")
    with (root / "indiana_projections.csv").open("w", newline="") as file:
        rows = [["uid", "filename", "projection"], ["1", name.format(tmp_path), "Frontal"]]
        csv.writer(file).writerows(rows)
    source = OpenI(root)
    assert not list(source.studies())
    assert [item.where for item in source.quarantine] == [name.format(tmp_path), "CXR1"]


def test_a_study_keeps_its_other_images(roots: dict[str, Path], tmp_path: Path) -> None:
    root = shutil.copytree(roots["kaggle"], tmp_path / "kaggle")
    study = next(s for s in OpenI(root).studies() if len(s.views) == 2)
    os.remove(study.views[1].path)
    source = OpenI(root)
    (again,) = (s for s in source.studies() if s.id == study.id)
    assert again.views == study.views[:1]
    assert Path(study.views[1].path).name in lost(source)


BOMB = '<!DOCTYPE x [<!ENTITY a "b">]><eCitation><uId id="CXR1"/>&a;</eCitation>'


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (BOMB.encode(), "document type"),
        (f'<?xml version="1.0" encoding="utf-16"?>{BOMB}'.encode("utf-16"), "no XML"),
        (b'<eCitation><uId id="CXR1"/>&undeclared;</eCitation>', "no XML"),
        (b"", "no XML"),
        (b"\xff\xfe\x00", "no XML"),
        (b'<eCitation><uId id="CXR2"/></eCitation>', "number"),
        (b"<eCitation/>", "number"),
        (b" " * (1 << 20) + b"<", "larger"),
    ],
)
def test_a_report_that_cannot_be_trusted_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(RecordError, match=why):
        parse_report("1", data)


def test_a_byte_order_mark_and_white_space_mean_nothing() -> None:
    said = "<AbstractText Label='FINDINGS'>\n  Clear.\n\n Lungs  fine. </AbstractText>"
    data = f"<a><uId id='CXR1'/>{said}<AbstractText Label='IMPRESSION'/></a>".encode("utf-8-sig")
    assert parse_report("1", data).texts == {"findings": "Clear. Lungs fine."}


def test_no_more_of_a_report_is_read_than_it_may_have(roots: dict[str, Path]) -> None:
    read = report_files(roots["nlm"] / "NLMCXR_reports.tgz")["900006"]
    assert len(read()) == openi_xml.MAX_REPORT + 1


@pytest.mark.parametrize(
    ("caption", "projection"),
    [
        ("Xray Chest PA and Lateral", "UNKNOWN"),
        ("CHEST 2V FRONTAL/LATERAL XXXX, XXXX XXXX PM", "UNKNOWN"),
        ("PA lateral chest x-XXXX XXXX, XXXX XXXX hours", "UNKNOWN"),
        ("Chest x-XXXX XXXX and lateral, XXXX", "UNKNOWN"),
        ("A lateral chest x-XXXX XXXX, XXXX XXXX hours", "UNKNOWN"),
        ("2 views chest PA XXXX", "UNKNOWN"),
        ("PA and AP chest", "UNKNOWN"),
        ("Portable chest XXXX XXXX at time XXXX", "UNKNOWN"),
        ("", "UNKNOWN"),
        ("Chest X-XXXX portable, AP 1 view, XXXX, XXXX XXXX PM", "AP"),
        ("PORTABLE AP CHEST", "AP"),
        ("PA chest XXXX, XXXX XXXX comparison outside films from XXXX", "PA"),
    ],
)
def test_a_caption_tells_a_projection_only_where_it_names_one(
    caption: str, projection: str
) -> None:
    assert projection_of(caption) == projection


def test_what_cannot_be_read_at_all_is_one_line(
    tmp_path: Path, roots: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TableError, match=r"neither NLMCXR_reports\.tgz nor"):
        list(OpenI(tmp_path).studies())
    whole = (roots["nlm"] / "NLMCXR_reports.tgz").read_bytes()
    for cut in (whole[: len(whole) // 2], b"no archive", b""):
        (tmp_path / "NLMCXR_reports.tgz").write_bytes(cut)
        with pytest.raises(TableError, match="damaged"):
            list(OpenI(tmp_path).studies())
    (tmp_path / "NLMCXR_reports.tgz").write_bytes(whole)
    monkeypatch.setattr(openi_xml, "MAX_ARCHIVE", 10_000)
    with pytest.raises(TableError, match="more than"):
        list(OpenI(tmp_path).studies())


@pytest.mark.parametrize("form", FORMS)
def test_the_files_named_are_there(form: str, roots: dict[str, Path]) -> None:
    files = OpenI(roots[form]).files()
    assert all((roots[form] / file.path).exists() for file in files if file.required)
    assert OpenI(roots[form]).withheld() == frozenset()


def test_the_same_cohort_makes_the_same_bytes(cohort: Path, roots: dict[str, Path]) -> None:
    write(cohort, cohort.parent / "again")
    for path in sorted(p for p in roots["nlm"].rglob("*") if p.is_file()):
        again = cohort.parent / "again" / path.relative_to(roots["nlm"])
        assert again.read_bytes() == path.read_bytes()


def test_the_real_collection_has_its_published_counts(real_cxr: Path) -> None:
    root = real_cxr / "text_only"
    if not (root / "NLMCXR_reports.tgz").exists():
        pytest.skip("no NLMCXR_reports.tgz beside the checkout")
    source = OpenI(root, images=False)
    studies = list(source.studies())
    assert len(studies) == 3955 and not source.quarantine
    assert sum("findings" in study.texts for study in studies) == 3425
    assert sum("impression" in study.texts for study in studies) == 3921
    assert len({view.id for study in studies for view in study.views}) == 7470
    assert sum(not study.views for study in studies) == 104
    # Counted by hand among the 697 different captions: 20 images AP, 2 PA.
    told = Counter(view.projection for study in studies for view in study.views)
    assert told == {"UNKNOWN": 7448, "AP": 20, "PA": 2}
    first = next(study for study in studies if study.id == "CXR1")
    assert first.texts["mesh"] == "normal" and "None." in first.texts["comparison"]
    assert [view.id for view in first.views] == ["CXR1_IM-0001-3001", "CXR1_IM-0001-4001"]
