"""Chest ImaGenome's scene graphs, one JSON an image, from a folder or still in their zip file."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from radvlm.errors import InputError

MAX_BYTES = 8_000_000
"""More than any graph of the release; a larger member is not read."""

_NAME = re.compile(r"[0-9A-Za-z_-]+")
_END = "_SceneGraph.json"


class SceneGraphs:
    """The graphs below ``silver_dataset``; use as a context.

    Raises:
        InputError: neither the folder nor the zip file is there.
    """

    def __init__(self, silver: Path) -> None:
        folder, packed = silver / "scene_graph", silver / "scene_graph.zip"
        self._folder = folder if folder.is_dir() else None
        self._zip = None
        if self._folder is None:
            try:
                self._zip = zipfile.ZipFile(packed)
            except (OSError, zipfile.BadZipFile) as error:
                remedy = "Get scene_graph.zip of the release"
                raise InputError("holds no scene graphs", silver, remedy) from error
            members = self._zip.infolist()
            self._members = {info.filename.rpartition("/")[2]: info for info in members}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the zip file."""
        if self._zip is not None:
            self._zip.close()

    def objects(self, view: str) -> list[dict[str, Any]]:
        """The regions found on a view, as the graph has them.

        Raises:
            InputError: there is no graph of that view, or it is damaged.
        """
        if not _NAME.fullmatch(view):
            raise InputError("an identifier is not of the release's form")
        try:
            objects = orjson.loads(self._content(f"{view}{_END}"))["objects"]
        except (ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise InputError("the scene graph is damaged") from error
        if not isinstance(objects, list) or not all(isinstance(one, dict) for one in objects):
            raise InputError("the scene graph is damaged")
        return objects

    def _content(self, name: str) -> bytes:
        if self._folder is not None:
            try:
                with (self._folder / name).open("rb") as file:
                    content = file.read(MAX_BYTES + 1)
            except OSError as error:
                raise InputError("no scene graph") from error
        elif self._zip is not None and name in self._members:
            if self._members[name].file_size > MAX_BYTES:
                raise InputError("the scene graph is larger than any")
            content = self._zip.read(self._members[name])
        else:
            raise InputError("no scene graph")
        if len(content) > MAX_BYTES:
            raise InputError("the scene graph is larger than any")
        return content
