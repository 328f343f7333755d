"""RadGraph's layers over spans and pairs of spans: word vectors of reports → their entities.

DyGIE++ (Wadden 2019) scores every span of up to eight words as an entity, keeps the best by another
score, and labels every ordered pair of those. Each score is a small network over joined vectors:
a span is (first word, last word, width), a pair (span, span, their product). The first layer of
such a network is the sum of one product a part, so a word's part is computed once for all spans
and a span's part once for all pairs; the part of the product does not depend on the order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

PAIRS = 8192
"""Pairs of spans that are scored at a time, so that memory does not grow with a report's length."""

Entity = list[Any]
"""First word, last word (from 0, both inside), label."""

Relation = list[Any]
"""First and last word of one entity, first and last word of the other, name."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A feed-forward network over joined parts, and the linear layer on top of it.

    Attributes:
        parts: the first layer's weights for each part, [hidden, part].
        bias: the first layer's bias, [hidden].
        rest: the linear layers that follow; all but the last end in a ReLU.
    """

    parts: tuple[Tensor, ...]
    bias: Tensor
    rest: tuple[nn.Module, ...]

    def finish(self, first: Tensor) -> Tensor:
        """The first layer's output [..., hidden], before its bias and ReLU → scores [..., out]."""
        hidden = (first + self.bias).relu_()
        for layer in self.rest[:-1]:
            hidden = layer(hidden).relu_()
        scores: Tensor = self.rest[-1](hidden)
        return scores


@dataclass(frozen=True, slots=True)
class Heads:
    """The three networks of a loaded model, with the names of their outputs.

    Attributes:
        widths: the vector of each span width, [most words, feature].
        spans_per_word: how many spans are kept for relations.
        entities: labels of entities; output 0 is the first of them.
        relations: names of relations, likewise.
    """

    widths: Tensor
    spans_per_word: float
    entity: Joined
    mention: Joined
    relation: Joined
    entities: tuple[str, ...]
    relations: tuple[str, ...]

    def read(self, reports: Sequence[Tensor]) -> list[tuple[list[Entity], list[Relation]]]:
        """Entities and relations of each report from the vectors of its words [T, dimensions].

        A relation may join spans that are no entities, as in the package.
        """
        import torch

        words = torch.cat(list(reports))
        places, spans, counts = self._spans([len(report) for report in reports], words.device)
        vectors = (words, words, self.widths)
        label = _best(self.entity.finish(_sum(self.entity, vectors, places)))
        mention = self.mention.finish(_sum(self.mention, vectors, places)).squeeze(1)
        lengths = torch.tensor([len(report) for report in reports], dtype=torch.float32)
        # In single precision, as the package counts them.
        sizes = (lengths * self.spans_per_word).ceil().clamp(min=1).int().tolist()
        kept = _kept(mention, counts, sizes)
        joined = torch.cat([v[p[kept]] for v, p in zip(vectors, places, strict=True)], dim=1)
        pairs = self._pairs(joined, mention[kept], sizes)
        entities = map(self._entities, torch.split(label, counts), torch.split(spans, counts))
        relations = map(self._relations, pairs, torch.split(spans[kept], sizes))
        return list(zip(entities, relations, strict=True))

    def _spans(
        self, lengths: Sequence[int], device: Any
    ) -> tuple[tuple[Tensor, ...], Tensor, list[int]]:
        """Every span of up to the most words inside a report, by first word and then width.

        Returns:
            (first word, last word, width) of each span among the words of all reports; first and
            last word within its report, [S, 2]; how many spans each report has.
        """
        import torch

        most, total = len(self.widths), sum(lengths)
        size = torch.tensor(lengths, device=device)
        start = (size.cumsum(0) - size).repeat_interleave(size).repeat_interleave(most)
        end = size.cumsum(0).repeat_interleave(size).repeat_interleave(most)
        first = torch.arange(total, device=device).repeat_interleave(most)
        width = torch.arange(most, device=device).repeat(total)
        inside = first + width < end
        first, width, start = first[inside], width[inside], start[inside]
        spans = torch.stack((first - start, first - start + width), dim=1)
        counts = [sum(min(most, length - at) for at in range(length)) for length in lengths]
        return (first, first + width, width), spans, counts

    def _pairs(self, spans: Tensor, mention: Tensor, sizes: Sequence[int]) -> list[Tensor]:
        """The named pairs (one, two, name from 1) of each report's spans, [P, 3], in order."""
        import torch

        left, right = (spans @ part.T for part in self.relation.parts[:2])
        found: list[Tensor] = []
        for one, two in _triangles(sizes, spans.device):
            product = (spans[one] * spans[two]) @ self.relation.parts[2].T
            both = (mention[one] + mention[two]).unsqueeze(1)
            for a, b in ((one, two), (two, one)):
                name = _best(self.relation.finish(product + left[a] + right[b]) + both)
                found.append(torch.stack((a, b, name), dim=1)[name > 0])
        named = torch.cat(found)
        # A pair of a span with itself came twice; by rows is the order of the package.
        named = torch.unique(named, dim=0).cpu()
        bounds = torch.tensor(sizes).cumsum(0)
        cuts = torch.searchsorted(named[:, 0].contiguous(), bounds).tolist()
        offsets = [0, *bounds.tolist()]
        return [
            named[low:high] - torch.tensor([offset, offset, 0])
            for low, high, offset in zip([0, *cuts], cuts, offsets, strict=False)
        ]

    def _entities(self, label: Tensor, ends: Tensor) -> list[Entity]:
        chosen = label.nonzero().squeeze(1)
        return [
            [*span, self.entities[name - 1]]
            for span, name in zip(ends[chosen].tolist(), label[chosen].tolist(), strict=True)
        ]

    def _relations(self, named: Tensor, spans: Tensor) -> list[Relation]:
        ends = spans.tolist()
        return [
            [*ends[one], *ends[two], self.relations[name - 1]] for one, two, name in named.tolist()
        ]


