"""Studies for the tests of conversations: one made by hand, and a simulated cohort."""

from __future__ import annotations

import dataclasses
import re
from functools import cache

from radvlm.records import Answer, Box, Dialogue, Finding, Part, Region, Study, Turn, View
from radvlm.sources.phantom.plan import PhantomConfig, plan
from radvlm.sources.phantom.study import draw
from radvlm.vocabulary import CHEXPERT_14

VIEW = View("v1", "v1.png", "PA", 100, 100)
RIGHT, LEFT, HEART = Box(0.1, 0.6, 0.4, 0.9), Box(0.6, 0.2, 0.9, 0.5), Box(0.35, 0.5, 0.75, 0.9)
REPORT = "Small right pleural effusion. The heart is enlarged. No pneumothorax. No consolidation."
PRESENT = {"Pleural Effusion", "Cardiomegaly", "Enlarged Cardiomediastinum"}


def sick(report: str = REPORT) -> Study:
    """A small effusion on the right, a large heart, possibly edema; a left lung with a box."""
    labels = tuple(
        Finding(
            name,
            "present" if name in PRESENT else "uncertain" if name == "Edema" else "absent",
            "chexpert",
        )
        for name in CHEXPERT_14
    )
    boxed = (
        Finding(
            "Pleural Effusion", "present", "r", "v1", (RIGHT,), "Small right pleural effusion."
        ),
        Finding("Cardiomegaly", "present", "r", "v1", (HEART,), "The heart is enlarged."),
    )
    return Study(
        "fam",
        ("a",),
        "s-77",
        "p-88",
        "train",
        "open",
        (VIEW,),
        {"findings": report},
        (*labels, *boxed),
        (Region("left lung", "v1", LEFT),),
        sex="F",
    )


def rounds(*said: tuple[str, str | tuple[Part, ...]]) -> Dialogue:
    """A dialogue of questions and answers; the targets hold the boxes shown and no labels."""
    turns = []
    for question, answer in said:
        parts = (answer,) if isinstance(answer, str) else answer
        shown = [box for part in parts if not isinstance(part, str) for box in part]
        target = Answer("", {}, tuple(("", box, None) for box in shown))
        turns += [Turn("user", (question,)), Turn("assistant", parts, target)]
    return Dialogue(tuple(turns), "test", "v1")


GOOD: tuple[tuple[str, str | tuple[Part, ...]], ...] = (
    ("What do you see?", "I see a small effusion on the right and an enlarged heart."),
    ("Where is the effusion?", ("The effusion is at ", (RIGHT,), ".")),
    ("On which side is it?", "It appears to be on the right side."),
    ("What does pneumothorax mean?", "A pneumothorax is air between the lung and the chest wall."),
    ("Is there one?", "I do not see a pneumothorax."),
    ("Could there be edema?", "There may be mild edema, but I cannot be sure."),
)
PLAIN = (GOOD[0], ("Is there anything else?", "No, nothing else stands out."), *GOOD[2:])
"""The same without a box."""


def speaks_of_prior(text: str) -> bool:
    """A stand-in for the checker that curation uses."""
    return bool(re.search(r"\b(?:prior|previous|unchanged|since|compared)\b", text, re.I))


@cache
def cohort() -> tuple[Study, ...]:
    """Some 300 simulated studies."""
    config = PhantomConfig(patients=180, size=48, seed=3)
    return tuple(draw(config, one)[0] for one in plan(config))


def with_labels_of(study: Study, other: Study) -> Study:
    """The study with another's labels: report, phrases and boxes stay its own."""
    statuses = {finding.name: finding.status for finding in other.findings}
    labels = tuple(Finding(name, status, "shifted") for name, status in statuses.items())
    return dataclasses.replace(study, findings=labels)
