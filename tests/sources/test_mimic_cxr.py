from __future__ import annotations

import gzip
import shutil
from collections import defaultdict
from pathlib import Path
from zlib import crc32

import pytest

from radvlm.errors import RecipeError, TableError
from radvlm.io.tables import read_studies
from radvlm.protocols import Slice, study_key
from radvlm.records import Study
from radvlm.sources.mimic_cxr import MimicCxrSource
from radvlm.sources.phantom.cohort import PhantomConfig, make_cohort
from radvlm.sources.phantom.releases import mimic_cxr
from radvlm.sources.phantom.releases.ids import (
    mimic_dicom,
    mimic_folder,
    mimic_study,
    mimic_subject,
)
from radvlm.sources.phantom.releases.mimic_cxr import LABEL_TRAPS, MORE_VIEWS
from radvlm.sources.release import Below
from radvlm.vocabulary import CHEXPERT_14

Planted = dict[str, list[str]]

PLANTED = 11
"""Records that are quarantined."""


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
def truth(base: Path) -> dict[str, Study]:
    return {mimic_study(s.id): s for s in read_studies(base / "cohort" / "studies.parquet")}


@pytest.fixture
def release(base: Path, planted: Planted, tmp_path: Path) -> Path:
    """A copy of the release to spoil."""
    return Path(shutil.copytree(base / "jpg", tmp_path / "copy"))


def ids_of(planted: Planted, *traps: str) -> set[str]:
    return {name.removeprefix("s") for trap in traps for name in planted[trap]}


def test_views_patients_splits_and_labels_are_recovered(
    base: Path, planted: Planted, truth: dict[str, Study]
) -> None:
    found = {study.id: study for study in MimicCxrSource(base / "jpg").studies()}
    assert found.keys() == truth.keys()
    odd = ids_of(planted, *LABEL_TRAPS[1:])
    more = ids_of(planted, *MORE_VIEWS)
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
        if name not in odd:
            assert labels_of(read) == labels_of(study)
            assert {f.origin for f in read.findings} == {"chexpert"}
    (special,) = ids_of(planted, "uncertain_edema_blank_fracture")
    labels = labels_of(found[special])
    assert labels["Edema"] == "uncertain" and "Fracture" not in labels
    for name in ids_of(planted, "no_labels", "bad_label", "contradicting_labels"):
        assert found[name].views and not found[name].findings


def labels_of(study: Study) -> dict[str, str]:
    return {f.name: f.status for f in study.findings if f.name in CHEXPERT_14}


def test_exactly_the_planted_records_are_quarantined(base: Path, planted: Planted) -> None:
    source = MimicCxrSource(base / "jpg")
    list(source.studies())
    reasons = defaultdict(list)
    for item in source.quarantine:
        reasons[item.reason].append(item.where)
    differ = "rows of one key contradict each other"
    assert reasons == {
        "duplicated row in mimic-cxr-2.0.0-chexpert.csv": planted["duplicated_labels"],
        "duplicated row in mimic-cxr-2.0.0-split.csv": planted["duplicated_split"],
        "duplicated row": planted["duplicated_row"],
        "the file is missing": planted["missing_image"],
        "Rows or Columns is no size": planted["corrupt_size"],
        differ: planted["contradicting_rows"] + planted["contradicting_split"],
        "no row in the split table": planted["no_split"],
        "an identifier is not of the release's form": planted["escaping_path"],
        f"chexpert labels: {differ}": planted["contradicting_labels"],
        "chexpert labels: a label cell is none of 1.0, 0.0, -1.0 and empty": planted["bad_label"],
    }
    first = sorted(map(str, source.quarantine))
    list(source.studies())
    assert sorted(map(str, source.quarantine)) == first and len(first) == PLANTED


def test_the_position_of_a_view_is_guessed_only_where_asked(base: Path, planted: Planted) -> None:
    (dicom,) = planted["empty_view_position"]
    for option, wanted in (("unknown", "UNKNOWN"), ("from_code", None)):
        source = MimicCxrSource(base / "jpg", empty_view_position=option)  # type: ignore[arg-type]
        views = {view.id: view for study in source.studies() for view in study.views}
        (twin,) = planted["second_frontal"]
        assert views[dicom].projection == (wanted or views[twin].projection)


def test_a_study_follows_the_patient_s_one_before(base: Path, truth: dict[str, Study]) -> None:
    found = {s.id: s.prior for s in MimicCxrSource(base / "jpg").studies()}
    wanted = {n: mimic_study(s.prior) if s.prior else None for n, s in truth.items()}
    assert found == dict.fromkeys(found) | wanted and any(found.values())


