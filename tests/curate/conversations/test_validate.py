from __future__ import annotations

import dataclasses
import random

import pytest
from conversation_cases import (
    GOOD,
    HEART,
    LEFT,
    PLAIN,
    RIGHT,
    VIEW,
    cohort,
    rounds,
    sick,
    speaks_of_prior,
    with_labels_of,
)

from radvlm.curate.conversations.alignment import Alignment
from radvlm.curate.conversations.compose import compose
from radvlm.curate.conversations.truth import truth_of
from radvlm.curate.conversations.validate import CATEGORIES, problems
from radvlm.errors import RecordError
from radvlm.records import Answer, Box, Dialogue, Finding, Part, Status, Study, Turn, View
from radvlm.tasks.asking import frontal_views
from radvlm.tasks.lexicon import spoken
from radvlm.vocabulary import CHEXPERT_13

Said = tuple[str, str | tuple[Part, ...]]


def found(dialogue: Dialogue, grounded: bool, study: Study | None = None) -> set[str]:
    wrong = problems(dialogue, study or sick(), VIEW, grounded, speaks_of_prior)
    assert all(problem.category in CATEGORIES for problem in wrong)
    return {problem.category for problem in wrong}


def planted(*said: Said, grounded: bool = False) -> set[str]:
    """Categories of a good conversation with some rounds more."""
    return found(rounds(*(GOOD if grounded else PLAIN), *said), grounded)


def test_a_good_conversation_has_no_problem() -> None:
    assert found(rounds(*GOOD), True) == set()
    assert found(rounds(*PLAIN), False) == set()


AFFIRM = (
    "There appears to be {}.",
    "The image shows signs of {}.",
    "The findings are consistent with {}.",
    "This may represent {}.",
    "There's a hint of {}.",
    "This isn't normal: there is {}.",
    "I do not see anything else, but there is {}.",
    "What stands out is {}.",
)
DENY = (
    "I don't see {}.",
    "I can’t see any {}.",
    "I cannot see {} here.",
    "There aren't any signs of {}.",
    "There is nothing to suggest {}.",
    "There does not seem to be any {}.",
    "No {} is apparent.",
    "The {} does not appear to be present.",
)


def of_status(status: Status) -> Study:
    labels = tuple(Finding(name, status, "c") for name in CHEXPERT_13)
    return dataclasses.replace(sick(""), texts={}, findings=labels, regions=())


def blamed(words: str, name: str, status: Status) -> bool:
    """Whether an answer of these words is held against the label of that name."""
    said = rounds(("What do you see?", words.format(spoken(name))))
    wrong = problems(said, of_status(status), VIEW, False, speaks_of_prior)
    return any(one.category == "contradiction" and name in one.detail for one in wrong)


@pytest.mark.parametrize("name", CHEXPERT_13)
def test_claims_in_the_words_of_a_conversation(name: str) -> None:
    for words in AFFIRM:
        assert blamed(words, name, "absent") and not blamed(words, name, "present"), words
    for words in DENY:
        assert blamed(words, name, "present") and not blamed(words, name, "absent"), words


def test_roles_and_rounds() -> None:
    turns = rounds(*PLAIN).turns
    assert "roles" in found(Dialogue(turns[1:], "t", "v1"), False)
    assert "roles" in found(Dialogue((*turns, turns[0]), "t", "v1"), False)
    assert "roles" in found(Dialogue((Turn("system", ("Hm.",)), *turns), "t", "v1"), False)
    assert found(rounds(*PLAIN[:4]), False) == {"rounds"}
    assert found(rounds(*PLAIN[:5]), False) == set()
    assert found(rounds(*(PLAIN * 2)[:10]), False) == set()
    assert found(rounds(*(PLAIN * 2)[:11]), False) == {"rounds"}


