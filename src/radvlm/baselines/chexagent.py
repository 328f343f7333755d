"""CheXagent-2-3b (Chen et al. 2024, arXiv 2401.12208).

Prompts: ``model_chexagent/chexagent.py`` and ``data_chexinstruct/dataset_processors/templates.py``
of Stanford-AIMI/CheXagent at 2e739c8. Boxes: ``<|ref|>name<|/ref|><|box|>(x1,y1),(x2,y2)<|/box|>``
in hundredths of the whole image; what is not there is said as ``No … detected.``
"""

from __future__ import annotations

from radvlm.baselines.asks import Ask
from radvlm.baselines.native import BaselineCard, Context, Prompt
from radvlm.baselines.replies import bare, options, referred
from radvlm.vocabulary import CHEXPERT_13

LOCATE = "Locate areas in the chest X-ray where {} present, using bounding box coordinates"


class Chexagent:
    """Prompts of the model's own class; with an indication where the context has one."""

    card = BaselineCard(
        name="chexagent",
        weights="StanfordAIMI/CheXagent-2-3b",
        licence="CC BY-NC 4.0",
        apply="https://huggingface.co/StanfordAIMI/CheXagent-2-3b",
        remote_code=True,
        saw=("mimic", "chexpert", "padchest", "vindr", "nih", "openi"),
        note="CheXinstruct holds the training splits of these, MS-CXR among them, and of Open-I "
        "what its processor takes; it asks for no anatomical region, and holds one turn.",
        codec="chexagent_100",
        runner="chexagent.py",
        tasks=("report", "classification", "abnormality_grounding", "phrase_grounding",
               "abnormality_detection"),
    )  # fmt: skip

    def prompt(self, ask: Ask, context: Context) -> Prompt | None:
        """One of its published prompts; the lateral image beside the frontal one if there is."""
        text = instruction(ask, context.indication)
        others = (context.lateral,) if context.lateral and ask.kind == "report" else ()
        return Prompt(text, images=others) if text else None

    def read(self, ask: Ask, said: str) -> str:
        """Names before their boxes, options without their letters."""
        return options(referred(bare(said)))


def instruction(ask: Ask, indication: str | None = None) -> str | None:
    """CheXinstruct's words for a question."""
    match ask.kind:
        case "report" if indication:
            asked = f'Given the indication: "{indication}", '
            return f"{asked}write a structured findings section for the CXR."
        case "report":
            return "Write an example findings section for the CXR"
        case "labels":
            return f"Given the CXR, identify any diseases. Options:\n{', '.join(CHEXPERT_13)}"
        case "label":
            return f"Does this chest X-ray contain a {ask.about}?"
        case "finding":
            return LOCATE.format(f"{ask.about} is")
        case "phrase":
            return f"Please locate the following phrase: {ask.about}"
        case "detection":
            return LOCATE.format("abnormalities are")
    return None
