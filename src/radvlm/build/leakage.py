"""Patients do not cross splits. The leak key is (family, patient), else (family, view).

All studies of one patient are looked at together: where sources put them into different splits,
the rule of the recipe says what happens, and everything it does is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from radvlm.errors import LeakageError
from radvlm.records import Split, Study

LeakRule = Literal["fail", "drop", "report"]
"""Stop; take the patient out of training (and validation); or keep both and list the overlap."""

_ORDER: tuple[Split, ...] = ("train", "validate", "test")


@dataclass(frozen=True, slots=True)
class Settled:
    """What the leak rule makes of one patient's studies."""

    kept: Sequence[Study]
    lost: Sequence[Study] = ()
    overlap: frozenset[Split] = field(default_factory=frozenset)


def leak_keys(study: Study) -> Iterator[tuple[str, str]]:
    """Whose data this is: one key for a known patient, else one a view."""
    if study.patient is not None:
        yield study.family, f"patient:{study.patient}"
    else:
        yield from ((study.family, f"view:{view.id}") for view in study.views)


def settle(studies: Sequence[Study], rule: LeakRule) -> Settled:
    """Apply the rule to all studies of one leak key.

    Raises:
        LeakageError: they are in several splits and the rule is ``fail``.
    """
    splits = frozenset(study.split for study in studies if study.split)
    if len(splits) < 2:
        return Settled(studies)
    if rule == "report":
        return Settled(studies, overlap=splits)
    if rule == "drop":
        last = max(splits, key=_ORDER.index)
        kept = [study for study in studies if study.split in (last, None)]
        lost = [study for study in studies if study.split not in (last, None)]
        return Settled(kept, lost, splits)
    raise LeakageError(
        f"{_whose(studies[0])} is in {' and '.join(sorted(splits, key=_ORDER.index))}",
        _where(studies),
        "Leave one source out, or set leak: drop (or report, which lists the overlap)",
    )


def assert_no_leak(keys: Iterable[tuple[tuple[str, str], Split]]) -> None:
    """Check leak keys met in different places against each other.

    Raises:
        LeakageError: one of them is in two splits.
    """
    split_of: dict[tuple[str, str], Split] = {}
    for key, split in keys:
        if split_of.setdefault(key, split) != split:
            raise LeakageError(
                f"a view of an unknown patient is in both {split_of[key]} and {split}",
                f"{key[0]} {key[1]}",
                "Give the patient, or one split map for the family",
            )


def _whose(study: Study) -> str:
    """A pseudonym of a public release may be shown; a user's own patient number may not."""
    if study.access == "private" or study.patient is None:
        return "a patient"
    return f"patient {study.patient}"


def _where(studies: Sequence[Study]) -> str:
    said = {s.split: f"{s.id} from {' and '.join(s.sources)}" for s in studies if s.split}
    return f"{studies[0].family} studies {', '.join(said.values())}"
