from __future__ import annotations

import dataclasses
import random
from collections import Counter

import pytest
from conversation_cases import VIEW, cohort, sick, speaks_of_prior
from hypothesis import given
from hypothesis import strategies as st

from radvlm.curate.conversations.compose import EDITED, compose
from radvlm.curate.conversations.validate import problems
from radvlm.errors import RecordError
from radvlm.metrics.fact_accuracy import FactAccuracy
from radvlm.records import Answer, Box, Dialogue, Finding, Region, Status, Study
from radvlm.tasks.asking import frontal_views
from radvlm.tasks.grounded_conversation import GroundedConversation
from radvlm.tasks.lexicon import WORDS
from radvlm.tasks.wording import plain
from radvlm.vocabulary import CHEXPERT_14, REGIONS_29


def written(study: Study, seed: int, grounded: bool) -> Dialogue | None:
    return compose(study, next(frontal_views(study)), random.Random(seed), grounded)


def texts(dialogue: Dialogue) -> list[str]:
    return [plain(turn.parts) for turn in dialogue.turns]


def boxes(dialogue: Dialogue) -> set[Box]:
    parts = (part for turn in dialogue.turns for part in turn.parts if not isinstance(part, str))
    return {box for part in parts for box in part}


def well() -> Study:
    labels = tuple(
        Finding(name, "present" if name == "No Finding" else "absent", "c") for name in CHEXPERT_14
    )
    return dataclasses.replace(sick("Normal."), findings=labels, regions=())


@pytest.mark.parametrize("grounded", [False, True])
def test_every_study_of_a_cohort_gets_a_conversation_that_is_kept(grounded: bool) -> None:
    assert len(cohort()) >= 300
    for seed, study in enumerate(cohort()):
        dialogue = written(study, seed, grounded)
        assert dialogue is not None
        view = next(frontal_views(study))
        assert problems(dialogue, study, view, grounded, speaks_of_prior) == []


def test_each_answer_reads_back_as_its_target() -> None:
    task, answers, targets = GroundedConversation(), [], []
    for seed, study in enumerate(cohort()):
        dialogue = written(study, seed, seed % 2 == 0)
        assert dialogue
        for question, reply in zip(dialogue.turns[::2], dialogue.turns[1::2], strict=True):
            assert reply.target is not None
            answers.append(task.read(reply.parts, question.parts))
            targets.append(reply.target)
            assert answers[-1].boxes == reply.target.boxes
    rows = FactAccuracy().rows(answers, targets)
    assert rows[:, 0].sum() == rows[:, 1].sum() > 2000


def test_every_status_said_is_the_study_s_own() -> None:
    for seed, study in enumerate(cohort()):
        truth = {(finding.name, finding.status) for finding in study.findings}
        dialogue = written(study, seed, False)
        assert dialogue
        said = {
            fact
            for turn in dialogue.turns
            for fact in (turn.target or Answer()).labels.items()
            if ": " not in fact[0]
        }
        assert said <= truth


def test_the_same_seed_gives_the_same_and_another_something_else() -> None:
    made = [written(sick(), seed, True) for seed in range(100)]
    assert made == [written(sick(), seed, True) for seed in range(100)]
    words = {tuple(texts(dialogue)) for dialogue in made if dialogue}
    assert len(words) >= 98
    assert len({one[0] for one in words}) >= 20
    facts = [tuple(next(iter(t.target.labels), "") for t in d.turns if t.target) for d in made if d]
    assert len(set(facts)) >= 80
    assert {len(one) for one in facts} == {5, 6, 7, 8, 9, 10}


def test_there_are_references_back_definitions_summaries_sex_and_view() -> None:
    asked = Counter[str]()
    for seed in range(150):
        for grounded in (False, True):
            dialogue = written(sick(), seed, grounded)
            assert dialogue
            asked.update(texts(dialogue)[::2])
    for question in (
        "Where is it?",
        "On which side?",
        "What does that mean?",
        "How severe is it?",
        "Is the patient male or female?",
        "Is this a PA or an AP view?",
        "Please sum up.",
        "Is there anything else?",
        "You mentioned pleural effusion. On which side?",
    ):
        assert asked[question], question


