"""Which other attributes move with a finding over a cohort, beside changes that mean nothing.

A judge that the autoencoder has no part in looks at each image before and after. Nulls: random
steps of equal length, steps along probes that were fitted to shuffled labels, and rebuilding alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radvlm.explain.counterfactual import Changed, Prepared, shifted
from radvlm.explain.intervals import share
from radvlm.explain.page import Part, cell
from radvlm.explain.recipe import ImageRecipe
from radvlm.explain.session import Bank, Session, fit_judge, judge_tested, shuffled_heads
from radvlm.io.progress import Bar
from radvlm.protocols import Pixels

Seen = Mapping[str, NDArray[np.bool_]]
_NULLS = {"random": "random steps", "shuffled": "shuffled labels", "rebuilt": "rebuilding alone"}


def moves_along(
    session: Session,
    bank: Bank,
    recipe: ImageRecipe,
    prepared: Prepared,
    changed: Changed,
    progress: Bar | None = None,
) -> dict[str, Any]:
    """Attribute → in which share of images it appears and vanishes, in counterfactuals and nulls.

    Only images with a valid counterfactual count. ``moves`` is said where an attribute appears more
    often than in any null: its interval lies above all of theirs.
    """
    valid = np.flatnonzero(changed.valid)
    own, judge = prepared.take(valid), fit_judge(session, bank)
    tested = judge_tested(session, judge, recipe.bootstrap, recipe.seed)
    trusted = [n for n in judge.names if tested[n].usable(recipe.chance)]
    before = judge.shows(own.rebuilt)
    kinds: dict[str, list[tuple[Seen, Seen]]] = {"counterfactual": [], **{n: [] for n in _NULLS}}
    kinds["counterfactual"].append((before, judge.shows(changed.images[valid])))
    kinds["rebuilt"].append((judge.shows(own.images), before))
    for kind, images in _nulls(session, bank, recipe, own, changed.amplitude[valid]):
        kinds[kind].append((before, judge.shows(images)))
        if progress:
            done = len(kinds["random"]) + len(kinds["shuffled"])
            progress(done, recipe.null + recipe.shuffled, note="what goes along")
    table = {}
    for name in trusted:
        row = {kind: _shares(pairs, name) for kind, pairs in kinds.items()}
        table[name] = {**row, "moves": _stands_out(row)}
    return {
        "images": len(valid),
        "judge": {name: one.as_json() for name, one in tested.items()},
        "attributes": table,
    }


def along_part(found: Mapping[str, Any], finding: str) -> Part:
    """The table for the page."""
    head = ["attribute", "appears", "vanishes", *_NULLS.values(), "goes along?"]
    rows = [
        [
            name,
            cell(one["counterfactual"]["appears"]),
            cell(one["counterfactual"]["vanishes"]),
            *(cell(one[kind]["appears"]) for kind in _NULLS),
            "itself" if name == finding else "yes" if one["moves"] else "no",
        ]
        for name, one in found["attributes"].items()
    ]
    left = [name for name in found["judge"] if name not in found["attributes"]]
    text = [
        f"Over {found['images']} images with a valid counterfactual, as a network on pixels sees "
        "them that the autoencoder has no part in: share of the images without an attribute in "
        "which it appears, and of those with it in which it vanishes. The nulls show how often it "
        "appears where nothing was meant.",
        *([f"Not judged, because the network is at chance: {', '.join(left)}."] if left else []),
    ]
    return Part("What goes along", text, head, rows)


def _nulls(
    session: Session, bank: Bank, recipe: ImageRecipe, own: Prepared, amplitude: NDArray[np.float64]
) -> Iterator[tuple[str, Pixels]]:
    rng = np.random.default_rng(recipe.seed)
    for _ in range(recipe.null):
        step = amplitude[:, None] * bank.spread.random(len(own), rng)
        yield "random", shifted(session.autoencoder, own, step)
    for head in shuffled_heads(session, bank, recipe, recipe.finding, recipe.shuffled):
        step = amplitude[:, None] * bank.spread.direction(head, recipe.direction)
        yield "shuffled", shifted(session.autoencoder, own, step)


def _shares(pairs: list[tuple[Seen, Seen]], name: str) -> dict[str, Any]:
    was = np.concatenate([before[name] for before, _ in pairs])
    now = np.concatenate([after[name] for _, after in pairs])
    return {
        "appears": share(now[~was]) if (~was).any() else None,
        "vanishes": share(~now[was]) if was.any() else None,
    }


def _stands_out(row: Mapping[str, Any]) -> bool:
    own = row["counterfactual"]["appears"]
    nulls = [row[kind]["appears"] for kind in _NULLS]
    return own is not None and all(
        own["interval"][0] > one["interval"][1] for one in nulls if one is not None
    )
