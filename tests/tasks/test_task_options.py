"""What a mixture can choose of a task; the published system's choices among them."""

from __future__ import annotations

import random

from task_studies import LEFT, RIGHT, ask, replies, said, sick, study

from radvlm.records import Answer, Dialogue, Example, Finding, Region, Turn
from radvlm.tasks.abnormality_detection import AbnormalityDetection
from radvlm.tasks.abnormality_grounding import AbnormalityGrounding
from radvlm.tasks.anatomical_grounding import AnatomicalGrounding
from radvlm.tasks.classification import Classification
from radvlm.tasks.conversation import Conversation
from radvlm.tasks.report import Report
from radvlm.vocabulary import CHEXPERT_13, REGIONS_29

SPARSE = (
    Finding("Edema", "present", "chexpert"),
    Finding("Pneumonia", "uncertain", "chexpert"),
    Finding("Fracture", "absent", "chexpert"),
)


def target(example: Example) -> Answer:
    ((_, _, wanted),) = replies(example)
    return wanted


def test_labels_nobody_mentions_count_as_absent_where_asked_to() -> None:
    wanted = {
        "absent": {"Edema"},
        "present": {"Edema", "Pneumonia"},
        "ignore": {"Edema"},
    }
    for uncertain, present in wanted.items():
        task = Classification(uncertain=uncertain, unmentioned="absent")  # type: ignore[arg-type]
        (example,) = ask(task, study(findings=SPARSE))
        found = target(example).labels
        assert {name for name, status in found.items() if status == "present"} == present
        left_out = {"Pneumonia"} if uncertain == "ignore" else set()
        assert set(found) == set(CHEXPERT_13) - left_out


def test_a_study_without_labels_is_not_asked_for_them() -> None:
    nodule = (Finding("Nodule", "present", "r"),)
    for found in ((), nodule):
        examples = ask(Classification(unmentioned="absent"), study(findings=found))
        assert len(examples) == len(found)


def test_regions_beyond_the_29_only_where_asked_for() -> None:
    named = (*REGIONS_29, "descending aorta")
    regions = tuple(Region(name, "v1", LEFT) for name in named)
    asked = [
        {name for e in ask(AnatomicalGrounding(0, 0, only), study(regions=regions))
         for name, _, _ in target(e).boxes}
        for only in (True, False)
    ]  # fmt: skip
    assert asked == [set(REGIONS_29), set(named)]


def test_no_negatives_where_none_are_wanted() -> None:
    assert all(target(e).boxes for e in ask(AbnormalityGrounding(negatives=0), sick()))
    regions = tuple(Region(name, "v1", RIGHT) for name in REGIONS_29[:12])
    for seed in range(40):
        found = ask(AnatomicalGrounding(0, absent_share=0), study(regions=regions), seed)
        assert len(found) == 12


def test_an_image_without_boxes_counts_as_normal_where_asked_to() -> None:
    unboxed = study(findings=(Finding("Tuberculosis", "present", "r"),))
    assert not ask(AbnormalityDetection(), unboxed)
    (example,) = ask(AbnormalityDetection(unboxed=True), unboxed)
    assert target(example).labels == {"No Finding": "present"} and not target(example).boxes


def test_only_the_section_wanted_is_a_report() -> None:
    one = study(texts={"findings": "Raw.", "impression": "Short."})
    assert not ask(Report(sections=["findings.curated"]), one)
    (example,) = ask(Report(sections=["findings.curated", "impression"]), one)
    assert said(example) == "Short."


def test_only_dialogues_that_somebody_wrote() -> None:
    turns = (Turn("user", ("Hello?",)), Turn("assistant", ("Hello.",)))
    task = Conversation(written=False)
    assert not list(task.ask(sick(), random.Random(0)))
    own = study(dialogues=(Dialogue(turns, "somebody", "v1"),))
    assert [e.turns for e in task.ask(own, random.Random(0))] == [turns]
