"""The tasks of one question and one answer: who is asked what, and how replies are understood."""

from __future__ import annotations

import dataclasses

import pytest
from task_studies import LEFT, RIGHT, VIEW, ask, labels, replies, said, sick, study, well

from radvlm.records import Answer, Box, Finding, Region
from radvlm.tasks.abnormality_detection import AbnormalityDetection
from radvlm.tasks.abnormality_grounding import AbnormalityGrounding
from radvlm.tasks.anatomical_grounding import AnatomicalGrounding
from radvlm.tasks.classification import Classification
from radvlm.tasks.phrase_grounding import PhraseGrounding
from radvlm.tasks.report import Report
from radvlm.vocabulary import CHEXPERT_13, REGIONS_29


def target(example: object) -> Answer:
    ((_, _, wanted),) = replies(example)  # type: ignore[arg-type]
    return wanted


def test_a_report_is_the_first_section_there_is() -> None:
    texts = {"last_paragraph": "D", "impression": "C", "findings": " ", "findings.curated": ""}
    for section, text in (("impression", "C"), ("findings", "B"), ("findings.curated", "A")):
        (example,) = ask(Report(), study(texts={**texts, section: text}))
        assert said(example) == text
    assert not ask(Report(), study(texts={"history": "cough"}))


def test_a_report_is_held_to_labels_it_speaks_of_and_the_study_knows() -> None:
    (example,) = ask(Report(), dataclasses.replace(sick(), split="test"))
    assert "\n" not in said(example)
    assert target(example).labels == {
        "Cardiomegaly": "present",
        "Pleural Effusion": "present",
        "Pneumothorax": "absent",
        "No Finding": "absent",
    }
    unsure = study(
        findings=labels(uncertain=("Edema",)), texts={"findings": "Possible edema."}, split="test"
    )
    assert target(ask(Report(), unsure)[0]).labels == {}


def test_an_open_list_knows_the_thirteen_and_counts_uncertain_as_absent() -> None:
    one = study(findings=labels("Edema", "Pneumonia", uncertain=("Fracture",)))
    (example,) = ask(Classification(), one)
    wanted = target(example).labels
    assert set(wanted) == set(CHEXPERT_13)
    assert {n for n, s in wanted.items() if s == "present"} == {"Edema", "Pneumonia"}
    assert "edema and pneumonia" in said(example).lower()


def test_where_nothing_is_present_the_list_says_so() -> None:
    (example,) = ask(Classification(), well())
    assert set(target(example).labels.values()) == {"absent"}
    assert not any(name.lower() in said(example).lower() for name in CHEXPERT_13)


@pytest.mark.parametrize(("status", "start"), [("present", "Yes"), ("absent", "No")])
def test_few_labels_are_asked_one_by_one(status: str, start: str) -> None:
    names = ("Tuberculosis", "COVID-19", "Old scars", "No Finding")
    found = tuple(Finding(name, status, "r") for name in names)  # type: ignore[arg-type]
    examples = ask(Classification(), study(findings=found))
    assert {n for e in examples for n in target(e).labels} == set(names)
    assert all(said(e).startswith(start) for e in examples)
    assert all(dict(target(e).labels).popitem()[1] == status for e in examples)


def test_the_fourteen_names_of_nih_make_a_list_under_canonical_names() -> None:
    names = ("Effusion", "Infiltration", "Mass", "Nodule", "Pleural_Thickening", "Hernia")
    one = study(findings=tuple(Finding(name, "present", "nih") for name in names))
    (example,) = ask(Classification(), one)
    assert set(target(example).labels) == {
        "Pleural Effusion",
        "Infiltration",
        "Mass",
        "Nodule",
        "Pleural Thickening",
        "Hernia",
    }