def test_it_refers_to_the_finding_named_before() -> None:
    for seed in range(150):
        dialogue = written(sick(), seed, False)
        assert dialogue
        for before, question, reply in zip(
            dialogue.turns[1::2], dialogue.turns[2::2], dialogue.turns[3::2], strict=False
        ):
            if plain(question.parts) in ("On which side?", "Which side is it on?"):
                assert "right" in plain(reply.parts)
                assert {"effusion", "small"} & set(plain(before.parts).strip(".").split())


def test_a_normal_study_is_called_normal_and_nothing_is_affirmed() -> None:
    for seed in range(60):
        dialogue = written(well(), seed, False)
        assert dialogue
        assert problems(dialogue, well(), VIEW, False, speaks_of_prior) == []
        said = [fact for t in dialogue.turns if t.target for fact in t.target.labels.items()]
        affirmed = {name for name, status in said if status != "absent"}
        assert affirmed <= {"No Finding", "projection: PA"}


def test_an_edited_report_can_be_told_whole() -> None:
    text = "A small right pleural effusion and an enlarged heart. No pneumothorax."
    study = dataclasses.replace(sick(), texts={EDITED: text})
    assert any(text in texts(d) for s in range(40) if (d := written(study, s, False)))
    against = dataclasses.replace(sick(), texts={EDITED: "Large pneumothorax."})
    assert not any("Large pn" in str(written(against, seed, False)) for seed in range(40))


def test_too_little_known_gives_none_and_a_foreign_view_is_refused() -> None:
    bare = dataclasses.replace(sick(), findings=(), regions=())
    assert written(bare, 0, False) is None
    assert written(well(), 0, True) is None
    other = dataclasses.replace(VIEW, id="of another study")
    with pytest.raises(RecordError, match="another study"):
        compose(sick(), other, random.Random(0), False)


_box = st.builds(
    lambda x, y, w, h: Box(x / 100, y / 100, (x + w) / 100, (y + h) / 100),
    *(st.integers(0, 89), st.integers(0, 89), st.integers(1, 10), st.integers(1, 10)),
)
_status: st.SearchStrategy[Status] = st.sampled_from(["present", "absent", "uncertain"])
_phrase = st.sampled_from([None, "Mild left shadow.", "Large, both sides.", "On the right."])


def _finding(name: str, status: Status, where: list[Box], phrase: str | None) -> Finding:
    shown = () if status == "absent" else tuple(where)
    return Finding(name, status, "r", "v1" if shown else None, shown, phrase)


_findings = st.builds(_finding, st.sampled_from([*WORDS]), _status, st.lists(_box), _phrase)
_regions = st.builds(Region, st.sampled_from(REGIONS_29), st.just("v1"), _box)


@given(st.lists(_findings, max_size=20), st.lists(_regions, max_size=5), st.integers(0, 9))
def test_whatever_is_known_a_conversation_is_valid(
    findings: list[Finding], regions: list[Region], seed: int
) -> None:
    study = dataclasses.replace(
        sick(), texts={}, findings=tuple(findings), regions=tuple(regions), sex=None
    )
    known = {r.box for r in regions} | {box for f in findings for box in f.boxes}
    for grounded in (False, True):
        dialogue = compose(study, VIEW, random.Random(seed), grounded)
        if dialogue is None:
            continue
        roles = [turn.role for turn in dialogue.turns]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert 5 <= len(roles) // 2 <= 10
        assert boxes(dialogue) <= known and bool(boxes(dialogue)) == grounded
        assert not any(map(speaks_of_prior, texts(dialogue)))
        assert problems(dialogue, study, VIEW, grounded, speaks_of_prior) == []
