"""What there is: one literal table a kind, name → "module:attribute", resolved when used.

Adding a source, task, metric, model or reward is one file and one row here. Packages outside add
theirs through the entry-point groups ``radvlm.sources``, ``radvlm.tasks`` and so on.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Literal

from radvlm.errors import RegistryError

Kind = Literal["sources", "tasks", "metrics", "models", "rewards"]

TABLES: dict[Kind, dict[str, str]] = {
    "sources": {
        "phantom": "radvlm.sources.phantom.source:PhantomSource",
        "folder": "radvlm.sources.folder:FolderSource",
        "studies_table": "radvlm.sources.studies_table:StudiesTable",
        "curated": "radvlm.sources.curated:CuratedSource",
        "mimic_cxr": "radvlm.sources.mimic_cxr:MimicCxrSource",
        "mimic_cxr_reports": "radvlm.sources.mimic_cxr_reports:MimicCxrReportsSource",
        "chest_imagenome": "radvlm.sources.chest_imagenome:ChestImagenomeSource",
        "ms_cxr": "radvlm.sources.ms_cxr:MsCxrSource",
        "chexpert": "radvlm.sources.chexpert:ChexpertSource",
        "chexpert_plus": "radvlm.sources.chexpert_plus:ChexpertPlusSource",
        "nih_cxr14": "radvlm.sources.nih_cxr14:NihCxr14Source",
        "vindr_cxr": "radvlm.sources.vindr_cxr:VindrCxrSource",
        "padchest": "radvlm.sources.padchest:PadchestSource",
        "padchest_gr": "radvlm.sources.padchest_gr:PadchestGrSource",
        "openi": "radvlm.sources.openi:OpenI",
        "llava_json": "radvlm.sources.llava_json:LlavaJson",
    },
    "tasks": {
        "report": "radvlm.tasks.report:Report",
        "classification": "radvlm.tasks.classification:Classification",
        "anatomical_grounding": "radvlm.tasks.anatomical_grounding:AnatomicalGrounding",
        "abnormality_grounding": "radvlm.tasks.abnormality_grounding:AbnormalityGrounding",
        "abnormality_detection": "radvlm.tasks.abnormality_detection:AbnormalityDetection",
        "phrase_grounding": "radvlm.tasks.phrase_grounding:PhraseGrounding",
        "conversation": "radvlm.tasks.conversation:Conversation",
        "grounded_conversation": "radvlm.tasks.grounded_conversation:GroundedConversation",
    },
    "metrics": {
        "rouge_l": "radvlm.metrics.rouge_l:RougeL",
        "bleu4": "radvlm.metrics.bleu:Bleu4",
        "bleu2": "radvlm.metrics.bleu:Bleu2",
        "bertscore_distilbert": "radvlm.metrics.bertscore:PaperBertScore",
        "bertscore_distilroberta": "radvlm.metrics.bertscore:RexrankBertScore",
        "radgraph_simple": "radvlm.metrics.radgraph_f1:RadGraphSimple",
        "radgraph_partial": "radvlm.metrics.radgraph_f1:RadGraphPartial",
        "radgraph_complete": "radvlm.metrics.radgraph_f1:RadGraphComplete",
        "chexbert_f1_14_micro": "radvlm.metrics.chexbert_f1:CheXbertMicro14",
        "chexbert_f1_14_macro": "radvlm.metrics.chexbert_f1:CheXbertMacro14",
        "chexbert_f1_5_micro": "radvlm.metrics.chexbert_f1:CheXbertMicro5",
        "chexbert_f1_5_macro": "radvlm.metrics.chexbert_f1:CheXbertMacro5",
        "radcliq_v1": "radvlm.metrics.radcliq:RadCliqV1",
        "ratescore": "radvlm.metrics.ratescore:RaTEScore",
        "label_macro_f1": "radvlm.metrics.label_macro_f1:LabelMacroF1",
        "label_f1_13_macro": "radvlm.metrics.label_f1:LabelMacro13",
        "label_f1_13_micro": "radvlm.metrics.label_f1:LabelMicro13",
        "label_f1_14_macro": "radvlm.metrics.label_f1:LabelMacro14",
        "label_f1_14_micro": "radvlm.metrics.label_f1:LabelMicro14",
        "keyword_f1_13_macro": "radvlm.metrics.label_f1:KeywordMacro13",
        "exact_normal": "radvlm.metrics.label_f1:ExactNormal",
        "label_auroc_13_macro": "radvlm.metrics.label_probabilities:LabelAuroc13",
        "label_calibration_13": "radvlm.metrics.label_probabilities:LabelCalibration13",
        "box_calibration": "radvlm.metrics.box_calibration:BoxCalibration",
        "report_rules_f1_14_micro": "radvlm.metrics.rules_f1:RulesMicro14",
        "report_rules_f1_14_macro": "radvlm.metrics.rules_f1:RulesMacro14",
        "report_rules_f1_13_micro": "radvlm.metrics.rules_f1:RulesMicro13",
        "report_rules_f1_13_macro": "radvlm.metrics.rules_f1:RulesMacro13",
        "report_label_f1": "radvlm.metrics.label_macro_f1:ReportLabelF1",
        "fact_accuracy": "radvlm.metrics.fact_accuracy:FactAccuracy",
        "fact_judge": "radvlm.metrics.fact_judge:FactJudge",
        "ap50_by_name": "radvlm.metrics.ap50_by_name:Ap50ByName",
        "box_f1_50": "radvlm.metrics.box_f1_50:BoxF1At50",
        "mean_iou": "radvlm.metrics.mean_iou:MeanIou",
        "mean_iou_found": "radvlm.metrics.box_detection:MeanIouFound",
        "detection_rate": "radvlm.metrics.box_detection:DetectionRate",
        "box_precision_50": "radvlm.metrics.box_precision_recall:BoxPrecisionAt50",
        "box_recall_50": "radvlm.metrics.box_precision_recall:BoxRecallAt50",
        "paper_map50": "radvlm.metrics.paper_map50:PaperMap50",
        "coco_ap": "radvlm.metrics.coco_ap:CocoAp",
        "coco_ap50": "radvlm.metrics.coco_ap:CocoAp50",
    },
    "models": {
        "llava_onevision": "radvlm.models.llava_onevision:LlavaOnevision",
        "qwen3_vl": "radvlm.models.qwen3_vl:Qwen3VL",
        "qwen25_vl": "radvlm.models.qwen25_vl:Qwen25VL",
        "gemma3": "radvlm.models.gemma3:Gemma3",
        "endpoint": "radvlm.models.endpoint:EndpointModel",
        "baseline": "radvlm.baselines.model:BaselineModel",
    },
    "rewards": {},
}


def names(kind: Kind) -> list[str]:
    """Every name of a kind, those of other packages included, sorted."""
    return sorted({*TABLES[kind], *_outside(kind)})


def resolve(kind: Kind, name: str) -> Any:
    """The object behind a name, imported now.

    Raises:
        RegistryError: there is none of that name, or what it needs is not installed.
    """
    target = TABLES[kind].get(name) or _outside(kind).get(name)
    if target is None:
        near = get_close_matches(name, names(kind), n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(names(kind))}"
        raise RegistryError(f"no {kind[:-1]} called {name!r}", remedy=hint)
    module, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ImportError as error:
        missing = error.name or module
        raise RegistryError(
            f"{kind[:-1]} {name!r} needs {missing!r}, which cannot be imported",
            remedy="Install the extra that the documentation names for it",
        ) from error


def _outside(kind: Kind) -> dict[str, str]:
    return {point.name: point.value for point in entry_points(group=f"radvlm.{kind}")}
