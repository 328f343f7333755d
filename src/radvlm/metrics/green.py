"""GREEN: a language model counts a report's errors and the findings it shares with its reference.

Ostmeier 2024: matched findings / (matched findings + clinically significant errors), 0 where
nothing matches; the mean over reports. The judge is any text model, asked by ``green_prompt.txt``;
its form of reply is the published one, so replies of the published judge can be parsed too. That
judge was trained on its own wording: give it as ``prompt``. Figures of different judges or prompts
must not be compared, so the key names both.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from radvlm.metrics.sample_mean import Floats, SampleMean
from radvlm.protocols import Rows
from radvlm.records import Answer

log = logging.getLogger(__name__)

Complete = Callable[[Sequence[str]], Sequence[str]]
"""Prompts → one reply each, in order."""

PROMPT = Path(__file__).with_name("green_prompt.txt")

CATEGORIES = (
    "false finding",
    "missing finding",
    "wrong location",
    "wrong severity",
    "false comparison",
    "missing comparison",
)

_HEADING = re.compile(
    r"^[^\w\n]*(?P<name>clinically\s+significant\s+errors?|clinically\s+insignificant\s+errors?"
    r"|matched\s+findings?)[^\w\n]*?(?:$|:[^\w\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
_LETTER = re.compile(r"^\W*\(?([a-f])[).:]\W*(.*)$", re.IGNORECASE | re.MULTILINE)
_NUMBER = re.compile(r"^\W*\(([1-6])\)\W*(.*)$", re.MULTILINE)
_COUNT = re.compile(r"(?:^|:)\W*(\d{1,3})\b(?!\.\d)")
_NONE = re.compile(r"(?:^|:)\W*(?:no|none|nil|n/a|not applicable)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge counted: errors by ``CATEGORIES``, and findings in which the reports agree."""

    significant: tuple[int, ...]
    insignificant: tuple[int, ...]
    matched: int

    @property
    def score(self) -> float:
        """GREEN of one report, 0…1; clinically insignificant errors do not count."""
        return self.matched / (self.matched + sum(self.significant)) if self.matched else 0.0


class Green(SampleMean):
    """Rows [n, 2]: GREEN and the count 1; the count is 0 where the judge's reply is unreadable.

    Such a reply says nothing of the answer, so the figure is that of the judged answers; the
    application log says how many were not.

    Args:
        complete: asks the judge.
        judge: the judge's name and version, for the key.
        prompt: a wording with ``{reference}`` and ``{candidate}``, or none for our own.
    """

    def __init__(self, complete: Complete, judge: str, prompt: str | None = None) -> None:
        self._complete = complete
        self._prompt = PROMPT.read_text("utf-8") if prompt is None else prompt
        digest = sha256(self._prompt.encode()).hexdigest()[:8]
        self.key = f"green/{judge},prompt={digest},unjudged=left-out"

    def values(self, said: Sequence[str], wanted: Sequence[str]) -> Floats:
        """GREEN of each answer [n]; NaN where the judge's reply is unreadable."""
        asked = [
            write_prompt(self._prompt, reference=target, candidate=answer)
            for answer, target in zip(said, wanted, strict=True)
        ]
        judged = [parse(reply) for reply in self._complete(asked)]
        unread = judged.count(None)
        if unread:
            log.warning("%s: %d × judge's reply unreadable", self.key, unread)
        return np.array([np.nan if j is None else j.score for j in judged], dtype=np.float64)

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """One (GREEN, 1) an answer, (0, 0) where the judge gave no judgement."""
        rows = super().rows(answers, targets)
        rows[np.isnan(rows[:, 0])] = 0
        return rows


def write_prompt(prompt: str, *, reference: str, candidate: str) -> str:
    """The prompt with both reports in their places; what they hold is not a place."""
    texts: Mapping[str, str] = {"reference": reference, "candidate": candidate}
    return re.sub(r"\{(reference|candidate)\}", lambda place: texts[place[1]], prompt)


def parse(reply: str) -> Judgement | None:
    """What a judge counted, or none where a count cannot be told.

    Headings may be in brackets, bold or bare and in any case, categories lettered or numbered in
    any order. Of a reply that repeats its form, the last counts.
    """
    sections = {}
    headings = list(_HEADING.finditer(reply))
    ends = [*(heading.start() for heading in headings[1:]), len(reply)]
    for heading, end in zip(headings, ends, strict=False):
        name = heading["name"].lower()
        kind = next(k for k in ("insignificant", "significant", "matched") if k in name)
        sections[kind] = reply[heading.end() : end].strip()
    if "significant" not in sections or "matched" not in sections:
        return None
    significant = _errors(sections["significant"])
    insignificant = _errors(sections.get("insignificant", "none"))
    matched = _count(sections["matched"])
    if significant is None or insignificant is None or matched is None:
        return None
    return Judgement(significant, insignificant, matched)


def _errors(section: str) -> tuple[int, ...] | None:
    """The count of each category; those a reply leaves out have none."""
    lines = _LETTER.findall(section) or _NUMBER.findall(section)
    if not lines:
        return (0,) * len(CATEGORIES) if _count(section) == 0 else None
    counts = [0] * len(CATEGORIES)
    for mark, line in lines:
        count = _count(line)
        if count is None:
            return None
        counts["abcdef123456".index(mark.lower()) % len(CATEGORIES)] = count
    return tuple(counts)


def _count(text: str) -> int | None:
    """The number at the start or after a colon; 0 where it says there is none."""
    found = _COUNT.search(text)
    if found:
        return int(found[1])
    return 0 if _NONE.search(text) else None
