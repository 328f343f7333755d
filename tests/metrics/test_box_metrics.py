from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from faster_coco_eval import COCO, COCOeval_faster
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_cases import box_strategy, boxed

from radvlm.boxes import iou_matrix
from radvlm.metrics.ap50_by_name import Ap50ByName, average_precision
from radvlm.metrics.box_f1_50 import BoxF1At50
from radvlm.metrics.mean_iou import MeanIou
from radvlm.protocols import Metric
from radvlm.records import Answer, Box

A = Box(0.0, 0.0, 0.2, 0.2)
A_SHIFTED = Box(0.0, 0.0, 0.2, 0.3)  # IoU with A: 2/3
B = Box(0.5, 0.5, 0.9, 0.9)
ELSEWHERE = Box(0.3, 0.0, 0.4, 0.1)
UNREADABLE = Answer(readable=False)


def figure(metric: Metric, answers: list[Answer], targets: list[Answer]) -> float:
    return float(metric.reduce(metric.rows(answers, targets), np.ones((1, len(targets))))[0])


def coco_ap50(said: list[Box], wanted: list[Box]) -> float:
    """The peer library's AP of one image, integrated at the mid-points of 1,200 recall steps.

    1,200 is divisible by every number of targets up to 6, so the sum is the exact area.
    """
    truth = COCO(
        {
            "images": [{"id": 1, "width": 1000, "height": 1000}],
            "categories": [{"id": 1, "name": "it"}],
            "annotations": [
                {"id": i, "image_id": 1, "category_id": 1, "iscrowd": 0, **_coco(box)}
                for i, box in enumerate(wanted, 1)
            ],
        }
    )
    found = truth.loadRes(
        [
            {"image_id": 1, "category_id": 1, "score": 1 - rank / 100, **_coco(box)}
            for rank, box in enumerate(said)
        ]
    )
    judge = COCOeval_faster(truth, found, iouType="bbox", print_function=lambda *_: None)
    judge.params.iouThrs = np.array([0.5])
    judge.params.recThrs = (np.arange(1200) + 0.5) / 1200
    judge.params.maxDets = [100]
    judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
    judge.evaluate()
    judge.accumulate()
    return float(np.mean(judge.eval["precision"]))


def _coco(box: Box) -> dict[str, object]:
    x, y, w, h = (1000 * v for v in (box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1))
    return {"bbox": [x, y, w, h], "area": w * h}


@settings(max_examples=60)
@given(
    said=st.lists(box_strategy, min_size=1, max_size=6),
    wanted=st.lists(box_strategy, min_size=1, max_size=6, unique_by=lambda b: (b.x1, b.y1)),
)
def test_ap_of_one_answer_agrees_with_faster_coco_eval(said: list[Box], wanted: list[Box]) -> None:
    if np.any(np.abs(iou_matrix(said, wanted) - 0.5) < 1e-6):
        return  # on the threshold itself rounding of the peer's pixel areas decides
    ours = figure(Ap50ByName(), [boxed(*said)], [boxed(*wanted)])
    assert ours == pytest.approx(coco_ap50(said, wanted), abs=1e-6)


def test_trailing_false_boxes_are_free_in_ap_and_cost_in_f1() -> None:
    padded, target = boxed(A, B, *[ELSEWHERE] * 50), boxed(A, B)
    assert figure(Ap50ByName(), [padded], [target]) == 1
    assert figure(BoxF1At50(), [padded], [target]) == pytest.approx(2 * 2 / (2 * 2 + 50))
    # The published code's own figure for a false box before two right ones.
    assert average_precision([False, True, True], 2) == pytest.approx(2 / 3)


def test_ap_is_a_mean_over_names_not_over_answers() -> None:
    targets = [boxed(A, name="heart")] * 3 + [boxed(B, name="spine")]
    answers = [boxed(A, name="heart")] * 3 + [boxed(ELSEWHERE, name="spine")]
    assert figure(Ap50ByName(), answers, targets) == pytest.approx(0.5)


def test_ap_of_negative_targets() -> None:
    nothing = Answer(labels={"Nodule": "absent"})
    answers = [nothing, boxed(A), UNREADABLE, boxed(A)]
    targets = [nothing, nothing, nothing, boxed(A)]
    assert Ap50ByName().rows(answers, targets)[:, 1].tolist() == [1, 0, 0, 1]
    # All four ask about the nodule: one name.
    assert figure(Ap50ByName(), answers, targets) == pytest.approx(0.5)


def test_pooled_f1_by_hand() -> None:
    answers = [boxed(A_SHIFTED, ELSEWHERE), boxed(A), Answer(), UNREADABLE, UNREADABLE]
    targets = [boxed(A, B), Answer(), Answer(), boxed(A, B), Answer()]
    rows = BoxF1At50().rows(answers, targets)
    assert rows.tolist() == [[1, 1, 1], [0, 1, 0], [0, 0, 0], [0, 2, 2], [0, 1, 0]]
    assert figure(BoxF1At50(), answers, targets) == pytest.approx(2 / (2 + 5 + 3))


def test_names_must_agree_where_the_target_has_several() -> None:
    target = Answer(boxes=(("Edema", A, None), ("Nodule", B, None)))
    swapped = Answer(boxes=(("Nodule", A, None), ("Edema", B, None)))
    assert figure(BoxF1At50(), [target], [target]) == 1
    assert figure(BoxF1At50(), [swapped], [target]) == 0
    assert figure(MeanIou(), [swapped], [target]) == 0
    assert figure(BoxF1At50(), [boxed(A, name="")], [boxed(A)]) == 1


def test_mean_iou_by_hand() -> None:
    # The best pair comes first: A takes its equal, so the shifted box is left for B (no overlap).
    assert figure(MeanIou(), [boxed(A_SHIFTED, A)], [boxed(A, B)]) == pytest.approx(0.5)
    assert figure(MeanIou(), [boxed(A_SHIFTED)], [boxed(A)]) == pytest.approx(2 / 3)
    both = figure(
        MeanIou(), [boxed(A_SHIFTED), UNREADABLE, boxed(A)], [boxed(A), boxed(B), Answer()]
    )
    assert both == pytest.approx(1 / 3)


@settings(max_examples=60)
@given(
    said=st.lists(box_strategy, max_size=4), wanted=st.lists(box_strategy, min_size=1, max_size=4)
)
def test_mean_iou_is_at_least_half_the_best_assignment(said: list[Box], wanted: list[Box]) -> None:
    table = iou_matrix(said, wanted)
    if len(said) < len(wanted):
        table = table.T
    short = range(table.shape[1])
    sums = [
        sum(table[row[k], k] for k in short) for row in permutations(range(len(table)), len(short))
    ]
    best = max(sums) / len(wanted)
    ours = figure(MeanIou(), [boxed(*said)], [boxed(*wanted)])
    assert best / 2 - 1e-9 <= ours <= best + 1e-9
