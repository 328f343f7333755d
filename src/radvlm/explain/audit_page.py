"""The audit as a page: verdicts, the table of effects, what moves along, pairs of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radvlm.explain.auditing import Edit
from radvlm.explain.counterfactual import Prepared
from radvlm.explain.page import Part, cell, write_page
from radvlm.explain.pictures import difference, save_png, strip
from radvlm.explain.recipe import AuditRecipe
from radvlm.explain.session import Session

_SHOWN = 6
_TONES = {"relies": "bad", "no reliance found": "good", "undecided": "open"}


def write_audit_page(
    recipe: AuditRecipe,
    session: Session,
    prepared: Prepared,
    edits: Mapping[str, Edit],
    figures: dict[str, Any],
) -> None:
    """``report.html`` and the pairs as PNG files."""
    parts = [*_verdicts(recipe, figures), _effects(figures), _surrogates(figures)]
    for name, edit in edits.items():
        pictures = []
        for k in range(min(_SHOWN, len(prepared))):
            before, after = prepared.rebuilt[k], edit.changed.images[k]
            tiles = [prepared.images[k], before, after, difference(before, after)]
            shown = strip(tiles, ("original", "rebuilt", f"{name} added", "difference"))
            save_png(shown, recipe.out / "pairs" / f"{name.replace(' ', '_')}_{k:02d}.png")
            confirmed = "confirmed" if edit.shown[k] else "not confirmed"
            pictures.append(
                (f"{confirmed} by the judge; step of {edit.changed.amplitude[k]:.1f} SD", shown)
            )
        parts.append(Part(f"{name} added", _along(figures, name), pictures=pictures))
    parts.append(_trust(figures))
    write_page(
        recipe.out / "report.html",
        f"Audit: {recipe.finding}",
        f"{figures['images']} test images without the finding were changed in one thing each, and "
        f"the model was asked again whether there is {recipe.finding.lower()}.",
        session.autoencoder.card.scope,
        parts,
        session.access,
    )


def _verdicts(recipe: AuditRecipe, figures: dict[str, Any]) -> list[Part]:
    parts = []
    for name in recipe.confounders:
        found = figures["models"]["audited"]["confounders"][name]
        verdict = found["verdict"]
        line = f"{verdict}" + (f": {found['why']}" if found["why"] else "")
        if "reliance" in found:
            line += (
                f" (reliance {found['reliance']:.2f}, threshold {recipe.threshold:.2f}, "
                f"p = {found['p']:.4f} against random steps)"
            )
        parts.append(Part(f"Does it rest on {name}?", verdict=line, tone=_TONES[verdict]))
    return parts


def _effects(figures: dict[str, Any]) -> Part:
    rows = []
    for role, model in figures["models"].items():
        for name, found in model["confounders"].items():
            if "effect" not in found:
                continue
            rows.append(
                [
                    f"{role}: {model['name']}",
                    name,
                    cell(found["effect"]),
                    cell(found["finding_effect"]),
                    cell(found["null"]),
                    cell(found["answers_changed"]),
                    f"{found['reliance']:.2f}",
                    found["verdict"],
                ]
            )
    head = [
        "model",
        "added",
        "effect, logit",
        "of the finding itself",
        "of random steps",
        "answers changed",
        "reliance",
        "verdict",
    ]
    text = [
        "By how much the logit of yes moves, mean over images with its interval. Reliance is the "
        "part of the added thing in what it and the finding itself move.",
    ]
    return Part("Effects", text, head, rows)


def _surrogates(figures: dict[str, Any]) -> Part:
    rows = []
    for role, model in figures["models"].items():
        found = model["surrogate"]
        shown = found.get("appears", {})
        rows.append(
            [
                f"{role}: {model['name']}",
                f"{found['r2']:.2f}",
                cell(found["valid"]),
                *(cell(shown.get(name)) for name in figures["probes"]),
            ]
        )
    head = ["model", "R²", "answer flipped", *(f"{name} appears" for name in figures["probes"])]
    text = [
        "The model's own counterfactual: its score as a linear function of the code, from its "
        "answers alone; the image is changed until the model itself says yes."
    ]
    return Part("What the model wants to see", text, head, rows)


def _along(figures: dict[str, Any], name: str) -> list[str]:
    shares = figures["moves_along"][name]
    told = ", ".join(f"{other} in {cell(found)}" for other, found in shares.items())
    return [f"What the judge sees appear where it was not: {told}."]


def _trust(figures: dict[str, Any]) -> Part:
    balance = figures["balance"]
    rows = [
        [name, cell(found), cell(figures["judge"][name])]
        for name, found in figures["probes"].items()
    ]
    text = [
        f"Images are rebuilt with {cell(figures['rebuilt_psnr'], 1)} dB; "
        f"{len(figures['refused'])} were refused as out of domain.",
        f"Finding and confounders were told apart on {balance['images']} images, which weighted "
        f"count as {balance['effective']:.0f}; combinations nobody shows: "
        f"{balance['combinations_nobody_shows']}.",
    ]
    return Part(
        "How far to trust it", text, ["attribute", "AUC of the probe", "AUC of the judge"], rows
    )
