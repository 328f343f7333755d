"""A made-up evaluation, complete enough to look at: no model, no data, fixed seeds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from radvlm.evaluate.page_data import (
    Comparison,
    Conversation,
    LossPoint,
    MetricRow,
    PageData,
    Picture,
    RegionBar,
    ReportPair,
    Run,
    Step,
    TaskTable,
)
from radvlm.protocols import Pixels
from radvlm.records import Box, Score, Turn
from radvlm.vocabulary import REGIONS_29

COLUMNS = ("untrained", "blind (another patient's image)", "mean box or majority", "trained")
SCRIPT = "<script>document.title='owned'</script> & \"quotes\" <b>bold</b>"


def radiograph(seed: int, height: int = 512, width: int = 448) -> Pixels:
    """Something like a frontal radiograph: body, two dark lungs, a heart, ribs, noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]

    def ellipse(cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
        distance = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2
        return np.asarray(1 / (1 + np.exp(12 * (distance - 1))))

    shift = rng.uniform(-0.03, 0.03, 4)
    image = 0.75 * ellipse(0.5, 0.62, 0.47, 0.62)
    for cx in (0.3 + shift[0], 0.7 + shift[1]):
        image -= 0.5 * ellipse(cx, 0.47, 0.17, 0.33)
    image += 0.35 * ellipse(0.56 + shift[2], 0.64, 0.16, 0.16 + shift[3])
    image += 0.22 * np.exp(-(((x - 0.5) / 0.05) ** 2))
    image += 0.05 * np.sin(42 * (y + 0.5 * (x - 0.5) ** 2)) * ellipse(0.5, 0.47, 0.4, 0.36)
    image += rng.normal(0, 0.02, image.shape)
    return np.asarray(np.clip(255 * image, 0, 255), dtype=np.uint8)


def figure(key: str, value: float | None, half: float = 0.04, failed: int = 0) -> Score:
    """A score of 240 answers with a symmetric interval inside 0…1."""
    span = None if value is None else (max(0.0, value - half), min(1.0, value + half))
    return Score(key, value, span, 240, 240, failed)


def versus(baseline: str, key: str, value: float, low: float, high: float) -> Comparison:
    return Comparison("trained", baseline, Score(key, value, (low, high), 240, 240, 0))


def _table(task: str, title: str, rows: tuple[MetricRow, ...], note: str = "") -> TaskTable:
    return TaskTable(task, title, COLUMNS, rows, note)


def tables() -> tuple[TaskTable, ...]:
    """Three tasks: one won, one lost, one with nothing to compare."""
    anatomy = (
        MetricRow(
            "AP at IoU 0.5",
            "anatomical_grounding/ap50_by_name",
            tuple(
                figure("ap", v, 0.03, f) for v, f in ((0.0, 240), (0.55, 2), (0.61, 0), (0.94, 2))
            ),
            (versus("blind", "ap", 0.39, 0.35, 0.43), versus("mean box", "ap", 0.33, 0.29, 0.37)),
            "Mean over 29 regions.",
        ),
        MetricRow(
            "Mean IoU",
            "anatomical_grounding/mean_iou",
            tuple(figure("iou", v, 0.02) for v in (0.02, 0.51, 0.54, 0.81)),
        ),
    )
    abnormality = (
        MetricRow(
            "Box F1 at IoU 0.5",
            "abnormality_grounding/box_f1_50",
            (
                figure("f1", 0.0),
                figure("f1", 0.24),
                figure("f1", 0.2),
                figure("f1", 0.26, failed=11),
            ),
            (versus("blind", "f1", 0.02, -0.03, 0.07), versus("mean box", "f1", 0.06, 0.01, 0.11)),
            "Boxes of all findings taken together.",
        ),
    )
    report = (
        MetricRow(
            "ROUGE-L",
            "report/rouge_l",
            (figure("r", 0.03), figure("r", 0.48), None, figure("r", 0.63)),
        ),
        MetricRow(
            "Label macro F1",
            "report/report_label_f1",
            (figure("l", None), figure("l", 0.21), None, figure("l", 0.55)),
            help="Findings read from the text by rules.",
        ),
    )
    return (
        _table("anatomical_grounding", "Anatomical grounding", anatomy, "Where is a named region?"),
        _table("abnormality_grounding", "Abnormality grounding", abnormality),
        _table("report", "Report", report, "Findings written from one frontal view."),
    )


def pictures() -> tuple[Picture, ...]:
    lung = Box(0.13, 0.14, 0.47, 0.8)
    return (
        Picture(
            radiograph(1),
            "Anatomical grounding",
            "Where is the right lung?",
            "The right lung is at [0.13, 0.14, 0.47, 0.80].",
            (("right lung", lung),),
            (("right lung", Box(0.15, 0.17, 0.48, 0.83)),),
        ),
        Picture(
            radiograph(2, 400, 480),
            "Abnormality detection",
            "Which abnormalities do you see, and where?",
            "Cardiomegaly at [0.38, 0.47, 0.76, 0.84] and a pleural effusion at the left base.",
            (
                ("cardiomegaly", Box(0.38, 0.47, 0.76, 0.84)),
                ("pleural effusion", Box(0.66, 0.7, 0.98, 0.97)),
            ),
            (("cardiomegaly", Box(0.4, 0.5, 0.73, 0.82)),),
        ),
        Picture(
            radiograph(3),
            "Phrase grounding",
            "Where do you see: small apical pneumothorax on the left?",
            "I do not see it.",
            true=(("small apical pneumothorax on the left", Box(0.66, 0.01, 0.92, 0.2)),),
        ),
        Picture(radiograph(4), "Classification", SCRIPT, "Cardiomegaly, Pleural Effusion."),
    )


def conversation() -> Conversation:
    heart, effusion = Box(0.4, 0.48, 0.73, 0.8), Box(0.6, 0.7, 0.93, 0.94)

    def turns(*said: tuple[str | tuple[Box, ...], ...]) -> tuple[Turn, ...]:
        return tuple(Turn("assistant" if i % 2 else "user", parts) for i, parts in enumerate(said))

    return Conversation(
        radiograph(5),
        turns(
            ("Is anything abnormal?",),
            ("Yes. The heart ", (heart,), " is enlarged, and there is fluid at the left base ",
             (effusion,), "."),
            ("How large is the effusion, and is the right side free?",),
            ("It is small ", (effusion,), ". The right costophrenic angle ",
             (Box(0.14, 0.68, 0.3, 0.82),), " is sharp."),
            ("Both lungs, please.",),
            ("Here: ", (Box(0.13, 0.14, 0.47, 0.8), Box(0.54, 0.14, 0.87, 0.79)), "."),
            ("Thank you.",),
            ("You are welcome.",),
        ),
    )  # fmt: skip


def loss(n: int = 160) -> tuple[LossPoint, ...]:
    noise = np.random.default_rng(0).normal(0, 0.06, n)
    return tuple(
        LossPoint(
            64 * (i + 1),
            float(0.35 + 3.2 * np.exp(-i / 22) + abs(noise[i])),
            min((i + 1) / 10, (n - i) / (n - 10)),
        )
        for i in range(n)
    )


def run() -> Run:
    return Run(
        steps=(
            Step("Making the cohort", 41.2, "1,200 simulated studies"),
            Step("Building the data set", 7.8),
            Step("Training", 754, "10,240 samples"),
            Step("Answering the test questions", 138),
            Step("Scoring", 21.4, "1,000 bootstrap samples"),
        ),
        counts={"studies": 1200, "patients": 1043, "train examples": 9610, "quarantined": 0},
        versions={"radvlm": "0.1.0", "python": "3.11.9", "torch": "2.9.1", "numpy": "2.4.6"},
        settings={
            "commit": "4f3c2a9d1e70",
            "hardware": "2 CPU cores, 8 GiB",
            "seed": "0",
            "data hash": "b1946ac92492d2347c6235b4d2611184",
        },
        recipes={"train": "out: runs/demo\nschedule:\n  epochs: 4\n  batch: 32\n  rate: 0.001\n"},
        commands=(
            ("Ask about a picture of your own", "radvlm chat x.png --model runs/demo/checkpoint"),
            ("Train for longer", "radvlm train recipes/demo.yaml schedule.epochs=12 out=longer"),
        ),
    )


def full_page() -> PageData:
    """Every section filled."""
    rng = np.random.default_rng(0)
    mean = rng.uniform(0.3, 0.95, len(REGIONS_29))
    trained = np.clip(mean + rng.uniform(-0.05, 0.4, len(REGIONS_29)), 0, 1)
    bars = [
        RegionBar(name, float(a), float(b), 40)
        for name, a, b in zip(REGIONS_29, trained, mean, strict=True)
    ]
    return PageData(
        title="radvlm demo: a small model trained from nothing",
        scope="Toy: trained on simulated images. It knows nothing about real radiographs.",
        lead="A 6.3 M parameter model, 10,240 samples, tested on 240 simulated patients.",
        access="open",
        run=run(),
        tables=tables(),
        regions=(*bars[:-1], replace(bars[-1], trained=None)),
        pictures=pictures(),
        conversation=conversation(),
        reports=(
            ReportPair(
                "The heart is enlarged. Small left pleural effusion. No pneumothorax.",
                "Enlarged cardiac silhouette. There is a small pleural effusion on the left. "
                "No pneumothorax. The bones are unremarkable.",
                radiograph(6),
            ),
            ReportPair("The lungs are clear.", "The lungs are clear. The heart size is normal."),
        ),
        loss=loss(),
        examples_note="The first test question of each task, in order; not chosen by result.",
    )
