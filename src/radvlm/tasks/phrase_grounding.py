"""Where what a sentence of the report says is to be seen (RadVLM §3.1.3)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from radvlm.records import Answer, Box, Example, Finding, Part, Study, View
from radvlm.tasks.asking import example, exchange, findings_of, frontal_views
from radvlm.tasks.grounding import METRICS, REPLY, read_boxes, target_of
from radvlm.tasks.labels import read_labels
from radvlm.tasks.lexicon import GENERAL, canonical, mentions, spoken
from radvlm.tasks.wording import Phrasing, plain

QUESTION = Phrasing(
    'Where is this seen: "{}"?',
    'Show me where this is: "{}"',
    'Locate this on the image: "{}"',
    'Which part of the image shows "{}"?',
    'The report says "{}". Where is that?',
)


class PhraseGrounding:
    """One example a phrase with boxes; a phrase said of several findings is one example."""

    name = "phrase_grounding"
    metrics: tuple[str, ...] = METRICS

    def ask(self, study: Study, rng: random.Random) -> Iterator[Example]:
        """Examples of each frontal view, phrases in the order of the study."""
        for view in frontal_views(study):
            for phrase, (name, boxes) in _phrases(study, view).items():
                reply = REPLY.parts(rng, spoken(name), boxes)
                turns = exchange(QUESTION.say(rng, phrase), reply, target_of(name, reply, boxes))
                yield example(self.name, study, view, turns)

    def read(self, parts: Sequence[Part], question: Sequence[Part]) -> Answer:
        """All boxes are of the finding the reply names, or else of the one the phrase mentions."""
        return read_boxes(parts, _name(parts) or _mentioned(plain(question)))


def _phrases(study: Study, view: View) -> dict[str, tuple[str, tuple[Box, ...]]]:
    """Phrase → the name and the boxes of what it is about, no box twice.

    Of the findings a phrase is given to, general classes are left aside where others are there,
    and then those it does not mention where it mentions one.
    """
    given: dict[str, list[Finding]] = {}
    for finding in findings_of(study, view):
        phrase = " ".join((finding.phrase or "").split())
        if phrase and finding.boxes:
            given.setdefault(phrase, []).append(finding)
    found = {}
    for phrase, about in given.items():
        about = [f for f in about if canonical(f.name) not in GENERAL] or about
        said = read_labels(phrase, [canonical(f.name) for f in about])
        about = [f for f in about if canonical(f.name) in said] or about
        boxes = tuple(dict.fromkeys(box for finding in about for box in finding.boxes))
        found[phrase] = canonical(about[0].name), boxes
    return found


def _name(parts: Sequence[Part]) -> str:
    """The name in a reply of our own wording, free names included, or one that it mentions."""
    marked = "".join(part if isinstance(part, str) else "\x00" for part in parts)
    slot = REPLY.slot(marked)
    return _mentioned(marked) if slot is None else canonical(slot)


def _mentioned(text: str) -> str:
    return next((mention.name for mention in mentions(text)), "")
