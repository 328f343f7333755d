"""Invented sentences, reports and conversations of the length that real ones have.

The words are those of chest radiology, so that whatever reads labels from text has its usual work.
"""

from __future__ import annotations

import numpy as np

from radvlm.records import Box, Dialogue, Part, Turn

_SIZE = 20_000
"""Sentences in the pool; the common ones come up far more often than the others."""

_SEVERITY = ("small", "mild", "moderate", "large", "new", "subtle", "patchy", "stable", "extensive")
_THING = (
    *("pleural effusion", "atelectasis", "consolidation", "opacity", "pneumothorax", "nodule"),
    *("interstitial edema", "pleural thickening", "vascular congestion", "infiltrate", "mass"),
    *("emphysema", "calcification", "rib fracture", "scarring", "hiatal hernia", "granuloma"),
)
_SIDE = ("right", "left", "bilateral")
_ZONE = ("lung base", "upper lobe", "lower lobe", "mid lung zone", "apex", "costophrenic angle")
_DEVICE = ("endotracheal tube", "central venous catheter", "pacemaker", "nasogastric tube", "port")
_NORMAL = (
    "The lungs are clear.",
    "The cardiac silhouette is normal in size.",
    "The mediastinal and hilar contours are unremarkable.",
    "There is no acute osseous abnormality.",
    "No focal consolidation is seen.",
    "There is no pleural effusion or pneumothorax.",
    "The heart is mildly enlarged.",
    "Median sternotomy wires are intact.",
)
_QUESTION = (
    "Is there any sign of {thing} on this image?",
    "Can you describe what you see in the {side} {zone}?",
    "How severe is the {thing}, and on which side is it?",
    "Are there any devices, and is the {device} where it should be?",
    "What does the {thing} in the {side} {zone} mean for this patient?",
)
_STATEMENT = (
    "There is a {severity} {thing} in the {side} {zone}.",
    "A {severity} {side} {thing} is seen, measuring about {number} mm.",
    "No {thing} is identified in the {side} {zone}.",
    "The {device} ends {number} mm above the carina.",
    "There is {severity} {thing}, which may represent {other}.",
    "Neither {thing} nor {other} is visible in the {side} {zone}.",
)


class Sentences:
    """A pool of sentences, and what is made of them."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.statements = [*_NORMAL, *_fill(rng, _STATEMENT, _SIZE)]
        self.questions = _fill(rng, _QUESTION, _SIZE // 10)

    def reports(self, rng: np.random.Generator, count: int, sentences: int = 6) -> list[str]:
        """Reports of about 50 characters a sentence, normal sentences more often than others."""
        drawn = (rng.random((count, sentences)) ** 3 * len(self.statements)).astype(int)
        return [" ".join([self.statements[i] for i in row]) for row in drawn.tolist()]

    def dialogue(self, rng: np.random.Generator, view: str, grounded: bool) -> Dialogue:
        """Five to ten rounds; a grounded one points at something in its first two replies."""
        rounds = int(rng.integers(5, 11))
        asked = rng.integers(len(self.questions), size=rounds).tolist()
        said = (rng.random((rounds, 2)) ** 2 * len(self.statements)).astype(int).tolist()
        turns: list[Turn] = []
        for number, (question, (first, second)) in enumerate(zip(asked, said, strict=True)):
            reply: tuple[Part, ...] = (f"{self.statements[first]} {self.statements[second]}",)
            if grounded and number < 2:
                reply = (f"{self.statements[first]} It is at ", (_box(rng),), ".")
            turns += [Turn("user", (self.questions[question],)), Turn("assistant", reply)]
        return Dialogue(tuple(turns), "invented", view)


def _fill(rng: np.random.Generator, templates: tuple[str, ...], count: int) -> list[str]:
    lists = {
        "severity": _SEVERITY,
        "thing": _THING,
        "other": _THING,
        "side": _SIDE,
        "zone": _ZONE,
        "device": _DEVICE,
    }
    which = rng.integers(len(templates), size=count).tolist()
    words = {k: [v[i] for i in rng.integers(len(v), size=count)] for k, v in lists.items()}
    numbers = rng.integers(3, 90, size=count).tolist()
    return [
        templates[t].format(number=numbers[i], **{key: column[i] for key, column in words.items()})
        for i, t in enumerate(which)
    ]


def _box(rng: np.random.Generator) -> Box:
    x, y, width, height = rng.random(4).tolist()
    x1, y1 = round(0.6 * x, 3), round(0.6 * y, 3)
    return Box(x1, y1, round(x1 + 0.1 + 0.25 * width, 3), round(y1 + 0.1 + 0.25 * height, 3))
