"""Scene graphs of Chest ImaGenome at their real size: 36 regions, their attributes and relations.

Keys and forms are those of the release (Wu et al. 2021); names, words and numbers are invented.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson

from benchmarks.full_size_text import Sentences
from radvlm.vocabulary import REGIONS_29

REGIONS_36 = (
    *REGIONS_29,
    *("right cardiophrenic angle", "left cardiophrenic angle", "left cardiac silhouette"),
    *("right cardiac silhouette", "descending aorta", "left upper abdomen", "right upper abdomen"),
)
_WIDTH, _HEIGHT = 1700, 2000
"""Within every image of ``full_size_mimic_cxr``."""

_PHRASES = 3
_NAMES = ("lung opacity", "pleural effusion", "atelectasis", "consolidation", "vascular congestion")


def thicken(release: Path) -> list[Path]:
    """Write the scene graphs of a release anew at their real size; returns them."""
    rng = np.random.default_rng(6)
    sentences = Sentences(rng)
    paths = sorted((release / "silver_dataset" / "scene_graph").glob("*.json"))
    for path in paths:
        small = orjson.loads(path.read_bytes())
        path.write_bytes(orjson.dumps(_scene(rng, sentences, small)))
    return paths


def scene_object(dicom: str, name: str, corners: list[int], longest: int) -> dict[str, Any]:
    """A region of an image whose longer side has so many pixels; corners are x1, y1, x2, y2."""
    small = [int(value * 224 / longest) for value in corners]
    sides = ("x1", "y1", "x2", "y2")
    return {
        "object_id": f"{dicom}_{name}",
        **dict(zip(sides, small, strict=True)),
        "width": small[2] - small[0],
        "height": small[3] - small[1],
        "bbox_name": name,
        "synsets": ["C0000001"],
        "name": name.capitalize(),
        **{f"original_{side}": value for side, value in zip(sides, corners, strict=True)},
        "original_width": corners[2] - corners[0],
        "original_height": corners[3] - corners[1],
    }


def _scene(rng: np.random.Generator, sentences: Sentences, small: dict[str, Any]) -> dict[str, Any]:
    dicom, study = small["image_id"], small["study_id"]
    starts = rng.integers((0, 0), (_WIDTH // 2, _HEIGHT // 2), size=(len(REGIONS_36), 2))
    ends = starts + rng.integers(100, (_WIDTH // 2, _HEIGHT // 2), size=starts.shape)
    boxes = np.concatenate([starts, ends], axis=1).tolist()
    objects = [
        scene_object(dicom, name, corners, 3056)
        for name, corners in zip(REGIONS_36, boxes, strict=True)
    ]
    told = [_attributes(rng, sentences, one, study) for one in objects[: rng.integers(26, 34)]]
    relations = [_relation(one, dicom, sentences.statements[i]) for i, one in enumerate(told[:6])]
    return {**small, "objects": objects, "attributes": told, "relationships": relations}


def _attributes(
    rng: np.random.Generator, sentences: Sentences, one: dict[str, Any], study: int
) -> dict[str, Any]:
    """What the report says of a region: parallel lists, an entry a phrase."""
    name = one["bbox_name"]
    drawn = rng.integers(len(_NAMES), size=(_PHRASES, 2)).tolist()
    said = [
        [f"anatomicalfinding|{('no', 'yes')[i % 2]}|{_NAMES[i]}" for i in row]
        + ["nlp|yes|abnormal"]
        for row in drawn
    ]
    cues: list[list[str]] = [[] for _ in range(_PHRASES)]
    return {
        name: True,
        "bbox_name": name,
        "synsets": one["synsets"],
        "name": one["name"],
        "attributes": said,
        "attributes_ids": [["C0000001", "C0000002", "C0000003"]] * _PHRASES,
        "phrases": sentences.reports(rng, _PHRASES, 2),
        "phrase_IDs": [f"{study}|{number}" for number in range(_PHRASES)],
        "sections": ["finalreport"] * _PHRASES,
        "comparison_cues": cues,
        "temporal_cues": [["temporal|yes|acute"], *cues[1:]],
        "severity_cues": [["severity|yes|mild"], *cues[1:]],
        "texture_cues": cues,
        "object_id": one["object_id"],
    }


def _relation(one: dict[str, Any], dicom: str, phrase: str) -> dict[str, Any]:
    name = one["bbox_name"]
    return {
        "relationship_id": f"{one['phrase_IDs'][0]}|{name}",
        "predicate": "['No Change', 'No status change']",
        "synsets": ["C0442739"],
        "relationship_names": ["comparison|yes|no change"],
        "relationship_contexts": [1.0],
        "phrase": phrase,
        "attributes": one["attributes"][0],
        "bbox_name": name,
        "subject_id": one["object_id"],
        "object_id": f"{dicom[::-1]}_{name}",
    }
