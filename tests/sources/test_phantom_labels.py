"""The fourteen labels follow their rules, and reports say what the labels say."""

from __future__ import annotations

import re
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radvlm.records import Study
from radvlm.sources.phantom.labels import DRAWN, statuses
from radvlm.sources.phantom.plan import PhantomConfig, Plan, plan
from radvlm.sources.phantom.report import write
from radvlm.sources.phantom.study import draw
from radvlm.vocabulary import CHEXPERT_14, DEVICES

WORDS = {
    "Atelectasis": "atelectasis",
    "Cardiomegaly": "cardiomegaly|the heart is|heart size|of the heart|cardiom",
    "Consolidation": "consolidation",
    "Edema": "edema",
    "Enlarged Cardiomediastinum": "mediastin",
    "Fracture": "fracture",
    "Lung Lesion": "nodule|mass|lesion",
    "Lung Opacity": "opacity|clear",
    "Pleural Effusion": "effusion",
    "Pleural Other": "pleural thickening",
    "Pneumonia": "pneumonia",
    "Pneumothorax": "pneumothorax",
    **{name: name for name in DEVICES},
}
"""How a reader recognises each finding; written here, not taken from the templates."""

DENIES = re.compile(r"^no\b|\bnot\b|normal|clear|resolved", re.IGNORECASE)


@pytest.fixture(scope="module")
def drawn() -> list[tuple[Plan, Study]]:
    config = PhantomConfig(patients=120, size=48, lateral=0)
    return [(one, draw(config, one)[0]) for one in plan(config)]


@given(st.sets(st.sampled_from([*DRAWN, *DEVICES])))
def test_the_label_rules(shown: set[str]) -> None:
    said = statuses(shown)
    present = {name for name, status in said.items() if status == "present"}
    assert tuple(said) == CHEXPERT_14
    assert shown & set(DRAWN) <= present
    assert ("No Finding" in present) == (not shown & set(DRAWN))
    assert ("Support Devices" in present) == bool(shown & set(DEVICES))
    opacities = {
        "Atelectasis",
        "Consolidation",
        "Edema",
        "Lung Lesion",
        "Pneumonia",
        "Lung Opacity",
    }
    assert ("Lung Opacity" in present) == bool(shown & opacities)
    large = {"Cardiomegaly", "Enlarged Cardiomediastinum"}
    assert ("Enlarged Cardiomediastinum" in present) == bool(shown & large)


def test_every_study_has_all_labels_and_boxes_for_what_is_drawn(
    drawn: list[tuple[Plan, Study]],
) -> None:
    for one, study in drawn:
        labels = [f for f in study.findings if f.name in CHEXPERT_14]
        assert [f.name for f in labels] == list(CHEXPERT_14)
        assert {f.origin for f in study.findings} == {"phantom"}
        assert {f.name for f in study.findings[14:]} == one.devices
        for finding in study.findings:
            drawable = finding.status == "present" and finding.name != "No Finding"
            assert bool(finding.boxes) == drawable == bool(finding.phrase), finding.name


def test_lesions_have_a_box_each(drawn: list[tuple[Plan, Study]]) -> None:
    lesions = [f for _, s in drawn for f in s.findings if f.name == "Lung Lesion" and f.boxes]
    assert {len(f.boxes) for f in lesions} >= {1, 2}
    for finding in lesions:
        assert finding.phrase
        number = 1 + ("two " in finding.phrase.lower()) + 2 * ("three " in finding.phrase.lower())
        assert len(finding.boxes) <= number


