"""A cohort on disk: whole or not at all, the same bytes for any number of workers, read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from radvlm.errors import OutputError
from radvlm.records import FRONTAL
from radvlm.sources.phantom import cohort
from radvlm.sources.phantom.cohort import Correlation, PhantomConfig, make_cohort
from radvlm.sources.phantom.plan import Plan, plan
from radvlm.sources.phantom.source import PhantomSource

SMALL = PhantomConfig(patients=6, size=64, lateral=0.5, seed=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("phantom") / "cohort"
    make_cohort(SMALL, path)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_two_workers_write_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    make_cohort(SMALL, tmp_path / "again", workers=2)
    assert contents(tmp_path / "again") == contents(folder)


def test_another_seed_writes_others(folder: Path, tmp_path: Path) -> None:
    make_cohort(SMALL.model_copy(update={"seed": 3}), tmp_path / "other")
    assert contents(tmp_path / "other") != contents(folder)


def test_progress_counts_every_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohort, "_CHUNK", 2)
    seen: list[tuple[int, int]] = []
    make_cohort(SMALL, tmp_path / "c", progress=lambda done, total: seen.append((done, total)))
    total = len(list(plan(SMALL)))
    assert len(seen) > 1 and [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1] == (total, total) and {of for _, of in seen} == {total}


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cohort, "write_studies", fail)
    with pytest.raises(KeyboardInterrupt):
        make_cohort(SMALL, tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError):
        make_cohort(SMALL, tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_the_source_reads_what_was_planned(folder: Path) -> None:
    source = PhantomSource(folder)
    studies, plans = list(source.studies()), list(plan(SMALL))
    assert [s.id for s in studies] == [p.id for p in plans] and not source.quarantine
    for study, one in zip(studies, plans, strict=True):
        assert (study.family, study.sources, study.access) == ("phantom", ("phantom",), "open")
        assert (study.split, study.sex, study.age) == (one.split, one.sex, one.age)
        assert [v.projection for v in study.views] == [one.projection] + ["LATERAL"] * one.lateral
        assert set(study.texts) == {"findings", "impression"}
        for view in study.views:
            with Image.open(view.path) as image:
                assert image.mode == "L" and image.size == (view.width, view.height)
                assert max(image.size) == SMALL.size
        assert {r.view for r in study.regions} == {
            v.id for v in study.views if v.projection in FRONTAL
        }


def test_a_prior_is_the_previous_study_of_the_patient(folder: Path) -> None:
    last: dict[str | None, str] = {}
    for study in PhantomSource(folder).studies():
        assert study.prior == last.get(study.patient)
        last[study.patient] = study.id
    assert len(last) == SMALL.patients


def test_a_study_without_its_image_is_quarantined(tmp_path: Path) -> None:
    make_cohort(SMALL, tmp_path / "c")
    lost = next(PhantomSource(tmp_path / "c").studies())
    Path(lost.views[0].path).unlink()
    source = PhantomSource(tmp_path / "c")
    assert lost.id not in {study.id for study in source.studies()}
    assert [q.where for q in source.quarantine] == [lost.id]


def test_patients_do_not_cross_splits() -> None:
    plans = list(plan(PhantomConfig(patients=200)))
    splits: dict[int, set[str]] = {}
    for one in plans:
        splits.setdefault(one.patient, set()).add(one.split)
    assert all(len(found) == 1 for found in splits.values())
    counts = [sum(found == {s} for found in splits.values()) for s in ("train", "validate", "test")]
    assert counts == [140, 20, 40]


def shows(one: Plan, name: str) -> bool:
    return name in {*one.findings, *one.devices, one.projection, one.marker}


@pytest.mark.parametrize("then", ["chest drain", "AP", "round", "Cardiomegaly"])
def test_correlations_hold_within_binomial_bounds(then: str) -> None:
    rule = Correlation.model_validate(
        {"if": "Pleural Effusion", "then": then, "probability": 0.9, "otherwise": 0.1}
    )
    plans = list(plan(PhantomConfig(patients=1500, correlations=(rule,))))
    for holds, wanted in ((True, 0.9), (False, 0.1)):
        group = [shows(p, then) for p in plans if shows(p, "Pleural Effusion") is holds]
        bound = 4 * np.sqrt(wanted * (1 - wanted) / len(group))
        assert abs(np.mean(group) - wanted) < bound


def test_without_otherwise_the_rest_stays_as_it_is() -> None:
    rule = Correlation.model_validate({"if": "Pneumothorax", "then": "port", "probability": 1.0})
    with_rule = plan(PhantomConfig(patients=200, studies_per_patient=(1.0,), correlations=(rule,)))
    free = plan(PhantomConfig(patients=200, studies_per_patient=(1.0,)))
    for one, other in zip(with_rule, free, strict=True):
        assert one.findings == other.findings
        if not shows(one, "Pneumothorax"):
            assert shows(one, "port") is shows(other, "port")
        else:
            assert shows(one, "port")


@pytest.mark.parametrize(
    "wrong",
    [
        {"prevalence": {"Pneumotorax": 0.2}},
        {"prevalence": {"Pneumothorax": 1.2}},
        {"correlations": [{"if": "Edema", "then": "nothing", "probability": 1}]},
        {"splits": (0.7, 0.1, 0.1)},
        {"patients": 0},
        {"colour": "blue"},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PhantomConfig.model_validate(wrong)


def test_a_prevalence_of_nought_is_kept() -> None:
    plans = list(plan(PhantomConfig(patients=300, prevalence={"Edema": 0.0, "AP": 1.0})))
    assert not any(shows(p, "Edema") for p in plans)
    assert all(p.projection == "AP" for p in plans)
