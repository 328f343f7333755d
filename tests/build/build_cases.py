"""Small studies and sources for the tests of the build."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from radvlm.protocols import WHOLE, Quarantined, Slice, SourceFile, slice_key
from radvlm.records import Access, Finding, Split, Study, View


def study(number: int, patient: str | None, split: Split | None, **more: object) -> Study:
    view = View(f"v{number}", f"v{number}.png", "PA")
    made = Study("fam", ("a",), str(number), patient, split, "open", (view,))
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


def labelled(number: int, patient: str, split: Split | None, **more: object) -> Study:
    names = ("Edema", "Cardiomegaly", "Pneumonia", "Fracture", "Pneumothorax")
    said = tuple(Finding(name, "absent", "chexpert") for name in names)
    return study(number, patient, split, findings=said, **more)


class Planted:
    """A source of given studies; ``STUDIES`` and ``KEPT_BACK`` are set by the test, by root name.

    Works in a process of its own as long as that was forked or imports this module's state anew;
    tests therefore build with one worker.
    """

    STUDIES: ClassVar[dict[str, list[Study]]] = {}
    KEPT_BACK: ClassVar[dict[str, frozenset[str]]] = {}

    family = "fam"
    access: Access = "open"
    licence = "none"
    citation = "made for a test."
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    def __init__(self, root: Path, damaged: int = 0) -> None:
        self.name = Path(root).name
        self.damaged = damaged
        self.quarantine: list[Quarantined] = []

    def studies(self, part: Slice = WHOLE) -> Iterator[Study]:
        self.quarantine = [
            Quarantined(self.name, f"row {n}", "the file is missing") for n in range(self.damaged)
        ]
        return (s for s in self.STUDIES[self.name] if slice_key(s) in part)

    def files(self) -> list[SourceFile]:
        return []

    def withheld(self) -> frozenset[str]:
        return self.KEPT_BACK.get(self.name, frozenset())
