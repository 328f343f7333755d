from __future__ import annotations

from collections import Counter
from itertools import islice

from radvlm.records import Example, Turn, View
from radvlm.train.sequences import batches, epoch_sequences, to_chats


def example(number: int, view: str, questions: int = 1) -> Example:
    turns = (Turn("user", (f"{number}?",)), Turn("assistant", (f"{number}.",))) * questions
    return Example(
        str(number), "t", "s", "f", view, "train", "open", (View(view, f"{view}.png"),), turns
    )


EXAMPLES = [example(k, f"v{k % 5}") for k in range(30)] + [example(99, "v0", questions=7)]


def test_every_example_is_seen_once_an_epoch_with_its_own_image() -> None:
    groups = epoch_sequences(EXAMPLES, 4, seed=0, epoch=0)
    assert Counter(e.id for g in groups for e in g) == Counter(e.id for e in EXAMPLES)
    assert all(len({e.views for e in g}) == 1 for g in groups)


def test_no_sequence_has_more_questions_than_asked_for_unless_one_example_does() -> None:
    for group in epoch_sequences(EXAMPLES, 4, seed=0, epoch=0):
        asked = sum(turn.role == "user" for chat in to_chats(group) for turn in chat.turns)
        assert asked <= 4 or len(group) == 1


def test_order_depends_on_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int) -> list[tuple[str, ...]]:
        return [tuple(e.id for e in g) for g in epoch_sequences(EXAMPLES, 4, seed, epoch)]

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1) != order(1, 1)


def test_a_resumed_stream_goes_on_where_the_other_stopped() -> None:
    whole = list(islice(batches(EXAMPLES, 4, 3, seed=0, skip=0), 12))
    for skip in (1, 5, 11):
        assert list(islice(batches(EXAMPLES, 4, 3, 0, skip), 12 - skip)) == whole[skip:]


def test_a_data_set_smaller_than_a_batch_still_trains() -> None:
    assert list(islice(batches(EXAMPLES[:2], 1, 8, 0, 0), 2))[1]
