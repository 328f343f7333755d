"""What reports and boxes make of an edit, counted by hand on a model that reads one grey level."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pytest

from explain_fakes import linear, pictures
from radvlm.codecs import CODECS
from radvlm.explain.auditing import Edit
from radvlm.explain.counterfactual import Changed, Prepared
from radvlm.explain.telling import box_changes, report_changes
from radvlm.protocols import Chat, Decoding
from radvlm.records import Reply

LEFT, RIGHT, NEAR = "[0.1, 0.1, 0.3, 0.3]", "[0.6, 0.1, 0.8, 0.3]", "[0.11, 0.1, 0.31, 0.3]"
CLEAR = "No pleural effusion. No pacemaker."
EFFUSION = "There is a pleural effusion."
PACED = "A pacemaker is in place. No pleural effusion."


class ByGrey:
    """A model that says what is written for the grey level of an image's first pixel."""

    codec = CODECS["radvlm_01"]

    def __init__(self, says: Mapping[int, str]) -> None:
        self.says = says
        self.asked: list[str] = []

    def answer(self, chats: Sequence[Chat], decoding: Decoding) -> Iterator[tuple[int, Reply]]:
        for k, chat in enumerate(chats):
            self.asked.append(str(chat.turns[-1].parts[0]))
            yield k, Reply(self.says[int(np.asarray(chat.images[0])[0, 0])], 1, "stop", 0.0)


def edit(before: list[int], after: list[int], random: list[int], shown: list[bool]) -> Edit:
    """Images whose first pixel has these grey levels before, after and after a random step."""
    n = len(before)
    prepared = Prepared.of(linear(), pictures(n))
    tables = [prepared.rebuilt.copy() for _ in range(3)]
    for table, greys in zip(tables, (before, after, random), strict=True):
        table[:, 0, 0] = greys
    object.__setattr__(prepared, "rebuilt", tables[0])
    ones, seen = np.ones(n), np.array(shown)
    changed = Changed(tables[1], ones, ones, ones, seen)
    return Edit(
        "pacemaker", True, prepared, changed, seen, np.zeros((n, 0)), tables[2][None], tables[2][:0]
    )


def test_reports_that_begin_and_cease_to_tell_are_counted_apart() -> None:
    model = ByGrey({0: CLEAR, 1: EFFUSION, 2: PACED, 3: "read this and fail"})
    one = edit([0, 0, 1, 1, 3], [1, 2, 1, 2, 3], [0, 0, 0, 1, 3], [True] * 4 + [False])
    found = report_changes(model, one, ("Pleural Effusion", "pacemaker"))  # type: ignore[arg-type]
    counts = {
        name: {k: (v["count"], v["of"]) for k, v in one.items()} for name, one in found.items()
    }
    # Of the four that the judge confirms: the first begins to tell of an effusion, the last ceases.
    assert counts == {
        "Pleural Effusion": {"appears": (1, 4), "vanishes": (1, 4), "random": (1, 4)},
        "pacemaker": {"appears": (2, 4), "vanishes": (0, 4), "random": (0, 4)},
    }
    assert len(set(model.asked)) == 1 and "report" in model.asked[0].lower()


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("none", f"It is here {LEFT}.", "appears"),
        (f"It is here {LEFT}.", "none", "vanishes"),
        (f"It is here {LEFT}.", f"It is here {RIGHT}.", "moves"),
        (f"It is here {LEFT}.", f"It is here {LEFT} and {RIGHT}.", "moves"),
        (f"It is here {LEFT} and {RIGHT}.", f"It is here {LEFT}.", "moves"),
        (f"It is here {LEFT}.", f"It is here {NEAR}.", None),
        (f"It is here {LEFT} and {RIGHT}.", f"It is here {RIGHT} and {NEAR}.", None),
        ("none", "none", None),
    ],
)
def test_boxes_appear_vanish_or_move(before: str, after: str, kind: str | None) -> None:
    model = ByGrey({0: before, 1: after})
    found = box_changes(model, edit([0, 0], [1, 0], [0, 1], [True, True]), "Pleural Effusion")  # type: ignore[arg-type]
    values = {name: one["value"] for name, one in found.items()}
    wanted = dict.fromkeys(("appears", "vanishes", "moves", "random"), 0.0)
    assert values == (wanted if kind is None else {**wanted, kind: 0.5, "random": 0.5})
    assert "pleural effusion" in model.asked[0]
