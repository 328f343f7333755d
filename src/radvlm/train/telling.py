"""What a run writes and says after each step; only the first process does."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict

from radvlm.io.jsonl import keep_lines
from radvlm.runtime.processes import Processes
from radvlm.runtime.state import Counters
from radvlm.train.engine import Stepped
from radvlm.train.guards import check_damaged
from radvlm.train.metering import Meters
from radvlm.train.meters import Listener
from radvlm.train.recipe import TrainRecipe

Progress = Callable[..., None]
"""Called as ``progress(done, total, note=...)``."""


class Teller:
    """Files and listeners of the first process; the others say nothing."""

    def __init__(
        self,
        recipe: TrainRecipe,
        joined: Processes,
        progress: Progress | None,
        listeners: Sequence[Listener],
    ) -> None:
        self._recipe, self._joined = recipe, joined
        self._progress = progress if joined.first else None
        self._listeners = listeners if joined.first else ()
        self._log = recipe.out / "metrics.jsonl"
        self._sequences = 0

    def start(self, done: Counters, total: int) -> Meters:
        """Cut the metrics back to the state resumed from, so no step is there twice."""
        if self._joined.first:
            keep_lines(self._log, done.step)
        self._sequences = total * self._recipe.schedule.batch
        return Meters(self._joined, done, total)

    def tell(self, done: Counters, stepped: Stepped, meters: Meters) -> None:
        """A step is done."""
        if stepped.counted.damaged:
            self._name_damaged(done, stepped)
        record = meters.after(done, stepped.counted, stepped.loss, stepped.rate)
        if self._joined.first:
            entry = asdict(record) | {"seconds": round(done.seconds, 3)}
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        for listener in self._listeners:
            listener.step(record)
        if self._progress:
            left = f"{record.samples_per_second:.1f} samples/s"
            self._progress(done.step, record.total, note=f"loss {record.loss:.3f}, {left}")

    def close(self) -> None:
        """The run has ended, well or not."""
        for listener in self._listeners:
            listener.close()

    def _name_damaged(self, done: Counters, stepped: Stepped) -> None:
        """Name what could not be read; too much of it ends the run."""
        names = [name for some in self._joined.gather(stepped.damaged) for name in some]
        if self._joined.first:
            path = self._recipe.out / "damaged.jsonl"
            with path.open("a", encoding="utf-8") as file:
                for name in names:
                    file.write(json.dumps({"step": done.step, "image": name}) + "\n")
        check_damaged(done.damaged, names[0], self._sequences, self._recipe.damaged)
