"""What ``radvlm curate`` wrote of studies: edited texts and conversations, keyed by study.

The folder has the layout of a data set (``io.dataset``): shards of studies that hold nothing but
texts and dialogues, their views without a path. ``merge`` joins them to the release they are about.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from radvlm.errors import TableError
from radvlm.io.dataset import MANIFEST, STUDIES, shards_of
from radvlm.io.files import read_json
from radvlm.io.tables import read_studies
from radvlm.protocols import WHOLE, Quarantined, Slice, SourceFile, study_key
from radvlm.records import ACCESS_ORDER, Access, Study


class CuratedSource:
    """Curated texts; their access is that of the texts they were made from."""

    name = "curated"
    family = "any"
    licence = "that of the texts it was made from"
    citation = "written by radvlm curate; the manifest names the editor."
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.quarantine: list[Quarantined] = []

    @property
    def access(self) -> Access:
        """As the folder's manifest says; where that is not known, private."""
        if not (self.root / MANIFEST).is_file():
            raise TableError("holds no curated texts", self.root, "Run `radvlm curate` first")
        said = read_json(self.root / MANIFEST).get("access")
        return said if said in ACCESS_ORDER else "private"

    def written_by(self) -> list[dict[str, Any]]:
        """Who wrote it, as the manifest says: editor, model or none, digest of rules or prompt."""
        said: list[dict[str, Any]] = read_json(self.root / MANIFEST).get("written_by", [])
        return said

    def studies(self, part: Slice = WHOLE) -> Iterator[Study]:
        """Every curated study of the slice, sorted."""
        shards = (read_studies(path, part) for path in shards_of(self.root, STUDIES))
        return heapq.merge(*shards, key=study_key)

    def files(self) -> Sequence[SourceFile]:
        """The manifest; it names the shards."""
        return [SourceFile(MANIFEST, True, "written by radvlm curate")]

    def withheld(self) -> frozenset[str]:
        """Nobody."""
        return frozenset()
