"""CONTRIBUTING's four recipes, tried: a source, task, metric and model, a file and a row each.

Nothing but the row tells the package of them, and the whole way from build to scores runs.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radvlm import registry
from radvlm.build.recipe import BuildRecipe, Roots, SourceChoice, TaskChoice
from radvlm.build.run import build
from radvlm.evaluate.recipe import EvaluateRecipe
from radvlm.evaluate.run import evaluate

NEW_SOURCE = '''
"""A data set of squares, for the test of adding one."""
from radvlm.protocols import WHOLE
from radvlm.records import Finding, Study, View

class Squares:
    """One view a patient; every other one is bright."""
    name, family, access, licence, citation = "squares", "squares", "open", "CC0", "none"
    needs = uses = ()
    def __init__(self, root):
        self.root, self.quarantine = root, []
    def files(self):
        return []
    def withheld(self):
        return frozenset()
    def studies(self, part=WHOLE):
        for k, path in enumerate(sorted(self.root.glob("*.png"))):
            if str(k) not in part:
                continue
            view = View(path.name, str(path), "PA", 32, 32)
            said = Finding("Bright", "present" if k % 2 else "absent", "squares", view.id)
            split = "train" if k < 4 else "test"
            yield Study("squares", ("squares",), path.name, str(k), split, "open", (view,),
                        findings=(said,))
'''
NEW_TASK = '''
"""Is it bright? For the test of adding one."""
from radvlm.records import Answer
from radvlm.tasks.asking import example, exchange, frontal_views
from radvlm.tasks.wording import plain

class Brightness:
    """A yes-or-no question."""
    name, metrics = "brightness", ("accuracy",)
    def ask(self, study, rng):
        for view in frontal_views(study):
            status = study.findings[0].status
            text = "yes" if status == "present" else "no"
            yield example(self.name, study, view,
                          exchange("Is it bright?", (text,), Answer(text, {"Bright": status})))
    def read(self, parts, question):
        text = plain(parts)
        status = {"yes": "present", "no": "absent"}.get(text)
        return Answer(text, {"Bright": status} if status else {}, readable=status is not None)
'''
NEW_METRIC = '''
"""Share of equal answers, for the test of adding one."""
import numpy as np

class Accuracy:
    """The share of answers whose labels equal the target's."""
    key = "accuracy/equal-labels"
    def rows(self, answers, targets):
        return np.array([[float(dict(a.labels) == dict(t.labels))]
                         for a, t in zip(answers, targets)])
    def reduce(self, rows, weights):
        return weights @ rows[:, 0] / weights.sum(axis=1)
'''
NEW_MODEL = '''
"""A model that looks at the mean brightness, for the test of adding one."""
from radvlm.codecs import get_codec
from radvlm.io.image import read_image
from radvlm.models.card import read_card, revision_of
from radvlm.protocols import ModelInfo
from radvlm.records import Reply

class Meter:
    """Says yes to bright images."""
    codec = get_codec("radvlm_01")
    @classmethod
    def from_folder(cls, folder):
        card = read_card(folder)
        made = cls()
        made.info = ModelInfo(card.name, revision_of(folder), card.family, "CC0", "open", (),
                              "radvlm_01", 1, card.scope)
        return made
    def answer(self, chats, decoding):
        for k, chat in enumerate(chats):
            bright = read_image(chat.images[0]).mean() > 128
            yield k, Reply("yes" if bright else "no", 1, "stop", 0.0)
    def stream(self, chat, decoding):
        yield from (reply.text for _, reply in self.answer([chat], decoding))
    def logprobs(self, chats, continuations):
        return [[0.0] for _ in chats]
'''


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The four files on the path and their four rows in the registry."""
    files: dict[registry.Kind, tuple[str, str, str]] = {
        "sources": ("squares", "Squares", NEW_SOURCE),
        "tasks": ("brightness", "Brightness", NEW_TASK),
        "metrics": ("accuracy", "Accuracy", NEW_METRIC),
        "models": ("meter", "Meter", NEW_MODEL),
    }
    monkeypatch.syspath_prepend(str(tmp_path))
    for kind, (name, attribute, text) in files.items():
        (tmp_path / f"added_{name}.py").write_text(text)
        monkeypatch.setitem(registry.TABLES[kind], name, f"added_{name}:{attribute}")
    return tmp_path


def test_a_file_and_a_row_are_enough(added: Path) -> None:
    images, model = added / "images", added / "model"
    images.mkdir()
    model.mkdir()
    for k in range(10):
        shade = np.full((32, 32), 200 if k % 2 else 20, dtype=np.uint8)
        Image.fromarray(shade).save(images / f"{k}.png")
    card = {"name": "meter", "family": "meter", "access": "open", "scope": "a light meter"}
    (model / "radvlm.json").write_text(json.dumps(card))
    manifest = build(
        BuildRecipe(
            out=added / "data",
            data=Roots(roots={"squares": images}),
            sources={"squares": SourceChoice(source="squares")},
            tasks={"brightness": TaskChoice()},
            # The rows above are this process's alone; those of a package are everybody's.
            workers=1,
        )
    )
    assert sum(row["examples"] for row in manifest["examples"]) == 10
    (score,) = evaluate(EvaluateRecipe(out=added / "ev", data=added / "data", model=model))
    assert score.key == "brightness/accuracy/equal-labels"
    assert (score.value, score.n_total, score.n_failed) == (1.0, 6, 0)
