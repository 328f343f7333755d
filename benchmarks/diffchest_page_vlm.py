"""The page of the proofs: what the audits of the vision-language model found."""

from __future__ import annotations

from benchmarks.diffchest_bars import Figures
from benchmarks.diffchest_cohorts import DEVICE
from benchmarks.results_file import cell
from radvlm.explain.auditing import WAYS


def vlm_lines(figures: Figures) -> list[str]:
    """The section, none where nothing was measured."""
    if "vlm" not in figures:
        return []
    lines = [
        "## Through the vision-language model",
        "",
        "The tiny model was taught “Is there a pleural effusion?” and to write reports, twice, "
        "then audited. The true effect is that of adding the device, between twins.",
        "",
        "| r | change | confirmed | true effect | direct effect of the edit | random steps | "
        "shuffled labels | reliance, true | reliance | p | verdict |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for r in ("0.5", "1"):
        part = figures["vlm"][r]
        for name, both in part["confounders"].items():
            ways = [way for way in WAYS if way in both]
            lines += [_asked_row(r, part, name, way, both[way]) for way in ways]
            lines.append(f"| {r} | **{name}** {'| ' * 9}**{both['verdict']}** |")
    surrogate = {r: figures["vlm"][r]["surrogate"] for r in ("0.5", "1")}
    told = "; ".join(
        f"r = {r}: R² {one['r2']:.2f}, flips {cell(one['valid'])}" for r, one in surrogate.items()
    )
    lines += ["", f"Surrogates of its answers on the code: {told}.", ""]
    return [*lines, *_reports(figures["vlm"])]


def _reports(part: Figures) -> list[str]:
    lines = [
        "In which share of the images its report begins to tell of something when the "
        f"{DEVICE} is added:",
        "",
        "| r | the report begins to tell of | between twins | at confirmed edits | random steps |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for r in ("0.5", "1"):
        edited = part[r]["confounders"][DEVICE]["added"]["report"]
        for name, between in part[r]["report"].items():
            told = (between, edited[name]["appears"], edited[name]["random"])
            lines.append(f"| {r} | {name} | {' | '.join(cell(one) for one in told)} |")
    return [*lines, ""]


def _asked_row(r: str, part: Figures, name: str, way: str, one: Figures) -> str:
    """What one way of changing a confounder does to the model taught at r."""
    known = name == DEVICE
    cells = [
        f"{name} {way}",
        cell(one["verified"]),
        f"{part['true_device']:.2f}" if known and way == "added" else "–",
        *(cell(one.get(key) or {"value": None}) for key in ("direct_effect", "null", "shuffled")),
        f"{part['true_reliance']:.2f}" if known else "–",
        f"{one['reliance']:.2f}" if "reliance" in one else "–",
        f"{one['p']:.4f}" if "p" in one else "–",
        one["verdict"],
    ]
    return f"| {r} | " + " | ".join(cells) + " |"
