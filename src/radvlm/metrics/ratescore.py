"""RaTEScore: entities of two reports matched by meaning, weighed by their types.

Zhao 2024. Every entity of one report is matched with the nearest of the other by the cosine of its
vector; a match counts by the weight of the pair of types, and by 0.3612 of it where one type denies
what the other affirms. The score is the harmonic mean over both directions; 0.5 where a report has
no entities, as published.

The published tool cuts sentences with medspacy; here they are cut at full stops and lines, and
entities are joined by transformers' own rule. No weights were at hand to compare the two, so the
figure has a name of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radvlm.errors import InputError
from radvlm.metrics.sample_mean import Floats, SampleMean
from radvlm.metrics.weights import WEIGHTS

DENIED = 0.3612
"""What is left of a match of an affirmed with a denied entity."""

_AFFIRMED, _DENIED = ("ABNORMALITY", "DISEASE"), ("NON-ABNORMALITY", "NON-DISEASE")

NO_ENTITIES = 0.5

BATCH = 64
"""Sentences, or entities, that a network reads at a time."""

Affinity = Mapping[tuple[str, str], float]
"""The weight of a match by (own type, the other's type)."""


@dataclass(frozen=True, slots=True)
class Entities:
    """The entities of one report: types, and a vector of each [n, dimensions]."""

    types: tuple[str, ...]
    vectors: NDArray[np.float32]


class RaTEScore(SampleMean):
    """The mean RaTEScore, with the published networks and our own cutting of sentences."""

    key = "ratescore/own-sentences,long-weight"

    def __init__(self) -> None:
        self._affinity = read_affinity(WEIGHTS["ratescore"].folder() / "long_weight.json")
        self._tagger = _tagger(WEIGHTS["rate-ner"].folder())
        self._tokenizer, self._encoder = _encoder(WEIGHTS["biolord"].folder())

    def values(self, said: Sequence[str], wanted: Sequence[str]) -> Floats:
        """RaTEScore of each answer [n], 0…1."""
        pairs = zip(map(self._entities, said), map(self._entities, wanted), strict=True)
        return np.array([score(*pair, self._affinity) for pair in pairs], dtype=np.float64)

    def _entities(self, text: str) -> Entities:
        found = [
            (entity["word"], entity["entity_group"].upper())
            for sentence in self._tagger(list(sentences(text)), batch_size=BATCH)
            for entity in sentence
        ]
        vectors = [self._encode([word for word, _ in found[at : at + BATCH]])
                   for at in range(0, len(found), BATCH)]  # fmt: skip
        joined = np.concatenate(vectors) if vectors else np.empty((0, 1), np.float32)
        return Entities(tuple(kind for _, kind in found), joined)

    def _encode(self, words: Sequence[str]) -> NDArray[np.float32]:
        import torch

        inputs = self._tokenizer(
            list(words), padding=True, truncation=True, max_length=30, return_tensors="pt"
        )
        with torch.inference_mode():
            states = self._encoder(**inputs.to(self._encoder.device)).last_hidden_state
        return np.asarray(states[:, 0].cpu().numpy(), dtype=np.float32)


def score(said: Entities, wanted: Entities, affinity: Affinity) -> float:
    """RaTEScore 0…1 of one report's entities against its reference's."""
    if not said.types or not wanted.types:
        return NO_ENTITIES
    precision, recall = _found(wanted, said, affinity), _found(said, wanted, affinity)
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def read_affinity(path: Path) -> Affinity:
    """The published weights, ``{"anatomy_disease": weight, …}``.

    Raises:
        InputError: the file is not that.
    """
    try:
        table = json.loads(path.read_text("utf-8"))
        pairs = {tuple(key.upper().split("_")): float(value) for key, value in table.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError("not RaTEScore's weights", path, "Download the file again") from error
    return {(own, other): value for (own, other), value in pairs.items()}


def sentences(text: str) -> Iterator[str]:
    """The sentences of a report, cut at lines and after full stops, of three letters at least."""
    for sentence in re.split(r"(?<=[.?!])\s+|\n+", text):
        if len(sentence.strip()) >= 3:
            yield sentence.strip()


def _found(own: Entities, other: Entities, affinity: Affinity) -> float:
    """The weighed mean similarity of each entity with the nearest of the other report."""
    similarity = _unit(own.vectors) @ _unit(other.vectors).T
    nearest = similarity.argmax(axis=1)
    kinds = [(kind, other.types[at]) for kind, at in zip(own.types, nearest, strict=True)]
    weights = np.array([affinity[pair] for pair in kinds])
    denied = np.array([DENIED if _contrary(*pair) else 1.0 for pair in kinds])
    total = weights.sum()
    return float((similarity.max(axis=1) * weights * denied).sum() / total) if total > 0 else 0.0


def _contrary(one: str, other: str) -> bool:
    return (one in _AFFIRMED and other in _DENIED) or (one in _DENIED and other in _AFFIRMED)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12))


def _tagger(folder: Path) -> Any:
    import torch
    from transformers import pipeline

    return pipeline(
        "token-classification",
        model=str(folder),
        aggregation_strategy="simple",
        device=0 if torch.cuda.is_available() else -1,
    )


def _encoder(folder: Path) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModel, AutoTokenizer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = AutoModel.from_pretrained(folder, local_files_only=True).eval().to(device)
    return AutoTokenizer.from_pretrained(folder, local_files_only=True), model
