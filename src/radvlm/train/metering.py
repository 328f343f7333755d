"""Counts of steps → the record of a step, with rates of this session alone."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass

import torch

from radvlm.runtime.processes import Processes
from radvlm.runtime.state import Counters
from radvlm.train.arithmetic import peak_of
from radvlm.train.meters import StepMeters


@dataclass(frozen=True, slots=True)
class Counted:
    """What all processes did in a step: questions, tokens, those learned, operations, unreadable.

    ``waited`` is how long this process stood still for data, in seconds.
    """

    questions: int
    tokens: int
    learned: int
    operations: float
    damaged: int
    waited: float


class Meters:
    """The meters of one session."""

    def __init__(self, joined: Processes, start: Counters, total: int) -> None:
        self._joined = joined
        self._peak = peak_of(joined.device)
        self._start = start
        self._total = total
        self._began = time.perf_counter()
        self._waited = self._operations = 0.0

    @property
    def seconds(self) -> float:
        """How long this session has run."""
        return time.perf_counter() - self._began

    def after(self, done: Counters, counted: Counted, loss: float, rate: float) -> StepMeters:
        """The record of a step that is done."""
        self._waited += counted.waited
        self._operations += counted.operations
        seconds = max(self.seconds, 1e-9)
        steps = done.step - self._start.step
        used = self._operations / seconds / self._joined.size
        return StepMeters(
            step=done.step,
            total=self._total,
            loss=loss,
            rate=rate,
            samples=done.samples,
            tokens=done.tokens,
            samples_per_second=(done.samples - self._start.samples) / seconds,
            tokens_per_second=(done.tokens - self._start.tokens) / seconds,
            mfu=used / self._peak if self._peak else None,
            stall=min(1.0, self._waited / seconds),
            memory_bytes=_memory(self._joined.device),
            seconds_left=(self._total - done.step) * seconds / max(1, steps),
        )


def _memory(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
