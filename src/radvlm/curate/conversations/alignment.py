"""Whether a cohort's labels and reports belong together, before anything is written of them.

Labels joined to the wrong studies still look like labels. In one study a contradiction between
labels and report may be a misreading; where it is the rule, the join is wrong. The published code
paired images with other patients' labels in just this way and did not notice.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from radvlm.curate.conversations.truth import Truth, disagreements
from radvlm.errors import RecordError

ENOUGH = 20
"""Studies with both a report and labels, before anything is concluded."""

MOST = 0.3
"""Share of contradicting studies above which the join is taken to be wrong. On simulated cohorts it
is 0 where they belong together and 0.94 where they are shifted by one; on real ones unmeasured."""

_DEVIATIONS = 3
"""By so many standard deviations the count has to exceed that share: chance stops no run."""


@dataclass(slots=True)
class Alignment:
    """Counts studies of which labels and report speak of the same things, and contradictions."""

    compared: int = 0
    contradicting: int = 0

    def add(self, truth: Truth) -> None:
        """Count one study; one without a report or without labels counts for nothing."""
        if truth.told and truth.labels:
            self.compared += 1
            self.contradicting += bool(disagreements(truth))

    @property
    def share(self) -> float:
        """Contradicting studies of those compared; 0 where there are none."""
        return self.contradicting / self.compared if self.compared else 0.0

    def check(self) -> None:
        """Nothing, where labels and reports may belong together.

        Raises:
            RecordError: too many studies contradict themselves.
        """
        chance = _DEVIATIONS * sqrt(MOST * (1 - MOST) * self.compared)
        if self.compared >= ENOUGH and self.contradicting > MOST * self.compared + chance:
            raise RecordError(
                f"labels contradict the report in {self.contradicting} of {self.compared} studies",
                remedy="Check that labels and reports were joined by study and not by position",
            )
