from __future__ import annotations

from rich.console import Console

from radvlm.evaluate.tables import scores_as_json, scores_as_markdown, scores_as_table
from radvlm.records import Score

TRAINED = [
    Score("report/rouge_l", 0.5, (0.4, 0.61239), 20, 20, 0),
    Score("boxes/f1|50", None, None, 8, 6, 2),
]
BLIND = [Score("report/rouge_l", 0.25, None, 20, 20, 0)]


def test_markdown_has_a_row_a_figure_and_a_column_a_condition() -> None:
    lines = scores_as_markdown({"blind": BLIND, "trained": TRAINED}).splitlines()
    assert lines == [
        "| figure | n | blind | trained |",
        "| --- | ---: | ---: | ---: |",
        "| report/rouge_l | 20 | 0.250 | 0.500 [0.400, 0.612] |",
        "| boxes/f1\\|50 | 8 | – | undefined (2 failed) |",
    ]


def test_the_terminal_table_shows_brackets_and_the_research_notice() -> None:
    console = Console(width=120, record=True, file=None, quiet=False)
    with console.capture() as shown:
        console.print(scores_as_table(TRAINED))
    assert "0.500 [0.400, 0.612]" in shown.get()
    assert "research use only" in shown.get()


def test_json_holds_every_count() -> None:
    plain = scores_as_json(TRAINED)
    assert [row["n_failed"] for row in plain] == [0, 2]
    assert [row["value"] for row in plain] == [0.5, None]
    assert list(plain[0]["interval"]) == [0.4, 0.61239]
