"""What a training step tells whoever listens: trackers, the progress line, the metrics file.

The record is plain: no tensor, no image, no text of the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StepMeters:
    """One optimiser step, over all processes. Rates are of this session, not of earlier ones.

    Attributes:
        step: optimiser steps done, from 1.
        total: optimiser steps of the whole run.
        loss: mean cross-entropy over the answer tokens of the step, nats.
        rate: the factor applied to every peak learning rate, 0 to 1.
        samples: questions answered since the run began, earlier sessions included.
        tokens: tokens that are no padding since the run began, earlier sessions included.
        samples_per_second: questions a second in this session.
        tokens_per_second: tokens that are no padding a second in this session.
        mfu: share of the hardware's peak used by the model's own arithmetic, the vision tower
            included, recomputation and padding excluded, 0 to 1; none where no peak is known.
        stall: share of this session's time spent waiting for data, 0 to 1.
        memory_bytes: peak memory of the process, on the device where there is one.
        seconds_left: expected seconds to the end at this session's pace.
    """

    step: int
    total: int
    loss: float
    rate: float
    samples: int
    tokens: int
    samples_per_second: float
    tokens_per_second: float
    mfu: float | None
    stall: float
    memory_bytes: int
    seconds_left: float


class Listener(Protocol):
    """Who is told of every step, in the first process only."""

    def step(self, meters: StepMeters) -> None:
        """One optimiser step is done."""
        ...

    def close(self) -> None:
        """The run has ended, well or with an error."""
        ...
