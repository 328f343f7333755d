"""How fast, as ratios of one run, and whether few steps do what many do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.diffchest_cohorts import DEVICE, FINDING
from benchmarks.diffchest_planted import LOOP, planted_head, shown_in, test_images
from benchmarks.diffchest_setup import open_pool
from radvlm.explain.autoencoder import psnr
from radvlm.explain.counterfactual import change
from radvlm.explain.intervals import mean_interval, share
from radvlm.explain.judge import Judge

FEW, MANY = (12, 20), 250
COMPARED = 100
"""Images on which many steps are taken."""


def speeds(judge: Judge) -> dict[str, Any]:
    """Images a second each way, and few steps against many from the same noise."""
    torch.set_num_threads(2)
    pool = open_pool("clean")
    prepared, _ = test_images(pool)
    autoencoder = pool.autoencoder
    some = prepared.take(np.arange(64))
    rates = {
        "encode": _rate(lambda: autoencoder.encode(some.images), 64),
        "invert": _rate(lambda: autoencoder.invert(some.images, some.z), 64),
        "decode": _rate(lambda: autoencoder.decode(some.noise, some.z), 64),
    }
    few = prepared.take(np.arange(COMPARED))
    many = autoencoder.decode(few.noise, few.z, MANY)
    against = {
        str(steps): mean_interval(psnr(many, autoencoder.decode(few.noise, few.z, steps)))
        for steps in FEW
    }
    _, head, typical = planted_head(pool, 1.0)
    made = change(autoencoder, few, head, pool.spread(), LOOP, typical)
    step = made.amplitude[:, None] * pool.spread().direction(head)
    slow = autoencoder.decode(few.noise, few.z + step.astype(np.float32), MANY)
    verdicts = {
        name: share(
            shown_in(judge, name, made.images, few.rebuilt)
            == shown_in(judge, name, slow, few.rebuilt)
        )
        for name in (FINDING, DEVICE)
    }
    return {
        "images_a_second": rates,
        "steps": autoencoder.steps,
        "refine": autoencoder.refine,
        "psnr_against_many": against,
        "many": MANY,
        "same_verdict": verdicts,
    }


def _rate(work: Callable[[], Any], n: int) -> float:
    work()
    began = time.perf_counter()
    work()
    return round(n / (time.perf_counter() - began), 2)
