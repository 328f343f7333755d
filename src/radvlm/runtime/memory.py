"""Keeping freed memory in the process while large arrays come and go.

glibc hands every large buffer back to the system when it is freed, and each training step on a CPU,
or each radiograph that is decoded, then faults the same pages in again: about a third of the time.
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_LARGE = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell glibc's allocator to keep freed memory; returns whether there was one to tell."""
    if not sys.platform.startswith("linux"):
        return False
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is None:
        return False
    return all(tune(what, _LARGE) for what in (_MMAP_THRESHOLD, _TRIM_THRESHOLD)) and bool(
        tune(_TOP_PAD, 2**28)
    )
