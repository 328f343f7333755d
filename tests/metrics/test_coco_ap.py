"""COCO AP against pycocotools and faster-coco-eval in one process, and what bootstrap needs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from faster_coco_eval import COCO as FasterCoco
from faster_coco_eval import COCOeval_faster
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from radvlm.errors import InputError
from radvlm.metrics.coco_ap import CocoAp, CocoAp50
from radvlm.protocols import Metric
from radvlm.records import Answer, Box

NAMES = ["Edema", "Mass", "Nodule"]
METRICS: list[Metric] = [CocoAp(), CocoAp50()]
A = Box(0.1, 0.1, 0.3, 0.3)
ELSEWHERE = Box(0.6, 0.6, 0.8, 0.8)

Data = tuple[list[Answer], list[Answer]]


def figure(metric: Metric, data: Data, weights: Sequence[float] | None = None) -> float:
    rows = metric.rows(*data)
    counts = np.ones((1, len(rows))) if weights is None else np.array([weights], dtype=np.float64)
    return float(metric.reduce(rows, counts)[0])


def made(seed: int, images: int = 25, scale: float = 0.06) -> Data:
    """Targets of three names, and answers that miss, shift, confuse and invent boxes."""
    rng = np.random.default_rng(seed)
    answers, targets = [], []
    for _ in range(images):
        wanted = [(NAMES[rng.integers(3)], some_box(rng), None) for _ in range(rng.integers(0, 6))]
        # Two names at least, or none: every answered box is then held to its own name.
        if len({name for name, _, _ in wanted}) == 1:
            wanted += [(name, some_box(rng), None) for name in NAMES]
        said = [
            (name if rng.random() < 0.9 else NAMES[rng.integers(3)], shifted(box, rng, scale))
            for name, box, _ in wanted
            if rng.random() < 0.8
        ]
        said += [(NAMES[rng.integers(3)], some_box(rng)) for _ in range(rng.integers(0, 4))]
        targets.append(Answer(boxes=tuple(wanted)))
        answers.append(Answer(boxes=tuple((n, b, float(rng.random())) for n, b in said)))
    return answers, targets


def some_box(rng: np.random.Generator) -> Box:
    x, y = rng.uniform(0, 0.6, 2)
    w, h = rng.uniform(0.15, 0.4, 2)
    return Box(x, y, x + w, y + h)


def shifted(box: Box, rng: np.random.Generator, scale: float) -> Box:
    x, y = rng.normal(0, scale, 2)
    low = np.clip([box.x1 + x, box.y1 + y], 0, 0.9)
    high = np.clip([box.x2 + x, box.y2 + 2 * y], low + 0.05, 1)
    return Box(*low.tolist(), *high.tolist())


def tree(data: Data) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    answers, targets = data
    truth: dict[str, Any] = {
        "info": {},
        "images": [{"id": i, "width": 1000, "height": 1000} for i in range(1, len(targets) + 1)],
        "categories": [{"id": k, "name": name} for k, name in enumerate(NAMES, 1)],
        "annotations": [],
    }
    said = []
    for image, (answer, target) in enumerate(zip(answers, targets, strict=True), 1):
        for name, box, _ in target.boxes:
            number = len(truth["annotations"]) + 1
            truth["annotations"].append({"id": number, "iscrowd": 0, **plain(image, name, box)})
        said += [{"score": sure, **plain(image, name, box)} for name, box, sure in answer.boxes]
    return truth, said


def plain(image: int, name: str, box: Box) -> dict[str, Any]:
    bbox = [1000 * v for v in (box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1)]
    kind = NAMES.index(name) + 1
    return {"image_id": image, "category_id": kind, "bbox": bbox, "area": bbox[2] * bbox[3]}


def peers(data: Data) -> list[tuple[float, float]]:
    """(AP 50:95, AP50) of pycocotools and of faster-coco-eval."""
    found = []
    for coco, judge_class in ((COCO, COCOeval), (FasterCoco, COCOeval_faster)):
        truth, said = tree(data)
        with redirect_stdout(io.StringIO()):
            known: Any = coco()
            known.dataset = truth
            known.createIndex()
            judge = judge_class(known, known.loadRes(said), "bbox")
            judge.evaluate()
            judge.accumulate()
            judge.summarize()
        found.append((float(judge.stats[0]), float(judge.stats[1])))
    return found


@pytest.mark.parametrize("seed", range(12))
def test_both_peers_agree_with_us_on_random_data(seed: int) -> None:
    data = made(seed, scale=0.012 * (1 + seed % 4))
    ours = figure(CocoAp(), data), figure(CocoAp50(), data)
    for theirs in peers(data):
        assert ours == pytest.approx(theirs, abs=1e-9)
    assert 0.02 < ours[0] < ours[1] < 0.98


def test_more_than_a_hundred_boxes_are_cut_as_coco_cuts_them() -> None:
    answers, targets = made(3, images=4)
    rng = np.random.default_rng(0)
    many = tuple(("Mass", some_box(rng), float(rng.random())) for _ in range(150))
    answers[0] = replace(answers[0], boxes=answers[0].boxes + many)
    ours = figure(CocoAp(), (answers, targets)), figure(CocoAp50(), (answers, targets))
    for theirs in peers((answers, targets)):
        assert ours == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.key)
def test_weights_are_repeated_answers_and_the_order_is_no_matter(metric: Metric) -> None:
    answers, targets = made(1)
    # Confidences of one decimal: most are shared.
    answers = [
        replace(a, boxes=tuple((n, b, round(s or 0, 1)) for n, b, s in a.boxes)) for a in answers
    ]
    counts = np.random.default_rng(2).integers(0, 4, len(answers))
    order = np.repeat(np.arange(len(answers)), counts)
    weighted = figure(metric, (answers, targets), counts.tolist())
    for index in (order, np.random.default_rng(3).permutation(order)):
        repeated = [answers[i] for i in index], [targets[i] for i in index]
        assert figure(metric, repeated) == pytest.approx(weighted, abs=1e-12)


def test_equal_confidences_are_taken_at_their_worst_order() -> None:
    """One box an image, all equally sure: COCO's worst order has every false box first."""
    found = [True, False, True, True, False]
    targets = [Answer(boxes=(("Mass", A, None), ("Edema", ELSEWHERE, None)))] * 5
    for less_sure in (0.5, 0.4):
        sure = [less_sure if hit else 0.5 for hit in found]
        boxes = [
            (("Mass", A if hit else ELSEWHERE, one),) for hit, one in zip(found, sure, strict=True)
        ]
        data = [Answer(boxes=own) for own in boxes], targets
        # Names: Mass has precision 3/5 up to recall 3/5; Edema has none.
        assert figure(CocoAp50(), data) == pytest.approx(0.6 * 61 / 101 / 2)
    assert peers(data)[0][1] == pytest.approx(0.6 * 61 / 101 / 2)


