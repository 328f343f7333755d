"""What the proofs were asked for, what they reached, and whether it holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.diffchest_cohorts import DEVICE
from benchmarks.results_file import cell

Figures = dict[str, Any]


def bars(figures: Figures) -> Iterator[tuple[str, str, str, bool]]:
    """(what, bar, reached, whether it holds) of everything that was asked."""
    if "planted" in figures:
        yield from _planted_bars(figures["planted"])
    if "confounded" in figures:
        yield from _confounded_bars(figures["confounded"])
    if "vlm" in figures:
        yield from _vlm_bars(figures["vlm"])
    if "speed" in figures:
        yield from _speed_bars(figures["speed"])


def _planted_bars(part: Figures) -> Iterator[tuple[str, str, str, bool]]:
    for key, goal in (("dose", "typical score"), ("dose_95", "probability 0.95")):
        if key in part:
            yield from _dose_bars(part[key], f", {goal}")
    if "rebuilding" in part:
        yield _least("reconstruction, dB", 33.0, part["rebuilding"]["psnr"])
    yield from _box_bars(part, "")


def _dose_bars(dose: Figures, at: str) -> Iterator[tuple[str, str, str, bool]]:
    rows = dose["by_r"]
    shown = {r: row["covariance"]["device"] for r, row in rows.items()}
    marker = max((row["covariance"]["marker_changed"] for row in rows.values()), key=_value)
    null = max((row["null"][DEVICE] for row in rows.values()), key=_value)
    shuffled = max((row["shuffled"][DEVICE] for row in rows.values()), key=_value)
    valid = min((row["covariance"]["valid"] for row in rows.values()), key=_value)
    yield _least(f"device shown by reliance, rank correlation{at}", 0.9, dose["rank_correlation"])
    yield _most(f"device shown, r = 0.5{at}", 0.1, shown["0.5"])
    yield _least(f"device shown, r = 1.0{at}", 0.9, shown["1"])
    yield _most(f"marker that was not planted changes (worst r){at}", 0.1, marker)
    yield _most(f"device shown after random steps as long (worst r){at}", 0.1, null)
    yield _most(f"device shown after steps of shuffled labels (worst r){at}", 0.1, shuffled)
    yield _least(f"counterfactuals that flip (worst r){at}", 0.95, valid)


def _box_bars(part: Figures, where: str) -> Iterator[tuple[str, str, str, bool]]:
    if "black_boxes" in part:
        boxes = part["black_boxes"]
        slope = boxes["slope"]
        said = f"{slope:.2f} ({boxes['n']} models)"
        yield f"edit against twin, slope{where}", "0.7 to 1.2", said, 0.7 <= slope <= 1.2
        yield _least(f"edit against twin, correlation{where}", 0.8, boxes["r"])
        what = f"edit against twin, same sign where the effect is > 1 logit{where}"
        yield _least(what, 1.0, boxes["same_sign"])
        what = f"AUROC of reliance for “has the shortcut”{where}"
        yield _least(what, 0.95, boxes["auroc_has_shortcut"])
    if "surrogates" in part:
        clean, shortcut = part["surrogates"]["0.5"], part["surrogates"]["1"]
        what = f"device in the counterfactual of a clean model, by surrogate{where}"
        yield _most(what, 0.1, clean["device"])
        what = f"device in that of a shortcut model, by surrogate{where}"
        yield _least(what, 0.9, shortcut["device"])


def _confounded_bars(part: Figures) -> Iterator[tuple[str, str, str, bool]]:
    where = ", confounded pool"
    if "black_boxes" in part:
        rows = part["black_boxes"]["classifiers"]
        what = f"false effect on clean models over that on shortcut models{where}"
        yield _most(what, 0.1, false_effect(rows))
    yield from _box_bars(part, where)


def _vlm_bars(part: Figures) -> Iterator[tuple[str, str, str, bool]]:
    said = {r: part[r]["confounders"][DEVICE]["verdict"] for r in ("0.5", "1")}
    yield (
        "vision-language model: told apart",
        "no reliance found, relies",
        f"{said['0.5']}, {said['1']}",
        said == {"0.5": "no reliance found", "1": "relies"},
    )


def _speed_bars(part: Figures) -> Iterator[tuple[str, str, str, bool]]:
    steps, best = max(part["psnr_against_many"].items(), key=lambda item: int(item[0]))
    yield _least(f"{steps} steps against {part['many']}, dB", 40.0, best)
    for name, one in part["same_verdict"].items():
        yield _least(
            f"same verdict with {part['many']} steps on {one['of']} images: {name}", 0.95, one
        )


def _least(what: str, bar: float, figure: Any) -> tuple[str, str, str, bool]:
    return what, f"≥ {bar:.2f}", _said(figure), _value(figure) >= bar


def _most(what: str, bar: float, figure: Any) -> tuple[str, str, str, bool]:
    return what, f"≤ {bar:.2f}", _said(figure), _value(figure) <= bar


def _value(figure: Any) -> float:
    return float(figure["value"] if isinstance(figure, dict) else figure)


def _said(figure: Any) -> str:
    return cell(figure) if isinstance(figure, dict) else f"{figure:.2f}"


def false_effect(rows: list[Figures]) -> float:
    """The device's effect on clean models over that on those with the shortcut."""
    return abs(mean(rows, 0.5, "edit_device")) / mean(rows, 1.0, "edit_device")


def mean(rows: list[Figures], r: float, key: str) -> float:
    """A figure's mean over the models with the device planted at ``r``."""
    chosen = [row[key] for row in rows if row["r"] == r]
    return float(sum(chosen) / len(chosen))
