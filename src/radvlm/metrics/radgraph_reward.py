"""How much of a reference graph a report's graph repeats: the three levels of RadGraph F1.

A graph is what the ``radgraph`` package gives for a report: ``{"entities": {id: {"tokens", "label",
"relations": [[name, id], …]}}}``. Its entities are words with a label (Delbrouck 2022):

* simple: words and label;
* partial: words, label, and whether any relation starts there;
* complete: words and label of an entity without relations, otherwise one fact a relation, with its
  name and the words it leads to (these in lower case, as in the package).

``entity_relation`` is the older figure of RadCliQ (Yu 2023): the mean of the F1 of entities and of
relations between them.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Literal

Level = Literal["simple", "partial", "complete"]
Graph = Mapping[str, Any]
Facts = frozenset[Hashable]


def reward(said: Graph, wanted: Graph, level: Level) -> float:
    """F1 0…1 of the facts of two graphs; 0 where either has no entity."""
    return f1(facts(said, level), facts(wanted, level))


def facts(graph: Graph, level: Level) -> Facts:
    """What the graph says at a level, each fact once."""
    entities = graph["entities"]
    found: set[Hashable] = set()
    for entity in entities.values():
        words, label, relations = entity["tokens"], entity["label"], entity["relations"]
        if level == "simple" or not relations:
            found.add((words, label))
        elif level == "partial":
            found.add((words, label, True))
        else:
            found |= {
                (words.lower(), label, name, entities[other]["tokens"].lower())
                for name, other in relations
            }
    return frozenset(found)


def entity_relation(said: Graph, wanted: Graph) -> float:
    """The mean 0…1 of the F1 of entities and of relations; no relation on either side is 0."""
    entities = f1(facts(said, "simple"), facts(wanted, "simple"))
    return (entities + f1(_relations(said), _relations(wanted))) / 2


def f1(said: Facts, wanted: Facts) -> float:
    """2 · shared / (said + wanted), 0 where nothing is shared."""
    return 2 * len(said & wanted) / (len(said) + len(wanted)) if said and wanted else 0.0


def _relations(graph: Graph) -> Facts:
    entities = graph["entities"]
    return frozenset(
        ((entity["tokens"], entity["label"]), (to["tokens"], to["label"]), name)
        for entity in entities.values()
        for name, other in entity["relations"]
        for to in (entities[other],)
    )
