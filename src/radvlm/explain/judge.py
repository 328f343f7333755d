"""A second opinion on what a picture shows: a small convolutional network on pixels.

It shares nothing with the autoencoder, so that an edit is never verified by the network that made
it. It is trained on blurred and noisy copies as well: edits lose fine detail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from radvlm.explain.diffusion import chunks
from radvlm.explain.images import Column
from radvlm.explain.intervals import Floats
from radvlm.explain.pixels import to_tensor
from radvlm.protocols import Pixels


class SmallNet(nn.Module):
    """Images [n, 1, s, s] in −1…1 → logits [n, k]; positions are kept to the end."""

    def __init__(self, side: int, outputs: int, width: int = 16) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels, size = 1, side
        while size > 4:
            out = min(width * 2 ** (len(layers) // 3), 64)
            layers += [
                nn.Conv2d(channels, out, 3, stride=2, padding=1),
                nn.BatchNorm2d(out),
                nn.ReLU(),
            ]
            channels, size = out, -(-size // 2)
        self.features = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2))
        self.last = nn.Linear(channels * size * size, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        found: torch.Tensor = self.last(self.features(x))
        return found


def train_net(
    net: SmallNet,
    images: Pixels,
    table: Floats,
    *,
    samples: int = 20_000,
    spoil: bool = False,
    seed: int = 0,
) -> SmallNet:
    """Binary cross-entropy over what is known of table [n, k]; ``spoil`` blurs and adds noise."""
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    steps = max(1, samples // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    known = torch.from_numpy(~np.isnan(table))
    truth = torch.from_numpy(np.nan_to_num(table)).float()
    net.train()
    for _ in range(steps):
        drawn = np.sort(generator.integers(len(images), size=64))
        x, chosen = to_tensor(images[drawn]), torch.from_numpy(drawn)
        x = _spoiled(x) if spoil else x
        losses = functional.binary_cross_entropy_with_logits(
            net(x), truth[chosen], reduction="none"
        )
        loss = losses[known[chosen]].mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return net.eval()


@torch.inference_mode()
def net_logits(net: SmallNet, images: Pixels) -> Floats:
    """Logits [n, k] of uint8 [n, s, s]."""
    found = [net(to_tensor(np.asarray(images[part]))) for part in chunks(len(images), 256)]
    return np.asarray(torch.cat(found).numpy(), dtype=np.float64)


class Judge:
    """Which attributes pictures show, by name."""

    def __init__(self, names: Sequence[str], net: SmallNet) -> None:
        self.names, self.net = tuple(names), net

    @classmethod
    def fit(
        cls, images: Pixels, columns: Mapping[str, Column], samples: int = 24_000, seed: int = 0
    ) -> Judge:
        """From labelled images uint8 [n, s, s]; the same ones give the same judge."""
        torch.manual_seed(seed)
        table = np.stack(list(columns.values()), axis=1)
        net = SmallNet(images.shape[-1], len(columns))
        return cls(
            tuple(columns),
            train_net(net, images, table, samples=samples, spoil=True, seed=seed),
        )

    def logits(self, images: Pixels) -> dict[str, Floats]:
        """Name → logits [n]."""
        found = net_logits(self.net, images)
        return {name: found[:, k] for k, name in enumerate(self.names)}

    def shows(self, images: Pixels) -> dict[str, np.ndarray]:
        """Name → whether each image shows it."""
        return {name: values > 0 for name, values in self.logits(images).items()}


def _spoiled(x: torch.Tensor) -> torch.Tensor:
    """Half of the images blurred, all with some noise."""
    kernel = torch.tensor([0.25, 0.5, 0.25])
    plane = (kernel[:, None] * kernel)[None, None]
    blurred = functional.conv2d(functional.pad(x, (1, 1, 1, 1), mode="replicate"), plane)
    x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, blurred, x)
    return x + 0.05 * torch.rand(len(x), 1, 1, 1) * torch.randn(x.shape)
