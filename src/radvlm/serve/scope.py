"""Questions beyond what a model was taught get a sentence that says so, not a guess.

In: the question, whether the conversation has begun, and the tasks of the checkpoint. A question is
within them where it speaks of the image at all: a finding, a region, the words of our tasks. What
speaks of nothing of the kind (the weather, a poem, treatment) is answered here; a short follow-up
("and on the left?") belongs to what came before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from radvlm.tasks.lexicon import mentions
from radvlm.vocabulary import DEVICES, REGIONS_29

TAUGHT = {
    "report": "write a report",
    "classification": "name abnormalities",
    "abnormality_detection": "point at all abnormalities",
    "abnormality_grounding": "point at an abnormality",
    "anatomical_grounding": "point at anatomical regions",
    "phrase_grounding": "point at what a sentence says",
    "conversation": "answer questions about the image",
    "grounded_conversation": "answer questions with places on the image",
}
_FOLLOW_UP = 40
"""Characters of a question that can only be understood from what was said before."""

_ABOUT = frozenset(
    re.findall(
        r"\w+",
        """
        abnormal abnormality abnormalities abdomen airway airways ap apex apical base basal bone
        bones breast bronchial cardiac carina chest clavicle clavicles conclusion costophrenic
        describe device devices diaphragm disease enlarged film finding findings frontal healthy
        heart hemithorax hila hilar hilum image impression lateral left line lines lobe lobes locate
        lung lungs mediastinal mediastinum normal opacities opacity pa patient picture pleura
        pleural projection radiograph radiology region report rib ribs right scan see seen severe
        severity show shown side silhouette size spine study summary support thorax trachea tube
        tubes unusual vessel vessels view visible wire wires xray zone zones
        """,
    )
)
_REGIONS = re.compile("|".join(map(re.escape, (*REGIONS_29, *DEVICES))))


def beyond(question: str, begun: bool, tasks: Sequence[str]) -> str | None:
    """What to say instead of asking the model; none where the question is within its tasks."""
    lowered = question.lower().replace("x-ray", "xray")
    words = set(re.findall(r"[a-z]+", lowered))
    follows = begun and len(question) <= _FOLLOW_UP
    if follows or words & _ABOUT or mentions(question) or _REGIONS.search(lowered):
        return None
    known = [said for task, said in TAUGHT.items() if task in tasks] or list(TAUGHT.values())
    return (
        f"I was only taught to {', '.join(known[:-1])} and {known[-1]}."
        if known[1:]
        else (f"I was only taught to {known[0]}.")
    )
