"""An evaluation on disk whose every answer, figure and failure is known beforehand.

What is not written here is answered perfectly; some texts are hostile.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from fake_evaluation import fake_examples
from radvlm.codecs import Radvlm01
from radvlm.evaluate.log import write_predictions
from radvlm.evaluate.recipe import BootstrapSection, EvaluateRecipe
from radvlm.evaluate.run import score_log
from radvlm.io.dataset import MANIFEST, shard_name
from radvlm.io.files import write_json
from radvlm.io.tables import write_examples
from radvlm.records import Access, Example, Prediction, Reply

PATIENTS = 14
SECRET = "zebrafish"
SCRIPT = f"{SECRET} <script>document.title='owned'</script><img src=x onerror=alert(1)>"
MIXTURE = "fakes <script>document.title='owned'</script><img src=x onerror=alert(1)>"
BREAKOUT = f"{SECRET} </script>\u2028<!-- <script> --> &amp; \u202e"
HALF = "[0.05, 0.20, 0.25, 0.35]"
"""The lower half of patient 1's box."""
SWAPPED = "[0.40, 0.20, 0.20, 0.50]"
"""Patient 4's box with its left and right corners swapped."""

ERROR = f"ImageError: {SECRET}.png: image is damaged or truncated"

REPLIES: dict[str, tuple[str, ...]] = {
    "fake_boxes-0": ("nowhere",),
    "fake_boxes-1": (HALF,),
    "fake_boxes-2": (SCRIPT,),
    "fake_boxes-3": ("[0.10, 0.10, 0.30, 0.40]",),
    "fake_boxes-4": (SWAPPED,),
    "fake_facts-0": ("has edema", "no fracture", "fine"),
    "fake_facts-3": ("has edema", BREAKOUT, "fine"),
}
CUT = ("fake_facts-3", 1)

MEAN_IOU = {0: None, 1: 0.5, 2: 0.0, 3: None, 4: 1.0}
"""Of the first patients; none where there is nothing to find."""

WORST_FIRST = ["fake_boxes-2", "fake_boxes-1"]
FAILURES = {
    ("fake_boxes-2", 0): "unreadable",
    ("fake_facts-1", 0): "ImageError",
    ("fake_facts-1", 1): "ImageError",
    ("fake_facts-2", 0): "no prediction",
    ("fake_facts-2", 1): "no prediction",
    ("fake_facts-3", 1): "cut off, unreadable",
}


def make(folder: Path, access: Access = "open") -> Path:
    """Write the data set, its pictures (but patient 2's) and the scored evaluation.

    Even patients are men, odd ones women. Returns the evaluation's folder.
    """
    examples = [
        replace(one, access=access, sex="MF"[number // 2 % 2])
        for number, one in enumerate(fake_examples(PATIENTS, f"{folder}/images"))
    ]
    (folder / "images").mkdir(parents=True)
    for number in range(PATIENTS):
        if number != 2:
            pixels = np.full((200, 100), 10 * number, dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"images/{number}.png")
    _write_data(folder / "data", examples)
    recipe = EvaluateRecipe(
        out=folder / "evaluation",
        data=folder / "data",
        by=("sex",),
        bootstrap=BootstrapSection(samples=20),
    )
    recipe.out.mkdir()
    write_predictions(recipe.out / "predictions-trained.jsonl", predictions(examples))
    score_log(recipe)
    return recipe.out


def predictions(examples: list[Example]) -> list[Prediction]:
    """One of each example but fake_facts-2."""
    found = []
    for example in examples:
        texts = () if example.id == "fake_facts-1" else _perfect(example)
        replies = tuple(
            Reply(text, 3, "length" if (example.id, k) == CUT else "stop", 0.1)
            for k, text in enumerate(REPLIES.get(example.id, texts))
        )
        error = None if replies else ERROR
        if example.id != "fake_facts-2":
            found.append(Prediction(example.id, 0, "fake", "r0", "radvlm_01", replies, error))
    return found


def _perfect(example: Example) -> tuple[str, ...]:
    codec = Radvlm01()
    return tuple(
        "".join(part if isinstance(part, str) else codec.render(part, (1, 1)) for part in one.parts)
        for one in example.turns
        if one.role == "assistant"
    )


def _write_data(data: Path, examples: list[Example]) -> None:
    data.mkdir()
    name = shard_name("examples-test", 0, 1)
    write_examples(data / name, examples)
    about = {"mixture": MIXTURE, "content": {}, "sources": [], "files": {name: ""}}
    write_json(data / MANIFEST, {**about, "leak": {"contaminated_test_examples": ()}})