@pytest.mark.parametrize(
    ("question", "reply", "name", "status"),
    [
        ("Is there evidence of tuberculosis?", "no", "Tuberculosis", "absent"),
        ("Is there evidence of tuberculosis?", "There is tuberculosis.", "Tuberculosis", "present"),
        ("Is there evidence of tuberculosis?", "It is not seen.", "Tuberculosis", "absent"),
        ("Any pneumothorax?", "Possible pneumothorax.", "Pneumothorax", "uncertain"),
        ("Is this radiograph normal?", "No abnormality is seen.", "No Finding", "present"),
        ("Is this radiograph normal?", "No.", "No Finding", "absent"),
        ("Is this radiograph normal?", "It is abnormal.", "No Finding", "absent"),
        ("List all abnormalities.", "Heart is big, no edema", "Edema", "absent"),
        ("List all abnormalities.", "I see a nodule", "Lung Lesion", "present"),
    ],
)
def test_replies_in_other_words(question: str, reply: str, name: str, status: str) -> None:
    answer = Classification().read((reply,), (question,))
    assert answer.readable and answer.labels[name] == status


def test_regions_are_drawn_without_repetition_and_all_of_them_on_request() -> None:
    boxed = {r.name: r.box for r in sick().regions}
    for count, wanted in ((6, 6), (0, 20), (None, 20), (99, 20)):
        examples = ask(AnatomicalGrounding(per_view=count), sick())
        seen = [b for e in examples for b in target(e).boxes]
        assert len({name for name, _, _ in seen}) == len(seen) == wanted
        assert all(boxed[name] == box for name, box, _ in seen)


def test_one_region_in_twenty_is_not_there_and_only_where_many_are() -> None:
    few = study(regions=sick().regions[:9])
    hidden = {}
    for name, one in (("many", sick()), ("few", few)):
        all_ = [target(e) for s in range(200) for e in ask(AnatomicalGrounding(0), one, s)]
        hidden[name] = [t for t in all_ if not t.boxes]
    assert not hidden["few"]
    assert 0.03 < len(hidden["many"]) / (200 * 20) < 0.07
    missing = set(REGIONS_29[20:])
    assert {name for t in hidden["many"] for name in t.labels} == missing
    assert {status for t in hidden["many"] for status in t.labels.values()} == {"absent"}


def test_as_many_absent_findings_are_asked_for_as_present_but_at_most_two() -> None:
    found = [target(e) for e in ask(AbnormalityGrounding(), sick())]
    assert [b[0] for t in found for b in t.boxes] == [
        "Cardiomegaly",
        "Enlarged Cardiomediastinum",
        "Pleural Effusion",
    ]
    absent = [t for t in found if not t.boxes]
    assert len(absent) == 2 and all(list(t.labels.values()) == ["absent"] for t in absent)
    assert not ask(AbnormalityGrounding(), well())


def test_boxes_of_another_view_are_not_asked_for() -> None:
    other = dataclasses.replace(VIEW, id="v9", projection="LATERAL")
    elsewhere = Finding("Edema", "present", "r", "v9", (LEFT,), "Edema.")
    region = Region("carina", "v9", LEFT)
    one = study(views=(VIEW, other), findings=(elsewhere,), regions=(region,))
    for task in (AbnormalityGrounding(), PhraseGrounding(), AbnormalityDetection()):
        assert not ask(task, one)
    assert not ask(AnatomicalGrounding(), one)


@pytest.mark.parametrize(
    ("reply", "readable", "status"),
    [
        (("It is here: ", (LEFT, RIGHT)), True, "present"),
        (((LEFT,), (RIGHT,)), True, "present"),
        (("There is none.",), True, "absent"),
        (("Not seen",), True, "absent"),
        (("[0.1, 0.2",), False, None),
        ((), False, None),
    ],
)
def test_any_reply_with_boxes_or_a_denial_is_read(
    reply: tuple[object, ...], readable: bool, status: str | None
) -> None:
    answer = AbnormalityGrounding().read(reply, ("Where is the pneumothorax?",))  # type: ignore[arg-type]
    assert answer.readable == readable and answer.labels.get("Pneumothorax") == status
    assert len(answer.boxes) == (2 if status == "present" else 0)


