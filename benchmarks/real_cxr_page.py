"""``results/real_cxr.json`` → ``real_cxr.md``: the tables, and what to think of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from radvlm.io.files import atomic_path, read_json

SHOWN = {
    "anatomical_grounding/ap50_by_name": "AP at IoU 0.5, mean of right and left lung",
    "anatomical_grounding/mean_iou": "mean IoU",
    "classification/label_macro_f1": "macro F1 over the labels that occur",
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
        "> Research use only, not for diagnosis. A tiny model, fine-tuned for minutes: this page shows that the whole way works on",
        "> real files and what such a model can and cannot do, not that it reads radiographs.",
        "",
        f"Command: `{found['command']}` at commit {found['commit']}, {found['hardware']}, "
        f"torch {found['versions']['torch']}.",
        "",
        f"{figures['studies']} studies of public collections (see `recipes/real_cxr/folder.yaml`), "
        f"{figures['patients']['train']} patients in train, {figures['patients']['validate']} in validate, "
        f"{figures['patients']['test']} in test, split by a hash of the patient; {figures['quarantined']} records quarantined. "
        "Intervals are 95 % by patient.",
        "",
    ]
    for name, pools in figures["groups"].items():
        text += [f"## {name[0].upper()}{name[1:]}", "", *_table(pools), ""]
    text += _honest().splitlines()
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
                    cells = " | ".join(_cell(row[column]) for column in COLUMNS)
                    lines.append(f"| {title} | {pool} | {one['n']} | {cells} |")
    return lines


def _cell(figure: dict[str, Any]) -> str:
    if figure["value"] is None:
        return "undefined"
    bounds = figure["interval"]
    interval = f" [{bounds[0]:.2f}, {bounds[1]:.2f}]" if bounds else ""
    return f"{figure['value']:.2f}{interval}"


def _honest() -> str:
    return (Path(__file__).parent / "real_cxr_remarks.md").read_text(encoding="utf-8")
