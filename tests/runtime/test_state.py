"""A state on disk: what is loaded goes on to the same bits, whatever the layout in memory."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from radvlm.runtime.processes import Processes
from radvlm.runtime.state import Counters, Saver, load_state, tensors_of

ALONE = Processes(0, 1, torch.device("cpu"))


class Run:
    """A small convolution in channels last with its optimiser."""

    def __init__(self, seed: int) -> None:
        torch.manual_seed(seed)
        self.network = nn.Conv2d(4, 6, 3).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=0.1)

    def step(self, number: int) -> None:
        generator = torch.Generator().manual_seed(number)
        images = torch.randn(2, 4, 8, 8, generator=generator)
        self.optimizer.zero_grad()
        self.network(images.to(memory_format=torch.channels_last)).square().mean().backward()
        self.optimizer.step()


def test_weights_in_channels_last_are_saved_and_go_on_to_the_same_bits(tmp_path: Path) -> None:
    whole = Run(0)
    saver = Saver(tmp_path, ALONE)
    for number in range(6):
        if number == 3:
            saver.save(tensors_of(whole.network, whole.optimizer), Counters(3, recipe="r"))
            saver.finish()
        whole.step(number)
    saver.close()
    resumed = Run(1)
    done = load_state(tmp_path, resumed.network, resumed.optimizer, "r", ALONE)
    assert done == Counters(3, recipe="r")
    assert resumed.network.weight.is_contiguous(memory_format=torch.channels_last)
    for number in range(3, 6):
        resumed.step(number)
    found = tensors_of(resumed.network, resumed.optimizer)
    for name, wanted in tensors_of(whole.network, whole.optimizer).items():
        assert torch.equal(found[name], wanted), name
        assert found[name].stride() == wanted.stride(), name
