"""Pictures of the proofs: what heads trained with more and more of a planted device want to see."""

from __future__ import annotations

import numpy as np

from benchmarks.diffchest_cohorts import DEVICE
from benchmarks.diffchest_planted import LOOP, PLANTED, planted_head
from benchmarks.diffchest_setup import Pool
from benchmarks.results_file import RESULTS
from radvlm.explain.counterfactual import Prepared, change
from radvlm.explain.pictures import save_png, stacked, strip
from radvlm.explain.session import middles

SHOWN = 5


def draw_doses(pool: Pool, prepared: Prepared) -> None:
    """Rows: patients. Columns: original, rebuilt, the counterfactual of each head, device added."""
    some = prepared.take(np.arange(SHOWN))
    spread, columns = pool.spread(), [some.images, some.rebuilt]
    for r in PLANTED:
        _, head, typical = planted_head(pool, r)
        columns.append(change(pool.autoencoder, some, head, spread, LOOP, typical).images)
    probe = pool.probe(DEVICE)
    typical = middles(probe.logit(pool.z), pool.columns[DEVICE])
    columns.append(change(pool.autoencoder, some, probe, spread, LOOP, typical).images)
    captions = ["original", "rebuilt", *(f"r = {r:g}" for r in PLANTED), f"{DEVICE} added"]
    rows = [
        strip([column[k] for column in columns], captions if k == 0 else (), side=128)
        for k in range(SHOWN)
    ]
    save_png(stacked(rows), RESULTS / "diffchest_doses.png")
