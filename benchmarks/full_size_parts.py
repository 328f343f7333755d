"""What the writers of full-size releases share: who has how many views, names, tables, empty files.

Everything is drawn from the generator that is passed in, so the same bytes come out each time.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from radvlm.records import Split

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scale:
    """Counts of the releases shrunk in proportion; 1 is full size, nothing becomes 0."""

    factor: float

    def __call__(self, count: int) -> int:
        """The count at this scale."""
        return max(1, round(count * self.factor))


@dataclass(frozen=True, slots=True)
class Population:
    """How many patients, studies, studies with a frontal view, frontal and other views."""

    patients: int
    studies: int
    with_frontal: int
    frontals: int
    others: int

    def scaled(self, n: Scale) -> Population:
        """The same in small; every study keeps a view."""
        studies = max(n(self.studies), n(self.patients))
        with_frontal = min(n(self.with_frontal), studies)
        return Population(
            n(self.patients),
            studies,
            with_frontal,
            max(n(self.frontals), with_frontal),
            max(n(self.others), studies - with_frontal),
        )


@dataclass(frozen=True, slots=True)
class Talk:
    """A dialogue about one view."""

    view: str
    grounded: bool


@dataclass(frozen=True, slots=True)
class Curated:
    """What the curated folder is to hold of one study."""

    family: str
    patient: str
    study: str
    split: Split
    views: tuple[str, ...]
    text: bool
    talks: tuple[Talk, ...] = ()


def lay_out(rng: np.random.Generator, size: Population) -> tuple[Numbers, Numbers, Flags]:
    """Patient, study (both from 0) and whether it is frontal, of each view.

    Views are in the order of the studies, frontal ones first. Some patients have many studies.
    """
    weights = rng.gamma(0.6, size=size.patients) + 0.02
    more = rng.choice(size.patients, size.studies - size.patients, p=weights / weights.sum())
    patient_of = np.sort(np.concatenate([np.arange(size.patients), more]))
    chosen = rng.permutation(size.studies)
    frontal_in, none_in = chosen[: size.with_frontal], chosen[size.with_frontal :]
    again = rng.choice(frontal_in, size.frontals - size.with_frontal)
    others = rng.choice(size.studies, size.others - len(none_in))
    study = np.concatenate([frontal_in, again, none_in, others])
    frontal = np.arange(len(study)) < size.frontals
    order = np.lexsort((~frontal, study))
    return patient_of[study][order], study[order], frontal[order]


def with_sum(rng: np.random.Generator, counts: Numbers, total: int) -> Numbers:
    """Indices, ascending, of a random choice of counts that add up to exactly ``total``."""
    order = rng.permutation(len(counts))
    order = order[counts[order] > 0]
    sums = np.cumsum(counts[order])
    cut = int(np.searchsorted(sums, total, "right"))
    missing = total - int(sums[cut - 1] if cut else 0)
    singles = order[cut:][counts[order[cut:]] == 1][:missing]
    if len(singles) < missing:
        raise ValueError("no choice of studies has so many views; take a larger scale")
    return np.sort(np.concatenate([order[:cut], singles]))


def dicom_ids(rng: np.random.Generator, count: int) -> list[str]:
    """Identifiers as MIMIC-CXR has them: five groups of eight hexadecimal digits."""
    digits = rng.bytes(20 * count).hex()
    starts = range(0, 40 * count, 40)
    return ["-".join(digits[at + k : at + k + 8] for k in range(0, 40, 8)) for at in starts]


def cells(rng: np.random.Generator, shape: Any, values: Sequence[str], p: Sequence[float]) -> Any:
    """An array of texts drawn with those probabilities."""
    return np.array(values, dtype=object)[rng.choice(len(values), size=shape, p=p)]


def write_csv(path: Path, header: str | Sequence[str], columns: Sequence[Iterable[Any]]) -> None:
    """A table of columns; see ``write_rows``."""
    write_rows(path, header, zip(*columns, strict=True))


def write_rows(path: Path, header: str | Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table as the releases have it; packed where the name ends in ``.gz``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as raw:
        if path.suffix == ".gz":
            with gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0) as packed:
                _write_text(packed, header, rows)
        else:
            _write_text(raw, header, rows)


def _write_text(
    raw: IO[bytes] | gzip.GzipFile, header: str | Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    with io.TextIOWrapper(raw, encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header.split(",") if isinstance(header, str) else header)
        writer.writerows(rows)


def touch(root: Path, names: Iterable[str], content: bytes = b"") -> None:
    """A file of each name below the root; folders are made where they are missing."""
    base = str(root)
    made: set[str] = set()
    for name in names:
        _make_folder(base, os.path.dirname(name), made)
        descriptor = os.open(f"{base}/{name}", os.O_CREAT | os.O_WRONLY, 0o644)
        if content:
            os.write(descriptor, content)
        os.close(descriptor)


def _make_folder(base: str, folder: str, made: set[str]) -> None:
    if folder in made:
        return
    above = os.path.dirname(folder)
    if above:
        _make_folder(base, above, made)
    os.makedirs(f"{base}/{folder}", exist_ok=True)
    made.add(folder)
