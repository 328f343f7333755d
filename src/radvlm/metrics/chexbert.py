"""CheXbert: a report's text → the status of fourteen observations, by the published network.

Smit 2020: BERT with one linear layer an observation over its first token. The file ``chexbert.pth``
is read without pickle; the tokenizer is that of bert-base-uncased. A report of more than 512 word
pieces is cut, as published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radvlm.errors import InputError
from radvlm.metrics.weights import WEIGHTS
from radvlm.vocabulary import CHEXPERT_COLUMNS, NO_FINDING

if TYPE_CHECKING:
    from torch import Tensor

OBSERVATIONS = (*CHEXPERT_COLUMNS[1:], NO_FINDING)
"""In the order of the network's outputs."""

BLANK, PRESENT, ABSENT, UNCERTAIN = range(4)
"""What an output says of an observation; "No Finding" has the first two alone."""

BATCH = {"cpu": 8, "cuda": 128}
"""Reports a batch."""


@dataclass(frozen=True, slots=True)
class CheXbert:
    """The loaded network.

    Attributes:
        bert: the transformer, in evaluation mode.
        heads: weight [outputs, dimensions] and bias [outputs] of each observation.
        pieces: a text → its word pieces' numbers, the two special ones included, at most 512.
    """

    bert: Any
    heads: tuple[tuple[Tensor, Tensor], ...]
    pieces: Callable[[str], list[int]]

    def statuses(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """The status (``BLANK`` … ``UNCERTAIN``) of each observation, int64 [n, 14]."""
        import torch

        found: dict[str, list[int]] = {}
        for batch, states in self._read(texts):
            said = [(states @ weight.T + bias).argmax(dim=1) for weight, bias in self.heads]
            found |= zip(batch, torch.stack(said, dim=1).tolist(), strict=True)
        rows = [found[text] for text in texts]
        return np.array(rows, dtype=np.int64).reshape(-1, len(self.heads))

    def embeddings(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vector of each report's first token, float32 [n, dimensions]."""
        found: dict[str, NDArray[np.float32]] = {}
        for batch, states in self._read(texts):
            found |= zip(batch, states.cpu().numpy(), strict=True)
        rows = [found[text] for text in texts]
        return np.array(rows, dtype=np.float32).reshape(-1, self.bert.config.hidden_size)

    def _read(self, texts: Sequence[str]) -> Iterator[tuple[list[str], Tensor]]:
        """Batches of different texts of like length, with their first tokens' vectors."""
        import torch

        pieces = {text: self.pieces(text) for text in dict.fromkeys(texts)}
        order = sorted(pieces, key=lambda text: len(pieces[text]))
        size = BATCH[self.bert.device.type]
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            with torch.inference_mode():
                yield batch, self._first([pieces[text] for text in batch])

    def _first(self, pieces: Sequence[Sequence[int]]) -> Tensor:
        import torch

        ids = torch.zeros(len(pieces), max(map(len, pieces)), dtype=torch.long)
        mask = torch.zeros(ids.shape)
        for row, numbers in enumerate(pieces):
            ids[row, : len(numbers)], mask[row, : len(numbers)] = torch.tensor(numbers), 1
        device = self.bert.device
        states: Tensor = self.bert(input_ids=ids.to(device), attention_mask=mask.to(device))[0]
        return states[:, 0]


@lru_cache(maxsize=1)
def load() -> CheXbert:
    """The network with its published weights, once a process, on a GPU where there is one.

    Raises:
        WeightsMissing: they are not on this machine.
        InputError: the file is not CheXbert's.
    """
    import torch

    path = WEIGHTS["chexbert"].folder() / "chexbert.pth"
    vocabulary = WEIGHTS["bert-base-uncased"].folder() / "vocab.txt"
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)["model_state_dict"]
        state = {name.removeprefix("module."): value for name, value in saved.items()}
        bert = _bert(state)
        heads = tuple(
            (state[f"linear_heads.{index}.weight"], state[f"linear_heads.{index}.bias"])
            for index in range(len(OBSERVATIONS))
        )
    except (RuntimeError, EOFError, KeyError, TypeError, UnpicklingError) as error:
        raise InputError("not CheXbert's weights", path, "Download the file again") from error
    device = "cuda" if torch.cuda.is_available() else "cpu"
    moved = tuple((weight.to(device), bias.to(device)) for weight, bias in heads)
    return CheXbert(bert.to(device), moved, _pieces(vocabulary))


def _bert(state: Mapping[str, Tensor]) -> Any:
    """The transformer whose shape the weights themselves tell; heads are 64 wide, as in BERT."""
    from transformers import BertConfig, BertModel

    prefix = "bert."
    own = {
        name.removeprefix(prefix): value
        for name, value in state.items()
        # Older releases of transformers saved this counter with the weights.
        if name.startswith(prefix) and not name.endswith("position_ids")
    }
    vocabulary, width = own["embeddings.word_embeddings.weight"].shape
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=1 + max(int(n.split(".")[2]) for n in own if n.startswith("encoder.")),
        num_attention_heads=width // 64,
        intermediate_size=len(own["encoder.layer.0.intermediate.dense.bias"]),
    )
    bert = BertModel(config)
    bert.load_state_dict(own)
    return bert.eval()


def _pieces(vocabulary: Path) -> Callable[[str], list[int]]:
    from transformers import BertTokenizerFast

    tokenizer = BertTokenizerFast.from_pretrained(vocabulary.parent, local_files_only=True)

    def pieces(text: str) -> list[int]:
        found: list[int] = tokenizer(" ".join(text.split()), truncation=True, max_length=512)[
            "input_ids"
        ]
        return found

    return pieces
