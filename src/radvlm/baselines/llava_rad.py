"""LLaVA-Rad (Zambrano Chaves et al. 2025, Nature Communications): findings of a frontal image.

Prompts: ``llava/utils.py`` of microsoft/LLaVA-Rad at 1fc4409.
"""

from __future__ import annotations

from radvlm.baselines.asks import Ask
from radvlm.baselines.native import BaselineCard, Context, Prompt
from radvlm.baselines.replies import bare

FINDINGS = "Provide a description of the findings in the radiology image"


class LlavaRad:
    """Reports alone; with the reason for the examination where the context has one."""

    card = BaselineCard(
        name="llava_rad",
        weights="microsoft/llava-rad",
        licence="Microsoft Research License",
        apply="https://huggingface.co/microsoft/llava-rad, and the Vicuna 7B weights it adapts",
        remote_code=True,
        saw=("mimic", "chexpert", "padchest", "vindr"),
        note="The language model was trained on MIMIC-CXR, the image encoder on a mixture of "
        "seven public collections.",
        codec="radvlm_01",
        tasks=("report",),
        runner="llava_rad.py",
        base="Vicuna 7B v1.5 (huggingface.co/lmsys/vicuna-7b-v1.5)",
        code="https://github.com/microsoft/LLaVA-Rad@1fc44096cc5766c28d8a3329240c8423100ce3df",
        max_tokens=256,
    )

    def prompt(self, ask: Ask, context: Context) -> Prompt | None:
        """Only for a report."""
        if ask.kind != "report":
            return None
        reason = " ".join((context.indication or "").split())
        return Prompt(
            f"{FINDINGS} given the following indication: {reason}" if reason else f"{FINDINGS}."
        )

    def read(self, ask: Ask, said: str) -> str:
        """The text."""
        return bare(said)
