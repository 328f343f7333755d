from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from radvlm.io.progress import PLAIN_EVERY, Pace, Stages, duration


class Clock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def console(terminal: bool) -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(file=stream, force_terminal=terminal, width=100, highlight=False), stream


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.9, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3599.7, "1 h 00 min"),
        (7200 + 600, "2 h 10 min"),
        (7199, "2 h 00 min"),
    ],
)
def test_durations_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_plain_lines_name_each_stage_when_it_starts_and_when_it_ends() -> None:
    clock = Clock()
    target, stream = console(terminal=False)
    with Stages(total=2, console=target, clock=clock) as stages:
        with stages.stage("Making the cohort") as bar:
            clock.now += 41
            bar(3, 3)
        with stages.stage("Training"):
            clock.now += 185
    lines = stream.getvalue().splitlines()
    assert lines[0] == "… 1/2 Making the cohort"
    assert lines[1].endswith("3/3")
    assert lines[2:] == [
        "✓ 1/2 Making the cohort  41 s",
        "… 2/2 Training",
        "✓ 2/2 Training  3 min 05 s",
    ]


def test_plain_lines_come_now_and_then_not_for_every_unit() -> None:
    clock = Clock()
    target, stream = console(terminal=False)
    with Stages(total=1, console=target, clock=clock).alone("Training") as bar:
        for done in range(1, 301):
            clock.now += 0.25
            bar(done, 300, note="loss [0.4]")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2 + int(75 / PLAIN_EVERY)
    assert lines[1].split("  ")[1:] == ["60/300", "4.0/s", "1 min 00 s left", "loss [0.4]"]


def test_the_rate_of_a_resumed_run_counts_only_what_this_run_did() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.words(5000, 6000) == "5,000/6,000"
    clock.now += 10
    assert pace.words(5020, 6000) == "5,020/6,000  2.0/s  8 min 10 s left"


def test_an_error_passes_through_and_its_stage_is_not_ticked() -> None:
    target, stream = console(terminal=False)
    with pytest.raises(KeyboardInterrupt), Stages(total=1, console=target).alone("Training"):
        raise KeyboardInterrupt
    assert "✗ Training: stopped after" in stream.getvalue()
    assert "✓" not in stream.getvalue()


def test_quiet_says_nothing_on_either_stream(capfd: pytest.CaptureFixture[str]) -> None:
    with Stages(total=1, quiet=True).alone("Training") as bar:
        bar(1, 2, note="x")
    with pytest.raises(ValueError), Stages(total=1, quiet=True).alone("Training"):
        raise ValueError
    assert capfd.readouterr() == ("", "")


def test_results_on_standard_output_stay_clean(capsys: pytest.CaptureFixture[str]) -> None:
    with Stages(total=1).alone("Training") as bar:
        bar(1, 2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Training" in captured.err


def test_a_terminal_shows_bar_rate_and_note_and_takes_markup_for_text() -> None:
    target, stream = console(terminal=True)
    clock = Clock()
    with Stages(total=1, console=target, clock=clock).alone("Answering [red]") as bar:
        for done in _ticks(clock, 5):
            bar(done, 10, note="[blind]")
    shown = stream.getvalue()
    assert "[red]" in shown
    assert "5/10  1.0/s  5.0 s left  [blind]" in shown
    assert "━" in shown


def _ticks(clock: Clock, count: int) -> Iterator[int]:
    for done in range(1, count + 1):
        clock.now += 1
        yield done
