from __future__ import annotations

import dataclasses
import gzip
import shutil
from collections import defaultdict
from pathlib import Path

import pytest

from radvlm.build.merge import merge
from radvlm.errors import RecipeError, TableError
from radvlm.io.tables import read_studies
from radvlm.protocols import Slice, study_key
from radvlm.records import Study
from radvlm.sources.mimic_cxr import MimicCxrSource
from radvlm.sources.mimic_cxr_reports import MimicCxrReportsSource
from radvlm.sources.phantom.cohort import PhantomConfig, make_cohort
from radvlm.sources.phantom.releases import mimic_cxr, mimic_cxr_reports
from radvlm.sources.phantom.releases.ids import mimic_dicom, mimic_study, mimic_subject
from radvlm.vocabulary import CHEXPERT_14

Planted = dict[str, list[str]]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mimic")
    config = PhantomConfig(patients=12, size=64, seed=2, lateral=0.4)
    make_cohort(config, folder / "cohort")
    return folder


@pytest.fixture(scope="module")
def planted(base: Path) -> Planted:
    return mimic_cxr.write(base / "cohort", base / "jpg")


@pytest.fixture(scope="module")
def planted_reports(base: Path) -> Planted:
    return mimic_cxr_reports.write(base / "cohort", base / "txt")


@pytest.fixture(scope="module")
def truth(base: Path) -> dict[str, Study]:
    return {mimic_study(s.id): s for s in read_studies(base / "cohort" / "studies.parquet")}


@pytest.fixture
def release(base: Path, planted: Planted, tmp_path: Path) -> Path:
    """A copy of the release to spoil."""
    return Path(shutil.copytree(base / "jpg", tmp_path / "copy"))


def test_views_patients_splits_and_labels_are_recovered(
    base: Path, planted: Planted, truth: dict[str, Study]
) -> None:
    found = {study.id: study for study in MimicCxrSource(base / "jpg").studies()}
    assert found.keys() == truth.keys()
    odd = {i for ids in planted.values() for i in ids}
    more = {*planted["second_frontal"], *planted["empty_view_position"]}
    for name, study in truth.items():
        read = found[name]
        assert (read.patient, read.split) == (mimic_subject(study.id), study.split)
        views = {v.id: v for v in read.views if v.id not in more}
        assert views.keys() == {mimic_dicom(v.id) for v in study.views}
        for view in study.views:
            one = views[mimic_dicom(view.id)]
            assert view.width and view.height and Path(one.path).is_file()
            assert one.projection == view.projection
            assert (one.width, one.height) == (8 * view.width, 8 * view.height)
        wanted = {f.name: f.status for f in study.findings if f.name in CHEXPERT_14}
        if name not in odd:
            assert {f.name: f.status for f in read.findings} == wanted
            assert {f.origin for f in read.findings} == {"chexpert"}
    (special,) = planted["uncertain_edema_blank_fracture"]
    labels = {f.name: f.status for f in found[special].findings}
    assert labels["Edema"] == "uncertain" and "Fracture" not in labels
    assert found[planted["no_labels"][0]].findings == ()


def test_exactly_the_planted_records_are_quarantined(base: Path, planted: Planted) -> None:
    source = MimicCxrSource(base / "jpg")
    list(source.studies())
    reasons = defaultdict(list)
    for item in source.quarantine:
        reasons[item.reason].append(item.where)
    assert reasons == {
        "duplicated row of labels": planted["duplicated_labels"],
        "duplicated row": planted["duplicated_row"],
        "the file is missing": planted["missing_image"],
        "Rows or Columns is no number": planted["corrupt_size"],
        "contradicting rows": planted["contradicting_rows"],
        "no row in the split table": planted["no_split"],
        "an identifier is not of the release's form": planted["escaping_path"],
    }
    list(source.studies())
    assert len(source.quarantine) == 7


def test_the_position_of_a_view_is_guessed_only_where_asked(base: Path, planted: Planted) -> None:
    (dicom,) = planted["empty_view_position"]
    for option, wanted in (("unknown", "UNKNOWN"), ("from_code", None)):
        source = MimicCxrSource(base / "jpg", empty_view_position=option)  # type: ignore[arg-type]
        views = {view.id: view for study in source.studies() for view in study.views}
        (twin,) = planted["second_frontal"]
        assert views[dicom].projection == (wanted or views[twin].projection)


def test_a_study_follows_the_patient_s_one_before(base: Path, truth: dict[str, Study]) -> None:
    found = {s.id: s.prior for s in MimicCxrSource(base / "jpg").studies()}
    assert found == {n: mimic_study(s.prior) if s.prior else None for n, s in truth.items()}
    assert any(found.values())


