"""RadGraph's network, many reports at a time: texts → graphs of entities and relations.

The network is built by the ``radgraph`` package's own classes (DyGIE++), and cutting a report into
words and writing the graph down are the package's functions. The package encodes one report at a
time and each word's pieces anew; here the encoder takes batches of like length and remembers the
pieces of words. The same sums in another order: graphs agree unless two labels tie within rounding.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

from radvlm.errors import InputError
from radvlm.metrics.radgraph_reward import Graph
from radvlm.metrics.radgraph_spans import Entity, Heads, Relation, read_heads
from radvlm.metrics.weights import WEIGHTS

if TYPE_CHECKING:
    from torch import Tensor

BATCH_WORDS = {"cpu": 384, "cuda": 8192}
"""Words of a batch, padding included; a report is never divided. A processor's cache is small."""

_NOT_ARGUMENTS = {"type", "embedder", "initializer", "module_initializer"}


@dataclass(frozen=True, slots=True)
class RadGraphModel:
    """A network that reads reports. ``revision`` tells graphs of different weights apart.

    Attributes:
        name: ``radgraph-xl`` or ``radgraph``; also the data set its labels belong to.
        encoder: the transformer, in evaluation mode.
        pieces: a word → the numbers of its word pieces.
        first: the piece before each stretch of text; ``last`` the one after it.
        longest: pieces the encoder takes at once, these two included.
        heads: the layers over spans and pairs.
    """

    name: str
    encoder: Any
    pieces: Callable[[str], tuple[int, ...]]
    first: int
    last: int
    longest: int
    heads: Heads
    revision: str

    def graphs(self, texts: Sequence[str]) -> list[Graph]:
        """The graph of each text, in order; a text without words has no entities."""
        from radgraph.utils import preprocess_reports

        found: list[Graph] = [{"text": "", "entities": {}} for _ in texts]
        words = [report["sentences"][0] for report in preprocess_reports(texts, self.name)]
        for batch in _batches(words, BATCH_WORDS[self.heads.widths.device.type]):
            for index, (entities, relations) in zip(
                batch, self._read([words[index] for index in batch]), strict=True
            ):
                found[index] = _graph(words[index], entities, relations)
        return found

    def _read(self, reports: Sequence[Sequence[str]]) -> list[tuple[list[Any], list[Any]]]:
        import torch

        with torch.inference_mode():
            return self.heads.read(self._encode(reports))

    def _encode(self, reports: Sequence[Sequence[str]]) -> list[Tensor]:
        """The vectors of each report's words, [T, dimensions]: the mean over a word's pieces.

        A report of more pieces than the encoder takes goes through it in consecutive stretches.
        """
        import torch

        cut = [[self.pieces(word) for word in words] for words in reports]
        flat = [[piece for word in words for piece in word] for words in cut]
        stretches = [
            [self.first, *ids[at : at + self.longest - 2], self.last]
            for ids in flat
            for at in range(0, max(1, len(ids)), self.longest - 2)
        ]
        device = self.heads.widths.device
        mask = torch.zeros(len(stretches), max(map(len, stretches)), device=device)
        ids = torch.zeros_like(mask, dtype=torch.long)
        for row, stretch in enumerate(stretches):
            ids[row, : len(stretch)] = torch.tensor(stretch)
            mask[row, : len(stretch)] = 1
        states = self.encoder(input_ids=ids, attention_mask=mask)[0]
        kept = [row[1 : len(s) - 1] for row, s in zip(states, stretches, strict=True)]
        vectors = torch.split(torch.cat(kept), [len(ids) for ids in flat])
        return [
            _mean(vector, [len(word) for word in words])
            for vector, words in zip(vectors, cut, strict=True)
        ]


@lru_cache(maxsize=2)
def load(name: str) -> RadGraphModel:
    """The network ``radgraph-xl`` or ``radgraph`` with its published weights, once a process.

    It runs on a GPU where there is one.

    Raises:
        WeightsMissing: they are not on this machine.
        InputError: the files are not those of that network.
    """
    import torch

    folder, encoder = WEIGHTS[name].folder(), WEIGHTS[f"{name}-encoder"].folder()
    weights = folder / "weights.th"
    model = module(name, folder, encoder)
    try:
        model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    except (RuntimeError, EOFError, UnpicklingError) as error:
        raise InputError(
            f"not the weights of {name}", weights, "Unpack the archive again"
        ) from error
    with weights.open("rb") as file:
        revision = hashlib.file_digest(file, "sha256").hexdigest()
    return assemble(
        name, model.to("cuda" if torch.cuda.is_available() else "cpu"), encoder, revision
    )


