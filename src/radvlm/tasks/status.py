"""What the words around a mention say of it: present, absent or uncertain.

Goes in: a clause in lower case and where in it a finding is named. Denials and doubts before the
mention, within it ("the heart is not enlarged") and after it are looked for.
"""

from __future__ import annotations

from radvlm.records import Status
from radvlm.tasks.clauses import REACH
from radvlm.tasks.cues import (
    AFTER_CANNOT,
    AFTER_DOUBT,
    AFTER_NEGATION,
    CANNOT,
    DOUBT,
    NEGATION,
    NO_CHANGE,
)


def status_of(clause: str, start: int, end: int) -> Status:
    """The status of what is named at ``clause[start:end]``."""
    first = max(0, start - REACH)
    near = CANNOT.sub(lambda m: "\x00".ljust(len(m[0])), clause[first : end + REACH])
    near = NO_CHANGE.sub(lambda m: " " * len(m[0]), near)
    before, inside = near[: start - first], near[start - first : end - first]
    after = near[end - first :]
    if "\x00" in before or AFTER_CANNOT.search(after):
        return "uncertain"
    if NEGATION.search(f"{before} | {inside}") or AFTER_NEGATION.search(after):
        return "absent"
    if DOUBT.search(f"{before} | {inside}") or AFTER_DOUBT.search(after):
        return "uncertain"
    return "present"
