"""The rules that read CheXpert's labels, on sentences annotated before they were written.

    python -m benchmarks.label_reader [--half held]

A label with its status, read where it is annotated, is a hit; precision and recall are over all
such pairs, with Wilson's 95 % intervals. Two draws of real sentences and two sets of written ones,
each by its own annotator. The real ones are skipped, with the reason, where the reports are not
beside the checkout. Writes ``results/labels.json`` and ``labels.md``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.results_file import share, write_result
from radvlm.io.files import read_json
from radvlm.tasks.chexpert_labels import chexpert_labels

ANNOTATIONS = Path(__file__).parents[1] / "tests" / "annotations"
sys.path.append(str(ANNOTATIONS))

from sample import archive, read_sections, read_sentence  # noqa: E402

SETS = {
    "real": "labels_real_{half}.jsonl",
    "written": "labels_written.jsonl",
    "real, second draw": "second/labels_real_{half}.jsonl",
    "written, second set": "second/labels_written.jsonl",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=["open", "held"], default="held")
    half = parser.parse_args().half
    if not archive().exists():
        print("skipped: the reports are not beside the checkout")
        return
    sections = read_sections(archive())
    figures = {name: measure(rows_of(file, half), sections) for name, file in SETS.items()}
    figures["all"] = _pooled(list(figures.values()))
    command = f"python -m benchmarks.label_reader --half {half}"
    path = write_result("labels", command, figures["all"]["sentences"], figures)
    (Path(__file__).parent / "labels.md").write_text(page(path), encoding="utf-8")
    print(path)


def rows_of(file: str, half: str) -> Iterator[Mapping[str, Any]]:
    """The annotations of one half."""
    with (ANNOTATIONS / file.format(half=half)).open(encoding="utf-8") as lines:
        yield from (row for row in map(json.loads, lines) if row["half"] == half)


def measure(
    rows: Iterator[Mapping[str, Any]], sections: Mapping[tuple[str, str], str]
) -> dict[str, Any]:
    """Precision and recall of (label, status) pairs."""
    sentences = hits = read = annotated = 0
    for row in rows:
        text = row["text"] if "text" in row else read_sentence(sections, row)
        said, wanted = set(chexpert_labels(text).items()), set(row["labels"].items())
        sentences += 1
        hits += len(said & wanted)
        read += len(said)
        annotated += len(wanted)
    return _figures(sentences, hits, read, annotated)


def _pooled(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return _figures(
        sum(part["sentences"] for part in parts),
        sum(part["precision"]["count"] for part in parts),
        sum(part["precision"]["of"] for part in parts),
        sum(part["recall"]["of"] for part in parts),
    )


def _figures(sentences: int, hits: int, read: int, annotated: int) -> dict[str, Any]:
    return {
        "sentences": sentences,
        "precision": share(hits, read),
        "recall": share(hits, annotated),
    }


def page(path: Path) -> str:
    result = read_json(path)
    rows = "".join(
        f"| {name} | {one['sentences']} | {_cell(one['precision'])} | {_cell(one['recall'])} |\n"
        for name, one in result["figures"].items()
    )
    return f"""# The reader of CheXpert's labels, measured

Command: `{result["command"]}` at commit {result["commit"]}. The half of the sentences that no rule
was written on, scored once. Real ones are drawn by seed from Indiana University's reports. All were
annotated before they were scored, by annotators who had not seen the rules; none is a radiologist.
A hit is a label with its status. 95 % intervals (Wilson).

| sentences | n | precision | recall |
| --- | ---: | ---: | ---: |
{rows}"""


def _cell(one: Mapping[str, Any]) -> str:
    low, high = one["interval"]
    return f"{one['value']:.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    main()
