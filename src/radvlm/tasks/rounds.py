"""The rounds a template conversation is made of: a question, its answer, its checkable fact.

Each kind of question has one writer here and, where a plain yes or no will not do, one reader.
Facts are labels: a finding's name, ``projection: PA``, ``side: right``.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from radvlm.records import Answer, Finding, Part, Status, Study, Turn, View
from radvlm.tasks.classification import Classification, closed_question
from radvlm.tasks.grounding import read_place, say_place
from radvlm.tasks.labels import LEXICON
from radvlm.tasks.wording import boxes_in, filled, listed, text_of, written
from radvlm.vocabulary import DEVICES, REGIONS_29, SUPPORT_DEVICES

Round = tuple[Turn, Turn]

VIEW_QUESTIONS = ("Is this a PA or an AP view?", "Which view is this?")
SIDE_QUESTION = "On which side?"
WHERE_QUESTION = "Where is it?"
DEVICE_QUESTIONS = ("Are there any devices?", "Which devices are seen?")
REGION_QUESTIONS = ("Where is the {}?", "Show the {}.")
DEFINITIONS = {
    "Atelectasis": "Atelectasis is lung that has lost its air and volume.",
    "Cardiomegaly": "Cardiomegaly is an enlarged heart.",
    "Consolidation": "Consolidation is lung whose air is replaced by fluid or cells.",
    "Edema": "Edema is fluid in the tissue of the lung.",
    "Pleural Effusion": "A pleural effusion is fluid between lung and chest wall.",
    "Pneumonia": "Pneumonia is an infection of the lung.",
    "Pneumothorax": "A pneumothorax is air between lung and chest wall.",
    "Fracture": "A fracture is a broken bone.",
}
_SIDES = {"right": r"\bright", "left": r"\bleft", "both": r"\b(?:both|bilateral)"}


def view_round(view: View, rng: random.Random) -> Round | None:
    """Which projection; none where it is not recorded as PA or AP."""
    if view.projection not in ("PA", "AP"):
        return None
    text = f"This is {'an' if view.projection == 'AP' else 'a'} {view.projection} view."
    fact: dict[str, Status] = {f"projection: {view.projection}": "present"}
    return _round(rng.choice(VIEW_QUESTIONS), Turn("assistant", (text,), Answer(text, fact)))


def finding_round(name: str, status: Status, rng: random.Random) -> Round:
    """Is there such a finding?"""
    asked, reply = closed_question(name, status, rng)
    return _round(asked, reply)


def side_round(finding: Finding) -> Round | None:
    """On which side, after a finding was affirmed; none where its phrase does not say."""
    side = side_of(finding.phrase or "")
    if side is None:
        return None
    text = "On both sides." if side == "both" else f"On the {side} side."
    target = Answer(text, {f"side: {side}": "present"})
    return _round(SIDE_QUESTION, Turn("assistant", (text,), target))


def where_round(finding: Finding, rng: random.Random) -> Round:
    """Where is it, after a finding was affirmed."""
    reply = say_place(rng, finding.name, written(finding.name), finding.boxes)
    boxes = tuple((finding.name, box, None) for box in finding.boxes)
    return _round(WHERE_QUESTION, Turn("assistant", reply.parts, Answer(boxes=boxes)))


def region_round(study: Study, view: View, rng: random.Random) -> Round | None:
    """Where is a region; none where the view has no region boxes."""
    regions = [region for region in study.regions if region.view == view.id]
    if not regions:
        return None
    region = rng.choice(regions)
    reply = say_place(rng, region.name, written(region.name), (region.box,))
    return _round(filled(rng, REGION_QUESTIONS, written(region.name)), reply)


def device_round(study: Study, rng: random.Random) -> Round | None:
    """Which devices; none where nobody said whether there are any."""
    status = {f.name: f.status for f in study.findings if f.name in (*DEVICES, SUPPORT_DEVICES)}
    if SUPPORT_DEVICES not in status:
        return None
    seen = [name for name in DEVICES if status.get(name) == "present"]
    text = f"Yes, {listed(seen)}." if seen else "No devices."
    labels: dict[str, Status] = dict.fromkeys(seen, "present")
    labels = labels or {SUPPORT_DEVICES: "absent"}
    reply = Turn("assistant", (text,), Answer(text, labels))
    return _round(rng.choice(DEVICE_QUESTIONS), reply)


def definition_round(names: Sequence[str], rng: random.Random) -> Round:
    """What a term means; no image is needed and nothing is scored."""
    known = [name for name in names if name in DEFINITIONS] or list(DEFINITIONS)
    name = rng.choice(known)
    return _round(f"What does {written(name)} mean?", Turn("assistant", (DEFINITIONS[name],)))


def side_of(text: str) -> str | None:
    """``right``, ``left`` or ``both``, as the text says; none where it says nothing."""
    said = [side for side, pattern in _SIDES.items() if re.search(pattern, text.lower())]
    return "both" if len(said) > 1 else (said[0] if said else None)


def read_round(parts: Sequence[Part], question: Sequence[Part]) -> Answer:
    """What a reply says to any of the questions above; other questions are read as labels."""
    asked, text = text_of(question).strip(), text_of(parts).strip()
    if asked in VIEW_QUESTIONS:
        said = re.search(r"\b(PA|AP)\b", text)
        fact: dict[str, Status] = {f"projection: {said[1]}": "present"} if said else {}
        return Answer(text, fact, readable=said is not None)
    if asked == SIDE_QUESTION:
        side = side_of(text)
        known: dict[str, Status] = {f"side: {side}": "present"} if side else {}
        return Answer(text, known, readable=side is not None)
    if boxes_in(parts):
        return read_place(parts, question, (*REGIONS_29, *LEXICON))
    answer = Classification().read(parts, question)
    return answer if answer.readable or not text else Answer(text)


def _round(asked: str, reply: Turn) -> Round:
    return Turn("user", (asked,)), reply
