r"""CheXOne (Zhang et al. 2026, arXiv 2604.00493): Qwen2.5-VL-3B trained on CheXinstruct-v2.

Prompts: README of YBZh/CheXOne at 0dc4347 (instruct mode) and those of CheXinstruct, which it was
trained on; boxes as CheXagent's (``grpo_prepare/1_prepare_data/prepare_iou.py``). A reply of its
reasoning mode ends in ``\boxed{…}``.
"""

from __future__ import annotations

from radvlm.baselines.asks import Ask
from radvlm.baselines.chexagent import instruction
from radvlm.baselines.native import BaselineCard, Context, Prompt
from radvlm.baselines.replies import bare, boxed, options, referred


class Chexone:
    """Instruct mode; with an indication where the context has one."""

    card = BaselineCard(
        name="chexone",
        weights="StanfordAIMI/CheXOne",
        licence="CC BY-NC 4.0",
        apply="https://huggingface.co/StanfordAIMI/CheXOne",
        remote_code=False,
        saw=("mimic", "chexpert", "padchest", "vindr", "nih", "openi"),
        note="CheXinstruct-v2: 30 data sets, those of CheXagent among them.",
        codec="chexagent_100",
        runner="plain.py",
        max_pixels=512 * 512,
        tasks=("report", "classification", "abnormality_grounding", "phrase_grounding",
               "abnormality_detection"),
        max_tokens=1024,
    )  # fmt: skip

    def prompt(self, ask: Ask, context: Context) -> Prompt | None:
        """CheXinstruct's prompts; the README's own for a report."""
        if ask.kind == "report" and not context.indication:
            return Prompt("Write an example findings section for the CXR.")
        text = instruction(ask, context.indication)
        return Prompt(text) if text else None

    def read(self, ask: Ask, said: str) -> str:
        """The final answer alone, then as CheXagent's."""
        return options(referred(boxed(bare(said))))
