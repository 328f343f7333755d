"""Answers and targets for the tests of metrics, and hypothesis strategies for them."""

from __future__ import annotations

from hypothesis import strategies as st

from radvlm.metrics.ap50_by_name import Ap50ByName
from radvlm.metrics.bleu import Bleu2
from radvlm.metrics.box_detection import DetectionRate, MeanIouFound
from radvlm.metrics.box_f1_50 import BoxF1At50
from radvlm.metrics.box_precision_recall import BoxPrecisionAt50, BoxRecallAt50
from radvlm.metrics.coco_ap import CocoAp, CocoAp50
from radvlm.metrics.fact_accuracy import FactAccuracy
from radvlm.metrics.fact_judge import FactJudge
from radvlm.metrics.label_f1 import (
    ExactNormal,
    KeywordMacro13,
    LabelMacro13,
    LabelMacro14,
    LabelMicro13,
    LabelMicro14,
)
from radvlm.metrics.label_macro_f1 import LabelMacroF1, ReportLabelF1
from radvlm.metrics.mean_iou import MeanIou
from radvlm.metrics.paper_map50 import PaperMap50
from radvlm.metrics.rouge_l import RougeL
from radvlm.metrics.rules_f1 import RulesMacro13, RulesMacro14, RulesMicro13, RulesMicro14
from radvlm.protocols import Metric
from radvlm.records import Answer, Box, Status

METRICS: list[Metric] = [
    RougeL(),
    Bleu2(),
    LabelMacroF1(),
    ReportLabelF1(),
    LabelMacro13(),
    LabelMicro13(),
    LabelMacro14(),
    LabelMicro14(),
    KeywordMacro13(),
    ExactNormal(),
    RulesMicro14(),
    RulesMacro14(),
    RulesMicro13(),
    RulesMacro13(),
    FactAccuracy(),
    FactJudge(),
    Ap50ByName(),
    BoxF1At50(),
    MeanIou(),
    PaperMap50(),
    BoxPrecisionAt50(),
    BoxRecallAt50(),
    DetectionRate(),
    MeanIouFound(),
    CocoAp(),
    CocoAp50(),
]

STATUSES: list[Status] = ["present", "absent", "uncertain"]
NAMES = ["Edema", "Fracture", "Nodule"]

# Corners on an even grid: overlaps then repeat, which is where matching rules differ.
_starts = st.integers(0, 7)
_lengths = st.integers(1, 3)
box_strategy = st.builds(
    lambda x, y, w, h: Box(x / 10, y / 10, (x + w) / 10, (y + h) / 10),
    _starts,
    _starts,
    _lengths,
    _lengths,
)
# Few confidences, so that many are equal; without any, COCO AP is not defined.
_boxes = st.lists(
    st.tuples(st.sampled_from(NAMES), box_strategy, st.sampled_from([0.2, 0.5, 0.9])), max_size=3
).map(tuple)
answer_strategy = st.builds(
    Answer,
    text=st.sampled_from(["", "mild edema", "no edema", "rib fracture and edema"]),
    labels=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(STATUSES), max_size=3),
    boxes=_boxes,
    readable=st.sampled_from([True, True, True, False]),
)
target_strategy = st.builds(
    Answer,
    text=st.sampled_from(["mild edema", "no fracture"]),
    labels=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(STATUSES), max_size=3),
    boxes=_boxes,
)


def boxed(*boxes: Box, name: str = "Nodule") -> Answer:
    """An answer of boxes that all have one name."""
    return Answer(boxes=tuple((name, box, None) for box in boxes))
