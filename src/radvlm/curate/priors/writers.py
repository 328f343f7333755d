"""Studies → their reports without priors, by rules or by a language model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from radvlm.curate.priors import prompt, rules
from radvlm.curate.priors.check import mentions
from radvlm.curate.priors.prompt import Edited
from radvlm.curate.writing import Written
from radvlm.llm.budget import Estimate, estimate
from radvlm.llm.calls import Request
from radvlm.llm.client import Client
from radvlm.records import Study
from radvlm.tasks.report import reference

SECTION = "findings.curated"
NO_REPORT, NOTHING_LEFT = "no report", "nothing left"


class PriorsByRules:
    """The offline editor."""

    editor = "rules"
    model: str | None = None

    def __init__(self, sections: Sequence[str]) -> None:
        self.sections = tuple(sections)
        self.digest = rules.digest()

    def write(self, studies: Iterable[Study]) -> Iterator[Written]:
        """Each study's report, edited."""
        for study in studies:
            report = reference(study.texts, self.sections)
            yield written(study, rules.edit(report)) if report else _without(study)

    def estimate(self, studies: Iterable[Study]) -> Estimate | None:
        """Nothing is sent."""
        return None


class PriorsByModel:
    """A language model; what it could not do is counted and not written."""

    editor = "llm"

    def __init__(self, sections: Sequence[str], model: str | None, client: Client | None) -> None:
        self.sections = tuple(sections)
        self.model, self._client = model, client
        self.digest = prompt.digest()

    def write(self, studies: Iterable[Study]) -> Iterator[Written]:
        """Each study's report as the model edits it, as the answers come."""
        assert self._client is not None
        asked: dict[int, Study] = {}
        silent: list[Study] = []

        def requests() -> Iterator[Request]:
            for study in studies:
                if report := reference(study.texts, self.sections):
                    asked[len(asked)] = study
                    yield prompt.request(report)
                else:
                    silent.append(study)

        for number, result in self._client.run(requests()):
            study = asked[number]
            if isinstance(result.parsed, Edited):
                yield written(study, " ".join(result.parsed.text.split()))
            else:
                yield Written(study, failures={str(result.failure): 1})
        yield from map(_without, silent)

    def estimate(self, studies: Iterable[Study]) -> Estimate | None:
        """What would be sent for the studies."""
        assert self._client is not None
        texts = (reference(study.texts, self.sections) for study in studies)
        requests = (prompt.request(text) for text in texts if text)
        return estimate(requests, self._client.section, self._client.store)


def written(study: Study, text: str) -> Written:
    """The edited text, with what the checker still finds in it."""
    if not text:
        return Written(study, skipped={NOTHING_LEFT: 1})
    return Written(study, {SECTION: text}, residual=len(mentions(text)))


def _without(study: Study) -> Written:
    return Written(study, skipped={NO_REPORT: 1})
