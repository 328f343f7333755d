"""Abnormality classification (paper, §3.1.2): which findings does the image show?

A study that knows at least ``OPEN_FROM`` names is asked openly and answered with a list; one that
knows fewer (a data set labelled for tuberculosis alone, say) is asked about each name.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from radvlm.records import Answer, Example, Part, Status, Study, Turn, View
from radvlm.tasks.labels import LEXICON, read_labels
from radvlm.tasks.wording import (
    capital,
    filled,
    frontal_views,
    listed,
    single,
    text_of,
    written,
)
from radvlm.vocabulary import DEVICES, NO_FINDING

OPEN_FROM = 5
OPEN_QUESTIONS = (
    "Which abnormalities are seen?",
    "List the abnormalities.",
    "What is abnormal here?",
    "Name all findings.",
)
LISTS = ("{}.", "There is {}.", "Seen here: {}.")
NOTHING = ("No abnormality is seen.", "There is no abnormality.", "Nothing abnormal is seen.")
NORMAL_QUESTION = "Is this radiograph normal?"
NORMAL = "Yes, the radiograph is normal."
ABNORMAL = "No, there is an abnormality."
CLOSED_QUESTIONS = ("Is there {}?", "Do you see {}?", "Is there evidence of {}?")
_CLOSED = re.compile(r"^(?:is there evidence of|is there|do you see) (?:an? |any )?(.+)\?$")
_NOTHING_SAID = re.compile(r"\b(?:no|nothing) (?:abnormal|acute)|\bno finding", re.IGNORECASE)


class Classification:
    """Present and absent labels; uncertain counts as absent, as in the paper."""

    name = "classification"
    metrics = ("label_macro_f1",)

    def ask(self, study: Study, rng: random.Random) -> Iterator[Example]:
        """One open example a frontal view, or one closed one a known name."""
        for view in frontal_views(study):
            known = known_labels(study, view)
            classes = {n: s for n, s in known.items() if n != NO_FINDING}
            if len(classes) >= OPEN_FROM:
                turn = _list(classes, rng)
                yield single(self.name, study, view, rng.choice(OPEN_QUESTIONS), turn)
            else:
                for name, status in known.items():
                    asked, turn = closed_question(name, status, rng)
                    yield single(self.name, study, view, asked, turn)

    def read(self, parts: Sequence[Part], question: Sequence[Part]) -> Answer:
        """What is said present or absent; unreadable where no name and no verdict is found."""
        text = text_of(parts).strip()
        asked = text_of(question).strip().lower()
        if asked == NORMAL_QUESTION.lower():
            return _verdict(text, NO_FINDING)
        if match := _CLOSED.match(asked):
            return _verdict(text, _name_of(match.group(1)))
        labels = {**read_labels(text, LEXICON), **_listed_names(text)}
        return Answer(text, labels, readable=bool(labels) or bool(_NOTHING_SAID.search(text)))


def known_labels(study: Study, view: View) -> dict[str, Status]:
    """Name → present or absent for what is known of this view; devices' own names left out."""
    found: dict[str, Status] = {}
    for finding in study.findings:
        if finding.view in (None, view.id) and finding.name not in DEVICES:
            present = finding.status == "present" or found.get(finding.name) == "present"
            found[finding.name] = "present" if present else "absent"
    return found


def closed_question(name: str, status: Status, rng: random.Random) -> tuple[str, Turn]:
    """A yes-or-no question about one name and its answer."""
    if name == NO_FINDING:
        text = NORMAL if status == "present" else ABNORMAL
        return NORMAL_QUESTION, Turn("assistant", (text,), Answer(text, {name: status}))
    asked = filled(rng, CLOSED_QUESTIONS, written(name))
    text = f"Yes, there is {written(name)}." if status == "present" else f"No {written(name)}."
    return asked, Turn("assistant", (text,), Answer(text, {name: status}))


def _list(classes: dict[str, Status], rng: random.Random) -> Turn:
    present = [written(name) for name in classes if classes[name] == "present"]
    text = rng.choice(LISTS).format(listed(present)) if present else rng.choice(NOTHING)
    return Turn("assistant", (capital(text),), Answer(capital(text), classes))


def _verdict(text: str, name: str) -> Answer:
    said = re.match(r"\W*(yes|no)\b", text, re.IGNORECASE)
    if said is None:
        labels = read_labels(text, (name,))
        return Answer(text, labels, readable=bool(labels))
    return Answer(text, {name: "present" if said.group(1).lower() == "yes" else "absent"})


def _name_of(words: str) -> str:
    """The label a closed question asks about, spelled as in the vocabulary where it is known."""
    return next((n for n in LEXICON if n.lower() == words), _spelled(words))


def _listed_names(text: str) -> dict[str, Status]:
    """Names of a plain list that are in no vocabulary of ours, spelled with capitals."""
    bare = re.sub(r"^(?:there is|seen here:)\s+", "", text.strip().rstrip(".").lower())
    if _NOTHING_SAID.search(text) or re.search(r"[.;:?!]", bare):
        return {}
    items = [item.strip() for item in re.split(r",| and ", bare)]
    unknown = [item for item in items if item and not read_labels(item, LEXICON)]
    return {_spelled(item): "present" for item in unknown}


def _spelled(words: str) -> str:
    return " ".join(capital(word) for word in words.split())
