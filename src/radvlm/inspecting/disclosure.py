"""What a count may say: all of it, or only what names nobody.

On a page that may be shared a count under ten is shown as ``<10`` and every other is rounded to
tens, so that none can be had back as the difference of two others. Published figures and the
settings of a recipe are no counts of patients and stay as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

FEW = 10
"""Fewer records than this are too few to be told apart in public."""

OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Disclosure:
    """How exactly counts are shown; with ``share_safe`` small ones are hidden."""

    share_safe: bool = False

    def hides(self, count: int) -> bool:
        """Whether the count is shown as ``<10`` only."""
        return self.share_safe and 0 < count < FEW

    def value(self, count: int) -> int:
        """The count as it may be drawn; a hidden one is half of ten."""
        if self.hides(count):
            return FEW // 2
        return (count + FEW // 2) // FEW * FEW if self.share_safe else count

    def text(self, count: int) -> str:
        """The count as it may be written."""
        return f"<{FEW}" if self.hides(count) else f"{self.value(count):,}"

    def pooled(self, counts: Mapping[str, int]) -> dict[str, int]:
        """The counts of some names; those whose count is hidden are summed under ``OTHERS``."""
        shown: Counter[str] = Counter()
        for name, count in counts.items():
            shown[OTHERS if self.hides(count) else name] += count
        return dict(shown)


def quantile(counts: Mapping[int, int], share: float) -> int:
    """The smallest value that at least so much of a distribution does not exceed (nearest rank)."""
    wanted = share * sum(counts.values())
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= wanted:
            return value
    raise ValueError("a distribution without values has no quantiles")


def spread(counts: Mapping[int, int], disclosure: Disclosure) -> str:
    """``median 12, 5–95 %: 4–80, longest 212``; without what so few values would give away."""
    total = sum(counts.values())
    if disclosure.hides(total):
        return f"fewer than {FEW} values"
    low, median, high = (quantile(counts, share) for share in (0.05, 0.5, 0.95))
    words = [f"median {median:,}"]
    if not disclosure.hides(int(0.05 * total) or 1):
        words.append(f"5–95 %: {low:,}–{high:,}")
    if not disclosure.share_safe:
        words.append(f"largest {max(counts):,}")
    return ", ".join(words)
