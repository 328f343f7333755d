"""MIMIC-CXR's reports: the simulated ones read back, and the layouts people have."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest

from radvlm.build.merge import merge
from radvlm.errors import TableError
from radvlm.io.tables import read_studies
from radvlm.protocols import Slice, study_key
from radvlm.records import Study
from radvlm.sources.mimic_cxr import MimicCxrSource
from radvlm.sources.mimic_cxr_reports import MimicCxrReportsSource
from radvlm.sources.phantom.cohort import PhantomConfig, make_cohort
from radvlm.sources.phantom.releases import mimic_cxr, mimic_cxr_reports
from radvlm.sources.phantom.releases.ids import mimic_folder, mimic_study, mimic_subject

Planted = dict[str, list[str]]
LIST = "cxr-study-list.csv.gz"
UNREAD = {
    "missing_report": "the file is missing",
    "says_nothing": "the report has no findings, impression or last paragraph",
    "not_text": "the report is no UTF-8 text",
    "duplicated_row": "duplicated row",
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    make_cohort(PhantomConfig(patients=12, size=64, seed=2), folder / "cohort")
    mimic_cxr.write(folder / "cohort", folder / "jpg")
    return folder


@pytest.fixture(scope="module")
def planted(base: Path) -> Planted:
    return mimic_cxr_reports.write(base / "cohort", base / "txt")


@pytest.fixture(scope="module")
def truth(base: Path) -> dict[str, Study]:
    return {mimic_study(s.id): s for s in read_studies(base / "cohort" / "studies.parquet")}


@pytest.fixture
def release(base: Path, planted: Planted, tmp_path: Path) -> Path:
    """A copy of the release to spoil."""
    return Path(shutil.copytree(base / "txt", tmp_path / "copy"))


def test_reports_are_cut(base: Path, planted: Planted, truth: dict[str, Study]) -> None:
    reports = {study.id: study for study in MimicCxrReportsSource(base / "txt").studies()}
    assert reports.keys() == truth.keys()
    bare, last = planted["no_findings"][0], planted["last_paragraph"][0]
    for name, study in truth.items():
        read = reports[name]
        assert (read.patient, read.split, read.views) == (mimic_subject(study.id), None, ())
        if name not in (bare, last):
            assert read.texts == study.texts
    assert dict(reports[bare].texts) == {"impression": truth[bare].texts["impression"]}
    assert dict(reports[last].texts) == {
        "last_paragraph": truth[last].texts["findings"],
        "indication": "___ year old with cough",
    }


def test_exactly_the_planted_reports_are_quarantined(base: Path, planted: Planted) -> None:
    source = MimicCxrReportsSource(base / "txt")
    list(source.studies())
    wanted = {planted[trap][0]: reason for trap, reason in UNREAD.items()}
    reasons = {item.where: item.reason for item in source.quarantine}
    assert "does not stay below" in reasons.pop(planted["escaping_path"][0])
    assert reasons == wanted and len(source.quarantine) == len(UNREAD) + 1


def test_they_join_the_views(base: Path, planted: Planted, truth: dict[str, Study]) -> None:
    said = MimicCxrReportsSource(base / "txt").studies()
    joined = {s.id: s for s in merge(MimicCxrSource(base / "jpg").studies(), said)}
    both = [joined[name] for name in truth]
    assert all(s.views and s.texts and s.split for s in both)
    assert {s.sources for s in both} == {("mimic_cxr", "mimic_cxr_reports")}


def test_slices_are_disjoint_and_together_the_whole_in_order(base: Path, planted: Planted) -> None:
    whole = list(MimicCxrReportsSource(base / "txt").studies())
    assert [study_key(s) for s in whole] == sorted(study_key(s) for s in whole)
    parts, lost = [], 0
    for index in range(3):
        source = MimicCxrReportsSource(base / "txt")
        parts += list(source.studies(Slice(frozenset({index}), 3)))
        lost += len(source.quarantine)
    assert sorted(parts, key=study_key) == whole and lost == len(UNREAD) + 1


def test_without_the_list_the_tree_is_walked(base: Path, release: Path, planted: Planted) -> None:
    wanted = list(MimicCxrReportsSource(base / "txt").studies())
    (release / LIST).unlink()
    first = release / f"{mimic_folder('p900001s1')}.txt"
    first.unlink()
    source = MimicCxrReportsSource(release)
    assert list(source.studies()) == wanted
    assert {item.where for item in source.quarantine} == {
        planted["says_nothing"][0],
        planted["not_text"][0],
    }
    for index in range(3):
        part = Slice(frozenset({index}), 3)
        assert list(source.studies(part)) == [s for s in wanted if s.patient and s.patient in part]
    deeper = release / "files/p19"
    for report in sorted(release.glob("files/p10/p100*/s*.txt")):
        beside = deeper / report.parent.name / report.stem / report.name
        beside.parent.mkdir(parents=True)
        report.rename(beside)
    shutil.copy(beside, release / beside.name)
    assert list(source.studies()) == wanted
    assert (f"s{wanted[-1].id}", "the report is in no patient's folder, and there is no list") in {
        (item.where, item.reason) for item in source.quarantine
    }


def test_all_in_one_folder_need_the_list(base: Path, release: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for report in release.rglob("s*.txt"):
        shutil.copy(report, flat)
    for part in (Slice(), Slice(frozenset({1}), 7)):
        with pytest.raises(TableError, match="patients"):
            list(MimicCxrReportsSource(flat).studies(part))
    packed = (release / LIST).read_bytes()
    marked = b"\xef\xbb\xbf" + gzip.decompress(packed).replace(b"\n", b"\r\n")
    (flat / LIST.removesuffix(".gz")).write_bytes(marked)
    (flat / f"s{mimic_study('p900001s1')}.txt").unlink()
    link = tmp_path / "link"
    link.symlink_to(flat)
    flat.chmod(0o555)
    found = list(MimicCxrReportsSource(link).studies())
    flat.chmod(0o755)
    assert found == list(MimicCxrReportsSource(base / "txt").studies())


@pytest.mark.parametrize("path", ["/etc/hostname", "files/../../outside.txt", "link.txt", "a\0b"])
def test_nothing_outside_is_read(release: Path, path: str) -> None:
    outside = release.parent / "outside.txt"
    outside.write_text(" FINAL REPORT\n FINDINGS: not ours.\n")
    (release / "link.txt").symlink_to(outside)
    table = f"subject_id,study_id,path\n10000001,50000001,{path}\n"
    (release / LIST).write_bytes(gzip.compress(table.encode()))
    source = MimicCxrReportsSource(release)
    assert not list(source.studies()) and len(source.quarantine) == 1
    assert "does not stay below" in source.quarantine[0].reason


def test_a_report_larger_than_any_and_odd_identifiers_are_left_out(release: Path) -> None:
    (release / "big.txt").write_bytes(b" FINAL REPORT\n FINDINGS: big. " * 100_000)
    lines = ["10000001,50000001,big.txt", "10000002,x,big.txt", "٢٠٠٠٠٠٠٣,50000003,big.txt"]
    table = "\n".join(["subject_id,study_id,path", *lines])
    (release / LIST).write_bytes(gzip.compress(table.encode()))
    source = MimicCxrReportsSource(release)
    assert not list(source.studies())
    assert [(item.where, item.reason) for item in source.quarantine] == [
        ("s50000001", "the report is larger than any report"),
        ("sx", "an identifier is not of the release's form"),
        ("s50000003", "an identifier is not of the release's form"),
    ]
