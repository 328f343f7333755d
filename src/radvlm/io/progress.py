"""How far long work has come: numbered stages on standard error, results stay on standard output.

On a terminal each stage has a bar with rate, time left and a note, and is ticked with its duration
when it ends. Elsewhere (a log, a pipe) there is a line at its start, one now and then, and one at
its end. Quiet shows nothing at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.spinner import Spinner
from rich.table import Column
from rich.text import Text

PLAIN_EVERY = 15.0
"""Seconds between two lines of a stage where there is no terminal."""

Clock = Callable[[], float]


class Bar(Protocol):
    """What a stage is told: ``done`` of ``total`` units (0: not known), and how it goes."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Show that so much is done."""
        ...


class Stages:
    """The stages of one piece of work, shown in turn.

    Args:
        total: how many stages there will be; one alone is not numbered.
        quiet: show nothing.
        console: where to show it; standard error unless told.
        clock: seconds from any start, for the durations and rates.
    """

    def __init__(
        self,
        total: int,
        quiet: bool = False,
        console: Console | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._total, self._quiet, self._clock = total, quiet, clock
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is left open between stages."""

    @contextmanager
    def stage(self, name: str) -> Iterator[Bar]:
        """One stage, from here to the end of the block; an error that leaves it is shown too."""
        self._count += 1
        label = name if self._total == 1 else f"{self._count}/{self._total} {name}"
        began = self._clock()
        try:
            with self._display(label) as bar:
                yield bar
        except BaseException:
            self._say(f"✗ {label}: stopped after {duration(self._clock() - began)}", "red")
            raise
        self._say(f"✓ {label}  {duration(self._clock() - began)}", "green")

    @contextmanager
    def alone(self, name: str) -> Iterator[Bar]:
        """The only stage of some work, display included."""
        with self, self.stage(name) as bar:
            yield bar

    def _display(self, label: str) -> AbstractContextManager[Bar]:
        if self._quiet:
            return _silent()
        if self._console.is_terminal:
            return _live(label, self._console, self._clock)
        return _plain(label, self._console, self._clock)

    def _say(self, line: str, colour: str) -> None:
        if not self._quiet:
            mark, rest = line[:1], line[1:]
            self._console.print(Text.assemble((mark, colour), rest), soft_wrap=True)


class Pace:
    """Rate and time left, counted from the first report: a resumed run does not start at nought.

    A total of 0 is one that is not known.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._first: tuple[int, float] | None = None

    def words(self, done: int, total: int) -> str:
        """``1,204/5,000  25.3/s  2 min 31 s left``; no rate before it can be known."""
        now = self._clock()
        self._first = self._first or (done, now)
        count, began = self._first
        words = f"{done:,}/{total:,}" if total else f"{done:,}"
        if done > count and now > began:
            rate = (done - count) / (now - began)
            words += f"  {rate:.1f}/s" if rate < 100 else f"  {rate:,.0f}/s"
            words += f"  {duration((total - done) / rate)} left" if done < total else ""
        return words


def duration(seconds: float) -> str:
    """Seconds as a person says them: ``0.4 s``, ``42 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


@contextmanager
def _silent() -> Iterator[Bar]:
    def bar(done: int, total: int, note: str = "") -> None:
        pass

    yield bar


@contextmanager
def _plain(label: str, console: Console, clock: Clock) -> Iterator[Bar]:
    pace = Pace(clock)
    shown = clock()

    def bar(done: int, total: int, note: str = "") -> None:
        nonlocal shown
        words = pace.words(done, total)
        if clock() - shown >= PLAIN_EVERY:
            shown = clock()
            console.print(f"  {words}  {note}".rstrip(), markup=False, soft_wrap=True)

    console.print(f"… {label}", markup=False, soft_wrap=True)
    yield bar


@contextmanager
def _live(label: str, console: Console, clock: Clock) -> Iterator[Bar]:
    pace = Pace(clock)
    line = Column(no_wrap=True, overflow="ellipsis")
    progress = Progress(
        TextColumn("  "),
        BarColumn(bar_width=16),
        TimeElapsedColumn(),
        TextColumn("{task.fields[words]}", markup=False, style="dim", table_column=line),
    )
    task = progress.add_task(label, total=None, words="")

    def bar(done: int, total: int, note: str = "") -> None:
        words = "  ".join(filter(None, (pace.words(done, total), note)))
        progress.update(task, completed=done, total=total or None, words=words)

    # Two lines, so that neither name nor rate has to give way on a terminal of 80 columns.
    both = Group(Spinner("dots", Text(label)), progress)
    with Live(both, console=console, transient=True, refresh_per_second=8):
        yield bar
