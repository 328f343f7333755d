"""What a conversation about one view may say: the labels, report and boxes of this very study.

Everything comes out of one ``Study`` record, never out of lists side by side, so that labels,
report and boxes cannot be another patient's. The labels and what the report says are kept apart: a
claim has to stand before both, so that labels which were mixed up before they came here show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from radvlm.errors import RecordError
from radvlm.records import Box, Projection, Status, Study, View
from radvlm.tasks.asking import boxes_of, findings_of, known, wholly_negative
from radvlm.tasks.facts import SEVERITIES, side_of
from radvlm.tasks.labels import read_labels, stronger
from radvlm.tasks.lexicon import BROADER, WORDS, canonical, mentions
from radvlm.tasks.report import SECTIONS, reference
from radvlm.vocabulary import CHEXPERT_13, NO_FINDING

PARENTS: Mapping[str, str] = {
    **BROADER,
    **dict.fromkeys(
        ("Atelectasis", "Consolidation", "Edema", "Lung Lesion", "Pneumonia"), "Lung Opacity"
    ),
    "Cardiomegaly": "Enlarged Cardiomediastinum",
}
"""What a finding is besides itself: CheXpert's label tree (Irvin et al. 2019, figure 1)."""

_MIDDLE = 0.5
_SENTENCE = re.compile(r"(?<=[.!?;])\s+")


@dataclass(frozen=True, slots=True)
class Given:
    """A box that may be pointed at, and what lies in it."""

    name: str
    box: Box
    phrase: str | None = None


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of one view.

    Attributes:
        report: the section shown to a writer, edited where there is an edited one; or empty.
        labels: name → status by the labels; the class of a kind that is there is there too.
        told: name → status by all sections of the report.
        sides: name → those of ``right`` and ``left`` (the patient's) that it may be on.
        severities: name → words of ``SEVERITIES`` that were said of it.
        boxes: findings, then regions; a writer points at one by its place, counted from 1.
        projection: of the view.
        sex: F, M, another word of the release, or none.
    """

    report: str
    labels: Mapping[str, Status]
    told: Mapping[str, Status]
    sides: Mapping[str, frozenset[str]]
    severities: Mapping[str, frozenset[str]]
    boxes: tuple[Given, ...]
    projection: Projection
    sex: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that is looked for in a text."""
        return tuple(dict.fromkeys((*WORDS, NO_FINDING, *self.labels)))

    def implies(self, name: str) -> bool:
        """Whether a parent may be spoken of because one of its children is not absent."""
        known = {**self.told, **self.labels}
        return any(
            known.get(child, "absent") != "absent"
            for child, parent in PARENTS.items()
            if parent == name
        )

    @property
    def normal(self) -> bool:
        """Whether it may be said that nothing abnormal is there."""
        return wholly_negative({**self.told, **self.labels})


def truth_of(study: Study, view: View) -> Truth:
    """What is known of a view of the study.

    Raises:
        RecordError: the view belongs to another study.
    """
    if view not in study.views:
        raise RecordError("the view belongs to another study", f"study {study.id}, view {view.id}")
    texts = [study.texts[section] for section in SECTIONS if study.texts.get(section)]
    statements = list(_statements(study, view, texts))
    return Truth(
        report=reference(study.texts),
        labels=_with_classes(known(study, view)),
        told=_with_classes(read_labels("\n\n".join(texts), (*WORDS, NO_FINDING))) if texts else {},
        sides={**_sides_shown(study, view), **_gathered(statements, sides_in)},
        severities=_gathered(statements, severities_in),
        boxes=tuple(_boxes(study, view)),
        projection=view.projection,
        sex=study.sex,
    )


def disagreements(truth: Truth) -> list[str]:
    """CheXpert classes of which labels and report say the opposite, sorted.

    A few are the misreadings of any reader of text; most of a cohort's studies having some means
    that labels and reports were joined wrongly.
    """
    opposite = {("present", "absent"), ("absent", "present")}
    return sorted(
        name for name in CHEXPERT_13 if (truth.labels.get(name), truth.told.get(name)) in opposite
    )


def sentences(text: str) -> list[str]:
    """A text cut behind each full stop, question mark and semicolon."""
    return [piece for piece in _SENTENCE.split(text.strip()) if piece]


def sides_in(text: str) -> frozenset[str]:
    """Right, left or both, as far as a text speaks of sides."""
    side = side_of(text)
    return frozenset({"right", "left"} if side == "both" else {side} if side else ())


def _with_classes(labels: Mapping[str, Status]) -> dict[str, Status]:
    """With the classes of kinds: where there may be a nodule, there may be a lesion."""
    whole = dict(labels)
    for kind, broader in BROADER.items():
        if (status := whole.get(kind, "absent")) != "absent":
            whole[broader] = stronger(whole.get(broader), status)
    return whole


def severities_in(text: str) -> frozenset[str]:
    """The words of ``SEVERITIES`` in a text, also as adverbs."""
    words = {word.removesuffix("ly") for word in re.findall(r"\w+", text.lower())}
    return frozenset(words & set(SEVERITIES))


def _boxes(study: Study, view: View) -> Iterator[Given]:
    phrases = {
        (canonical(f.name), box): f.phrase for f in findings_of(study, view) for box in f.boxes
    }
    for name, boxes in boxes_of(study, view).items():
        for box in boxes:
            yield Given(name, box, phrases.get((name, box)))
    for region in study.regions:
        if region.view == view.id:
            yield Given(region.name, region.box)


def _statements(study: Study, view: View, texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each finding and a sentence of the report, or its own phrase, that speaks of it."""
    for finding in findings_of(study, view):
        if finding.phrase and finding.status != "absent":
            yield canonical(finding.name), finding.phrase
    for text in texts:
        for sentence in sentences(text):
            for mention in mentions(sentence):
                yield mention.name, sentence


def _gathered(
    statements: Sequence[tuple[str, str]], reader: Callable[[str], frozenset[str]]
) -> dict[str, frozenset[str]]:
    """Name → all that is read of it and of what it is a parent of."""
    found: dict[str, frozenset[str]] = {}
    for name, text in statements:
        for one in filter(None, (name, PARENTS.get(name))):
            if words := reader(text):
                found[one] = found.get(one, frozenset()) | words
    return found


def _sides_shown(study: Study, view: View) -> dict[str, frozenset[str]]:
    """By the boxes alone: the patient's right is left in the picture."""
    return {
        name: frozenset({"right" for box in boxes if box.x1 < _MIDDLE})
        | {"left" for box in boxes if box.x2 > _MIDDLE}
        for name, boxes in boxes_of(study, view).items()
    }
