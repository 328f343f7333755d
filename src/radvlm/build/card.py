"""The data set's card: ``README.md`` with the header that ``datasets.load_dataset`` reads."""

from __future__ import annotations

from collections import Counter
from typing import Any

import yaml

_TERMS = {
    "open": "The sources are open; each keeps its own licence, named below.",
    "credentialed": "The sources are credentialed: this data set may be used and passed on only "
    "under their data use agreements, and not be sent to services outside them.",
    "private": "The sources are private: this data set stays with those who may see them.",
}


def card_of(manifest: dict[str, Any]) -> str:
    """Markdown with a YAML header; figures are the manifest's."""
    splits = sorted({row["split"] for row in manifest["examples"]})
    header = {
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": _name(split), "path": f"examples-{split}-*.parquet"}
                    for split in splits
                ],
            }
        ],
        "tags": ["chest radiograph", "radvlm", "research use only"],
    }
    return "\n".join(
        [
            "---",
            yaml.safe_dump(header, sort_keys=False).strip(),
            "---",
            f"# Instruction data set `{manifest['mixture']}`",
            "",
            "> Research use only, not for diagnosis. " + _TERMS[manifest["access"]],
            "",
            f"Built by radvlm {manifest['radvlm']}, recipe {manifest['recipe']}, seed "
            f"{manifest['seed']}. Images are referred to, not copied.",
            "",
            *_examples(manifest),
            "",
            *_sources(manifest),
            "",
            *_left_out(manifest),
            "",
        ]
    )


def _name(split: str) -> str:
    """The library's word for the split."""
    return "validation" if split == "validate" else split


def _examples(manifest: dict[str, Any]) -> list[str]:
    counts: Counter[tuple[str, str, str]] = Counter()
    for row in manifest["examples"]:
        counts[row["row"], row["task"], row["split"]] += row["examples"]
    return [
        "## Examples",
        "",
        "| row | task | split | examples |",
        "| --- | --- | --- | ---: |",
        *(
            f"| {row} | {task} | {split} | {n:,} |"
            for (row, task, split), n in sorted(counts.items())
        ),
        "",
        "Columns: `messages` (role, content with `<bbox>` markers, target), `objects.bbox` (x1, "
        "y1, x2, y2 as fractions of the image, in the order of the markers), `views`, `task`, "
        "`source`, `family`, `patient`, `split`, `access`.",
    ]


def _sources(manifest: dict[str, Any]) -> list[str]:
    return [
        "## Sources",
        "",
        *(
            f"- **{source['name']}** ({source['access']}): {source['citation']} "
            f"Licence: {source['licence']}"
            for source in manifest["sources"]
        ),
    ]


def _left_out(manifest: dict[str, Any]) -> list[str]:
    lines = [f"- {r['source']}: {r['records']:,} × {r['reason']}" for r in manifest["quarantine"]]
    overlap = manifest["leak"]["patients_in_several_splits"]
    lines += [f"- patients {who}: {n:,}" for who, n in overlap.items()]
    if copies := manifest["leak"]["copies"]:
        lines += [
            f"- pictures of {p['training']} in train and of {p['other']} in {p['split']} that are "
            f"the same, by their hashes: {p['pairs']:,} pairs"
            for p in copies["pairs"]
        ]
        lines += [f"- training examples left out for it: {copies['examples_dropped']:,}"]
    lines += [f"- rows that wait for curated text: {r}" for r in manifest["waiting"]]
    lines += [f"- studies in no split: {manifest['studies_without_split']:,}"]
    return ["## What is not in it, or overlaps", "", *lines]