def test_detection_lists_each_place_once_and_no_device() -> None:
    device = Finding("pacemaker", "present", "r", "v1", (Box(0, 0, 0.1, 0.1),))
    one = dataclasses.replace(sick(), findings=(*sick().findings, device))
    (example,) = ask(AbnormalityDetection(), one)
    assert target(example).boxes == (
        ("Cardiomegaly", LEFT, None),
        ("Pleural Effusion", RIGHT, None),
    )
    wide = Finding("Enlarged Cardiomediastinum", "present", "r", "v1", (RIGHT,))
    (alone,) = ask(AbnormalityDetection(), study(findings=(wide,)))
    assert [name for name, _, _ in target(alone).boxes] == ["Enlarged Cardiomediastinum"]


def test_detection_asks_only_where_boxes_are_known_or_nothing_is_there() -> None:
    (example,) = ask(AbnormalityDetection(), well())
    assert target(example).boxes == () and target(example).labels == {"No Finding": "present"}
    for found in (
        labels("Edema"),
        labels(uncertain=("Edema",)),
        (Finding("Tuberculosis", "absent", "r"),),
    ):
        assert not ask(AbnormalityDetection(), study(findings=found))
    with_device = study(findings=labels("Support Devices", "No Finding"))
    assert target(ask(AbnormalityDetection(), with_device)[0]).boxes == ()


def test_a_detected_box_belongs_to_the_finding_named_last_before_it() -> None:
    reply = (
        "I see a small effusion here ",
        (RIGHT,),
        " and ",
        (LEFT,),
        ", then Rings at ",
        (LEFT,),
    )
    answer = AbnormalityDetection().read(reply, ())
    assert [name for name, _, _ in answer.boxes] == [
        "Pleural Effusion",
        "Pleural Effusion",
        "then Rings",
    ]
    assert not AbnormalityDetection().read(("Hello.",), ()).readable


def test_a_phrase_said_of_two_findings_is_asked_once_under_the_one_it_mentions() -> None:
    one = sick()
    found = {e.turns[0].parts[0]: target(e).boxes for e in ask(PhraseGrounding(), one)}
    assert len(found) == 2
    (heart,) = (boxes for asked, boxes in found.items() if "The heart is enlarged." in str(asked))
    assert heart == (("Cardiomegaly", LEFT, None),)


def test_a_class_given_the_phrase_of_its_kind_adds_no_box() -> None:
    found = (
        Finding("Lung Opacity", "present", "r", "v1", (LEFT, RIGHT), "Opacity, likely pneumonia."),
        Finding("Pneumonia", "present", "r", "v1", (LEFT,), "Opacity, likely pneumonia."),
    )
    (example,) = ask(PhraseGrounding(), study(findings=found))
    assert target(example).boxes == (("Pneumonia", LEFT, None),)
    (alone,) = ask(PhraseGrounding(), study(findings=found[:1]))
    assert target(alone).boxes == (("Lung Opacity", LEFT, None), ("Lung Opacity", RIGHT, None))


def test_two_findings_of_one_phrase_are_one_answer() -> None:
    both = "Edema and effusion."
    found = (
        Finding("Edema", "present", "r", "v1", (LEFT,), both),
        Finding("Pleural Effusion", "present", "r", "v1", (RIGHT, LEFT), both),
    )
    (example,) = ask(PhraseGrounding(), study(findings=found))
    assert [box for _, box, _ in target(example).boxes] == [LEFT, RIGHT]


def test_with_a_kind_its_class_is_there() -> None:
    found = (*labels(), Finding("Nodule", "present", "r"))
    (example,) = ask(Classification(), study(findings=found))
    wanted = target(example).labels
    assert {n for n, s in wanted.items() if s == "present"} == {"Nodule", "Lung Lesion"}


def test_a_phrase_reply_without_a_name_is_about_the_phrase() -> None:
    question = ('Where is this seen: "Small right effusion."?',)
    answer = PhraseGrounding().read(((RIGHT,),), question)
    assert answer.boxes == (("Pleural Effusion", RIGHT, None),)
