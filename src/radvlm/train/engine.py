"""The training loop: a prepared model and its data, step by step to the end.

A step: fetch the micro-batches, add up the gradients of their losses, clip, update, tell. The loss
of a step is the mean over the answer tokens of all processes, so that neither their number nor how
sequences are laid into rows changes it. Nothing is skipped: what goes wrong ends the run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch.distributed.fsdp import FSDPModule

from radvlm.models.backbone import Backbone
from radvlm.runtime.processes import Processes
from radvlm.runtime.state import Counters
from radvlm.train.arithmetic import Arithmetic
from radvlm.train.guards import check_loss, memory_errors
from radvlm.train.learner import HALVES, Learner
from radvlm.train.loading import Loaded
from radvlm.train.metering import Counted
from radvlm.train.optimization import clip_gradients, next_scale, set_rate
from radvlm.train.recipe import TrainRecipe


@dataclass(frozen=True, slots=True)
class Stepped:
    """What a step came to."""

    loss: float
    rate: float
    counted: Counted
    damaged: tuple[str, ...]


class Engine:
    """One model in training in this process, beside its like in the others."""

    def __init__(
        self,
        model: Backbone,
        learner: Learner,
        optimizer: torch.optim.Optimizer,
        recipe: TrainRecipe,
        joined: Processes,
        total: int,
    ) -> None:
        self.model, self.learner, self.optimizer = model, learner, optimizer
        self.recipe, self.joined, self.total = recipe, joined, total
        self._arithmetic = Arithmetic(model)
        self._half = HALVES.get(recipe.precision)

    def step(self, done: Counters, stream: Iterator[Loaded]) -> tuple[Counters, Stepped]:
        """One optimiser step over this process's next micro-batches.

        Raises:
            IncompleteError: the loss is not finite or leaps, or memory ran out.
        """
        micros, waited = _fetch(stream)
        counted = self._count(micros, waited)
        number = done.step + 1
        torch.manual_seed(hash((self.recipe.seed, number, self.joined.rank)) % 2**63)
        rate = set_rate(self.optimizer, self.recipe.schedule, done.step, self.total)
        self.optimizer.zero_grad(set_to_none=True)
        summed = 0.0
        for micro in micros:
            with memory_errors(number, micro.tokens):
                summed += self._backward(micro, counted.learned, done.scale)
        (loss,) = self.joined.total([summed])
        loss /= max(1, counted.learned)
        usual = check_loss(loss, done.usual, number, self.recipe.spike) if counted.learned else 0.0
        scale, steady = self._update(done)
        after = replace(
            done,
            step=number,
            samples=done.samples + counted.questions,
            tokens=done.tokens + counted.tokens,
            usual=usual or done.usual,
            scale=scale,
            steady=steady,
            damaged=done.damaged + counted.damaged,
        )
        names = tuple(name for micro in micros for name in micro.damaged)
        return after, Stepped(loss, rate, counted, names)

    def _backward(self, micro: Loaded, learned: int, scale: float) -> float:
        """Add a micro-batch's gradients; returns its summed loss."""
        if isinstance(self.learner, FSDPModule):
            self.learner.set_requires_gradient_sync(micro.last)
        batch = self.model.collate(micro.rows, left=False)
        kind = self.joined.device.type
        with torch.autocast(kind, self._half, enabled=self._half is not None):
            loss = self.learner(batch)
        # Gradients of several processes are averaged, and their losses are to be added.
        (loss * (scale * self.joined.size / max(1, learned))).backward()
        return float(loss.detach())

    def _update(self, done: Counters) -> tuple[float, int]:
        """Clip and apply the gradients; returns the next loss scale and for how long it held."""
        schedule = self.recipe.schedule
        norm = clip_gradients(self.learner, schedule.clip, done.scale)
        finite = norm < float("inf")
        if self.recipe.precision != "float16":
            check_loss(norm, norm, done.step + 1, self.recipe.spike)
            self.optimizer.step()
            return 1.0, 0
        if finite:
            self.optimizer.step()
        return next_scale(done.scale, done.steady, finite)

    def _count(self, micros: list[Loaded], waited: float) -> Counted:
        mine = [
            sum(micro.questions for micro in micros),
            sum(micro.tokens for micro in micros),
            sum(micro.learned for micro in micros),
            sum(self._arithmetic(micro.rows) for micro in micros),
            sum(len(micro.damaged) for micro in micros),
        ]
        questions, tokens, learned, operations, damaged = self.joined.total(mine)
        return Counted(int(questions), int(tokens), int(learned), operations, int(damaged), waited)


def _fetch(stream: Iterator[Loaded]) -> tuple[list[Loaded], float]:
    """The micro-batches of a step, and how long it took to get them."""
    began = time.perf_counter()
    micros = [next(stream)]
    while not micros[-1].last:
        micros.append(next(stream))
    return micros, time.perf_counter() - began
