"""``radvlm explain image``: what a finding looks like on these very patients.

Writes for every image a strip (original, reconstruction, counterfactual, difference), an animation
and the scores of every probe before and after; ``pairs.json``, ``report.html``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from radvlm import recipe as recipes
from radvlm.errors import InputError
from radvlm.explain.autoencoder import psnr
from radvlm.explain.cohort import along_part, moves_along
from radvlm.explain.counterfactual import Changed, Prepared, change, shifted
from radvlm.explain.decorrelation import Spread
from radvlm.explain.intervals import share
from radvlm.explain.page import Part, write_page
from radvlm.explain.pictures import difference, save_gif, save_png, strip
from radvlm.explain.probes import Head
from radvlm.explain.recipe import ImageRecipe
from radvlm.explain.session import (
    BELOW,
    Bank,
    Session,
    fit_bank,
    in_domain,
    open_session,
    refusal,
    usable,
    without,
)
from radvlm.explain.store import read_square
from radvlm.io.files import write_json
from radvlm.io.progress import Bar

CAPTIONS = ("original", "rebuilt", "counterfactual", "difference")
PUBLISHED_STEP = 0.6
"""The published rule moves z by 0.6 √d along w/‖w‖, in standard deviations of each number of z."""


@dataclass(frozen=True, slots=True)
class Explained:
    """What was made of some images."""

    names: tuple[str, ...]
    prepared: Prepared
    changed: Changed
    step: np.ndarray


def explain_images(recipe: ImageRecipe, progress: Bar | None = None) -> dict[str, Any]:
    """Counterfactuals of the recipe's image, or of the first test images without the finding.

    Raises:
        InputError: the image is out of domain, or the finding's probe is at chance.
    """
    session = open_session(recipe, progress)
    apart = (recipe.finding, *recipe.confounders)
    bank = fit_bank(session, recipe, apart)
    head = usable(bank, recipe.finding, recipe.chance)
    names, images, refused = _chosen(session, recipe)
    prepared = Prepared.of(session.autoencoder, images)
    changed = (
        published_change(session, prepared, head)
        if recipe.fixed
        else change(
            session.autoencoder,
            prepared,
            head,
            bank.spread,
            recipe.loop,
            bank.goals[recipe.finding],
            kind=recipe.direction,
        )
    )
    kind = "weight" if recipe.fixed else recipe.direction
    made = Explained(names, prepared, changed, bank.spread.direction(head, kind))
    figures = _figures(session, recipe, bank, made) | {"refused": refused}
    if recipe.image is None and changed.valid.any():
        figures["along"] = moves_along(session, bank, recipe, prepared, changed, progress)
    _write(session, recipe, made, figures, progress)
    return figures


def published_change(session: Session, prepared: Prepared, head: Head) -> Changed:
    """DiffChest's own rule: a fixed step along the raw weights, no look at the result."""
    scale = session.z[session.of("train", "validate")].std(axis=0)
    weight = head.weight * scale
    step = PUBLISHED_STEP * np.sqrt(len(weight)) * weight / np.linalg.norm(weight) * scale
    images = shifted(session.autoencoder, prepared, np.tile(step, (len(prepared), 1)))
    before = head.logit(session.autoencoder.encode(prepared.rebuilt))
    after = head.logit(session.autoencoder.encode(images))
    length = np.full(len(prepared), float(Spread.of(session.z).length(step)[0]))
    return Changed(images, length, before, after, after > 0)


def _chosen(session: Session, recipe: ImageRecipe) -> tuple[tuple[str, ...], Any, list[str]]:
    """Names and squares of what is explained, and why others are not."""
    if recipe.image is not None:
        square = read_square(recipe.image, session.autoencoder.config.side)[None]
        floor = session.autoencoder.card.psnr
        reached = float(session.autoencoder.domain(square)[0])
        if floor is not None and reached < floor - BELOW:
            raise InputError(
                refusal(reached, floor), recipe.image, "Give a frontal chest radiograph"
            )
        return (recipe.image.stem,), square, []
    places, refused = in_domain(
        session, without(session, session.of("test"), (recipe.finding,))[: recipe.count]
    )
    if not len(places):
        raise InputError(f"every image was refused: {refused[0]}", "sources")
    names = tuple(session.rows[k].view for k in places)
    return names, np.asarray(session.images[places]), refused


