"""``results/diffchest.json`` → ``benchmarks/diffchest.md``."""

from __future__ import annotations

from pathlib import Path

from benchmarks.diffchest_bars import Figures, bars, false_effect, mean
from benchmarks.diffchest_cohorts import DEVICE, FINDING
from benchmarks.diffchest_page_vlm import vlm_lines
from benchmarks.results_file import RESULTS, cell
from radvlm.io.files import atomic_path, read_json

AVERAGED = (
    "true_device",
    "edit_device",
    "true_finding",
    "edit_finding",
    "true_reliance",
    "reliance",
)
WHOLE = ("raw_device", "raw_finding")
EARLIER = RESULTS / "diffchest_earlier.json"
PAGE = Path(__file__).parent / "diffchest.md"


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
        *_earlier(figures),
        *_doses(figures),
        *_boxes(figures, "planted", "Black boxes: small classifiers of pixels"),
        *_boxes(figures, "confounded", "The same models, seen through a confounded pool (r = 0.9)"),
        *vlm_lines(figures),
        *_real(figures),
        *_plan(figures),
        *_speed(figures),
    ]
    return "\n".join(parts) + "\n"


def _bars(figures: Figures) -> list[str]:
    rows = [
        f"| {what} | {bar} | {reached} | {'yes' if held else '**no**'} |"
        for what, bar, reached, held in bars(figures)
    ]
    return ["| what | bar | reached | held |", "| --- | ---: | ---: | :---: |", *rows, ""]


def _remarks() -> list[str]:
    path = Path(__file__).parent / "diffchest_remarks.md"
    return [path.read_text(encoding="utf-8").rstrip(), ""] if path.exists() else []


def _earlier(figures: Figures) -> list[str]:
    """What stood here before the method was changed, from what was kept of those results."""
    if "pretraining" not in figures:
        return []
    images = figures["pretraining"]["clean"]["samples"]
    earlier = read_json(EARLIER)
    first, second, third = (earlier[f"{draw}_draw"] for draw in ("first", "second", "third"))
    shorter = earlier["shorter_taught"]
    told = shorter["report_begins_to_tell_of_effusion"]
    rebuilt, few = first["rebuilt_psnr"], first["psnr_against_many"]["20"]
    return [
        "## Which patients, and what was measured before",
        "",
        f"Method was tried on one draw of patients (commit {first['commit']}): with DDIM steps of "
        f"equal length images were rebuilt with {cell(rebuilt)} dB and 20 steps agreed with 250 to "
        f"{cell(few)} dB (n = {few['n']}); the device was shown at r = 1.0 in "
        f"{cell(first['device_shown_at_1'])}, and the false effect was "
        f"{first['false_effect']:.3f}. On a second draw (commit {second['commit']}, "
        f"n = {second['n']}) steps are shorter where "
        "little noise is left (t = k²/n²) and the goal was a probability of 0.99: the false effect "
        f"was {second['false_effect']:.3f}, and the device at r = 1.0 fell short as well (that "
        "results file was not kept). Goal, direct effects and the length of the confounded pool's "
        "pretraining were changed after that, tried on the first draw, and measured once on a "
        f"third (n = {third['n']}): the false effect was {third['false_effect']:.3f}, and the "
        f"device was shown at r = 1.0 in {cell(third['device_shown_at_1'])}; of its removals the "
        f"judge confirmed {cell(third['removals_confirmed'])}. After that both pretrainings were "
        f"made twice as long ({images:,} images), tried on the first draw, and measured once on "
        "the fourth, which is this page.",
        "",
        "The audits of the vision-language model (on test patients of the pool) and those of real "
        "radiographs were made more than once. The two models were first taught for "
        f"{shorter['epochs']} epochs, with the same verdicts on the device; when it was added, "
        f"reports began to tell of an effusion in {cell(told['1'])} at r = 1.0 and in "
        f"{cell(told['0.5'])} at r = 0.5. With a judge of another random start, real radiographs "
        "asked for the source alone looked tuberculous in "
        f"{cell(third['source_looks_tuberculous'])}.",
        "",
    ]


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
        "The score to reach is that of the head's typical (median) image with the finding, in the "
        "last column a probability of 0.95.",
        "",
        "| r | true reliance | device shown, S w | finding shown, S w | device shown, w | "
        "flips, S w | flips, w | device shown, S w, 0.95 |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for r, row in figures["planted"]["dose"]["by_r"].items():
        own, raw = row["covariance"], row.get("weight", {})
        shown = {key: cell(raw[key]) if raw else "–" for key in ("device", "valid")}
        cells = [cell(own["device"]), cell(own["finding"]), shown["device"]]
        lesser = figures["planted"].get("dose_95", {}).get("by_r", {}).get(r)
        cells += [cell(own["valid"]), shown["valid"]]
        cells.append(cell(lesser["covariance"]["device"]) if lesser else "–")
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
        "confirms (direct; the whole effect in brackets) and between the true twins of the same "
        "images; mean over the models of a row. "
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
        cells = " | ".join(_averaged(rows, r, key) for key in AVERAGED)
        lines.append(f"| {r:g} | {count} | {cells} |")
    lines += ["", "| added | finding seen | device seen | marker seen |"]
    lines += ["| --- | ---: | ---: | ---: |"]
    for added, one in part["edits"].items():
        lines.append(f"| {added} | " + " | ".join(cell(share) for share in one.values()) + " |")
    return [*lines, ""]


