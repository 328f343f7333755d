"""Build, train, evaluate and talk to vision-language models for chest radiographs.

Research use only; not a medical device and not for diagnosis.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from radvlm.reading import Reader

__version__ = "0.1.0"


def load(folder: str | Path) -> Reader:
    """A checkpoint folder as something that reads: ``radvlm.load(path).read("x.png")``.

    Raises:
        radvlm.errors.CheckpointError: the folder is not a radvlm checkpoint.
    """
    from radvlm.reading import open_reader

    return open_reader(Path(folder))
