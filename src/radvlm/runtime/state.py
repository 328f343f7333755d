"""The state of a training run on disk: enough to go on as if nothing had happened.

Weights and optimiser moments in safetensors (no pickle), counters in JSON. A state folder appears
whole or not at all; the newest complete one is found by its number.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from radvlm.errors import CheckpointError
from radvlm.io.files import atomic_folder

_TENSORS, _COUNTERS = "state.safetensors", "counters.json"


@dataclass(frozen=True, slots=True)
class Counters:
    """Where a run stands; ``recipe`` is the hash of the recipe it belongs to."""

    step: int
    samples: int
    seconds: float
    recipe: str


def save_state(
    folder: Path, network: nn.Module, optimizer: torch.optim.Optimizer, counters: Counters
) -> None:
    """Write ``step-N`` below the folder, then remove older states."""
    names = {id(p): name for name, p in network.named_parameters()}
    tensors = {f"weight.{name}": p.detach().clone() for name, p in network.named_parameters()}
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            tensors[f"optimizer.{names[id(parameter)]}#{key}"] = torch.as_tensor(value).clone()
    target = folder / f"step-{counters.step:08d}"
    with atomic_folder(target, replace=True) as aside:
        save_file(tensors, aside / _TENSORS)
        (aside / _COUNTERS).write_text(json.dumps(asdict(counters)), encoding="utf-8")
    for old in sorted(folder.glob("step-*"))[:-1]:
        shutil.rmtree(old)


def load_state(
    folder: Path, network: nn.Module, optimizer: torch.optim.Optimizer, recipe: str
) -> Counters | None:
    """Restore the newest state, or return none where there is none.

    Raises:
        CheckpointError: the state belongs to a run with another recipe.
    """
    states = sorted(folder.glob("step-*"))
    if not states:
        return None
    counters = Counters(**json.loads((states[-1] / _COUNTERS).read_text(encoding="utf-8")))
    if counters.recipe != recipe:
        raise CheckpointError(
            "the folder holds the state of a run with another recipe",
            folder,
            "Choose another 'out' or remove the folder",
        )
    parameters = dict(network.named_parameters())
    for key, value in load_file(states[-1] / _TENSORS).items():
        kind, _, rest = key.partition(".")
        if kind == "weight":
            parameters[rest].data.copy_(value)
        else:
            name, _, field = rest.partition("#")
            optimizer.state[parameters[name]][field] = value.to(
                "cpu" if field == "step" else parameters[name].device
            )
    return counters