def assemble(name: str, model: Any, encoder: Path, revision: str) -> RadGraphModel:
    """What reads reports, from the package's module and the folder of its encoder's vocabulary."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(encoder, local_files_only=True)

    @lru_cache(maxsize=50_000)
    def pieces(word: str) -> tuple[int, ...]:
        # The package's reader drops the stroke of these two before the encoder.
        spoken = word[1:] if word in ("/.", "/?") else word
        return tuple(tokenizer.encode(spoken, add_special_tokens=False))

    return RadGraphModel(
        name=name,
        encoder=model._embedder.token_embedder_bert._matched_embedder.transformer_model,
        pieces=pieces,
        first=tokenizer.cls_token_id,
        last=tokenizer.sep_token_id,
        longest=model._embedder.longest,
        heads=read_heads(model, name),
        revision=revision,
    )


def module(name: str, folder: Path, encoder: Path) -> Any:
    """The package's DyGIE module of the configuration and labels in a folder, untrained.

    Raises:
        InputError: it is configured for coreference or events, which change its entities.
    """
    from radgraph.allennlp.data import Vocabulary
    from radgraph.dygie.models.dygie import DyGIE

    config = json.loads((folder / "config.json").read_text())["model"]
    if any(config["loss_weights"][task] > 0 for task in ("coref", "events")):
        raise InputError("network with coreference or events", folder, "Use RadGraph's own weights")
    longest = config["embedder"]["token_embedders"]["bert"]["max_length"]
    return DyGIE(
        vocab=Vocabulary.from_files(str(folder / "vocabulary")),
        embedder=_embedder(encoder, longest),
        **{key: value for key, value in config.items() if key not in _NOT_ARGUMENTS},
    ).eval()


def _embedder(encoder: Path, longest: int) -> Any:
    """The encoder under the names it has in the weights' file.

    The package's own embedder cannot be made with transformers 5, whose tokenizers lack what it
    asks them for.
    """
    from torch import nn
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(encoder, local_files_only=True)
    outer: Any
    outer, middle, inner = nn.Module(), nn.Module(), nn.Module()
    outer.token_embedder_bert, middle._matched_embedder = middle, inner
    inner.transformer_model = AutoModel.from_config(config)
    outer.longest = longest
    outer.get_output_dim = lambda: config.hidden_size
    return outer


def _batches(words: Sequence[Sequence[str]], most: int) -> Iterator[list[int]]:
    """Positions of the reports that have words, shortest first, ``most`` words a batch."""
    batch: list[int] = []
    for index in sorted((i for i, w in enumerate(words) if w), key=lambda i: len(words[i])):
        if batch and len(words[index]) * (len(batch) + 1) > most:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _graph(
    words: Sequence[str], entities: Sequence[Entity], relations: Sequence[Relation]
) -> Graph:
    """What was read, as the package writes it; relations to spans that are no entity are lost."""
    number = {(first, last): str(at) for at, (first, last, _) in enumerate(entities, 1)}
    leads: dict[tuple[int, int], list[list[str]]] = {span: [] for span in number}
    for first, last, to_first, to_last, name in relations:
        if (first, last) in number and (to_first, to_last) in number:
            leads[first, last].append([name, number[to_first, to_last]])
    written = {
        str(at): {
            "tokens": " ".join(words[first : last + 1]),
            "label": label,
            "start_ix": first,
            "end_ix": last,
            "relations": leads[first, last],
        }
        for at, (first, last, label) in enumerate(entities, 1)
    }
    return {"text": " ".join(words), "entities": written}


def _mean(pieces: Tensor, sizes: Sequence[int]) -> Tensor:
    """The mean of each word's pieces, [words, dimensions]; zeros for a word without any."""
    import torch

    counts = torch.tensor(sizes, device=pieces.device)
    word = torch.arange(len(sizes), device=pieces.device).repeat_interleave(counts)
    sums = pieces.new_zeros(len(sizes), pieces.shape[1]).index_add_(0, word, pieces)
    return sums / counts.clamp(min=1).unsqueeze(1)
