"""Reports as a radiologist dictates them: short sentences in the order of the organs.

In: what is drawn, and what the previous study showed. Out: a phrase for each finding and device,
and the sections ``findings`` and ``impression``. Every finding present is said with its phrase;
what is absent is at most negated. Some reports compare with the previous study.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from radvlm.sources.phantom import wording
from radvlm.sources.phantom.labels import statuses
from radvlm.sources.phantom.signs import Drawn
from radvlm.vocabulary import DEVICES, NO_FINDING

COMPARES = 0.36
"""Share of the studies with a previous one whose report mentions it."""

_ORDER = ("small", "mild", "moderate", "large", "severe")
_NUMBER = {1: "", 2: "two ", 3: "three "}


def phrases(drawn: Sequence[Drawn], rng: np.random.Generator) -> dict[str, str]:
    """One sentence a finding or device drawn, in the order of a report."""
    present = {sign.name for sign in drawn}
    return {
        name: _sentence(texts[int(rng.integers(len(texts)))], _own(name, drawn))
        for name, texts in wording.PRESENT.items()
        if name in present
    }


def write(
    drawn: Sequence[Drawn],
    said: Mapping[str, str],
    stayed: Collection[str],
    before: Collection[str] | None,
    rng: np.random.Generator,
) -> dict[str, str]:
    """The sections of the report.

    Args:
        drawn: findings and devices of this study.
        said: their phrases.
        stayed: those that are as they were in the previous study.
        before: what the previous study showed; none where there is no previous study.
        rng: chooses among the variants.
    """
    sentences = _ordered(said, rng)
    compares = before is not None and rng.random() < COMPARES
    text = []
    for name, sentence in sentences:
        text.append(sentence)
        if compares and name in said and rng.random() < 0.6:
            text.append(_one(wording.UNCHANGED if name in stayed else wording.NEW, rng))
    if statuses(said)[NO_FINDING] == "present" and rng.random() < 0.5:
        text.append(_one(wording.NORMAL, rng))
    if compares and before is not None:
        text += _gone(before, said, rng) or ([] if said else [_one(wording.STABLE, rng)])
    short = [
        _sentence(wording.PRESENT[name][0], _own(name, drawn))
        for name in said
        if name not in DEVICES
    ]
    return {"findings": " ".join(text), "impression": " ".join(short) or _one(wording.NORMAL, rng)}


def _ordered(said: Mapping[str, str], rng: np.random.Generator) -> list[tuple[str, str]]:
    """Sentences on what is there and what is not, by organ, each with the name it is about."""
    status = statuses(said)
    both = status["Pleural Effusion"] == status["Pneumothorax"] == "absent"
    joined = both and rng.random() < 0.5
    found = []
    for name in dict.fromkeys([*wording.PRESENT, *wording.ABSENT]):
        share, texts = wording.ABSENT.get(name, (0.0, ("",)))
        luck, text = rng.random(), _one(texts, rng)
        if name in said:
            found.append((name, said[name]))
        elif joined and name == "Pleural Effusion":
            found.append((name, _one(wording.NEITHER, rng)))
        elif joined and name == "Pneumothorax":
            continue
        elif status.get(name) == "absent" and luck < share:
            found.append((name, text))
    return found


def _gone(before: Collection[str], said: Mapping[str, str], rng: np.random.Generator) -> list[str]:
    status = statuses(said)
    gone = [n for n in wording.NOUNS if n in before and status[n] == "absent"]
    texts = [_one(wording.RESOLVED, rng).format(noun=wording.NOUNS[n]) for n in gone]
    return [text[0].upper() + text[1:] for text in texts]


def _own(name: str, drawn: Sequence[Drawn]) -> list[Drawn]:
    return [sign for sign in drawn if sign.name == name]


def _sentence(text: str, signs: Sequence[Drawn]) -> str:
    """Fill a template with side, place, number and the greatest severity of the signs."""
    sides = sorted({sign.side for sign in signs if sign.side}, reverse=True)
    places = dict.fromkeys(f"{sign.side} {sign.zone} lung zone" for sign in signs)
    severities = [sign.severity for sign in signs if sign.severity in _ORDER]
    several = len(sides) > 1
    filled = text.format(
        side="bilateral" if several else "".join(sides),
        where=" and the ".join(places),
        severity=max(severities, key=_ORDER.index, default=""),
        count=_count(signs),
        s="s" if several else "",
        a="" if several else "a ",
    )
    return filled[0].upper() + filled[1:]


def _count(signs: Sequence[Drawn]) -> str:
    """Number and kind of lesions: one lung nodule, two lung masses, three lung lesions."""
    kinds = {sign.severity for sign in signs}
    kind = f"lung {kinds.pop()}" if len(kinds) == 1 else "lung lesion"
    plural = "" if len(signs) == 1 else "es" if kind.endswith("s") else "s"
    return f"{_NUMBER[min(len(signs), 3)]}{kind}{plural}"


def _one(texts: Sequence[str], rng: np.random.Generator) -> str:
    return texts[int(rng.integers(len(texts)))]
