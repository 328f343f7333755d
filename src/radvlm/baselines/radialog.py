"""RaDialog v2 (Pellegrini et al., MIDL 2025): BioViL-T, LLaVA 1.5 and a CheXbert classifier.

Prompts: ``vicuna_prompts.json`` and ``demo.py`` of ChantalMP/RaDialog_v2 at e5c07f8. The prompt of
a report names the findings that the model's own classifier predicts for the image, which the
runner fills in; without them the model is handicapped, as in the RadVLM paper.
"""

from __future__ import annotations

from radvlm.baselines.asks import GROUNDING, Ask
from radvlm.baselines.native import FINDINGS, BaselineCard, Context, Prompt
from radvlm.baselines.replies import bare

REPORT = (
    f"Predicted Findings: {FINDINGS}. You are to act as a radiologist and write the finding "
    "section of a chest x-ray radiology report for this X-ray image and the given predicted "
    "findings. Write in the style of a radiologist, write one fluent text without enumeration, be "
    "concise and don't provide explanations or reasons."
)


class Radialog:
    """It converses: what no prompt is published for is asked as it stands. It points at nothing."""

    card = BaselineCard(
        name="radialog",
        weights="ChantalPellegrini/RaDialog-interactive-radiology-report-generation",
        licence="see its release",
        apply="https://huggingface.co/ChantalPellegrini/"
        "RaDialog-interactive-radiology-report-generation, and the LLaVA 1.5 weights it adapts",
        remote_code=True,
        saw=("mimic",),
        note="RaDialog-Instruct is made from the training split of MIMIC-CXR.",
        codec="radvlm_01",
        tasks=("report", "classification", "conversation"),
        runner="radialog.py",
        base="LLaVA 1.5 7B (huggingface.co/liuhaotian/llava-v1.5-7b)",
        code="https://github.com/ChantalMP/RaDialog_v2@e5c07f824060552c6df1f5af83742aa9e3fe92a1",
        max_tokens=600,
    )

    def prompt(self, ask: Ask, context: Context) -> Prompt | None:
        """The demo's questions; none where places are asked for."""
        if ask.kind in GROUNDING or ask.kind == "detection":
            return None
        own = {
            "report": REPORT,
            "labels": "List all findings in the image.",
            "label": f"Does the patient have {ask.about}?",
        }
        return Prompt(own.get(ask.kind, ask.text))

    def read(self, ask: Ask, said: str) -> str:
        """The text."""
        return bare(said)