def test_a_failed_answer_costs_more_than_an_empty_one() -> None:
    answers, targets = made(5)
    base = figure(CocoAp(), (answers, targets))
    for index in range(len(answers)):
        failed, lost, empty = (
            figure(CocoAp(), ([*answers[:index], other, *answers[index + 1 :]], targets))
            for other in (replace(answers[index], readable=False), Answer(readable=False), Answer())
        )
        assert failed <= lost + 1e-12 and lost <= empty + 1e-12 and failed <= base + 1e-12
    assert figure(CocoAp(), ([Answer(readable=False)] * len(targets), targets)) == 0


def test_without_any_confidence_it_is_not_defined_and_says_so() -> None:
    target = Answer(boxes=(("Mass", A, None),))
    with pytest.raises(InputError, match="no answered box carries a confidence"):
        CocoAp().rows([target, Answer()], [target, target])
    assert figure(CocoAp(), ([Answer()], [target])) == 0
    assert np.isnan(figure(CocoAp(), ([Answer()], [Answer()])))
    assert np.isnan(figure(CocoAp(), ([], [])))


def test_a_box_without_a_confidence_among_others_comes_last() -> None:
    target = Answer(boxes=(("Mass", A, None),))
    sure = Answer(boxes=(("Mass", A, 0.1),))
    for odd in (None, float("nan")):
        said = [sure, Answer(boxes=(("Mass", ELSEWHERE, odd),))]
        assert figure(CocoAp50(), (said, [target] * 2)) == pytest.approx(51 / 101)
