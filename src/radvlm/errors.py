"""The one hierarchy of errors.

Every message is a single line that says what failed, in which file or record, and what to do.
Messages never carry patient text, DICOM values or keys, so they can be logged and shown.
"""

from __future__ import annotations

from typing import ClassVar


class RadvlmError(Exception):
    """Base class; ``exit_status`` is what the command ends with when the error reaches it.

    Args:
        what: what failed and why, without a full stop.
        where: the file, record or key it failed in, or nothing.
        remedy: what a person can do about it, or nothing.
    """

    exit_status: ClassVar[int] = 1

    def __init__(self, what: str, where: object = "", remedy: str = "") -> None:
        super().__init__(what, where, remedy)
        self.what = what
        self.where = str(where)
        self.remedy = remedy

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f". {self.remedy}" if self.remedy else ""
        return f"{place}{self.what}{advice}".replace("\n", " ")


class InputError(RadvlmError):
    """Something handed in cannot be used; the caller has to change it."""

    exit_status = 2


class ImageError(InputError):
    """A radiograph is missing, damaged, too large or in a form that cannot be read."""


class RecordError(InputError):
    """A study, finding or box breaks an invariant of the records."""


class TableError(InputError):
    """A table (CSV, Parquet, JSON Lines) lacks what its format promises."""


class RecipeError(InputError):
    """A recipe or an override holds an unknown key or an impossible value."""


class RegistryError(InputError):
    """A source, task, metric, model or reward of that name does not exist."""


class CheckpointError(InputError):
    """A model folder cannot be used as a radvlm checkpoint."""


class OutputError(InputError):
    """An output folder or file cannot be written."""


class EgressError(InputError):
    """Data would leave to a place its access class does not allow."""


class LeakageError(RadvlmError):
    """A patient would be on both sides of a split."""


class IncompleteError(RadvlmError):
    """The work ran, but less was done than was asked for."""
