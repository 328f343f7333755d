from __future__ import annotations

from typing import Any

import pytest

from radvlm.evaluate.references import key_of, references_of

RULES = {"editor": "rules", "model": None, "digest": "9a97"}
LLM = {"editor": "llm", "model": "qwen3-8b", "digest": "77aa"}


def manifest(*writers: dict[str, Any], family: str = "mimic") -> dict[str, Any]:
    return {"written_by": list(writers), "sources": [{"name": "one", "family": family}]}


@pytest.mark.parametrize(
    ("of", "tags"),
    [
        (manifest(), ("raw",)),
        (manifest(RULES), ("rules@9a97",)),
        (manifest(RULES, LLM, RULES), ("local:qwen3-8b@77aa", "rules@9a97")),
        (manifest(family="llava_json"), ("released",)),
    ],
)
def test_the_writers_of_a_data_set_are_named(of: dict[str, Any], tags: tuple[str, ...]) -> None:
    assert references_of(of) == tags


def test_only_figures_of_reports_depend_on_who_wrote_the_reference() -> None:
    assert key_of("report", "rouge_l/stemmed", ("raw",)) == "report/rouge_l/stemmed,refs=raw"
    assert key_of("report", "x", ("a@1", "b@2")) == "report/x,refs=a@1+b@2"
    assert key_of("phrase_grounding", "mean_iou", ("a@1",)) == "phrase_grounding/mean_iou"