def test_reports_say_what_is_there_and_deny_only_what_is_not(
    drawn: list[tuple[Plan, Study]],
) -> None:
    for one, study in drawn:
        shown = one.findings | one.devices
        text = study.texts["findings"]
        sentences = [s for s in re.split(r"(?<=\.)\s+", text) if s]
        for name, words in WORDS.items():
            about = [s for s in sentences if re.search(words, s, re.IGNORECASE)]
            said = [s for s in about if not DENIES.search(s)]
            if name in shown:
                assert said, f"{name} is missing: {text}"
                assert not any(s.lower().startswith(f"no {words}") for s in about)
            elif statuses(shown).get(name, "absent") == "absent":
                assert not said, f"{name} is not there: {text}"


def test_phrases_stand_in_the_report(drawn: list[tuple[Plan, Study]]) -> None:
    for _, study in drawn:
        for finding in study.findings:
            assert finding.phrase is None or finding.phrase in study.texts["findings"]


def test_sides_of_phrases_are_the_sides_of_boxes(drawn: list[tuple[Plan, Study]]) -> None:
    checked = 0
    for _, study in drawn:
        regions = {region.name: region.box for region in study.regions}
        middle = (regions["spine"].x1 + regions["spine"].x2) / 2
        for finding in study.findings:
            if finding.name in {"Pleural Effusion", "Pneumothorax", "Fracture"} and finding.phrase:
                left = [(b.x1 + b.x2) / 2 > middle for b in finding.boxes]
                words = finding.phrase.lower()
                side = "bilateral" if len(set(left)) > 1 else "left" if left[0] else "right"
                assert side in words
                checked += 1
    assert checked > 50


def test_comparisons_need_a_prior_and_tell_the_truth(drawn: list[tuple[Plan, Study]]) -> None:
    compared = 0
    for one, study in drawn:
        text = study.texts["findings"].lower()
        if "prior" in text or "previous" in text:
            compared += 1
            assert study.prior is not None and one.before is not None
        before = one.before or frozenset()
        if "unchanged from" in text:
            assert before & (one.findings | one.devices)
        for noun, name in (("effusion", "Pleural Effusion"), ("pneumothorax", "Pneumothorax")):
            if re.search(rf"{noun} has resolved", text):
                assert name in before and name not in one.findings
    assert 0.08 <= compared / len(drawn) <= 0.22


def test_a_finding_that_stays_looks_the_same(drawn: list[tuple[Plan, Study]]) -> None:
    """Side and zone of what is carried over are those of the study before."""
    sides: dict[tuple[int, str, int], set[str]] = {}
    for one, study in drawn:
        for finding in study.findings:
            if finding.name in one.since and finding.phrase and finding.name != "sternal wires":
                found = set(re.findall(r"right|left|bilateral|both", finding.phrase.lower()))
                if finding.name in {"Pneumothorax", "Fracture", "Atelectasis", "chest drain"}:
                    key = one.patient, finding.name, one.since[finding.name]
                    assert sides.setdefault(key, found) == found


def test_reports_have_a_modest_vocabulary_and_many_variants(
    drawn: list[tuple[Plan, Study]],
) -> None:
    texts = [study.texts["findings"] for _, study in drawn]
    words = {word for text in texts for word in re.findall(r"[a-z]+", text.lower())}
    assert len(words) < 200
    assert len(set(texts)) > 0.9 * len(texts)


def test_the_mix_of_a_cohort() -> None:
    plans = list(islice(plan(PhantomConfig(patients=2000)), 3000))
    said = [statuses(one.findings | one.devices) for one in plans]
    share = {n: np.mean([s[n] == "present" for s in said]) for n in CHEXPERT_14}
    assert 0.15 <= share["No Finding"] <= 0.21
    assert all(0.11 <= share[name] <= 0.65 for name in CHEXPERT_14)
    main = ("Cardiomegaly", "Pleural Effusion")
    assert all(0.2 <= share[name] <= 0.35 for name in main)


def test_a_normal_report_says_so() -> None:
    for seed in range(20):
        sections = write([], {}, set(), None, np.random.default_rng(seed))
        assert re.search(r"no acute", sections["impression"], re.IGNORECASE)
        assert DENIES.search(sections["findings"])
