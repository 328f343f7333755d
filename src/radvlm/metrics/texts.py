"""What stands in a text that no report metric can take, named and counted.

An answer that cannot be scored counts as the metric's worst row; it is never left out, and the
application log says how many there were and why. Texts themselves are never logged.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from radvlm.records import Answer

log = logging.getLogger(__name__)

MOST_CHARACTERS = 10_000
"""Longer than any chest radiograph's report; some metrics need time by the square of the length."""

EMPTY, LONG, NOT_TEXT = "empty", f"over {MOST_CHARACTERS} characters", "not UTF-8 text"


def fault(text: str) -> str | None:
    """What is wrong with a text: nothing in it, too much, or characters that are none.

    A text that is not UTF-8 (lone surrogates) can still be scored once it has been ``mended``.
    """
    if not text.strip():
        return EMPTY
    if len(text) > MOST_CHARACTERS:
        return LONG
    return None if text.isascii() or mended(text) == text else NOT_TEXT


def mended(text: str) -> str:
    """The text with every lone surrogate replaced by U+FFFD, so that tokenizers can take it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def faults(answers: Sequence[Answer]) -> Counter[str]:
    """How many answers have which fault, by its name; unreadable ones are counted elsewhere."""
    return Counter(
        name for answer in answers if answer.readable and (name := fault(answer.text)) is not None
    )


def scorable(answers: Sequence[Answer], targets: Sequence[Answer], key: str) -> list[int]:
    """The positions of answers that can be scored; the application log names what the rest have."""
    named: Counter[str] = Counter()
    kept = []
    for index, (answer, target) in enumerate(zip(answers, targets, strict=True)):
        said, wanted = fault(answer.text) if answer.readable else None, fault(target.text)
        named.update(f"answer {said}" for _ in range(said is not None))
        named.update(f"reference {wanted}" for _ in range(wanted is not None))
        if answer.readable and not {said, wanted} & {EMPTY, LONG}:
            kept.append(index)
    for name, count in sorted(named.items()):
        log.warning("%s: %d × %s", key, count, name)
    return kept
