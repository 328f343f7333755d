"""What ends a run with a message in place of wrong numbers: NaN, spikes, memory, damaged images."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from radvlm.errors import IncompleteError

_WARM, _MEMORY = 20, 0.95
_SMALLER = "Lower packing or micro_batch, or set checkpointing=true"


def check_loss(loss: float, usual: float, step: int, spike: float) -> float:
    """The running mean of the loss with this one.

    Raises:
        IncompleteError: the loss is not finite, or ``spike`` times the running mean.
    """
    if not math.isfinite(loss):
        raise IncompleteError(
            f"the loss is {loss}",
            f"step {step}",
            "Go on from the last state with a lower schedule.lr or in bfloat16",
        )
    if step > _WARM and loss > spike * usual:
        raise IncompleteError(
            f"the loss rose to {loss:.3g}, {loss / usual:.0f} times the usual one",
            f"step {step}",
            "Look at the data of this step, lower schedule.lr, or raise spike",
        )
    return loss if step == 1 else _MEMORY * usual + (1 - _MEMORY) * loss


def check_damaged(count: int, first: str, sequences: int, tolerance: float) -> None:
    """Stop where more sequences were unreadable than the run may lose.

    Raises:
        IncompleteError: more than ``tolerance`` of all its sequences.
    """
    if count > tolerance * sequences:
        raise IncompleteError(
            f"{count} of {sequences} sequences have images that cannot be read ({first})",
            "damaged.jsonl",
            "Mend or exclude the images named there, or raise damaged",
        )


@contextmanager
def memory_errors(step: int, tokens: int) -> Iterator[None]:
    """Turn running out of memory into one line that says what was computed.

    Raises:
        IncompleteError: memory ran out.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _out_of_memory(step, tokens) from error
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):
            raise
        raise _out_of_memory(step, tokens) from error


def _out_of_memory(step: int, tokens: int) -> IncompleteError:
    return IncompleteError(
        f"memory ran out on a micro-batch of {tokens} tokens", f"step {step}", _SMALLER
    )
