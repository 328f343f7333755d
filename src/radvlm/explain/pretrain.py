"""``radvlm explain pretrain``: radiographs without labels → a diffusion autoencoder.

One process, or as many as ``torchrun`` starts; goes on from its last state when run again. Learns
from the training patients; validation patients (test patients where there are none) tell what a
good reconstruction is. Writes ``autoencoder/``, ``metrics.jsonl``, ``recipe.json``.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from radvlm import recipe as recipes
from radvlm.errors import IncompleteError, RecipeError
from radvlm.explain.autoencoder import AutoencoderCard, Both, DiffusionAutoencoder
from radvlm.explain.images import Row, digest, of_split, read_rows
from radvlm.explain.pixels import to_tensor
from radvlm.explain.planning import check_disjoint
from radvlm.explain.recipe import PretrainRecipe
from radvlm.explain.store import squares
from radvlm.io.egress import strictest
from radvlm.io.files import check_writable, write_json
from radvlm.io.jsonl import keep_lines
from radvlm.io.progress import Bar
from radvlm.models.card import RESEARCH_SCOPE, TOY_SCOPE
from radvlm.protocols import Pixels
from radvlm.runtime.memory import keep_freed_memory
from radvlm.runtime.processes import Processes, processes
from radvlm.runtime.schedule import rate_factor
from radvlm.runtime.state import Counters, Saver, load_state, tensors_of

METRICS = "metrics.jsonl"
_LOOKED_AT = 128
"""Validation images that say what a good reconstruction is."""


class Learner(nn.Module):
    """The network in training and the running average of its weights, saved together."""

    def __init__(self, recipe: PretrainRecipe) -> None:
        super().__init__()
        torch.manual_seed(recipe.seed)
        self.network = Both(recipe.network)
        self.average = Both(recipe.network)
        self.average.load_state_dict(self.network.state_dict())

    @torch.no_grad()
    def follow(self, decay: float, step: int) -> None:
        """Move the average towards the weights; faster in the first steps."""
        decay = min(decay, (1 + step) / (10 + step))
        own, kept = self.network.parameters(), self.average.parameters()
        torch._foreach_lerp_(list(kept), list(own), 1 - decay)


def pretrain(recipe: PretrainRecipe, progress: Bar | None = None) -> Path:
    """Run the recipe to its end; returns the folder of the autoencoder.

    Raises:
        RecipeError: there is no training image, or the batch does not divide among the processes.
        IncompleteError: the loss is not finite or leaps.
    """
    with processes(recipe.processes) as joined:
        check_writable(recipe.out)
        if recipe.schedule.batch % joined.size:
            raise RecipeError(f"does not divide among {joined.size} processes", "schedule.batch")
        if recipe.threads:
            torch.set_num_threads(recipe.threads)
        if joined.device.type == "cpu":
            keep_freed_memory()
        shown = progress if joined.first else None
        rows, images = _images(recipe, joined, shown)
        learner = Learner(recipe).to(joined.device)
        chosen = np.array([k for k, row in enumerate(rows) if row.split == "train"])
        if not len(chosen):
            raise RecipeError("there is no image of a training patient", "sources")
        _fit(learner, images, chosen, recipe, joined, shown)
        if joined.first:
            _finish(learner, rows, images, recipe)
        joined.wait()
    return recipe.out / "autoencoder"


def _images(
    recipe: PretrainRecipe, joined: Processes, progress: Bar | None
) -> tuple[list[Row], Pixels]:
    """All squares; the first process decodes, the others read what it wrote."""
    rows, path = read_rows(recipe), recipe.out / "squares.npy"
    check_disjoint(rows)
    side = recipe.network.side
    if joined.first:
        squares(rows, side, path, recipe.workers, progress)
    joined.wait()
    return squares(rows, side, path, recipe.workers)


def _fit(
    learner: Learner,
    images: Pixels,
    chosen: NDArray[np.intp],
    recipe: PretrainRecipe,
    joined: Processes,
    progress: Bar | None,
) -> None:
    """All steps from where the run stands."""
    schedule = recipe.schedule
    optimizer = torch.optim.AdamW(
        learner.network.parameters(), lr=schedule.lr, weight_decay=schedule.weight_decay
    )
    state, name = recipe.out / "state", recipes.digest(recipe)
    done = load_state(state, learner, optimizer, name, joined) or Counters(recipe=name)
    total = max(1, schedule.images // schedule.batch)
    if joined.first:
        keep_lines(recipe.out / METRICS, done.step)
    network: nn.Module = learner.network
    if joined.size > 1:
        network = DistributedDataParallel(learner.network)
    saver = Saver(state, joined)
    began, before = time.perf_counter(), done.seconds
    try:
        for batch in _batches(images, chosen, recipe, joined, done.step, total):
            done = _step(network, optimizer, batch, recipe, joined, done, total)
            learner.follow(schedule.ema, done.step)
            done = replace(done, seconds=before + time.perf_counter() - began)
            _tell(done, total, recipe, joined, progress)
            if done.step % recipe.save_every == 0 and done.step < total:
                saver.save(tensors_of(learner, optimizer), done)
        saver.finish()
    finally:
        saver.close()


def _batches(
    images: Pixels,
    chosen: NDArray[np.intp],
    recipe: PretrainRecipe,
    joined: Processes,
    first: int,
    total: int,
) -> Iterator[torch.Tensor]:
    """This process's images of every step from ``first`` on; the same whatever was run before."""
    for step, drawn in _drawn(chosen, recipe, first, total):
        rng = np.random.default_rng((recipe.seed, 1, step, joined.rank))
        mine = drawn[joined.rank :: joined.size]
        batch = np.stack([_shifted(images[k], recipe.shift, rng) for k in mine])
        yield to_tensor(batch).expand(-1, recipe.network.channels, -1, -1)


