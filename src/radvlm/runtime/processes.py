"""The processes of a run: one alone, or those that ``torchrun`` has started on one node or many.

``torchrun`` sets ``RANK``, ``WORLD_SIZE`` and ``LOCAL_RANK``; without them a run is one process, in
a group of its own. Every run asserts that as many take part as were announced.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed
from torch._C._distributed_c10d import HashStore
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from radvlm.errors import InputError


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among its like.

    Attributes:
        rank: its number, from 0.
        size: how many there are.
        device: where it computes.
        mesh: all of them in one direction; none for a process alone.
        talkers: a group on the CPU for counts and names, used by the main thread alone.
        savers: one for the thread that writes states beside training; two threads that shared a
            group would take each other's messages.
    """

    rank: int
    size: int
    device: torch.device
    mesh: DeviceMesh | None = None
    talkers: Any = None
    savers: Any = None

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes logs and speaks."""
        return self.rank == 0

    @property
    def device_name(self) -> str:
        """The name of the card, or ``cpu``."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"

    def total(self, values: Sequence[float]) -> list[float]:
        """The sums of the values over all processes."""
        if self.size == 1:
            return list(values)
        summed = torch.tensor(values, dtype=torch.float64)
        distributed.all_reduce(summed, group=self.talkers)
        return [float(value) for value in summed]

    def gather(self, thing: Any) -> list[Any]:
        """A small thing of every process, in the order of ranks."""
        if self.size == 1:
            return [thing]
        found: list[Any] = [None] * self.size
        distributed.all_gather_object(found, thing, group=self.talkers)
        return found

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            distributed.barrier(group=self.talkers)


@contextmanager
def processes(expected: int | None = None) -> Iterator[Processes]:
    """Join the run that was started, for the length of the block.

    Args:
        expected: how many processes the recipe reckons with; none for any number.

    Raises:
        InputError: another number was started, or not all of them have come.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if expected is not None and size != expected:
        raise InputError(
            f"{size} processes were started, the recipe reckons with {expected}",
            "processes",
            f"Start it with torchrun and {expected} processes, or set processes={size}",
        )
    cuda = torch.cuda.is_available()
    kind = "cuda" if cuda else "cpu"
    if size == 1:
        with _alone():
            yield Processes(0, 1, torch.device(kind))
        return
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("cpu:gloo,cuda:nccl" if cuda else "cpu:gloo")
    try:
        joined = Processes(
            distributed.get_rank(),
            size,
            torch.device(kind, torch.cuda.current_device()) if cuda else torch.device("cpu"),
            init_device_mesh(kind, (size,)),
            distributed.new_group(backend="gloo"),
            distributed.new_group(backend="gloo"),
        )
        _assert_all_here(joined)
        yield joined
    finally:
        distributed.destroy_process_group()


@contextmanager
def _alone() -> Iterator[None]:
    """A group of one, which distributed checkpoints ask for, unless there is one already."""
    if distributed.is_initialized():
        yield
        return
    distributed.init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def _assert_all_here(joined: Processes) -> None:
    """Two independent runs of one process each must never pass for a run of two."""
    ranks = joined.gather(joined.rank)
    if sorted(ranks) != list(range(joined.size)) or distributed.get_world_size() != joined.size:
        raise InputError(
            f"of {joined.size} processes only the ranks {sorted(set(ranks))} are here",
            "torchrun",
            "See that all nodes name the same master and count of processes",
        )
