from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from fake_evaluation import FakeModel, fake_examples
from radvlm.errors import InputError, TableError
from radvlm.evaluate.log import read_predictions
from radvlm.evaluate.predict import predict
from radvlm.protocols import Decoding
from radvlm.records import Example, Prediction, Turn, View

EXAMPLES = fake_examples()
GREEDY = Decoding()


def texts(log: Path) -> dict[str, tuple[str, ...]]:
    return {p.example: tuple(r.text for r in p.replies) for p in read_predictions(log)}


def test_history_is_the_models_own_and_references_never_reach_it(tmp_path: Path) -> None:
    model = FakeModel.perfect(EXAMPLES)
    model.table["1.png|edema"] = "has edema at [0.10, 0.20, 0.30, 0.40]"  # not the reference
    facts = [e for e in EXAMPLES if e.id == "fake_facts-1"]
    predict(model, facts, tmp_path / "log.jsonl", GREEDY)
    assert [[t.role[0] for t in chat.turns] for chat in model.seen] == [
        ["s", "u"],
        ["s", "u", "a", "u"],
        ["s", "u", "a", "u", "a", "u"],
    ]
    spoken = model.seen[-1].turns[2]
    assert spoken.parts[0] == "has edema at " and len(spoken.parts[1]) == 1
    assert all(turn.target is None for chat in model.seen for turn in chat.turns)
    (prediction,) = read_predictions(tmp_path / "log.jsonl")
    assert len(prediction.replies) == 3 and prediction.error is None


def test_forced_history_is_the_references_own(tmp_path: Path) -> None:
    model = FakeModel.perfect(EXAMPLES)
    model.table["1.png|edema"] = "something else"
    (facts,) = [e for e in EXAMPLES if e.id == "fake_facts-1"]
    predict(model, [facts], tmp_path / "log.jsonl", GREEDY, forced=True)
    said = [turn.parts for turn in facts.turns if turn.role == "assistant"]
    heard = [turn for turn in model.seen[-1].turns if turn.role == "assistant"]
    assert [turn.parts for turn in heard] == said[:2]
    assert all(turn.target is None for turn in heard)
    assert texts(tmp_path / "log.jsonl")["fake_facts-1"][0] == "something else"


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_batches_and_order_change_nothing(tmp_path: Path, batch_size: int) -> None:
    model = FakeModel.perfect(EXAMPLES)
    counts: list[tuple[int, int]] = []
    predict(
        model,
        EXAMPLES[::-1],
        tmp_path / "log.jsonl",
        GREEDY,
        batch_size=batch_size,
        progress=lambda done, total: counts.append((done, total)),
    )
    predict(FakeModel.perfect(EXAMPLES), EXAMPLES, tmp_path / "other.jsonl", GREEDY)
    assert texts(tmp_path / "log.jsonl") == texts(tmp_path / "other.jsonl")
    assert counts == [(i, 12) for i in range(1, 13)]
    assert max(model.calls) == min(batch_size, 12)


