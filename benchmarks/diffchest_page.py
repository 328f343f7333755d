"""``results/diffchest.json`` → ``benchmarks/diffchest.md``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.results_file import cell
from radvlm.io.files import atomic_path, read_json

AVERAGED = (
    "true_device",
    "edit_device",
    "true_finding",
    "edit_finding",
    "true_reliance",
    "reliance",
)
PAGE = Path(__file__).parent / "diffchest.md"
FINDING, DEVICE = "Pleural Effusion", "pacemaker"
Figures = dict[str, Any]


def write_page(results: Path) -> None:
    """The page, from the results alone."""
    with atomic_path(PAGE) as aside:
        aside.write_text(page(read_json(results)), encoding="utf-8")


def page(found: Figures) -> str:
    """Markdown: every bar with what was reached, then the tables behind them."""
    figures = found["figures"]
    parts = [
        "# DiffChest: what its explanations are worth",
        "",
        f"`{found['command']}`, commit {found['commit']}, {found['hardware']}.",
        "Research use only, not for diagnosis. Simulated radiographs of 64 px unless said "
        "otherwise; rates are of "
        f"{found['n']} test patients with their 95 % interval, judged by a network that the "
        "autoencoder has no part in. The truth of a model is what its score does between true "
        "twins: images that differ in one thing alone.",
        "",
        *_bars(figures),
        *_remarks(),
        *_doses(figures),
        *_boxes(figures, "planted", "Black boxes: small classifiers of pixels"),
        *_boxes(figures, "confounded", "The same models, seen through a confounded pool (r = 0.9)"),
        *_vlm(figures),
        *_real(figures),
        *_speed(figures),
    ]
    return "\n".join(parts) + "\n"


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
    for key, target in (("dose", 0.95), ("dose_99", 0.99)):
        if key in part:
            yield from _dose_bars(part[key], f", target {target}")
    if "rebuilding" in part:
        yield _least("reconstruction, dB", 33.0, part["rebuilding"]["psnr"])
    yield from _box_bars(part, "")


def _dose_bars(dose: Figures, at: str) -> Iterator[tuple[str, str, str, bool]]:
    rows = dose["by_r"]
    shown = {r: row["covariance"]["device"] for r, row in rows.items()}
    marker = max((row["covariance"]["marker_changed"] for row in rows.values()), key=_value)
    null = max((row["null"][DEVICE] for row in rows.values()), key=_value)
    valid = min((row["covariance"]["valid"] for row in rows.values()), key=_value)
    yield _least(f"device shown by reliance, rank correlation{at}", 0.9, dose["rank_correlation"])
    yield _most(f"device shown, r = 0.5{at}", 0.1, shown["0.5"])
    yield _least(f"device shown, r = 1.0{at}", 0.9, shown["1"])
    yield _most(f"marker that was not planted changes (worst r){at}", 0.1, marker)
    yield _most(f"device shown after random steps as long (worst r){at}", 0.1, null)
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
        yield _most(what, 0.1, _false_effect(rows))
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
        yield _least(f"same verdict with {part['many']} steps: {name}", 0.95, one)


def _bars(figures: Figures) -> list[str]:
    rows = [
        f"| {what} | {bar} | {reached} | {'yes' if held else '**no**'} |"
        for what, bar, reached, held in bars(figures)
    ]
    return ["| what | bar | reached | held |", "| --- | ---: | ---: | :---: |", *rows, ""]


def _remarks() -> list[str]:
    path = Path(__file__).parent / "diffchest_remarks.md"
    return [path.read_text(encoding="utf-8").rstrip(), ""] if path.exists() else []


def _doses(figures: Figures) -> list[str]:
    if "dose" not in figures.get("planted", {}):
        return []
    lines = [
        "## Heads trained with the device planted at r",
        "",
        "![What heads want to see](results/diffchest_doses.png)",
        "",
        "Reliance is the device's part of what device and finding move the score by, between true "
        "twins. `S w` is the covariance direction of a decorrelated sample, `w` the published one.",
        "",
        "The probability to reach is 0.95, in the last column 0.99.",
        "",
        "| r | true reliance | device shown, S w | finding shown, S w | device shown, w | "
        "flips, S w | flips, w | device shown, S w, 0.99 |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for r, row in figures["planted"]["dose"]["by_r"].items():
        own, raw = row["covariance"], row.get("weight", {})
        shown = {key: cell(raw[key]) if raw else "–" for key in ("device", "valid")}
        cells = [cell(own["device"]), cell(own["finding"]), shown["device"]]
        surer = figures["planted"].get("dose_99", {}).get("by_r", {}).get(r)
        cells += [cell(own["valid"]), shown["valid"]]
        cells.append(cell(surer["covariance"]["device"]) if surer else "–")
        lines.append(f"| {r} | {row['true_reliance']:.2f} | {' | '.join(cells)} |")
    drift = figures["planted"]["rebuilding"]
    lines += [
        "",
        f"Images are rebuilt with {cell(drift['psnr'])} dB; that moves the finding's logit by "
        f"{cell(drift['drift'])} and changes {cell(drift['decisions_changed'])} of the decisions.",
        "",
    ]
    return lines


def _boxes(figures: Figures, name: str, title: str) -> list[str]:
    part = figures.get(name, {})
    lines = [f"## {title}", ""]
    if "black_boxes" in part:
        lines += _effects(part["black_boxes"])
    if "surrogates" in part:
        lines += ["| surrogate of r | R² | flips | device shown | finding shown |"]
        lines += ["| --- | ---: | ---: | ---: | ---: |"]
        for r, one in part["surrogates"].items():
            cells = " | ".join(cell(one[key]) for key in ("valid", "device", "finding"))
            lines.append(f"| {r} | {one['r2']:.2f} | {cells} |")
        lines.append("")
    return lines if len(lines) > 2 else []


def _effects(part: Figures) -> list[str]:
    lines = [
        "Mean effect on the logit of adding the device or the finding, by edits that the judge "
        "confirms and between the true twins of the same images; mean over the models of a row. "
        f"Confirmed: device {cell(part['confirmed'][DEVICE])}, finding "
        f"{cell(part['confirmed'][FINDING])}.",
        "",
        "| r | models | device, twins | device, edit | finding, twins | finding, edit | "
        "reliance, true | reliance, edit |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    rows = part["classifiers"]
    for r in sorted({row["r"] for row in rows}):
        count = sum(row["r"] == r for row in rows)
        cells = " | ".join(f"{_mean(rows, r, key):.2f}" for key in AVERAGED)
        lines.append(f"| {r:g} | {count} | {cells} |")
    lines += ["", "| added | finding seen | device seen | marker seen |"]
    lines += ["| --- | ---: | ---: | ---: |"]
    for added, one in part["edits"].items():
        lines.append(f"| {added} | " + " | ".join(cell(share) for share in one.values()) + " |")
    return [*lines, ""]


def _vlm(figures: Figures) -> list[str]:
    if "vlm" not in figures:
        return []
    lines = [
        "## Through the vision-language model",
        "",
        "The tiny model was taught “Is there a pleural effusion?” twice, then audited.",
        "",
        "| r | added | true effect | effect of the edit | of random steps | reliance, true | "
        "reliance | p | verdict |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for r in ("0.5", "1"):
        part = figures["vlm"][r]
        for name, one in part["confounders"].items():
            true = f"{part['true_device']:.2f}" if name == DEVICE else "not drawn"
            rests = f"{part['true_reliance']:.2f}" if name == DEVICE else "not drawn"
            lines.append(
                f"| {r} | {name} | {true} | {cell(one.get('effect', {'value': None}))} | "
                f"{cell(one.get('null', {'value': None}))} | {rests} | "
                f"{one.get('reliance', float('nan')):.2f} | {one.get('p', float('nan')):.4f} | "
                f"{one['verdict']} |"
            )
    surrogate = {r: figures["vlm"][r]["surrogate"] for r in ("0.5", "1")}
    told = "; ".join(
        f"r = {r}: R² {one['r2']:.2f}, flips {cell(one['valid'])}" for r, one in surrogate.items()
    )
    return [*lines, "", f"Surrogates of its answers on the code: {told}.", ""]


def _real(figures: Figures) -> list[str]:
    if "real" not in figures:
        return []
    part = figures["real"]
    lines = [
        "## Real radiographs",
        "",
        f"{part['images']} images of {part['patients']} patients at 64 px; figures are of test "
        "patients. Learned from a share of the patients: mean AUC of five draws.",
        "",
        "| attribute | AUC | test images | positive | 1 % | 3 % | 10 % | 100 % |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, one in sorted(part["probes"].items(), key=lambda item: -item[1]["value"]):
        curve = {p["share"]: f"{p['value']:.2f}" for p in part["label_efficiency"].get(name, [])}
        cells = " | ".join(curve.get(share, "–") for share in (0.01, 0.03, 0.1, 1.0))
        lines.append(f"| {name} | {cell(one)} | {one['n']} | {one['positives']} | {cells} |")
    lines += ["", "![Counterfactuals of real radiographs](results/diffchest_real.png)", ""]
    lines += ["| asked for | flips | refused | rebuilt, dB | mean change of each probe's logit |"]
    lines += ["| --- | ---: | ---: | ---: | --- |"]
    for name, one in part["pairs"].items():
        moved = ", ".join(f"{k} {v:+.1f}" for k, v in one["moved"].items())
        lines.append(
            f"| {name} | {cell(one['valid'])} | {one['refused']} | {one['psnr']:.1f} | {moved} |"
        )
    return [*lines, ""]


def _speed(figures: Figures) -> list[str]:
    if "speed" not in figures:
        return []
    part = figures["speed"]
    rates = ", ".join(f"{name} {rate:.1f}" for name, rate in part["images_a_second"].items())
    few = ", ".join(f"{n} steps {cell(one)} dB" for n, one in part["psnr_against_many"].items())
    return [
        "## Speed",
        "",
        f"One thread of a busy machine, {part['steps']} steps each way with {part['refine']} "
        f"refinement: images a second {rates}. Against {part['many']} steps from the same noise: "
        f"{few}.",
        "",
        "The full-size network at 256 px needs a GPU and was not run here; only its sizes are "
        "checked (168.5 million parameters).",
        "",
    ]


def _least(what: str, bar: float, figure: Any) -> tuple[str, str, str, bool]:
    return what, f"≥ {bar:.2f}", _said(figure), _value(figure) >= bar


def _most(what: str, bar: float, figure: Any) -> tuple[str, str, str, bool]:
    return what, f"≤ {bar:.2f}", _said(figure), _value(figure) <= bar


def _value(figure: Any) -> float:
    return float(figure["value"] if isinstance(figure, dict) else figure)


def _said(figure: Any) -> str:
    return cell(figure) if isinstance(figure, dict) else f"{figure:.2f}"


def averages(figures: Figures) -> Figures:
    """What the page says of several models at once, for the results file."""
    found: Figures = {}
    for group in ("planted", "confounded"):
        if "black_boxes" in figures.get(group, {}):
            rows = figures[group]["black_boxes"]["classifiers"]
            found[group] = {
                f"{r:g}": {key: _mean(rows, r, key) for key in AVERAGED}
                for r in sorted({row["r"] for row in rows})
            }
            found[group]["false_effect"] = _false_effect(rows)
    return found


def _false_effect(rows: list[Figures]) -> float:
    """The device's effect on clean models over that on those with the shortcut."""
    return abs(_mean(rows, 0.5, "edit_device")) / _mean(rows, 1.0, "edit_device")


def _mean(rows: list[Figures], r: float, key: str) -> float:
    chosen = [row[key] for row in rows if row["r"] == r]
    return float(sum(chosen) / len(chosen))
