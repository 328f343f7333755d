"""What a writer of curated text is: studies in, texts or dialogues out, failures counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from radvlm.llm.budget import Estimate
from radvlm.records import Dialogue, Study, View


@dataclass(frozen=True, slots=True)
class Written:
    """What was written of one study, and how often something was not, by category.

    ``failures`` could have been written and were not good enough, ``skipped`` had too little to be
    written from. ``residual`` counts texts in which the checker of priors still finds a mention.
    """

    study: Study
    texts: Mapping[str, str] = field(default_factory=dict)
    dialogues: Sequence[Dialogue] = ()
    failures: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    residual: int = 0

    def bare(self, carry: bool) -> Study | None:
        """The study as a curated table holds it: nothing but what was written; none if nothing."""
        study = self.study
        earlier = {n: t for n, t in study.texts.items() if n.endswith(".curated")} if carry else {}
        kept = (*study.dialogues, *self.dialogues) if carry else tuple(self.dialogues)
        texts = {**earlier, **self.texts}
        if not texts and not kept:
            return None
        return Study(
            family=study.family,
            sources=("curated",),
            id=study.id,
            patient=study.patient,
            split=None,
            access=study.access,
            views=tuple(View(view.id, "") for view in study.views),
            texts=texts,
            dialogues=kept,
        )


class Writer(Protocol):
    """A writer by rules or by a language model. ``editor`` and ``digest`` travel with the text."""

    editor: str
    model: str | None
    digest: str

    def write(self, studies: Iterable[Study]) -> Iterator[Written]:
        """What is written of each study, in any order."""
        ...

    def estimate(self, studies: Iterable[Study]) -> Estimate | None:
        """What would be sent to endpoints; none where nothing is."""
        ...


@dataclass(slots=True)
class Count:
    """What a shard, or all of them, came to."""

    studies: int = 0
    written: int = 0
    texts: int = 0
    dialogues: int = 0
    residual: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)

    def add(self, one: Written) -> None:
        """Take what was written of one more study into account."""
        self.studies += 1
        self.texts += len(one.texts)
        self.dialogues += len(one.dialogues)
        self.residual += one.residual
        self.failures.update(one.failures)
        self.skipped.update(one.skipped)

    def join(self, other: Count) -> None:
        """Add the counts of another shard."""
        for name in ("studies", "written", "texts", "dialogues", "residual"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.failures.update(other.failures)
        self.skipped.update(other.skipped)

    def as_plain(self) -> dict[str, Any]:
        """Plain values, failures sorted."""
        return {
            "studies": self.studies,
            "written": self.written,
            "texts": self.texts,
            "dialogues": self.dialogues,
            "residual_mentions": self.residual,
            "failures": dict(sorted(self.failures.items())),
            "skipped": dict(sorted(self.skipped.items())),
        }

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> Count:
        """The counts of plain values."""
        rest = {name: plain[name] for name in ("studies", "written", "texts", "dialogues")}
        return Count(
            **rest,
            residual=plain["residual_mentions"],
            failures=Counter(plain["failures"]),
            skipped=Counter(plain["skipped"]),
        )
