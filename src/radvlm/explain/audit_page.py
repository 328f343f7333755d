"""The audit as a page: verdicts, the table of effects, what moves along, pairs of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from radvlm.explain.auditing import WAYS, Edit, Edits, Way
from radvlm.explain.page import Part, cell, write_page
from radvlm.explain.pictures import difference, save_png, strip
from radvlm.explain.recipe import AuditRecipe
from radvlm.explain.session import Session
from radvlm.explain.telling import KINDS

_SHOWN = 6
_TONES = {"relies": "bad", "no reliance found": "good", "undecided": "open"}


def write_audit_page(
    recipe: AuditRecipe, session: Session, edits: Edits, figures: dict[str, Any]
) -> None:
    """``report.html`` and the pairs as PNG files."""
    parts = [*_verdicts(recipe, figures), _effects(figures), *_told(figures), _surrogates(figures)]
    for name, ways in edits.items():
        for way, edit in ways.items():
            parts.append(_pairs(recipe.out / "pairs", edit, way, figures["edits"][name][way]))
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


def _pairs(folder: Path, edit: Edit, way: Way, described: dict[str, Any]) -> Part:
    """The first pairs of an edit, and what the judge sees in all of them."""
    pictures = []
    for k in range(min(_SHOWN, len(edit.prepared))):
        before, after = edit.prepared.rebuilt[k], edit.changed.images[k]
        tiles = [edit.prepared.images[k], before, after, difference(before, after)]
        shown = strip(tiles, ("original", "rebuilt", f"{edit.name} {way}", "difference"))
        save_png(shown, folder / f"{edit.name.replace(' ', '_')}_{way}_{k:02d}.png")
        confirmed = "confirmed" if edit.shown[k] else "not confirmed"
        said = f"{confirmed} by the judge; step of {edit.changed.amplitude[k]:.1f} SD"
        pictures.append((said, shown))
    told = ", ".join(f"{name} in {cell(found)}" for name, found in described["appears"].items())
    text = [
        f"{described['images']} images; the judge confirms {cell(described['confirmed'])}.",
        f"What it sees appear where it was not: {told}.",
    ]
    return Part(f"{edit.name} {way}", text, pictures=pictures)


def _verdicts(recipe: AuditRecipe, figures: dict[str, Any]) -> list[Part]:
    parts = []
    for name in recipe.confounders:
        found = figures["models"]["audited"]["confounders"][name]
        verdict = found["verdict"]
        lines = []
        for way in WAYS:
            one = found.get(way, {"why": "no test image has it"})
            said = one["why"]
            if "reliance" in one:
                said = f"reliance {one['reliance']:.2f}, p = {one['p']:.4f} against random steps"
                said += f"; {one['why']}" if one["why"] else ""
            lines.append(f"{way}: {said}")
        line = f"{verdict} (threshold {recipe.threshold:.2f})"
        parts.append(Part(f"Does it rest on {name}?", lines, verdict=line, tone=_TONES[verdict]))
    return parts


def _asked(role: str, model: dict[str, Any]) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """How a row begins, and what was found, for each way of changing each confounder."""
    for name, both in model["confounders"].items():
        for way in WAYS:
            yield [f"{role}: {model['name']}", f"{name} {way}"], both.get(way, {})


def _effects(figures: dict[str, Any]) -> Part:
    rows = []
    for role, model in figures["models"].items():
        for start, found in _asked(role, model):
            if "effect" in found:
                rows.append([*start, *_row(found)])
        drift = cell(model["drift"])
        rows.append([f"{role}: {model['name']}", "rebuilt, nothing else", drift, *[""] * 7])
    head = [
        "model",
        "change",
        "effect, logit",
        "of it direct",
        "adding the finding itself",
        "random steps",
        "shuffled labels",
        "answers changed",
        "reliance",
        "verdict",
    ]
    text = [
        "By how much the logit of yes moves, mean over images with its interval. It is direct "
        "without what goes through other things that were drawn along with it a little. Reliance "
        "is the confounder's part in what it and the finding itself move directly. What means "
        "nothing should move nothing: random steps as long, and those of probes fitted to shuffled "
        "labels.",
    ]
    return Part("Effects", text, head, rows)


def _row(found: dict[str, Any]) -> list[str]:
    return [
        cell(found["effect"]),
        cell(found["direct_effect"]),
        cell(found["finding_effect"]),
        cell(found["null"]),
        cell(found["shuffled"]),
        cell(found["answers_changed"]),
        f"{found['reliance']:.2f}",
        found["verdict"],
    ]


def _told(figures: dict[str, Any]) -> list[Part]:
    """What reports and boxes make of the edits, where a model was asked for them."""
    rows = []
    for role, model in figures["models"].items():
        for start, found in _asked(role, model):
            told = {f"report: {what}": said for what, said in found.get("report", {}).items()}
            if "boxes" in found:
                told[f"boxes: {figures['finding']}"] = found["boxes"]
            rows += [
                [*start, what, *(cell(said[kind]) if kind in said else "" for kind in KINDS)]
                for what, said in told.items()
            ]
    head = ["model", "change", "what", "appears", "vanishes", "moves", "random steps"]
    text = [
        "In which share of the confirmed edits a report begins or ceases to tell of something, and "
        "boxes come, go or move (to an overlap below one half); beside it, in which share a random "
        "step as long does any of these."
    ]
    return [Part("What it writes and points at", text, head, rows)] if rows else []


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
