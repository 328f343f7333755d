"""MAIRA-2 (Bannur et al. 2024, arXiv 2406.04449): findings, grounded findings, phrase grounding.

Prompts: those its released processor builds (``processing_maira2.py``). Boxes are a hundred bins
over the centre square of the image, in ``<obj>phrase<box><x..><y..><x..><y..></box></obj>``.
"""

from __future__ import annotations

import re

from radvlm.baselines.asks import Ask
from radvlm.baselines.native import BaselineCard, Context, Prompt
from radvlm.baselines.replies import bare, pointed

MISSING = "N/A"
REPORT = (
    " Provide a structured description of the findings in the radiology study in comparison to the "
    "prior frontal image."
)
GROUNDED = (
    " Each finding should be described as a self-contained plain-text sentence. If the finding is "
    "groundable, locate the finding in the current frontal chest X-ray image, with bounding boxes "
    "indicating all locations where it can be seen in the current frontal image. Otherwise, "
    "generate just the ungrounded finding without bounding boxes."
)
PHRASE = (
    "Given the current frontal image Repeat the following finding as a grounded phrase with "
    "bounding boxes indicating all locations where it can be seen in the given chest X-ray image. "
    "Finding: {}"
)
_OBJECT = re.compile(r"</?obj>")


class Maira2:
    """Prompts of its processor, which the runner has build them from ``fields``."""

    card = BaselineCard(
        name="maira2",
        weights="microsoft/maira-2",
        licence="Microsoft Research License Agreement",
        apply="https://huggingface.co/microsoft/maira-2 (accept its terms there)",
        remote_code=True,
        saw=("mimic", "padchest"),
        note="Trained on MIMIC-CXR, PadChest and a private set; made to be given the lateral and "
        "prior images and the order's texts, without which it says much less. It locates findings, "
        "not anatomical regions, and does not converse.",
        codec="maira_bins",
        runner="maira2.py",
        tasks=("report", "abnormality_grounding", "phrase_grounding", "abnormality_detection"),
    )  # fmt: skip

    def prompt(self, ask: Ask, context: Context) -> Prompt | None:
        """The findings, grounded ones for a detection, or a phrase's place."""
        if ask.kind in ("finding", "phrase"):
            return Prompt(PHRASE.format(ask.about), {"phrase": ask.about})
        if ask.kind not in ("report", "detection"):
            return None
        grounded = ask.kind == "detection"
        fields = {
            "indication": context.indication,
            "technique": context.technique,
            "comparison": context.comparison,
            "prior_report": context.prior_report,
            "lateral": context.lateral,
            "prior": context.prior,
            "grounded": "yes" if grounded else None,
        }
        images = tuple(path for path in (context.lateral, context.prior) if path)
        return Prompt(_report(context, grounded), fields, images)

    def read(self, ask: Ask, said: str) -> str:
        """Phrases as sentences, each before its boxes; a phrase without one denies it."""
        text = " ".join(_OBJECT.sub(" ", bare(said)).split())
        return pointed(ask, text)


def _report(context: Context, grounded: bool) -> str:
    """What the processor writes, images left out."""
    if context.prior:
        shown = "Given the current frontal image"
        shown += (
            " the current lateral image" * bool(context.lateral) + " and the prior frontal image"
        )
        shown += f" PRIOR_REPORT: {context.prior_report or MISSING}"
    elif context.lateral:
        shown = "Given the current frontal image and the current lateral image"
    else:
        shown = "Given the current frontal image only"
    sections = {
        "INDICATION": context.indication,
        "TECHNIQUE": context.technique,
        "COMPARISON": context.comparison,
    }
    said = "".join(f" {name}: {text or MISSING}" for name, text in sections.items())
    return f"{shown}{REPORT}{GROUNDED if grounded else ''}{said}"
