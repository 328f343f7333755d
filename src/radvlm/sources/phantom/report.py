"""Reports as a radiologist dictates them: short sentences of a modest vocabulary, many variants.

In: what is drawn. Out: a phrase for each finding and device, and the sections ``findings`` and
``impression``. Every finding present is said, and what is not there is negated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from radvlm.sources.phantom.signs import Drawn
from radvlm.sources.phantom.wording import ABSENT, PRESENT


def phrases(signs: Sequence[Drawn], rng: np.random.Generator) -> dict[str, str]:
    """One sentence a finding or device drawn."""
    said: dict[str, str] = {}
    for name in dict.fromkeys(sign.name for sign in signs):
        own = [sign for sign in signs if sign.name == name]
        said[name] = _sentence(own, rng)
    return said


def write(said: Mapping[str, str], rng: np.random.Generator) -> dict[str, str]:
    """The sections of the report, given the phrases of what is present."""
    present = list(said.values())
    absent = [_one(texts, rng) for name, texts in ABSENT.items() if name not in said]
    impression = " ".join(present) or "No acute cardiopulmonary abnormality."
    return {"findings": " ".join([*present, *absent]), "impression": impression}


def _sentence(signs: Sequence[Drawn], rng: np.random.Generator) -> str:
    sides = {sign.side for sign in signs}
    side = "bilateral" if len(sides) > 1 else next(iter(sides)) or ""
    text = _one(PRESENT[signs[0].name], rng)
    text = text.format(side=side, severity=signs[0].severity or "", zone=signs[0].zone or "")
    return text[0].upper() + text[1:]


def _one(texts: Sequence[str], rng: np.random.Generator) -> str:
    return texts[int(rng.integers(len(texts)))]