@pytest.mark.parametrize(
    ("category", "answer"),
    [
        ("empty", ""),
        ("empty", " "),
        ("priors", "It is unchanged."),
        ("priors", "Compared with the previous image it is small."),
        ("leak", "As the report says, it is small."),
        ("leak", "It is reported as small."),
        ("leak", "According to the information it is small."),
        ("leak", "The coordinates were given."),
        ("tone", "It is definitely small."),
        ("tone", "This confirms it."),
        ("tone", "I am 100% convinced."),
        ("tone", "You should take something for it."),
        ("tone", "Antibiotics would help."),
        ("tone", "I recommend a CT."),
        ("tone", "The patient needs surgery."),
        ("tone", "You have a pleural effusion."),
        ("tone", "Your diagnosis is clear."),
        ("tone", "There is edema."),
        ("tone", "There is no edema."),
        ("box", "It lies at [0.1, 0.2, 0.3, 0.4]."),
        ("box", "It lies at <box 9>."),
        ("box", "From (0.12, 0.5) on."),
        ("box", "It lies at 12, 40, 88 and 90: 12, 40, 88, 90."),
        ("contradiction", "There is also a pneumothorax."),
        ("contradiction", "There may be a pneumothorax."),
        ("contradiction", "There is a nodule."),
        ("contradiction", "I see no pleural effusion."),
        ("contradiction", "The heart is not enlarged."),
        ("contradiction", "The image shows no abnormality."),
        ("contradiction", "The effusion is on the left."),
        ("contradiction", "There are bilateral effusions."),
        ("contradiction", "It is the image of a man."),
        ("contradiction", "It is an AP view."),
        ("contradiction", "A pacemaker is visible."),
    ],
)
def test_planted_answers(category: str, answer: str) -> None:
    assert category in planted(("What more can you say?", answer))
    assert category in planted(("What more can you say?", answer), grounded=True)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Is there a pneumothorax?", "Yes."),
        ("Do you see an effusion?", "No."),
        ("On which side is the effusion?", "On the left."),
        ("Is the effusion large? How large is it?", "It is large."),
        ("Is this a PA or an AP view?", "It is AP."),
        ("What does pneumothorax mean?", "It is air around the lung. There is a pneumothorax."),
        ("What does that mean?", "It is a pneumothorax."),
        ("What is pneumonia?", "Pneumonia is seen in the left lung."),
        ("Is this a man or a woman?", "A male."),
    ],
)
def test_contradictions_that_need_the_question(question: str, answer: str) -> None:
    assert planted((question, answer)) == {"contradiction"}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Is there anything besides the effusion?", "No."),
        ("Are there broken ribs?", "None of the ribs is broken."),
        ("What is meant by pneumonia?", "Pneumonia is an infection of the lung."),
        ("What does pneumonia mean?", "It is an infection of the lung."),
        ("What is meant by that?", "It means that the middle of the chest is too wide."),
        ("Is there a pneumothorax?", "No."),
        ("Is there a nodule?", "I see none."),
        ("Is the effusion on the left?", "No, the effusion is on the right."),
        ("What should I do?", "If you have questions, please talk to your doctor."),
        ("Are there any devices?", "None."),
        ("Are there signs of surgery?", "I cannot see any clips from surgery."),
        ("And the right lung?", "The right lung shows no abnormality."),
        ("Is there a break?", "There is no definite fracture, but I am not certain."),
        ("And now?", "You should have this looked at by a doctor, who makes the diagnosis."),
        ("Is there edema?", "It is possible, but uncertain."),
        ("Who is it?", "The image of a woman."),
        ("How large is the effusion?", "It appears small."),
    ],
)
def test_what_is_no_problem(question: str, answer: str) -> None:
    assert planted((question, answer)) == set()


def test_a_parent_that_no_label_speaks_of_may_be_affirmed_and_denied() -> None:
    heart = [f for f in sick().findings if f.name != "Enlarged Cardiomediastinum"]
    study = dataclasses.replace(sick(), findings=tuple(heart))
    for answer in ("The mediastinum appears normal.", "The mediastinum is widened."):
        assert found(rounds(*PLAIN, ("And the mediastinum?", answer)), False, study) == set()
    opacity = rounds(*PLAIN, ("And the lungs?", "There is a lung opacity."))
    assert found(opacity, False, study) == {"contradiction"}


def test_a_follow_up_is_held_to_what_was_spoken_of_last() -> None:
    wrong: Said = ("On which side is it?", "On the left.")
    assert planted(("Is there an effusion?", "Yes, I see one."), wrong) == {"contradiction"}


@pytest.mark.parametrize(
    ("said", "grounded"),
    [
        (("Where?", ("Here: ", (Box(0.2, 0.2, 0.3, 0.3),))), True),
        (("Where?", ("The heart is at ", (RIGHT,))), True),
        (("Where?", ("The left lung is at ", (HEART,))), True),
        (("Where?", ("The effusion is at ", (RIGHT,))), False),
    ],
)
def test_boxes_that_are_not_given_or_of_something_else(said: Said, grounded: bool) -> None:
    assert planted(said, grounded=grounded) == {"box"}


