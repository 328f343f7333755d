"""The state of a training run on disk: enough to go on as if nothing had happened.

Every process writes its own part of weights and optimiser moments beside training, with PyTorch's
distributed checkpoints in safetensors (no pickle); counters are JSON. A state folder appears whole
or not at all, and the newest whole one is found by its number.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import distributed, nn
from torch.distributed.checkpoint import state_dict_loader, state_dict_saver
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import (
    HuggingFaceStorageReader,
    HuggingFaceStorageWriter,
)
from torch.distributed.tensor import DTensor

from radvlm.errors import CheckpointError, OutputError
from radvlm.io.files import sync
from radvlm.runtime.processes import Processes

_UNREADABLE = (CheckpointException, SafetensorError, OSError, KeyError, ValueError, RuntimeError)
_COUNTERS, _PARTIAL = "counters.json", ".partial"
Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Counters:
    """Where a run stands; ``recipe`` is the hash of the recipe it belongs to.

    ``usual`` is the running mean of the loss, ``scale`` what a loss is multiplied with in float16
    and ``steady`` for how many steps that has gone well; ``damaged`` counts what could not be read.
    """

    step: int = 0
    samples: int = 0
    tokens: int = 0
    seconds: float = 0.0
    recipe: str = ""
    usual: float = 0.0
    scale: float = 1.0
    steady: int = 0
    damaged: int = 0


def tensors_of(network: nn.Module, optimizer: torch.optim.Optimizer) -> Tensors:
    """The weights that are trained and their optimiser state, by name; no copies."""
    names = {id(p): name for name, p in network.named_parameters()}
    trained = {n: p.detach() for n, p in network.named_parameters() if p.requires_grad}
    tensors = {f"weight.{name}": value for name, value in trained.items()}
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            tensors[f"optimizer.{names[id(parameter)]}#{key}"] = value
    return tensors


class Saver:
    """Writes states below a folder while training goes on; one at a time.

    An error of the disk comes out of the next call. What was whole before stays.
    """

    def __init__(self, folder: Path, joined: Processes) -> None:
        self.folder = folder
        self._joined = joined
        self._thread = ThreadPoolExecutor(1, "saver")
        self._writing: Future[None] | None = None

    def save(self, tensors: Tensors, counters: Counters) -> None:
        """Begin to write ``step-N``; waits for the one before it, and for copies on the CPU."""
        self.finish()
        copies = {name: _copy(value) for name, value in tensors.items()}
        self._writing = self._thread.submit(self._write, copies, counters)

    def check(self) -> None:
        """Raise what went wrong with the last state, if that is known by now."""
        if self._writing is not None and self._writing.done():
            self.finish()

    def finish(self) -> None:
        """Wait until the last state is on the disk.

        Raises:
            OutputError: it could not be written.
        """
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def close(self) -> None:
        """Wait for the thread, whatever came of it."""
        self._thread.shutdown(wait=True)

    def _write(self, copies: Tensors, counters: Counters) -> None:
        target = self.folder / f"step-{counters.step:08d}"
        aside = target.with_name(target.name + _PARTIAL)
        try:
            if self._joined.first:
                shutil.rmtree(aside, ignore_errors=True)
                aside.mkdir(parents=True)
            if self._joined.size > 1:
                distributed.barrier(group=self._joined.savers)
            _save(copies, aside, self._joined)
            if self._joined.first:
                (aside / _COUNTERS).write_text(json.dumps(asdict(counters)), encoding="utf-8")
                _put_in_place(aside, target)
        except (OSError, CheckpointException) as error:
            raise OutputError(
                f"the state of step {counters.step} cannot be written ({_reason(error)})",
                self.folder,
                "Free space and run it again; the state before it is whole",
            ) from error
        finally:
            # The others may be done before the first process has put the folder in place.
            if self._joined.first:
                shutil.rmtree(aside, ignore_errors=True)


def newest(folder: Path) -> Path | None:
    """The newest whole state below a folder."""
    whole = [path for path in folder.glob("step-????????") if (path / _COUNTERS).is_file()]
    return max(whole, default=None)


def load_state(
    folder: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    recipe: str,
    joined: Processes,
) -> Counters | None:
    """Restore the newest state, or return none where there is none.

    Raises:
        CheckpointError: the state belongs to a run with another recipe, or is damaged.
    """
    found = newest(folder)
    if found is None:
        return None
    counters = Counters(**json.loads((found / _COUNTERS).read_text(encoding="utf-8")))
    if counters.recipe != recipe:
        raise CheckpointError(
            "the folder holds the state of a run with another recipe",
            folder,
            "Choose another 'out' or remove the folder",
        )
    _prepare(optimizer)
    try:
        reader = HuggingFaceStorageReader(str(found))
        written = reader.read_metadata().state_dict_metadata.keys()
        wanted = tensors_of(network, optimizer)
        for name in wanted.keys() - written:
            # A weight no step has reached has no moments; one that is missing is an error below.
            if name.startswith("optimizer."):
                del wanted[name]
        state_dict_loader.load(
            dict[str, Any](wanted), storage_reader=reader, process_group=joined.savers
        )
        _forget(network, optimizer, written)
    except _UNREADABLE as error:
        raise CheckpointError(
            f"the state cannot be loaded ({_reason(error)})", found, "Remove this one"
        ) from error
    return counters


def _prepare(optimizer: torch.optim.Optimizer) -> None:
    """Give the optimiser its moments, so that there is something to load into."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    rates = [group["lr"] for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate


def _forget(network: nn.Module, optimizer: torch.optim.Optimizer, written: Collection[str]) -> None:
    """Take the moments away again from weights that had none."""
    for name, parameter in network.named_parameters():
        if f"optimizer.{name}#step" not in written:
            optimizer.state.pop(parameter, None)


def _save(copies: Tensors, aside: Path, joined: Processes) -> None:
    writer = HuggingFaceStorageWriter(str(aside), save_distributed=True)
    state_dict_saver.save(
        dict[str, Any](copies), storage_writer=writer, process_group=joined.savers
    )


def _put_in_place(aside: Path, target: Path) -> None:
    for path in (*aside.iterdir(), aside):
        sync(path)
    shutil.rmtree(target, ignore_errors=True)
    aside.rename(target)
    sync(target.parent)
    for old in target.parent.glob("step-*"):
        if old.name < target.name:
            shutil.rmtree(old, ignore_errors=True)


def _copy(value: torch.Tensor) -> torch.Tensor:
    """A copy in rows: safetensors takes no other layout, such as channels last.

    What is loaded is copied into tensors of the network's own layout, so no bit changes.
    """
    if isinstance(value, DTensor):
        return value.detach().clone(memory_format=torch.contiguous_format)
    return value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)


def _reason(error: BaseException) -> str:
    if isinstance(error, CheckpointException) and error.failures:
        error = next(iter(error.failures.values()))[0]
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    if "No space left" in str(error):
        return os.strerror(errno.ENOSPC).lower()
    return type(error).__name__