def read_heads(model: Any, name: str) -> Heads:
    """The heads of the package's DyGIE module for the labels of a data set."""
    relation = model._relation
    extractor = model._endpoint_span_extractor
    dimensions, widths = extractor._input_dim, extractor._span_width_embedding.weight.detach()
    entities, relations = f"{name}__ner_labels", f"{name}__relation_labels"
    span = [dimensions, dimensions, widths.shape[1]]
    entity_network = model._ner._ner_scorers[entities]
    mention_network = relation._mention_pruners[relations]._scorer
    pair_network = relation._relation_feedforwards[relations]
    last = relation._relation_scorers[relations]
    labels = [model.vocab.get_index_to_token_vocabulary(key) for key in (entities, relations)]
    return Heads(
        widths=widths,
        spans_per_word=relation._spans_per_word,
        entity=_joined(entity_network[0]._module, entity_network[1]._module, span),
        mention=_joined(mention_network[0]._module, mention_network[1]._module, span),
        relation=_joined(pair_network, last, [sum(span)] * 3),
        # The first entity label is "", which the network does not score: it has 0.
        entities=tuple(labels[0][index] for index in range(1, len(labels[0]))),
        relations=tuple(labels[1][index] for index in range(len(labels[1]))),
    )


def _joined(network: Any, last: nn.Module, sizes: list[int]) -> Joined:
    first, *rest = network._linear_layers
    return Joined(first.weight.detach().split(sizes, dim=1), first.bias.detach(), (*rest, last))


def _sum(network: Joined, vectors: tuple[Tensor, ...], places: tuple[Tensor, ...]) -> Tensor:
    """The first layer over joined parts: each part's product once, gathered and added."""
    parts = [
        (vector @ part.T)[place]
        for part, vector, place in zip(network.parts, vectors, places, strict=True)
    ]
    return parts[0].add_(parts[1]).add_(parts[2])


def _best(scores: Tensor) -> Tensor:
    """The highest output of each row, counted from 1; 0 where none is above 0."""
    value, index = scores.max(dim=-1)
    return (index + 1) * (value > 0)


def _kept(mention: Tensor, counts: list[int], sizes: Sequence[int]) -> Tensor:
    """The positions of each report's best spans, ascending: ``sizes`` of its ``counts``."""
    import torch

    starts = accumulate(counts, initial=0)
    return torch.cat(
        [
            scores.topk(size).indices.sort().values + start
            for scores, size, start in zip(
                torch.split(mention, counts), sizes, starts, strict=False
            )
        ]
    )


def _triangles(sizes: Sequence[int], device: Any) -> Iterator[tuple[Tensor, Tensor]]:
    """Every pair (i ≤ j) of spans of one report, once, ``PAIRS`` at a time."""
    import torch

    corners = [torch.triu_indices(size, size, device=device) for size in sizes]
    starts = accumulate(sizes, initial=0)
    pairs = torch.cat([c + start for c, start in zip(corners, starts, strict=False)], dim=1)
    for block in torch.split(pairs, PAIRS, dim=1):
        yield block[0], block[1]
