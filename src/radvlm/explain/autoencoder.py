"""The diffusion autoencoder as it is used: encode, invert, decode, reconstruct; save and load.

A folder holds ``network.safetensors`` (averaged weights of encoder and denoiser) and
``autoencoder.json`` (sizes, scope, access, what good reconstructions of new patients look like).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from radvlm.errors import CheckpointError
from radvlm.explain import diffusion
from radvlm.explain.diffusion import chunks
from radvlm.explain.networks import Denoiser, Encoder, NetworkConfig
from radvlm.explain.pixels import to_pixels, to_tensor
from radvlm.io.files import atomic_folder
from radvlm.protocols import Pixels
from radvlm.records import Access

CARD, WEIGHTS = "autoencoder.json", "network.safetensors"
Codes = NDArray[np.float32]
Tensor = torch.Tensor


class AutoencoderCard(BaseModel):
    """What is written beside the weights.

    ``psnr`` is the PSNR in dB that 99 % of validation images reach when they are rebuilt from z
    alone (with one fixed noise): an image far below is unlike those of the training.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    network: NetworkConfig
    scope: str
    access: Access
    images: int
    data: str
    psnr: float | None = None


class Both(nn.Module):
    """Encoder and denoiser together, and the training loss."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.denoiser = Encoder(config), Denoiser(config)

    def forward(self, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Mean squared error of the prediction at times t [n], conditioned on the image itself."""
        alpha, sigma = diffusion.levels(t, self.config.schedule)
        wanted = diffusion.target(x0, noise, alpha, sigma, self.config.parametrisation)
        found = self.denoiser(alpha * x0 + sigma * noise, 1000 * t, self.encoder(x0))
        loss: Tensor = (found - wanted).square().mean()
        return loss


class DiffusionAutoencoder:
    """Images uint8 [n, s, s] ↔ z float32 [n, d] and noise x_T float32 [n, c, s, s].

    ``steps`` DDIM steps are taken each way; ``refine`` more evaluations a step bring inversion
    nearer to the exact inverse of decoding.
    """

    def __init__(
        self, network: Both, card: AutoencoderCard, steps: int = 12, refine: int = 1
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        self.card, self.config = card, card.network
        self.steps, self.refine, self.batch = steps, refine, 64

    @classmethod
    def load(cls, folder: Path, steps: int = 12, refine: int = 1) -> DiffusionAutoencoder:
        """The autoencoder of a folder.

        Raises:
            CheckpointError: a file is missing or damaged.
        """
        try:
            card = AutoencoderCard.model_validate_json((folder / CARD).read_bytes())
            network = Both(card.network)
            network.load_state_dict(load_file(folder / WEIGHTS))
        except (OSError, ValidationError, SafetensorError, RuntimeError) as error:
            remedy = "Name the folder 'autoencoder' that radvlm explain pretrain wrote"
            raise CheckpointError("is no diffusion autoencoder", folder, remedy) from error
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(network.to(device), card, steps, refine)

    def save(self, folder: Path) -> None:
        """Write the folder, whole or not at all."""
        weights = {k: v.contiguous().cpu() for k, v in self.network.state_dict().items()}
        with atomic_folder(folder, replace=True) as aside:
            save_file(weights, aside / WEIGHTS)
            (aside / CARD).write_text(self.card.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @torch.inference_mode()
    def encode(self, images: Pixels) -> Codes:
        """Z of uint8 [n, s, s]."""
        codes = [self._encode(images[part]) for part in chunks(len(images), self.batch)]
        return np.concatenate(codes) if codes else np.zeros((0, self.config.z), np.float32)

    @torch.inference_mode()
    def invert(self, images: Pixels, z: Codes) -> Tensor:
        """The noise whose decoding with z is the image."""
        found = [
            diffusion.invert(
                self._tensor(images[part]),
                self._denoise(z[part]),
                self.steps,
                *self._kind,
                refine=self.refine,
            ).cpu()
            for part in chunks(len(images), self.batch)
        ]
        return torch.cat(found)

    @torch.inference_mode()
    def decode(self, noise: Tensor, z: Codes, steps: int | None = None) -> Pixels:
        """Images uint8 [n, s, s] of noise and z."""
        made = [
            to_pixels(
                diffusion.decode(
                    noise[part].to(self._device),
                    self._denoise(z[part]),
                    steps or self.steps,
                    *self._kind,
                )
            )
            for part in chunks(len(noise), self.batch)
        ]
        return np.concatenate(made)

    def reconstruct(self, images: Pixels) -> Pixels:
        """Decoded from their own noise and z."""
        z = self.encode(images)
        return self.decode(self.invert(images, z), z)

    def from_code(self, z: Codes) -> Pixels:
        """Decoded from z and one fixed noise: what z alone holds."""
        return self.decode(self.fixed_noise(len(z)), z)

    def fixed_noise(self, n: int) -> Tensor:
        """The same noise n times."""
        side, channels = self.config.side, self.config.channels
        generator = torch.Generator().manual_seed(0)
        return torch.randn(1, channels, side, side, generator=generator).expand(n, -1, -1, -1)

    def domain(self, images: Pixels) -> NDArray[np.float64]:
        """PSNR in dB of images rebuilt from z alone, [n]: low for what the training never saw."""
        return psnr(images, self.from_code(self.encode(images)))

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device

    @property
    def _kind(self) -> tuple[diffusion.Parametrisation, diffusion.Schedule]:
        return self.config.parametrisation, self.config.schedule

    def _tensor(self, images: Pixels) -> Tensor:
        return to_tensor(images).expand(-1, self.config.channels, -1, -1).to(self._device)

    def _encode(self, images: Pixels) -> Codes:
        return self.network.encoder(self._tensor(images)).cpu().numpy()  # type: ignore[no-any-return]

    def _denoise(self, z: Codes) -> diffusion.Denoise:
        code = torch.from_numpy(np.ascontiguousarray(z)).to(self._device)
        return lambda x, t: self.network.denoiser(x, 1000 * t, code)


def psnr(images: Pixels, others: Pixels) -> NDArray[np.float64]:
    """Peak signal-to-noise ratio in dB of each pair of uint8 [n, s, s]; 99 where they are equal."""
    error = np.square(images.astype(np.float64) - others).mean(axis=(1, 2))
    return np.where(error > 0, 20 * math.log10(255) - 10 * np.log10(error + 1e-12), 99.0)