def _drawn(
    chosen: NDArray[np.intp], recipe: PretrainRecipe, first: int, total: int
) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Each step from ``first`` on and the images of all processes in it, epoch after epoch.

    The order of an epoch is drawn once and kept while steps take from it.
    """
    size, orders = recipe.schedule.batch, dict[int, NDArray[np.intp]]()
    for step in range(first, total):
        epochs, places = np.divmod(np.arange(step * size, (step + 1) * size), len(chosen))
        orders = {
            epoch: orders[epoch]
            if epoch in orders
            else np.random.default_rng((recipe.seed, epoch)).permutation(chosen)
            for epoch in range(int(epochs[0]), int(epochs[-1]) + 1)
        }
        yield step, np.array([orders[e][p] for e, p in zip(epochs, places, strict=True)])


def _shifted(image: Pixels, most: float, rng: np.random.Generator) -> Pixels:
    """The image moved up to a share of its side; its border is repeated, nothing is mirrored."""
    reach = round(most * len(image))
    if not reach:
        return np.asarray(image)
    down, across = rng.integers(0, 2 * reach + 1, 2)
    padded = np.pad(image, reach, mode="edge")
    return padded[down : down + len(image), across : across + len(image)]


def _step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: torch.Tensor,
    recipe: PretrainRecipe,
    joined: Processes,
    done: Counters,
    total: int,
) -> Counters:
    schedule = recipe.schedule
    rate = schedule.lr * rate_factor(done.step, total, schedule.warmup, decay=schedule.decay)
    for group in optimizer.param_groups:
        group["lr"] = rate
    generator = torch.Generator().manual_seed(
        int(np.random.default_rng((recipe.seed, 2, done.step, joined.rank)).integers(2**62))
    )
    # Evenly spread times: the loss differs more between times than between images.
    times = (torch.rand(1, generator=generator) + torch.arange(len(batch)) / len(batch)) % 1.0
    times = times ** (1 / schedule.noisy)
    noise = torch.randn(batch.shape, generator=generator)
    device = joined.device
    network.train()
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
        loss = network(batch.to(device), times.to(device), noise.to(device))
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), schedule.clip)
    optimizer.step()
    mean = joined.total([float(loss.detach())])[0] / joined.size
    _check(mean, done, recipe.spike)
    return replace(
        done,
        step=done.step + 1,
        samples=done.samples + schedule.batch,
        usual=mean if done.step == 0 else 0.98 * done.usual + 0.02 * mean,
    )


def _check(loss: float, done: Counters, spike: float) -> None:
    """Stop where the loss is not finite or leaps."""
    if not math.isfinite(loss) or (done.step > 20 and loss > spike * done.usual):
        remedy = "Run again with a lower schedule.lr, or precision=float32"
        raise IncompleteError(f"the loss is {loss:.3g}", f"step {done.step + 1}", remedy)


def _tell(
    done: Counters, total: int, recipe: PretrainRecipe, joined: Processes, progress: Bar | None
) -> None:
    if not joined.first:
        return
    line = {
        "step": done.step,
        "samples": done.samples,
        "loss": done.usual,
        "seconds": round(done.seconds, 2),
    }
    with (recipe.out / METRICS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    if progress:
        progress(done.step, total, note=f"loss {done.usual:.4f}")


def _finish(learner: Learner, rows: Sequence[Row], images: Pixels, recipe: PretrainRecipe) -> None:
    """Write the averaged weights, with what a good reconstruction of a new patient is."""
    access = strictest(row.access for row in rows)
    toy = {row.source for row in rows} == {"phantom"}
    card = AutoencoderCard(
        network=recipe.network,
        scope=TOY_SCOPE if toy else RESEARCH_SCOPE,
        access=access,
        images=len(of_split(rows, "train")),
        data=digest(rows),
    )
    made = DiffusionAutoencoder(learner.average, card)
    new = [k for k, row in enumerate(rows) if row.split == "validate"] or [
        k for k, row in enumerate(rows) if row.split == "test"
    ]
    if new:
        reached = made.domain(np.asarray(images[new[:_LOOKED_AT]]))
        made.card = card.model_copy(update={"psnr": round(float(np.quantile(reached, 0.01)), 2)})
    made.save(recipe.out / "autoencoder")
    write_json(recipe.out / "recipe.json", recipes.dump(recipe))
    shutil.rmtree(recipe.out / "state", ignore_errors=True)
