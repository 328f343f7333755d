"""DDIM against a denoiser with a known solution: Gaussian data N(m, s²), x_0 = m + s x_T."""

from __future__ import annotations

import pytest
import torch

from radvlm.explain import diffusion

MEAN, SPREAD = 0.3, 0.5


def exact(schedule: diffusion.Schedule, kind: diffusion.Parametrisation) -> diffusion.Denoise:
    """The best prediction for Gaussian data, in closed form."""

    def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        alpha, sigma = diffusion.levels(t, schedule)
        gain = alpha * SPREAD**2 / (alpha**2 * SPREAD**2 + sigma**2)
        x0 = MEAN + gain * (x - alpha * MEAN)
        noise = (x - alpha * x0) / sigma.clamp(min=1e-6)
        return diffusion.target(x0, noise, alpha, sigma, kind)

    return denoise


def noises() -> torch.Tensor:
    return torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def test_cosine_levels_begin_clean_and_end_in_noise() -> None:
    kept = diffusion.signal(torch.tensor([0.0, 0.5, 1.0]), "cosine")
    assert kept[0] == pytest.approx(1) and kept[2] == pytest.approx(0, abs=1e-12)
    # Nichol & Dhariwal 2021, eq. 17, with s = 0.008, by hand at t = 1/2.
    assert float(kept[1]) == pytest.approx(0.49384, abs=1e-4)


def test_linear_levels_are_those_of_diffusers() -> None:
    diffusers = pytest.importorskip("diffusers")
    peer = diffusers.DDIMScheduler(beta_start=1e-4, beta_end=0.02, beta_schedule="linear")
    ours = diffusion.signal(torch.arange(1, 1001) / 1000, "linear")
    assert torch.allclose(ours.float(), peer.alphas_cumprod, atol=1e-5)


@pytest.mark.parametrize("kind", ["v", "noise"])
def test_a_prediction_and_what_it_stands_for(kind: diffusion.Parametrisation) -> None:
    x0, noise = noises(), noises().flip(0)
    alpha, sigma = torch.tensor(0.8), torch.tensor(0.6)
    x = alpha * x0 + sigma * noise
    found = diffusion.split(x, diffusion.target(x0, noise, alpha, sigma, kind), alpha, sigma, kind)
    assert torch.allclose(found[0], x0, atol=1e-5) and torch.allclose(found[1], noise, atol=1e-5)


@pytest.mark.parametrize("noise_level", [0.0, 0.01, 0.3, 1.0])
def test_a_predicted_image_is_blended_with_an_almost_clean_one(noise_level: float) -> None:
    """Whatever is predicted, image and noise make up x_t; without noise x_t is the image."""
    x, predicted = noises(), noises().flip(0)
    sigma = torch.tensor(noise_level)
    alpha = (1 - sigma**2).sqrt()
    x0, noise = diffusion.split(x, predicted, alpha, sigma, "image")
    assert torch.allclose(alpha * x0 + sigma * noise, x, atol=1e-5)
    nearer = {0.0: x, 1.0: predicted}.get(noise_level)
    assert nearer is None or torch.allclose(x0, nearer, atol=1e-5)


def test_refining_helps_where_the_image_is_predicted() -> None:
    image = MEAN + SPREAD * noises()
    errors = []
    for refine in (0, 2):
        noise = diffusion.invert(image, exact("cosine", "image"), 20, "image", refine=refine)
        back = diffusion.decode(noise, exact("cosine", "image"), 20, "image")
        errors.append(float((back - image).square().mean().sqrt()))
    assert errors[1] < 0.5 * errors[0]


def test_decoding_comes_to_the_exact_solution_with_the_number_of_steps() -> None:
    noise = noises()
    truth = MEAN + SPREAD * noise
    errors = [
        float((diffusion.decode(noise, exact("cosine", "v"), steps) - truth).square().mean().sqrt())
        for steps in (10, 40, 160)
    ]
    assert errors[0] > 2 * errors[1] > 4 * errors[2] and errors[2] < 0.01


@pytest.mark.parametrize(("kind", "schedule"), [("v", "cosine"), ("noise", "linear")])
def test_inversion_undoes_decoding_and_refining_brings_it_nearer(
    kind: diffusion.Parametrisation, schedule: diffusion.Schedule
) -> None:
    denoise = exact(schedule, kind)
    image = MEAN + SPREAD * noises()

    def error(refine: int) -> float:
        noise = diffusion.invert(image, denoise, 20, kind, schedule, refine)
        back = diffusion.decode(noise, denoise, 20, kind, schedule)
        return float((back - image).square().mean().sqrt())

    assert error(2) < error(1) < error(0) < 0.2
    assert error(6) < 1e-3


def test_chunks_cover_everything_once() -> None:
    assert [list(range(10))[part] for part in diffusion.chunks(10, 4)] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9],
    ]
