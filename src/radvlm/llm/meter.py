"""How a run of calls goes: sent, answered from the store, failed and why, and what it costs."""

from __future__ import annotations

from collections import Counter

from radvlm.llm.calls import Failure, Result


class Meter:
    """Counts results; ``note`` is the words beside a progress bar, which shows the rate itself."""

    def __init__(self) -> None:
        self.done = self.stored = self.requests = 0
        self.tokens_input = self.tokens_output = 0
        self.cost = 0.0
        self.failures: Counter[Failure] = Counter()

    def count(self, result: Result) -> None:
        """Take one more result into account."""
        self.done += 1
        self.stored += result.stored
        self.requests += result.attempts
        self.tokens_input += result.tokens_input
        self.tokens_output += result.tokens_output
        self.cost += result.cost
        if result.failure:
            self.failures[result.failure] += 1

    def note(self) -> str:
        """``412 sent, 88 from the store, 1.24 spent, 3 failed (2 refused, 1 invalid)``."""
        words = [f"{self.requests:,} sent"]
        if self.stored:
            words.append(f"{self.stored:,} from the store")
        if self.cost:
            words.append(f"{self.cost:,.2f} spent")
        if self.failures:
            why = ", ".join(f"{count} {name}" for name, count in sorted(self.failures.items()))
            words.append(f"{self.failures.total():,} failed ({why})")
        return ", ".join(words)