def test_slices_are_disjoint_and_together_the_whole_in_order(base: Path, planted: Planted) -> None:
    whole = list(MimicCxrSource(base / "jpg").studies())
    assert [study_key(s) for s in whole] == sorted(study_key(s) for s in whole)
    parts = []
    lost = 0
    for index in range(3):
        source = MimicCxrSource(base / "jpg")
        parts += list(source.studies(Slice(frozenset({index}), 3)))
        lost += len(source.quarantine)
    assert sorted(parts, key=study_key) == whole and lost == 7


def test_the_radiologists_labels_and_dicom_in_the_place_of_jpeg(
    release: Path, truth: dict[str, Study]
) -> None:
    name, other = list(truth)[:2]
    text = f"study_id,Pleural_Effusion,lung opacity\n{name},1.0,0.0\n"
    (release / "mimic-cxr-2.1.0-test-set-labeled.csv").write_text(text)
    image = next(release.glob("files/p10/p100*/*/*.jpg"))
    image.rename(image.with_suffix(".dcm"))
    source = MimicCxrSource(release, labels=["radiologist"])
    found = {study.id: study for study in source.studies()}
    said = {(f.name, f.status, f.origin) for f in found[name].findings}
    assert said == {
        ("Pleural Effusion", "present", "radiologist"),
        ("Lung Opacity", "absent", "radiologist"),
    }
    assert not found[other].findings
    assert str(image.with_suffix(".dcm")) in {v.path for s in found.values() for v in s.views}


def test_zipped_or_not_behind_a_link_and_read_only(release: Path, base: Path) -> None:
    packed = release / "mimic-cxr-2.0.0-metadata.csv.gz"
    packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    plain = release / "mimic-cxr-2.0.0-split.csv"
    plain.with_suffix(".csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    release.chmod(0o555)
    link = release.parent / "link"
    link.symlink_to(release)
    found = [s.id for s in MimicCxrSource(link).studies()]
    release.chmod(0o755)
    assert found == [s.id for s in MimicCxrSource(base / "jpg").studies()]


def test_missing_tables_and_unknown_labels_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="split"):
        list(MimicCxrSource(tmp_path).studies())
    with pytest.raises(RecipeError, match="chexbert"):
        MimicCxrSource(tmp_path, labels=["chexbert"])  # type: ignore[list-item]


def test_reports_are_cut_and_join_their_studies(
    base: Path, planted: Planted, planted_reports: Planted, truth: dict[str, Study]
) -> None:
    source = MimicCxrReportsSource(base / "txt")
    reports = {study.id: study for study in source.studies()}
    assert reports.keys() == truth.keys()
    odd = {i for ids in planted_reports.values() for i in ids}
    for name, study in truth.items():
        if name not in odd:
            assert reports[name].texts == study.texts
    (bare,) = planted_reports["no_findings"]
    assert dict(reports[bare].texts) == {"impression": truth[bare].texts["impression"]}
    (last,) = planted_reports["last_paragraph"]
    assert reports[last].texts["last_paragraph"] == truth[last].texts["findings"]
    (topped,) = planted_reports["addendum"]
    assert reports[topped].texts == truth[topped].texts
    assert {item.where: item.reason for item in source.quarantine} == {
        planted_reports["missing_report"][0]: "the file is missing",
        planted_reports["duplicated_row"][0]: "duplicated row",
    }
    joined = list(merge(MimicCxrSource(base / "jpg").studies(), source.studies()))
    assert len(joined) == len(truth) and all(s.views and s.texts for s in joined)
    assert all(s.sources == ("mimic_cxr", "mimic_cxr_reports") for s in joined)


def test_reports_without_the_list_and_in_one_folder(
    base: Path, planted_reports: Planted, tmp_path: Path
) -> None:
    wanted = [dataclasses.replace(s) for s in MimicCxrReportsSource(base / "txt").studies()]
    tree = Path(shutil.copytree(base / "txt", tmp_path / "tree"))
    listed = tree / "cxr-study-list.csv.gz"
    flat = tmp_path / "flat"
    flat.mkdir()
    shutil.copy(listed, flat)
    for report in tree.rglob("s*.txt"):
        shutil.copy(report, flat)
    listed.unlink()
    assert list(MimicCxrReportsSource(tree).studies()) == wanted
    assert list(MimicCxrReportsSource(flat).studies()) == wanted
    with pytest.raises(TableError):
        list(MimicCxrReportsSource(tmp_path / "nothing").studies())