def _figures(session: Session, recipe: ImageRecipe, bank: Bank, made: Explained) -> dict[str, Any]:
    """Scores of every probe before and after, and how the images were changed."""
    rebuilt = session.autoencoder.encode(made.prepared.rebuilt)
    after = session.autoencoder.encode(made.changed.images)
    fidelity = psnr(made.prepared.images, made.prepared.rebuilt)
    drift = bank.heads[recipe.finding].logit(rebuilt) - bank.heads[recipe.finding].logit(
        made.prepared.z
    )
    pairs = []
    for k, name in enumerate(made.names):
        scores = {
            attribute: [
                round(float(head.logit(rebuilt[k : k + 1])[0]), 3),
                round(float(head.logit(after[k : k + 1])[0]), 3),
            ]
            for attribute, head in bank.heads.items()
            if bank.tested[attribute].usable(recipe.chance)
        }
        valid = bool(made.changed.valid[k])
        pairs.append(
            {
                "image": name,
                "valid": valid,
                "said": "" if valid else "no valid counterfactual",
                "amplitude": round(float(made.changed.amplitude[k]), 3),
                "psnr": round(float(fidelity[k]), 2),
                "drift": round(float(drift[k]), 3),
                "scores": scores,
            }
        )
    return {
        "scope": session.autoencoder.card.scope,
        "access": session.access,
        "finding": recipe.finding,
        "direction": recipe.direction,
        "valid": share(made.changed.valid),
        "probes": {name: found.as_json() for name, found in bank.tested.items()},
        "pairs": pairs,
    }


def _write(
    session: Session,
    recipe: ImageRecipe,
    made: Explained,
    figures: dict[str, Any],
    progress: Bar | None,
) -> None:
    pictures = []
    for k, name in enumerate(made.names):
        place = f"{k:03d}"
        images = [made.prepared.images[k], made.prepared.rebuilt[k], made.changed.images[k]]
        shown = strip([*images, difference(images[1], images[2])], CAPTIONS)
        save_png(shown, recipe.out / "pairs" / f"{place}.png")
        for kind, pixels in zip(("original", "rebuilt", "counterfactual"), images, strict=True):
            save_png(strip([pixels], side=256), recipe.out / "pairs" / f"{place}_{kind}.png")
        one = made.prepared.take(np.array([k]))
        parts = np.linspace(0, made.changed.amplitude[k], recipe.frames)
        frames = [shifted(session.autoencoder, one, p * made.step[None])[0] for p in parts]
        save_gif(frames, recipe.out / "pairs" / f"{place}.gif")
        pair = figures["pairs"][k]
        said = pair["said"] or f"{recipe.finding} added"
        pictures.append((f"{name}: {said}, step of {pair['amplitude']:.1f} SD", shown))
        if progress:
            progress(k + 1, len(made.names), note="pictures")
    write_json(recipe.out / "pairs.json", figures)
    write_json(recipe.out / "recipe.json", recipes.dump(recipe))
    write_page(
        recipe.out / "report.html",
        f"{recipe.finding} on these patients",
        "Each image is changed as little as the probe's target asks for; orange became brighter, "
        "blue darker. Compare with the rebuilt image, not with the original.",
        session.autoencoder.card.scope,
        [
            Part("Pairs", pictures=pictures),
            *([along_part(figures["along"], recipe.finding)] if "along" in figures else []),
            Part("Scores before and after", (), *_table(figures)),
        ],
        session.access,
    )


def _table(figures: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    names = list(figures["pairs"][0]["scores"])
    rows = [
        [
            pair["image"],
            f"{pair['psnr']:.1f} dB",
            *(f"{a:+.1f} → {b:+.1f}" for a, b in (pair["scores"][name] for name in names)),
        ]
        for pair in figures["pairs"]
    ]
    return ["image", "rebuilt", *names], rows
