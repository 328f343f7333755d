"""Studies → conversations about their frontal views, by rules or by a language model."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from radvlm.curate.conversations import prompt
from radvlm.curate.conversations.alignment import Alignment
from radvlm.curate.conversations.compose import ORIGIN, compose
from radvlm.curate.conversations.prompt import Rounds
from radvlm.curate.conversations.truth import truth_of
from radvlm.curate.conversations.validate import Problem, problems
from radvlm.curate.priors.check import speaks_of_prior
from radvlm.curate.writing import Written
from radvlm.llm.budget import Estimate, estimate
from radvlm.llm.calls import Request, Result
from radvlm.llm.client import Client
from radvlm.records import Dialogue, Projection, Study, View
from radvlm.tasks.asking import boxes_of

LITTLE, NO_BOX = "too little known", "no box to point at"


@dataclass(slots=True)
class _Draft:
    """What is being written of one study."""

    study: Study
    dialogues: list[Dialogue] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)

    def written(self) -> Written:
        return Written(
            self.study, {}, tuple(self.dialogues), dict(self.failures), dict(self.skipped)
        )


class ConversationsByRules:
    """The offline writer, validated as a model's words are: what fails is counted, not kept."""

    editor = ORIGIN
    model: str | None = None

    def __init__(self, grounded: bool, projections: Sequence[Projection], seed: int) -> None:
        self.grounded, self.projections, self.seed = grounded, projections, seed
        self.digest = f"seed={seed}"

    def write(self, studies: Iterable[Study]) -> Iterator[Written]:
        """The conversations of each study.

        Raises:
            RecordError: labels and reports do not belong together.
        """
        for study in _aligned(studies, self.projections):
            draft = _Draft(study)
            for view in _views(study, self.projections):
                rng = random.Random(f"{self.seed}|{study.family}|{study.id}|{view.id}")
                dialogue = compose(study, view, rng, self.grounded)
                if dialogue is None:
                    draft.skipped[LITTLE] += 1
                else:
                    _keep(draft, dialogue, view, self.grounded)
            yield draft.written()

    def estimate(self, studies: Iterable[Study]) -> Estimate | None:
        """Nothing is sent."""
        return None


class ConversationsByModel:
    """A language model; a conversation with problems is sent back once, then counted."""

    editor = "llm"

    def __init__(
        self,
        grounded: bool,
        projections: Sequence[Projection],
        model: str | None,
        client: Client | None,
    ) -> None:
        self.grounded, self.projections = grounded, projections
        self.model, self._client = model, client
        self.digest = sha256(prompt.instructions(grounded).encode()).hexdigest()[:12]

    def write(self, studies: Iterable[Study]) -> Iterator[Written]:
        """The conversations of each study, when all of it are written.

        Raises:
            RecordError: labels and reports do not belong together.
        """
        drafts = [_Draft(study) for study in _aligned(studies, self.projections)]
        asked = [(d, v) for d in drafts for v in self._asked(d)]
        again: list[tuple[_Draft, View, Request]] = []
        for number, result in self._run([self._request(d.study, v) for d, v in asked]):
            draft, view = asked[number]
            wrong = self._judge(draft, view, result)
            if wrong and isinstance(result.parsed, Rounds):
                first = self._request(draft.study, view)
                again.append((draft, view, prompt.repair_request(first, result.parsed, wrong)))
        for number, result in self._run([request for _, _, request in again]):
            draft, view, _ = again[number]
            for problem in {one.category for one in self._judge(draft, view, result)}:
                draft.failures[problem] += 1
        yield from (draft.written() for draft in drafts)

    def estimate(self, studies: Iterable[Study]) -> Estimate | None:
        """What would be sent for the studies, repairs apart."""
        assert self._client is not None
        drafts = (_Draft(study) for study in studies)
        requests = (self._request(d.study, v) for d in drafts for v in self._asked(d))
        return estimate(requests, self._client.section, self._client.store)

    def _run(self, requests: list[Request]) -> Iterator[tuple[int, Result]]:
        assert self._client is not None
        return self._client.run(requests)

    def _request(self, study: Study, view: View) -> Request:
        return prompt.request(study, view, grounded=self.grounded)

    def _asked(self, draft: _Draft) -> Iterator[View]:
        for view in _views(draft.study, self.projections):
            truth = truth_of(draft.study, view)
            if self.grounded and not boxes_of(draft.study, view):
                draft.skipped[NO_BOX] += 1
            elif not truth.labels and not truth.report:
                draft.skipped[LITTLE] += 1
            else:
                yield view

    def _judge(self, draft: _Draft, view: View, result: Result) -> list[Problem]:
        """Keep a good conversation; of another its problems. No answer is counted at once."""
        if not isinstance(result.parsed, Rounds):
            draft.failures[str(result.failure)] += 1
            return []
        dialogue = prompt.dialogue_of(result.parsed, draft.study, view, self.model or "llm")
        wrong = problems(dialogue, draft.study, view, self.grounded, speaks_of_prior)
        if not wrong:
            draft.dialogues.append(dialogue)
        return wrong


def _keep(draft: _Draft, dialogue: Dialogue, view: View, grounded: bool) -> None:
    wrong = problems(dialogue, draft.study, view, grounded, speaks_of_prior)
    if not wrong:
        draft.dialogues.append(dialogue)
    for category in {one.category for one in wrong}:
        draft.failures[category] += 1


def _views(study: Study, projections: Sequence[Projection]) -> list[View]:
    return [view for view in study.views if view.projection in projections]


def _aligned(studies: Iterable[Study], projections: Sequence[Projection]) -> Iterator[Study]:
    """The studies, as long as their labels and reports speak of the same patients."""
    alignment = Alignment()
    for study in studies:
        for view in _views(study, projections)[:1]:
            alignment.add(truth_of(study, view))
            alignment.check()
        yield study