def test_a_given_box_is_no_problem_but_not_in_a_question_and_there_has_to_be_one() -> None:
    lung: Said = ("Where is the left lung?", ("The left lung is at ", (LEFT,), "."))
    assert planted(lung, grounded=True) == set()
    asks = Turn("user", ("Is it at ", (RIGHT,), "?"))
    turns = (*rounds(*GOOD).turns, asks, Turn("assistant", ("It may be.",)))
    assert found(Dialogue(turns, "t", "v1"), True) == {"box"}
    assert found(rounds(*PLAIN), True) == {"box"}


def test_targets_are_held_to_the_truth_as_well() -> None:
    status: Status = "present"
    wrong = [Answer("", {"Pneumothorax": status}), Answer("", {}, (("x", HEART, None),))]
    first, second = rounds(*PLAIN).turns[:2]
    for target, category in zip(wrong, ("contradiction", "box"), strict=True):
        turns = (first, dataclasses.replace(second, target=target), *rounds(*PLAIN).turns[2:])
        assert found(Dialogue(turns, "t", "v1"), False) == {category}


def test_a_detail_never_holds_words_of_the_study() -> None:
    study = sick("Zebra-shaped small right effusion; no pneumothorax.")
    said = rounds(*PLAIN, ("And?", "Zebra-shaped left effusion with a large pneumothorax."))
    wrong = problems(said, study, VIEW, False, speaks_of_prior)
    assert wrong and not any("ebra" in problem.detail for problem in wrong)


def test_a_view_or_a_dialogue_of_another_study_is_refused() -> None:
    other = View("v9", "v9.png", "PA")
    with pytest.raises(RecordError):
        problems(rounds(*GOOD), sick(), other, True, speaks_of_prior)
    foreign = dataclasses.replace(rounds(*GOOD), view="v9")
    with pytest.raises(RecordError):
        problems(foreign, sick(), VIEW, True, speaks_of_prior)


def _claimed(dialogue: Dialogue) -> dict[str, Status]:
    targets = [turn.target.labels for turn in dialogue.turns if turn.target]
    return {n: s for labels in targets for n, s in labels.items() if ": " not in n}


def _pairs() -> list[tuple[Study, Study, View]]:
    studies = cohort()
    shifted = (*studies[1:], studies[0])
    return [(a, b, next(frontal_views(a))) for a, b in zip(studies, shifted, strict=True)]


def test_a_conversation_held_against_the_next_study_s_labels_fails() -> None:
    """All whose claims differ from the shifted labels: nothing else can tell them from right."""
    differ = caught = 0
    for seed, (own, following, view) in enumerate(_pairs()):
        dialogue = compose(own, view, random.Random(seed), False)
        assert dialogue
        shifted = with_labels_of(own, following)
        labels = {finding.name: finding.status for finding in shifted.findings}
        if any(labels.get(name, status) != status for name, status in _claimed(dialogue).items()):
            differ += 1
            caught += "contradiction" in {
                p.category for p in problems(dialogue, shifted, view, False, speaks_of_prior)
            }
    assert caught == differ > 0.8 * len(cohort())


def test_a_conversation_written_from_the_next_study_s_labels_fails_by_the_report() -> None:
    """All that deny what is there, because a simulated report says all that is there."""
    deny = caught = 0
    for seed, (own, following, view) in enumerate(_pairs()):
        shifted = with_labels_of(own, following)
        dialogue = compose(shifted, view, random.Random(seed), False)
        assert dialogue
        there = {f.name for f in own.findings if f.status == "present"}
        said = _claimed(dialogue)
        if any(said.get(name) == "absent" for name in there - {"Enlarged Cardiomediastinum"}):
            deny += 1
            caught += "contradiction" in {
                p.category for p in problems(dialogue, shifted, view, False, speaks_of_prior)
            }
    assert caught == deny > 0.3 * len(cohort())


def test_labels_shifted_by_one_study_stop_the_cohort() -> None:
    right, wrong = Alignment(), Alignment()
    for own, following, view in _pairs():
        right.add(truth_of(own, view))
        wrong.add(truth_of(with_labels_of(own, following), view))
    right.check()
    Alignment(19, 19).check()
    Alignment(100, 40).check()
    for counted in (Alignment(20, 18), Alignment(100, 45)):
        with pytest.raises(RecordError):
            counted.check()
    assert right.share < 0.01 and wrong.share > 0.8
    with pytest.raises(RecordError, match="contradict the report"):
        wrong.check()
