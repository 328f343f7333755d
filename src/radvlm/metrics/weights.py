"""Where the weights of learned metrics lie, and which are missing and how they are had.

Each set of weights is a folder below the one that the environment variable ``RADVLM_WEIGHTS``
names; single Hugging Face repositories are also found in that hub's cache. Nothing is fetched here:
several need a licence to be accepted, and scoring stays off the network.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from radvlm.errors import InputError

ROOT = "RADVLM_WEIGHTS"
"""The environment variable that names the folder of all metrics' weights."""


class WeightsMissing(InputError):
    """A metric's weights are not on this machine, so it was not run; it has no value, not 0."""

    def __init__(self, weights: Weights) -> None:
        super().__init__("not run: weights missing", weights.name, weights.how())


@dataclass(frozen=True, slots=True)
class Weights:
    """One set of weights: the files its folder must hold, and where they are had.

    ``repository`` is a Hugging Face repository that holds ``files`` under the same names, or empty
    where they have to be unpacked or converted; ``source`` says where a person goes.
    """

    name: str
    files: tuple[str, ...]
    source: str
    steps: str
    metrics: tuple[str, ...]
    repository: str = ""

    def how(self) -> str:
        """One line: what to do to have them."""
        return f"{self.steps} ({self.source}); put {', '.join(self.files)} into ${ROOT}/{self.name}"

    def folder(self) -> Path:
        """The folder that holds all the files.

        Raises:
            WeightsMissing: there is none.
        """
        for folder in self._folders():
            if all((folder / file).is_file() for file in self.files):
                return folder
        raise WeightsMissing(self)

    def _folders(self) -> Iterator[Path]:
        root = os.environ.get(ROOT)
        if root:
            yield Path(root) / self.name
        if self.repository:
            from huggingface_hub import try_to_load_from_cache

            cached = try_to_load_from_cache(self.repository, self.files[0])
            if isinstance(cached, str):
                yield Path(cached).parent


_ENCODER = ("config.json", "model.safetensors", "tokenizer.json")
_SCORERS = "huggingface.co/StanfordAIMI/RRG_scorers"

WEIGHTS: dict[str, Weights] = {
    weights.name: weights
    for weights in (
        Weights(
            "distilbert-base-uncased",
            _ENCODER,
            "huggingface.co/distilbert/distilbert-base-uncased",
            "Download the repository",
            ("bertscore_distilbert",),
            "distilbert/distilbert-base-uncased",
        ),
        Weights(
            "distilroberta-base",
            _ENCODER,
            "huggingface.co/distilbert/distilroberta-base",
            "Download the repository",
            ("bertscore_distilroberta", "radcliq_v1"),
            "distilbert/distilroberta-base",
        ),
        Weights(
            "radgraph-xl",
            ("config.json", "weights.th", "vocabulary/non_padded_namespaces.txt"),
            _SCORERS,
            "Unpack radgraph-xl.tar.gz",
            ("radgraph_simple", "radgraph_partial", "radgraph_complete"),
        ),
        Weights(
            "radgraph-xl-encoder",
            ("config.json", "vocab.txt"),
            "huggingface.co/microsoft/BiomedVLP-CXR-BERT-general",
            "Download the configuration and the vocabulary",
            ("radgraph_simple", "radgraph_partial", "radgraph_complete"),
            "microsoft/BiomedVLP-CXR-BERT-general",
        ),
        Weights(
            "radgraph",
            ("config.json", "weights.th", "vocabulary/non_padded_namespaces.txt"),
            _SCORERS,
            "Unpack radgraph.tar.gz",
            ("radcliq_v1",),
        ),
        Weights(
            "radgraph-encoder",
            ("config.json", "vocab.txt"),
            "the repository that model_name in radgraph/config.json names",
            "Download the configuration and the vocabulary",
            ("radcliq_v1",),
        ),
        Weights(
            "chexbert",
            ("chexbert.pth",),
            _SCORERS,
            "Download chexbert.pth",
            ("chexbert_f1_14_micro", "chexbert_f1_14_macro", "chexbert_f1_5_micro",
             "chexbert_f1_5_macro", "radcliq_v1"),
            "StanfordAIMI/RRG_scorers",
        ),
        Weights(
            "bert-base-uncased",
            ("vocab.txt",),
            "huggingface.co/google-bert/bert-base-uncased",
            "Download vocab.txt",
            ("chexbert_f1_14_micro", "chexbert_f1_14_macro", "chexbert_f1_5_micro",
             "chexbert_f1_5_macro", "radcliq_v1"),
            "google-bert/bert-base-uncased",
        ),
        Weights(
            "rate-ner",
            ("config.json", "model.safetensors", "tokenizer.json"),
            "huggingface.co/Angelakeke/RaTE-NER-Deberta",
            "Download the repository",
            ("ratescore",),
            "Angelakeke/RaTE-NER-Deberta",
        ),
        Weights(
            "biolord",
            ("config.json", "model.safetensors", "tokenizer.json"),
            "huggingface.co/FremyCompany/BioLORD-2023-C",
            "Download the repository",
            ("ratescore",),
            "FremyCompany/BioLORD-2023-C",
        ),
        Weights(
            "ratescore",
            ("long_weight.json",),
            "github.com/MAGIC-AI4Med/RaTEScore, folder affinity_matrix",
            "Download long_weight.json",
            ("ratescore",),
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Missing:
    """Weights that are not on this machine: whose, what, where they are had, and how."""

    metric: str
    what: str
    where: str
    how: str


def missing() -> list[Missing]:
    """What learned metrics lack on this machine, one row a metric and set of weights, sorted."""
    rows = []
    for weights in WEIGHTS.values():
        try:
            weights.folder()
        except WeightsMissing:
            rows += [
                Missing(metric, weights.name, weights.source, weights.how())
                for metric in weights.metrics
            ]
    return sorted(rows, key=lambda row: (row.metric, row.what))
