"""The offline editor of priors on real sentences that were annotated before it was written.

    python -m benchmarks.priors [--half held]

Residual: of the annotated mentions of another examination, those of which words are left, or beside
which another comparing word is left. Kept: of the annotated words of clinical facts, those that are
there word by word. Intervals are Wilson's, 95 %. Skipped, with the reason, where the reports are
not beside the checkout. Writes ``results/priors.json`` and ``priors.md``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.results_file import share, write_result
from radvlm.curate.priors.rules import digest, edit
from radvlm.io.files import read_json

ANNOTATIONS = Path(__file__).parents[1] / "tests" / "annotations"
sys.path.append(str(ANNOTATIONS))

import sample_second  # noqa: E402
from sample import COMPARES, archive, read_sections, read_sentence  # noqa: E402

Annotated = tuple[str, Mapping[str, Any]]
"""A sentence and its annotation."""


FIRST_RULES = share(13, 90)
"""Mentions left in all 200 sentences of the second draw by the rules written on the first alone
(editor 9a979b344337, measured at commit 1397a77)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=["open", "held"], default="held")
    half = parser.parse_args().half
    if not archive().exists():
        print("skipped: the reports are not beside the checkout")
        return
    figures = measure(first_draw(half)) | {"half": half, "editor": digest()}
    figures["second_draw"] = measure(second_draw("held"))
    figures["first_rules_on_second_draw"] = FIRST_RULES
    path = write_result("priors", f"python -m benchmarks.priors --half {half}", 100, figures)
    (Path(__file__).parent / "priors.md").write_text(page(path), encoding="utf-8")
    print(path)


def measure(annotated: Iterable[Annotated]) -> dict[str, Any]:
    """Residual mentions, facts kept, and sentences without a mention that were changed."""
    residual = mentions = kept = facts = changed = plain = 0
    for sentence, row in annotated:
        edited = _even(edit(sentence))
        there, rest = _kept(sentence, row["keep"], edited)
        kept, facts = kept + there, facts + len(row["keep"])
        mentions += len(row["prior"])
        left = bool(COMPARES.search(rest))
        residual += sum(left or _even(sentence[a:b]) in rest for a, b in row["prior"])
        plain += not row["prior"]
        changed += not row["prior"] and edited != _even(sentence)
    return {
        "residual": share(residual, mentions),
        "facts_kept": share(kept, facts),
        "changed_without_need": share(changed, plain),
    }


def first_draw(half: str) -> Iterator[Annotated]:
    """One half of the sentences that were annotated before the editor was written."""
    sections = read_sections(archive())
    for row in _rows(ANNOTATIONS / f"priors_real_{half}.jsonl"):
        yield read_sentence(sections, row), row


def second_draw(half: str) -> Iterator[Annotated]:
    """One half of another draw, annotated by somebody else after the editor was first written."""
    for row in _rows(ANNOTATIONS / "second" / f"priors_real_{half}.jsonl"):
        yield sample_second.read_sentence(archive(), row), row


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _kept(sentence: str, spans: list[list[int]], edited: str) -> tuple[int, str]:
    """How many spans are there word by word, and the edited text without them."""
    there = 0
    for start, end in spans:
        words = _even(sentence[start:end])
        there += words in edited
        edited = edited.replace(words, " ")
    return there, edited


def _even(text: str) -> str:
    return " ".join(text.lower().split())


def page(path: Path) -> str:
    result = read_json(path)
    figures = result["figures"]
    names = {
        "residual": "mentions of another examination that are left",
        "facts_kept": "clinical facts kept word by word",
        "changed_without_need": "sentences without a mention that were changed",
    }

    def table(measured: Mapping[str, Any]) -> str:
        return "".join(
            f"| {words} | {one['count']} of {one['of']} | {one['value']:.3f} "
            f"[{one['interval'][0]:.3f}, {one['interval'][1]:.3f}] |\n"
            for words, one in ((names[name], measured[name]) for name in names)
        )

    first = figures["first_rules_on_second_draw"]
    return f"""# The offline editor of reports, measured

Command: `{result["command"]}` at commit {result["commit"]}; editor `rules` {figures["editor"]}.
100 sentences of real reports (Indiana University), the half of 200 that no rule was written on;
all were annotated before the editor existed, by the person who then wrote it. 95 % intervals
(Wilson).

| what | count | share |
| --- | ---: | ---: |
{table(figures)}
A second draw of 200 sentences was annotated by somebody else later. The rules of the first draw
left {first["count"]} of its {first["of"]} mentions ({first["value"]:.3f}), far more than in the
half above, whose annotator had written them. They were then extended on one half of the second
draw; this is the other half, of which nobody had read a sentence:

| what | count | share |
| --- | ---: | ---: |
{table(figures["second_draw"])}"""


if __name__ == "__main__":
    main()
