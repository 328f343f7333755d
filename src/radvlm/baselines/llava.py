"""General instruction-following models: LLaVA-OneVision and LLaVA-Med v1.5.

They are asked in our words, for their authors publish none for radiographs. LLaVA-OneVision was
trained to answer a phrase by ``[x1, y1, x2, y2]``, fractions of the image, in the words LLaVA 1.5
was trained with (Liu et al. 2024, arXiv 2310.03744).
"""

from __future__ import annotations

from radvlm.baselines.asks import GROUNDING, Ask
from radvlm.baselines.native import BaselineCard, Context, Prompt
from radvlm.baselines.replies import bare

REGION = "Please provide the bounding box coordinate of the region this sentence describes: {}"


class LlavaOv:
    """LLaVA-OneVision 7B, the single-image stage: what RadVLM began from."""

    card = BaselineCard(
        name="llava_ov",
        weights="llava-hf/llava-onevision-qwen2-7b-si-hf",
        licence="Apache-2.0",
        apply="https://huggingface.co/llava-hf/llava-onevision-qwen2-7b-si-hf",
        remote_code=False,
        saw=(),
        note="Not known to have been trained on any set of radiographs.",
        codec="radvlm_01",
        runner="plain.py",
        tasks=("report", "classification", "anatomical_grounding", "abnormality_grounding",
               "phrase_grounding", "conversation"),
    )  # fmt: skip

    def prompt(self, ask: Ask, context: Context) -> Prompt | None:
        """None for all abnormalities with their places."""
        if ask.kind == "detection":
            return None
        return Prompt(REGION.format(ask.about) if ask.kind in GROUNDING else ask.text)

    def read(self, ask: Ask, said: str) -> str:
        """The text."""
        return bare(said)


class LlavaMed:
    """LLaVA-Med v1.5 on Mistral 7B. It points at nothing."""

    card = BaselineCard(
        name="llava_med",
        weights="microsoft/llava-med-v1.5-mistral-7b",
        licence="research use only, see its release",
        apply="https://huggingface.co/microsoft/llava-med-v1.5-mistral-7b",
        remote_code=True,
        saw=(),
        note="Trained on figures of PubMed Central (PMC-15M), some of them radiographs.",
        codec="radvlm_01",
        runner="llava_med.py",
        code="https://github.com/microsoft/LLaVA-Med@d406e3fc7c3d1e4c797a7676de18cbfd070b6d2c",
        tasks=("report", "classification", "conversation"),
    )

    def prompt(self, ask: Ask, context: Context) -> Prompt | None:
        """None where places are asked for."""
        return None if ask.kind in GROUNDING or ask.kind == "detection" else Prompt(ask.text)

    def read(self, ask: Ask, said: str) -> str:
        """The text."""
        return bare(said)