def test_priors_go_by_time_whose_leading_zeros_are_lost(release: Path) -> None:
    """Half past midnight comes before nine, although 3000.5 is more than 9 as text is less."""
    table = release / "mimic-cxr-2.0.0-metadata.csv.gz"
    header, *_ = gzip.decompress(table.read_bytes()).decode().splitlines()
    lines, splits = [header], ["dicom_id,study_id,subject_id,split"]
    told = {"51": "90000.0", "52": "3000.5", "53": "", "54": "235959.9"}
    for number, (start, time) in enumerate(told.items()):
        ids = f"{mimic_dicom(start)},10000001,{start}000000"
        lines.append(f"{ids},,PA,100,90,21990101,{time},,,")
        splits.append(f"{mimic_dicom(start)},{start}000000,10000001,train")
        place = release / f"files/p10/p10000001/s{start}000000/{mimic_dicom(start)}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(bytes(number))
    table.write_bytes(gzip.compress("\n".join(lines).encode()))
    (release / "mimic-cxr-2.0.0-split.csv").write_text("\n".join(splits))
    found = {s.id[:2]: s.prior and s.prior[:2] for s in MimicCxrSource(release).studies()}
    assert found == {"52": None, "51": "52", "54": "51", "53": None}


def test_slices_are_disjoint_and_together_the_whole_in_order(base: Path, planted: Planted) -> None:
    whole = list(MimicCxrSource(base / "jpg").studies())
    assert [study_key(s) for s in whole] == sorted(study_key(s) for s in whole)
    parts = []
    lost = 0
    for index in range(3):
        source = MimicCxrSource(base / "jpg")
        parts += list(source.studies(Slice(frozenset({index}), 3)))
        lost += len(source.quarantine)
    assert sorted(parts, key=study_key) == whole and lost == PLANTED


def test_the_radiologists_labels_and_dicom_in_the_place_of_jpeg(
    release: Path, truth: dict[str, Study]
) -> None:
    name, other = list(truth)[:2]
    text = f"study_id,Pleural_Effusion,airspace opacity\ns{name},1.0,0.0\n"
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


def test_several_say_what_they_found(base: Path, truth: dict[str, Study], planted: Planted) -> None:
    source = MimicCxrSource(base / "jpg", labels=("chexpert", "negbio", "radiologist"))
    odd = ids_of(planted, *LABEL_TRAPS)
    for study in source.studies():
        if study.id in truth.keys() - odd:
            said: dict[str, dict[str, str]] = defaultdict(dict)
            for finding in study.findings:
                said[finding.origin][finding.name] = finding.status
            known = ("chexpert", "negbio", *(["radiologist"] if study.split == "test" else []))
            assert said == dict.fromkeys(known, labels_of(truth[study.id]))


@pytest.mark.parametrize("cell", ["/etc/passwd", "../../x", "a\0b", "s50000001", "", "50000001\n"])
@pytest.mark.parametrize("column", [0, 1, 2])
def test_hostile_identifiers_touch_no_file(
    release: Path, monkeypatch: pytest.MonkeyPatch, cell: str, column: int
) -> None:
    table = release / "mimic-cxr-2.0.0-metadata.csv.gz"
    header, first, *_ = gzip.decompress(table.read_bytes()).decode().splitlines()
    cells = first.split(",")
    cells[column] = f'"{cell}"'
    table.write_bytes(gzip.compress(f"{header}\n{','.join(cells)}\n".encode()))
    source = MimicCxrSource(release)
    with monkeypatch.context() as patched:
        patched.setattr(Below, "file", lambda *_: pytest.fail("a file was looked for"))
        assert not list(source.studies())
    assert [item.reason for item in source.quarantine] == [
        "an identifier is not of the release's form"
    ]


def test_links_that_lead_out_of_the_release_are_not_followed(
    release: Path, tmp_path: Path, truth: dict[str, Study]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    image, folder = (release / mimic_folder(truth[name].id) for name in list(truth)[1:3])
    image = next(image.iterdir())
    image.rename(outside / image.name)
    image.symlink_to(outside / image.name)
    folder.rename(outside / folder.name)
    folder.symlink_to(outside / folder.name)
    lost = {image.stem, *(path.stem for path in (outside / folder.name).iterdir())}
    source = MimicCxrSource(release)
    read = {view.id for study in source.studies() for view in study.views}
    told = {item.where for item in source.quarantine if "does not stay below" in item.reason}
    assert not read & lost and told == lost


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


def test_missing_tables_and_unknown_options_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="metadata"):
        list(MimicCxrSource(tmp_path).studies())
    with pytest.raises(RecipeError, match="chexbert"):
        MimicCxrSource(tmp_path, labels=["chexbert"])  # type: ignore[list-item]
    with pytest.raises(RecipeError, match="guess"):
        MimicCxrSource(tmp_path, empty_view_position="guess")  # type: ignore[arg-type]


def test_a_slice_without_patients_is_empty(base: Path, planted: Planted) -> None:
    used = {crc32(mimic_subject(f"p{n:05d}").encode()) % 5000 for n in range(100)}
    used |= {crc32(str(10_900_001 + n).encode()) % 5000 for n in range(20)}
    free = min(set(range(5000)) - used)
    assert not list(MimicCxrSource(base / "jpg").studies(Slice(frozenset({free}), 5000)))
