from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radvlm.tasks.chexpert_labels import chexpert_labels
from radvlm.vocabulary import CHEXPERT_14

ANNOTATIONS = Path(__file__).parents[1] / "annotations"

# Each convention that ``docs/labels.md`` states, by an example of its own.
CONVENTIONS = [
    ("Edema. No edema. Possible edema.", {"Edema": "present"}),
    ("No edema. Possible edema.", {"Edema": "uncertain"}),
    ("Right lower lobe pneumonia.", {"Pneumonia": "present"}),
    ("A nodule.", {"Lung Lesion": "present"}),
    ("Stable small effusion.", {"Pleural Effusion": "present"}),
    ("Improving consolidation.", {"Consolidation": "present"}),
    ("The effusion has resolved.", {"Pleural Effusion": "absent"}),
    ("The edema has nearly resolved.", {"Edema": "present"}),
    ("No new consolidation.", {"Consolidation": "absent"}),
    ("Likely atelectasis.", {"Atelectasis": "uncertain"}),
    ("Pneumonia cannot be excluded.", {"Pneumonia": "uncertain"}),
    ("Pneumonia can't be ruled out.", {"Pneumonia": "uncertain"}),
    ("I don't see a pneumothorax.", {"Pneumothorax": "absent"}),
    ("HISTORY: Pneumonia. FINDINGS: No effusion.", {"Pleural Effusion": "absent"}),
    ("INDICATION: Rule out pneumothorax.", {}),
    ("History of rib fractures.", {}),
    ("The heart size is normal.", {"Cardiomegaly": "absent"}),
    ("The heart is borderline enlarged.", {"Cardiomegaly": "uncertain"}),
    (
        "The cardiomediastinal silhouette is normal.",
        {"Cardiomegaly": "absent", "Enlarged Cardiomediastinum": "absent"},
    ),
    ("The lungs are clear.", {}),
    ("No acute cardiopulmonary disease.", {"No Finding": "present"}),
    ("Normal chest.", {"No Finding": "present"}),
    ("No acute disease. Small effusion.", {"Pleural Effusion": "present"}),
    (
        "No acute disease. A pacemaker.",
        {"No Finding": "present", "Support Devices": "present"},
    ),
    (
        "Atelectasis versus pneumonia.",
        {"Atelectasis": "uncertain", "Pneumonia": "uncertain"},
    ),
    (
        "No consolidation, effusion, or pneumothorax.",
        {"Consolidation": "absent", "Pleural Effusion": "absent", "Pneumothorax": "absent"},
    ),
    (
        "No effusion, but a pneumothorax is present.",
        {"Pleural Effusion": "absent", "Pneumothorax": "present"},
    ),
]


@pytest.mark.parametrize(("text", "labels"), CONVENTIONS, ids=[text for text, _ in CONVENTIONS])
def test_conventions(text: str, labels: dict[str, str]) -> None:
    assert chexpert_labels(text) == labels


@pytest.mark.parametrize("file", ["labels_written.jsonl", "second/labels_written.jsonl"])
def test_written_sentences_annotated_before_the_rules(file: str) -> None:
    """The figure itself is the proof's; this guards it where the real reports are not at hand."""
    hits = said = annotated = 0
    for line in (ANNOTATIONS / file).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        read, wanted = set(chexpert_labels(row["text"]).items()), set(row["labels"].items())
        hits, said, annotated = hits + len(read & wanted), said + len(read), annotated + len(wanted)
    assert annotated > 150
    assert min(hits / said, hits / annotated) >= 0.93


@given(st.text(max_size=300))
def test_any_text_gives_known_labels(text: str) -> None:
    assert set(chexpert_labels(text)) <= set(CHEXPERT_14)


@pytest.mark.parametrize(
    "text", ["no " * 20_000, "edema or " * 4_000, "heart, " * 6_000, "a/" * 20_000, "x" * 200_000]
)
def test_hostile_texts_take_no_more_than_linear_time(text: str) -> None:
    def seconds(said: str) -> float:
        start = time.process_time()
        chexpert_labels(said)
        return time.process_time() - start

    short = min(seconds(text[: len(text) // 4]) for _ in range(2))
    assert seconds(text) < 10 * short + 0.5
