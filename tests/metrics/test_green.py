from __future__ import annotations

import logging
import re
from collections.abc import Sequence

import numpy as np
import pytest

from radvlm.metrics.green import PROMPT, Green, parse, write_prompt
from radvlm.records import Answer

# As the published judge writes it.
PUBLISHED = """[Explanation]:
The candidate misses an effusion and invents a tube.

[Clinically Significant Errors]:
(a) False report of a finding in the candidate: 1. A tube that is not there
(b) Missing a finding present in the reference: 2. Left effusion; Edema
(c) Misidentification of a finding's anatomic location/position: 0.
(d) Misassessment of the severity of a finding: 0.
(e) Mentioning a comparison that isn't in the reference: 0.
(f) Omitting a comparison detailing a change from a prior study: 1. Unchanged since 2.5 weeks

[Clinically Insignificant Errors]:
(a) False report of a finding in the candidate: 0.
(d) Misassessment of the severity of a finding: 3. Mild; Small; Slight

[Matched Findings]:
4. Normal heart; No pneumothorax; Clear right lung; Healed rib fracture
"""

VARIANTS = {
    "bold, lower case": PUBLISHED.replace("[", "**").replace("]:", ":**").lower(),
    "headings of markdown": PUBLISHED.replace("[", "## ").replace("]:", ""),
    "numbered": re.sub(r"\(([a-f])\)", lambda mark: f"({'abcdef'.index(mark[1]) + 1})", PUBLISHED),
    "without brackets round letters": PUBLISHED.replace("\n(", "\n"),
    "a list": PUBLISHED.replace("\n(", "\n- ("),
    "after the form it was given": PROMPT.read_text() + PUBLISHED,
    "Windows lines": PUBLISHED.replace("\n", "\r\n"),
}


@pytest.mark.parametrize("reply", [PUBLISHED, *VARIANTS.values()], ids=["published", *VARIANTS])
def test_the_counts_are_read_however_they_are_set(reply: str) -> None:
    judgement = parse(reply)
    assert judgement is not None
    assert judgement.significant == (1, 2, 0, 0, 0, 1)
    assert judgement.insignificant == (0, 0, 0, 3, 0, 0)
    assert judgement.matched == 4
    assert judgement.score == pytest.approx(4 / (4 + 4))


def test_no_errors_in_a_sentence() -> None:
    reply = (
        "[Clinically Significant Errors]:\nNo clinically significant errors.\n\n"
        "[Matched Findings]:\n2. Normal heart; clear lungs"
    )
    judgement = parse(reply)
    assert judgement is not None and judgement.score == 1
    nothing = parse(reply.replace("2. Normal heart; clear lungs", "None"))
    assert nothing is not None and nothing.score == 0


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I cannot judge medical reports.",
        PROMPT.read_text(),
        PUBLISHED.split("[Matched")[0],
        PUBLISHED.replace("4. Normal heart; ", "Normal heart; "),
        PUBLISHED.replace(": 2. Left", ": some. Left"),
    ],
)
def test_a_count_is_never_guessed(reply: str) -> None:
    assert parse(reply) is None


def test_reports_cannot_move_the_places_of_the_prompt() -> None:
    prompt = write_prompt("R {reference} C {candidate}", reference="{candidate} \\1", candidate="x")
    assert prompt == "R {candidate} \\1 C x"


def test_the_mean_is_of_judged_answers_and_unread_replies_are_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[str] = []

    def judge(prompts: Sequence[str]) -> list[str]:
        asked.extend(prompts)
        return [PUBLISHED, "no idea"]

    metric = Green(judge, "judge-1")
    answers = [Answer("Tube."), Answer("Edema."), Answer(""), Answer(readable=False)]
    with caplog.at_level(logging.WARNING):
        rows = metric.rows(answers, [Answer("Effusion.")] * 4)
    assert rows.tolist() == [[0.5, 1], [0, 0], [0, 1], [0, 1]]
    assert metric.reduce(rows, np.ones((1, 4)))[0] == pytest.approx(0.5 / 3)
    assert "1 × judge's reply unreadable" in caplog.text
    assert len(asked) == 2 and "Effusion." in asked[0] and "Tube." in asked[0]


def test_another_prompt_is_another_figure() -> None:
    def judge(prompts: Sequence[str]) -> list[str]:
        return [PUBLISHED for _ in prompts]

    assert Green(judge, "j").key != Green(judge, "j", "{reference} {candidate}").key
