from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fake_evaluation import fake_examples
from radvlm.errors import EgressError
from radvlm.evaluate.answers import Item
from radvlm.evaluate.greening import green_of
from radvlm.evaluate.recipe import EvaluateRecipe, GreenSection
from radvlm.evaluate.score import summarise
from radvlm.llm.recipe import EndpointSection, LlmSection
from radvlm.records import Access, Answer
from stub_server import StubServer

SAID = ["Normal heart and an effusion.", "A tube.", "Unreadable to the judge."]
REPLIES = {
    SAID[0]: "[Clinically Significant Errors]:\n(a) False: 1. A\n[Matched Findings]:\n3. B; C; D",
    SAID[1]: "[Clinically Significant Errors]:\n(a) False: 2. A\n[Matched Findings]:\n0.",
    SAID[2]: "As a language model I cannot count.",
}


def items(access: Access = "open") -> list[Item]:
    asked = [replace(e, task="report", access=access) for e in fake_examples(2)[:4]]
    answers = [*map(Answer, SAID), Answer(readable=False)]
    pairs = zip(asked, answers, strict=True)
    return [Item(e, 0, ("Report.",), a, Answer("Effusion.")) for e, a in pairs]


def recipe(folder: Path, section: LlmSection) -> EvaluateRecipe:
    return EvaluateRecipe(out=folder / "out", data=folder, green=GreenSection(model=section))


def reply(asked: dict[str, Any]) -> str:
    prompt = asked["messages"][0]["content"]
    return next(text for said, text in REPLIES.items() if said in prompt)


def test_green_by_an_endpoint_and_what_it_left_unjudged(tmp_path: Path) -> None:
    with StubServer(reply) as server:
        for _ in range(2):  # the second time from the store
            found = green_of(recipe(tmp_path, server.section()), items(), ("raw",))
            (score,) = summarise(found, 50, 0)
        assert len(server.requests) == 3
    # 3 / (3 + 1), 0, and 0 for the answer that was never given; one of four is left out.
    assert score.value == pytest.approx((0.75 + 0 + 0) / 3)
    assert (score.n_total, score.n_scored, score.n_failed) == (4, 2, 2)
    assert score.key.startswith("report/green/stub,prompt=") and score.key.endswith(",refs=raw")


def test_credentialed_reports_go_to_no_server_elsewhere(tmp_path: Path) -> None:
    far = LlmSection(endpoints=(EndpointSection(url="https://llm.example.org/v1"),), model="judge")
    with pytest.raises(EgressError):
        green_of(recipe(tmp_path, far), items("credentialed"), ("raw",))


def test_nothing_is_asked_where_no_model_is_named(tmp_path: Path) -> None:
    assert not green_of(EvaluateRecipe(out=tmp_path, data=tmp_path), items(), ("raw",))