def _averaged(rows: list[Figures], r: float, key: str) -> str:
    whole = key.replace("edit_", "raw_")
    said = f"{mean(rows, r, key):.2f}"
    return said if whole == key else f"{said} ({mean(rows, r, whole):.2f})"


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
    lines += [
        "",
        "Pictures are in `runs/explain/real.png` after a run: two patients for each thing asked "
        "for, in this order. Real radiographs are not kept here.",
        "",
    ]
    lines += ["| asked for | flips | refused | rebuilt, dB | mean change of each probe's logit |"]
    lines += ["| --- | ---: | ---: | ---: | --- |"]
    for name, one in part["pairs"].items():
        moved = ", ".join(f"{k} {v:+.1f}" for k, v in one["moved"].items())
        lines.append(
            f"| {name} | {cell(one['valid'])} | {one['refused']} | {one['psnr']:.1f} | {moved} |"
        )
    return [*lines, "", *_along(part["pairs"])]


def _along(pairs: Figures) -> list[str]:
    """What goes along with each attribute asked for, as the judge sees it."""
    lines = [
        "As a network on pixels sees it that the autoencoder has no part in: in which share of "
        "the images with a valid counterfactual something appears that was not there, beside the "
        "nulls.",
        "",
        "| asked for | what appears | in counterfactuals | random steps | shuffled labels | "
        "rebuilding alone | goes along |",
        "| --- | --- | ---: | ---: | ---: | ---: | :---: |",
    ]
    for finding, pair in pairs.items():
        for name, one in pair["along"].items():
            kinds = ("counterfactual", "random", "shuffled", "rebuilt")
            cells = " | ".join(cell(one[kind]["appears"] or {"value": None}) for kind in kinds)
            told = "itself" if name == finding else "yes" if one["moves"] else "no"
            lines.append(f"| {finding} | {name} | {cells} | {told} |")
    return [*lines, ""]


def _plan(figures: Figures) -> list[str]:
    if "plan" not in figures:
        return []
    part = figures["plan"]
    keys = ("images", "train", "patients", "train_patients")
    lines = [
        "## The published pretraining set",
        "",
        "`recipes/diffchest.yaml --plan` on invented tables as large as the three releases, "
        f"frontal views alone ({part['seconds']:.0f} s). The publication does not say which views "
        "it left out.",
        "",
        "| source | images | for training | patients | for training |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, row in {**part["sources"], "all": part["total"]}.items():
        lines.append(f"| {name} | " + " | ".join(f"{row[key]:,}" for key in keys) + " |")
    published = part["published"]
    lines.append(f"| published | {published['images']:,} | – | {published['patients']:,} | – |")
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
        f"Two threads, {part['steps']} steps each way with {part['refine']} "
        f"refinement: images a second {rates}. Against {part['many']} steps from the same noise: "
        f"{few}.",
        "",
        _cost(figures["cpu_seconds"]),
        "",
        "The full-size network at 256 px needs a GPU and was not run here; only its sizes are "
        "checked (168.5 million parameters).",
        "",
    ]


def _cost(seconds: dict[str, int]) -> str:
    parts = {name: spent / 60 for name, spent in seconds.items() if name != "pretrain"}
    told = ", ".join(f"{name} {spent:.0f}" for name, spent in parts.items())
    return (
        f"All parts on two cores took {sum(parts.values()):.0f} CPU minutes, with cohorts, "
        f"pretrainings, classifiers and tiny models made before: {told}."
    )


def averages(figures: Figures) -> Figures:
    """What the page says of several models at once, for the results file."""
    found: Figures = {}
    for group in ("planted", "confounded"):
        if "black_boxes" in figures.get(group, {}):
            rows = figures[group]["black_boxes"]["classifiers"]
            found[group] = {
                f"{r:g}": {key: mean(rows, r, key) for key in (*AVERAGED, *WHOLE)}
                for r in sorted({row["r"] for row in rows})
            }
            found[group]["false_effect"] = false_effect(rows)
    return found
