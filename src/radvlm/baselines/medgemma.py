"""MedGemma 1.5 4B (Google, model card and notebooks of google-health/medgemma).

Prompts: the model card's for a report, the notebook on localising anatomy's for places. Boxes are
``box_2d`` [y0, x0, y1, x1] in thousandths of the image within black borders that make it square,
in a JSON list after ``Final Answer:``, which follows reasoning that may hold other lists.
"""

from __future__ import annotations

import re

from radvlm.baselines.asks import GROUNDING, Ask
from radvlm.baselines.native import BaselineCard, Context, Prompt
from radvlm.baselines.replies import bare

WHERE = """Instructions:
The following user query will require outputting bounding boxes. The format of bounding boxes \
coordinates is [y0, x0, y1, x1] where (y0, x0) must be top-left corner and (y1, x1) the \
bottom-right corner. This implies that x0 < x1 and y0 < y1. Always normalize the x and y \
coordinates the range [0, 1000], meaning that a bounding box starting at 15% of the image width \
would be associated with an x coordinate of 150. You MUST output a single parseable json list of \
objects enclosed into ```json...``` brackets, for instance ```json[{"box_2d": [800, 3, 840, 471], \
"label": "car"}, {"box_2d": [400, 22, 600, 73], "label": "dog"}]``` is a valid output. Now answer \
to the user query.

Remember "left" refers to the patient's left side where the heart is and sometimes underneath an L \
in the upper right corner of the image.

Query:
Where is the {about}? Don't give a final answer without reasoning. Output the final answer in the \
format "Final Answer: X" where X is a JSON list of objects. The object needs a "box_2d" and \
"label" key. Answer:"""
_FINAL = re.compile(r"final answer\s*:?\**", re.IGNORECASE)
_EMPTY = re.compile(r"(?:```(?:json)?)?\s*\[\s*\]\s*(?:```)?")


class Medgemma:
    """An instruction-tuned model: a question without a published prompt is asked as it stands."""

    card = BaselineCard(
        name="medgemma",
        weights="google/medgemma-1.5-4b-it",
        licence="Health AI Developer Foundations terms of use",
        apply="https://huggingface.co/google/medgemma-1.5-4b-it (accept its terms there)",
        remote_code=False,
        saw=("mimic",),
        note="Trained on MIMIC-CXR and, to localise anatomy, on Chest ImaGenome, which is of the "
        "same patients. Findings and phrases are asked for in the words published for anatomy.",
        codec="medgemma_yx",
        runner="plain.py",
        tasks=("report", "classification", "anatomical_grounding", "abnormality_grounding",
               "phrase_grounding", "conversation"),
        max_tokens=1000,
        square=True,
    )  # fmt: skip

    def prompt(self, ask: Ask, context: Context) -> Prompt | None:
        """None for all abnormalities with their places."""
        if ask.kind == "detection":
            return None
        if ask.kind in GROUNDING:
            return Prompt(WHERE.replace("{about}", ask.about))
        return Prompt("Describe this X-ray" if ask.kind == "report" else ask.text)

    def read(self, ask: Ask, said: str) -> str:
        """The final answer alone, where places are asked for; an empty list says there is none."""
        text = bare(said)
        if ask.kind not in GROUNDING:
            return text
        final = _FINAL.split(text)[-1].strip()
        return "None is visible." if _EMPTY.fullmatch(final) else final
