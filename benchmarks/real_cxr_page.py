"""``results/real_cxr.json`` → ``real_cxr.md``: the tables, and what to think of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.results_file import cell
from radvlm.io.files import atomic_path, read_json

REMARKS = Path(__file__).parents[1] / "recipes" / "real_cxr" / "remarks.md"
SHOWN = {
    "anatomical_grounding/ap50_by_name": "AP at IoU 0.5, mean of right and left lung",
    "anatomical_grounding/mean_iou": "mean IoU",
    "classification/label_macro_f1": "F1, mean over the labels that occur",
}
COLUMNS = {
    "untrained": "demo's model, never saw a real image",
    "blind": "blind",
    "majority": "mean box or majority",
    "trained": "fine-tuned",
}


def write_page(results: Path, target: Path) -> None:
    """Write the document; its figures are those of the results file and no others."""
    found = read_json(results)
    figures = found["figures"]
    text = [
        "# Real chest radiographs",
        "",
        "> Research use only, not for diagnosis. A tiny model, fine-tuned for minutes: this page",
        "> shows that the whole way works on real files and what such a model can and cannot do,",
        "> not that it reads radiographs.",
        "",
        f"Command: `{found['command']}` at commit {found['commit']}, {found['hardware']}, "
        f"torch {found['versions']['torch']}. Building, fine-tuning and evaluating took "
        f"{figures['seconds']} s on this machine.",
        "",
        f"{figures['studies']} studies of public collections (`recipes/real_cxr/folder.yaml`); "
        f"patients: {figures['patients']['train']} in train, {figures['patients']['validate']} in "
        f"validate, {figures['patients']['test']} in test, split by a hash of the patient; "
        f"{figures['quarantined']} records quarantined. Intervals are 95 % by patient.",
        "",
    ]
    for name, pools in figures["groups"].items():
        text += [f"## {name[0].upper()}{name[1:]}", "", *_table(pools), ""]
    text += REMARKS.read_text(encoding="utf-8").splitlines()
    with atomic_path(target) as aside:
        aside.write_text("\n".join(text) + "\n", encoding="utf-8")


def _table(pools: dict[str, Any]) -> list[str]:
    lines = [
        f"| figure | source | n | {' | '.join(COLUMNS.values())} |",
        f"| --- | --- | ---: | {' | '.join(['---:'] * len(COLUMNS))} |",
    ]
    for start, title in SHOWN.items():
        for pool, one in pools.items():
            for key, row in one["figures"].items():
                if key.startswith(start):
                    cells = " | ".join(cell(row[column]) for column in COLUMNS)
                    lines.append(f"| {title} | {pool} | {one['n']} | {cells} |")
    return lines