def test_a_second_run_asks_only_what_is_new(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    predict(FakeModel.perfect(EXAMPLES), EXAMPLES[:5], log, GREEDY)
    again = FakeModel.perfect(EXAMPLES)
    predict(again, EXAMPLES, log, GREEDY)
    asked = sum(1 if e.task == "fake_boxes" else 3 for e in EXAMPLES[5:])
    assert sum(again.calls) == asked
    assert len(log.read_text().splitlines()) == len(EXAMPLES)


def test_a_corrected_reference_asks_nothing_anew(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    predict(FakeModel.perfect(EXAMPLES), EXAMPLES, log, GREEDY)
    again = FakeModel.perfect(EXAMPLES)
    corrected = [
        dataclasses.replace(e, turns=(*e.turns[:-1], Turn("assistant", ("better",))))
        for e in EXAMPLES
    ]
    predict(again, corrected, log, GREEDY)
    assert again.calls == []


@pytest.mark.parametrize("changed", ["revision", "decoding", "condition", "question", "views"])
def test_another_run_is_not_taken_for_this_one(tmp_path: Path, changed: str) -> None:
    log = tmp_path / "log.jsonl"
    predict(FakeModel.perfect(EXAMPLES), EXAMPLES, log, GREEDY)
    model = FakeModel.perfect(EXAMPLES)
    decoding, condition, examples, images = GREEDY, "trained", list(EXAMPLES), None
    if changed == "revision":
        model.revision = "r1"
    elif changed == "decoding":
        decoding = Decoding(max_tokens=7)
    elif changed == "condition":
        condition = "untrained"
    elif changed == "question":
        examples = [_reworded(e) for e in EXAMPLES]
        model.table |= {f"{k}?": v for k, v in model.table.items()}
    else:
        images = {e.id: (View("v0", "images/0.png", "PA", 100, 200),) for e in EXAMPLES}
    predict(model, examples, log, decoding, condition=condition, images=images)
    reused = 2 if changed == "views" else 0  # patient 0 was shown the same view before
    assert len(log.read_text().splitlines()) == 2 * len(EXAMPLES) - reused
    assert len(read_predictions(log)) == len(EXAMPLES)


def test_a_failure_is_a_prediction_and_costs_no_other(tmp_path: Path) -> None:
    bad = dataclasses.replace(EXAMPLES[2].views[0], path="images/unreadable.png")
    examples = [dataclasses.replace(EXAMPLES[2], id="bad", views=(bad,)), *EXAMPLES]
    predict(FakeModel.perfect(EXAMPLES), examples, tmp_path / "log.jsonl", GREEDY)
    found = {p.example: p for p in read_predictions(tmp_path / "log.jsonl")}
    assert found["bad"].error == "ImageError: images/unreadable.png: cannot be read"
    assert found["bad"].replies == ()
    assert [p.error for p in found.values() if p.example != "bad"] == [None] * len(EXAMPLES)


def test_a_torn_last_line_is_answered_again(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    predict(FakeModel.perfect(EXAMPLES), EXAMPLES, log, GREEDY)
    whole = texts(log)
    log.write_bytes(log.read_bytes()[:-20])
    predict(FakeModel.perfect(EXAMPLES), EXAMPLES, log, GREEDY)
    assert texts(log) == whole


def test_what_cannot_be_right_is_refused(tmp_path: Path) -> None:
    model = FakeModel.perfect(EXAMPLES)
    with pytest.raises(InputError, match=r"decoding\.n"):
        predict(model, EXAMPLES, tmp_path / "log.jsonl", Decoding(n=2))
    with pytest.raises(InputError, match="same id"):
        predict(model, [*EXAMPLES, EXAMPLES[0]], tmp_path / "log.jsonl", GREEDY)
    (tmp_path / "log.jsonl").write_text(json.dumps({"text": "other"}) + "\n")
    with pytest.raises(TableError, match="line 1"):
        predict(model, EXAMPLES, tmp_path / "log.jsonl", GREEDY)


def _reworded(example: Example) -> Example:
    turns = tuple(
        dataclasses.replace(t, parts=(f"{t.parts[0]}?",)) if t.role == "user" else t
        for t in example.turns
    )
    return dataclasses.replace(example, turns=turns)


def test_read_predictions_of_an_empty_log(tmp_path: Path) -> None:
    nothing: list[Prediction] = []
    (tmp_path / "log.jsonl").touch()
    assert read_predictions(tmp_path / "log.jsonl") == nothing


def test_a_newer_run_is_not_filled_up_from_an_older_one(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    model = FakeModel.perfect(EXAMPLES)
    predict(model, EXAMPLES, log, GREEDY)
    model.revision = "r1"
    predict(model, EXAMPLES[:2], log, GREEDY)
    assert [(p.example, p.revision) for p in read_predictions(log)] == [
        (e.id, "r1") for e in EXAMPLES[:2]
    ]
