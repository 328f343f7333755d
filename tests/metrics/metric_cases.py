"""Answers and targets for the tests of metrics, and hypothesis strategies for them."""

from __future__ import annotations

from hypothesis import strategies as st

from radvlm.metrics.ap50_by_name import Ap50ByName
from radvlm.metrics.bleu import Bleu2
from radvlm.metrics.box_f1_50 import BoxF1At50
from radvlm.metrics.fact_accuracy import FactAccuracy
from radvlm.metrics.fact_judge import FactJudge
from radvlm.metrics.label_macro_f1 import LabelMacroF1, ReportLabelF1
from radvlm.metrics.mean_iou import MeanIou
from radvlm.metrics.rouge_l import RougeL
from radvlm.protocols import Metric
from radvlm.records import Answer, Box, Status

METRICS: list[Metric] = [
    RougeL(),
    Bleu2(),
    LabelMacroF1(),
    ReportLabelF1(),
    FactAccuracy(),
    FactJudge(),
    Ap50ByName(),
    BoxF1At50(),
    MeanIou(),
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
answer_strategy = st.builds(
    Answer,
    text=st.sampled_from(["", "mild edema", "no edema", "rib fracture and edema"]),
    labels=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(STATUSES), max_size=3),
    boxes=st.lists(st.tuples(st.sampled_from(NAMES), box_strategy, st.none()), max_size=3).map(
        tuple
    ),
    readable=st.sampled_from([True, True, True, False]),
)
target_strategy = st.builds(
    Answer,
    text=st.sampled_from(["mild edema", "no fracture"]),
    labels=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(STATUSES), max_size=3),
    boxes=st.lists(st.tuples(st.sampled_from(NAMES), box_strategy, st.none()), max_size=3).map(
        tuple
    ),
)


def boxed(*boxes: Box, name: str = "Nodule") -> Answer:
    """An answer of boxes that all have one name."""
    return Answer(boxes=tuple((name, box, None) for box in boxes))
