"""Inference on the demo's checkpoint: batches against one by one, second turns, what is refused.

    python -m benchmarks.inference --demo runs/demo

``--demo`` is the folder of ``radvlm demo``, which is made where it is missing. All figures are
ratios of one run on this machine, with the images in another order in each of five rounds.
Writes ``results/inference.json`` and ``benchmarks/inference.md``.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.inference_page import write_page
from benchmarks.results_file import share, write_result
from radvlm.demo.run import run_demo
from radvlm.io.dataset import examples_of
from radvlm.io.image import read_image
from radvlm.models import writing
from radvlm.models.domain import MOST, Domain, describe, fit
from radvlm.models.local import LocalModel
from radvlm.models.opening import open_model
from radvlm.protocols import Chat, Decoding, Pixels
from radvlm.records import Example, Turn

ROUNDS, IMAGES, BATCH = 5, 16, 32
WORDS = Decoding(max_tokens=64)
Asked = list[Chat]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, default=Path("runs/demo"))
    demo = parser.parse_args().demo
    if not (demo / "model" / "checkpoint").exists():
        run_demo("full", demo, quiet=False)
    torch.set_num_threads(2)
    model = open_model(demo / "model" / "checkpoint")
    assert isinstance(model, LocalModel)
    test = list(examples_of(demo / "data", "test"))
    figures = {
        "batched": batched(model, test),
        "second_turn": second_turn(model, test),
        "domain": domain(demo / "data", test),
    }
    command = "python -m benchmarks.inference"
    write_page(write_result("inference", command, ROUNDS * IMAGES, figures))


def batched(model: LocalModel, test: Sequence[Example]) -> dict[str, Any]:
    """Replies a second in batches with remembered images over a loop of ``generate``."""
    ratios, identical, asked = [], 0, 0
    for number in range(ROUNDS):
        chats = questions(test, number)
        alone, slow = timed(one_by_one(model, chats))
        model.forget()
        together, fast = timed(in_batches(model, chats))
        identical += sum(a == b for a, b in zip(alone, together, strict=True))
        asked += len(chats)
        ratios.append(slow / fast)
    return {**spread(ratios), "questions": asked, "same_text": identical, "batch": BATCH}


def second_turn(model: LocalModel, test: Sequence[Example]) -> dict[str, Any]:
    """Seconds to the first piece of a second turn over those of the first, an image at a time."""
    ratios = []
    for chat in first_questions(test, ROUNDS * IMAGES):
        model.forget()
        said, first = first_piece(model, chat)
        again = Chat(
            chat.images, (*chat.turns, Turn("assistant", (said,)), Turn("user", ("Where is it?",)))
        )
        _, second = first_piece(model, again)
        ratios.append(second / first)
    return {**spread(ratios), "conversations": len(ratios)}


def domain(data: Path, test: Sequence[Example]) -> dict[str, Any]:
    """Share of test images accepted, as they are and spoiled, by what training leaves beside it."""
    train = sorted({v.path for e in examples_of(data, "train") for v in e.views})
    known = fit([describe(read_image(Path(p))) for p in random.Random(0).sample(train, MOST)])
    assert known is not None
    images = [read_image(Path(p)) for p in sorted({v.path for e in test for v in e.views})][:200]
    return {name: accepted(known, map(change, images), len(images)) for name, change in SPOILED}


def accepted(known: Domain, images: Iterator[Pixels], of: int) -> dict[str, Any]:
    return share(sum(known.accepts(pixels) for pixels in images), of)


NOISE = np.random.default_rng(0)
SPOILED: tuple[tuple[str, Callable[[Pixels], Pixels]], ...] = (
    ("as they are", lambda x: x),
    ("inverted", lambda x: 255 - x),
    ("turned by 90°", lambda x: np.rot90(x).copy()),
    ("upside down", lambda x: np.rot90(x, 2).copy()),
    ("a quarter of the image", lambda x: x[: x.shape[0] // 2, : x.shape[1] // 2].copy()),
    ("noise", lambda x: NOISE.integers(0, 256, x.shape).astype(np.uint8)),
    ("blank", lambda x: np.full_like(x, 128)),
)


def questions(test: Sequence[Example], seed: int) -> Asked:
    """The first questions about some images, several an image, as an evaluation asks them."""
    by_image: dict[str, list[Example]] = {}
    for example in test:
        by_image.setdefault(example.views[0].path, []).append(example)
    drawn = random.Random(seed).sample(sorted(by_image), IMAGES)
    return [chat_of(example) for path in drawn for example in by_image[path][:8]]


def first_questions(test: Sequence[Example], count: int) -> Asked:
    reports = [example for example in test if example.task == "report"]
    return [chat_of(example) for example in random.Random(0).sample(reports, count)]


def chat_of(example: Example) -> Chat:
    asked = next(turn for turn in example.turns if turn.role == "user")
    return Chat((Path(example.views[0].path),), (Turn("user", asked.parts),))


def one_by_one(model: LocalModel, chats: Asked) -> Iterator[str]:
    """What a script does: each prompt with its pixels through ``generate``."""
    tokenizer = model.processor.tokenizer
    options = writing.options(WORDS, model.ends, tokenizer.pad_token_id)
    for chat in chats:
        model.forget()
        with torch.inference_mode():
            inputs = model.collate([model.encode(chat, open_reply=True)], left=True)
            del inputs["labels"]
            written = model.network.generate(**inputs, **options)
        ids = written[0, inputs["input_ids"].shape[1] :].tolist()
        yield writing.to_reply(tokenizer, ids, model.ends, 0.0, None).text


def in_batches(model: LocalModel, chats: Asked) -> Iterator[str]:
    for start in range(0, len(chats), BATCH):
        replies = dict(model.answer(chats[start : start + BATCH], WORDS))
        yield from (replies[index].text for index in range(len(replies)))


def first_piece(model: LocalModel, chat: Chat) -> tuple[str, float]:
    """The whole reply, and the seconds until its first piece."""
    began = time.perf_counter()
    pieces = model.stream(chat, WORDS)
    said = next(pieces, "")
    first = time.perf_counter() - began
    return (said + "".join(pieces)).strip(), first


def timed(replies: Iterator[str]) -> tuple[list[str], float]:
    began = time.perf_counter()
    return list(replies), time.perf_counter() - began


def spread(ratios: Sequence[float]) -> dict[str, Any]:
    """Median, and the 2.5 and 97.5 % points of its bootstrap."""
    rng = np.random.default_rng(0)
    drawn = np.median(rng.choice(ratios, (2000, len(ratios))), axis=1)
    bounds = [round(float(b), 3) for b in np.percentile(drawn, (2.5, 97.5))]
    return {"value": round(statistics.median(ratios), 3), "interval": bounds}


if __name__ == "__main__":
    main()
