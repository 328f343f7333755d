"""A data set, tasks and a model small enough to know every answer beforehand."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from radvlm.codecs import Radvlm01
from radvlm.errors import ImageError
from radvlm.models.card import Card, read_card, write_card
from radvlm.protocols import Chat, Decoding, ModelInfo, Task
from radvlm.records import Answer, Box, Example, Part, Reply, Status, Study, Turn, View
from radvlm.registry import TABLES

STATUS: dict[str, Status] = {"has": "present", "no": "absent"}


class Boxes:
    """ "where is X": boxes, or the word "nowhere"."""

    name = "fake_boxes"
    metrics: tuple[str, ...] = ("ap50_by_name", "box_f1_50", "mean_iou")

    def ask(self, study: Study, rng: random.Random) -> Iterator[Example]:
        yield from ()

    def read(self, parts: Sequence[Part], question: Sequence[Part]) -> Answer:
        name = str(question[0]).removeprefix("where is ")
        found = [box for part in parts if isinstance(part, tuple) for box in part]
        readable = bool(found) or "".join(map(str, parts)) == "nowhere"
        return Answer(boxes=tuple((name, box, None) for box in found), readable=readable)


class Facts:
    """A conversation of two turns: each question names labels, the answer says "has X, no Y"."""

    name = "fake_facts"
    metrics: tuple[str, ...] = ("label_macro_f1", "fact_accuracy")

    def ask(self, study: Study, rng: random.Random) -> Iterator[Example]:
        yield from ()

    def read(self, parts: Sequence[Part], question: Sequence[Part]) -> Answer:
        words = [clause.split(" ", 1) for clause in "".join(map(str, parts)).split(", ")]
        try:
            return Answer(labels={name: STATUS[status] for status, name in words})
        except (KeyError, ValueError):
            return Answer(readable=False)


TASKS: dict[str, Task] = {"fake_boxes": Boxes(), "fake_facts": Facts()}


def fake_examples(patients: int = 6, folder: str = "images", split: str = "test") -> list[Example]:
    """Two examples a patient; patient i's box and labels follow from i alone."""
    examples = []
    for i in range(patients):
        shift = 0.05 * (i % 7)
        box = Box(shift, shift, shift + 0.2, shift + 0.3)
        wanted: list[tuple[Box, ...]] = [(box,)] if i % 3 else []
        boxes = Answer(boxes=tuple(("nodule", b, None) for (b,) in wanted))
        reply: tuple[Part, ...] = ("here ", *wanted) if wanted else ("nowhere",)
        turns = [Turn("user", ("where is nodule",)), Turn("assistant", reply, boxes)]
        examples.append(_example("fake_boxes", i, folder, turns))
        first: Status = "present" if i % 2 else "absent"
        second: Status = "present" if i % 3 == 1 else "absent"
        turns = [
            Turn("system", ("be brief",)),
            Turn("user", ("edema",)),
            Turn("assistant", (_say("edema", first),), Answer(labels={"edema": first})),
            Turn("user", ("fracture",)),
            Turn("assistant", (_say("fracture", second),), Answer(labels={"fracture": second})),
            Turn("user", ("thanks",)),
            Turn("assistant", ("you are welcome",)),
        ]
        examples.append(_example("fake_facts", i, folder, turns))
    return examples


def _say(name: str, status: Status) -> str:
    return f"{'has' if status == 'present' else 'no'} {name}"


def _example(task: str, i: int, folder: str, turns: list[Turn]) -> Example:
    view = View(f"v{i}", f"{folder}/{i}.png", "PA", 100, 200)
    patient = f"p{i}"
    return Example(
        f"{task}-{i}", task, "fake", "fake", patient, "test", "open", (view,), tuple(turns)
    )


class FakeModel:
    """Answers from a table: (image, last question) → text; ``seconds`` a reply, as it goes."""

    def __init__(self, table: dict[str, str], revision: str = "r0", seconds: float = 0.0) -> None:
        self.table, self.revision, self.seconds = table, revision, seconds
        self.codec = Radvlm01()
        self.seen: list[Chat] = []
        self.calls: list[int] = []

    @classmethod
    def perfect(cls, examples: Sequence[Example], **options: float) -> Self:
        """Knows every reference reply."""
        codec = Radvlm01()
        table = {}
        for example in examples:
            for asked, said in zip(example.turns, example.turns[1:], strict=False):
                if said.role == "assistant":
                    parts = [
                        p if isinstance(p, str) else codec.render(p, (1, 1)) for p in said.parts
                    ]
                    table[_key(example.views[0].path, asked)] = "".join(parts)
        return cls(table, **options)  # type: ignore[arg-type]  # options are passed through

    @classmethod
    def from_folder(cls, folder: Path) -> Self:
        content = json.loads((folder / "answers.json").read_text())
        assert read_card(folder).family == "fake"
        return cls(content["table"], content["revision"], content["seconds"])

    def save(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        content = {"table": self.table, "revision": self.revision, "seconds": self.seconds}
        (folder / "answers.json").write_text(json.dumps(content))
        write_card(Card(name="fake", family="fake", access="open"), folder)

    @property
    def info(self) -> ModelInfo:
        tasks = tuple(TASKS)
        return ModelInfo(
            "fake", self.revision, "fake", "none", "open", tasks, self.codec.name, 1, "fake"
        )

    def answer(self, chats: Sequence[Chat], decoding: Decoding) -> Iterator[tuple[int, Reply]]:
        self.calls.append(len(chats))
        for chat in chats:
            if "unreadable" in str(chat.images[0]):
                raise ImageError("cannot be read", chat.images[0])
        for index, chat in reversed(list(enumerate(chats))):
            self.seen.append(chat)
            time.sleep(self.seconds)
            text = self.table[_key(str(chat.images[0]), chat.turns[-1])]
            yield index, Reply(text, len(text.split()), "stop", self.seconds)

    def stream(self, chat: Chat, decoding: Decoding) -> Iterator[str]:
        yield from ()

    def logprobs(self, chats: Sequence[Chat], continuations: Sequence[str]) -> list[list[float]]:
        return []


def _key(image: str, question: Turn) -> str:
    return f"{Path(image).name}|{question.parts[0]}"


def register() -> None:
    """Make the fakes known to the registry of this process."""
    for name, task in TASKS.items():
        TABLES["tasks"][name] = f"fake_evaluation:{type(task).__name__}"
    TABLES["models"]["fake"] = "fake_evaluation:FakeModel"
