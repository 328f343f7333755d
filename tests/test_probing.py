"""A model that writes one convention under another's name is found out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from fake_evaluation import fake_examples
from radvlm.cli import app
from radvlm.codecs import CODECS
from radvlm.errors import InputError
from radvlm.probing import probe
from radvlm.protocols import BoxCodec, Chat, Decoding, ModelInfo
from radvlm.records import Answer, Example, Reply, Turn


class Writes:
    """Knows every true box, and writes it with ``codec`` whatever its card says."""

    def __init__(self, examples: Sequence[Example], writes: str, says: str) -> None:
        self.codec: BoxCodec = CODECS[writes]
        self.info = ModelInfo("m", "r", "f", "l", "open", (), says, 1, "scope")
        self.true = {e.views[0].path: e.turns[-1].target for e in examples}

    def answer(self, chats: Sequence[Chat], decoding: Decoding) -> Iterator[tuple[int, Reply]]:
        for index, chat in enumerate(chats):
            target = self.true[str(chat.images[0])]
            assert target is not None
            text = f"Here: {self.codec.render([b for _, b, _ in target.boxes], (300, 200))}"
            yield index, Reply(text, 1, "stop", 0.0)

    def stream(self, chat: Chat, decoding: Decoding) -> Iterator[str]:
        yield ""

    def logprobs(self, chats: Sequence[Chat], continuations: Sequence[str]) -> list[list[float]]:
        return []


@pytest.fixture
def examples(tmp_path: Path) -> list[Example]:
    made = [e for e in fake_examples(12, str(tmp_path)) if e.task == "fake_boxes"]
    for example in made:
        Image.new("L", (300, 200)).save(example.views[0].path)
    return made


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_its_own_codec_fits_best(examples: list[Example], codec: str) -> None:
    found = probe(Writes(examples, codec, codec), examples)
    assert found.warning is None
    (own,) = [fit for fit in found.fits if fit.own]
    # MAIRA-2 sees the centre square alone, so that parts of the boxes are lost.
    assert own.read == own.of == 8 and own.mean_iou > (0.6 if codec == "maira_bins" else 0.85)


@pytest.mark.parametrize(
    ("writes", "says"),
    [("qwen3_1000", "radvlm_01"), ("radvlm_01", "qwen3_1000"), ("medgemma_yx", "qwen3_1000")],
)
def test_another_that_fits_better_is_named(examples: list[Example], writes: str, says: str) -> None:
    found = probe(Writes(examples, writes, says), examples)
    assert found.fits[0].codec == writes
    assert found.warning is not None and found.warning.startswith(f"{writes} fits better")


def test_without_boxes_there_is_nothing_to_ask(examples: list[Example]) -> None:
    silent = [replace(e, turns=(e.turns[0], Turn("assistant", ("x",), Answer("x"))))
              for e in examples]  # fmt: skip
    with pytest.raises(InputError, match="one box"):
        probe(Writes(examples, "radvlm_01", "radvlm_01"), silent)


def test_the_verb(checkpoint: Path, data: Path) -> None:
    run = CliRunner().invoke(
        app, ["models", "probe", str(checkpoint), "--data", str(data), "--limit", "2", "--json"]
    )
    assert run.exit_code in (0, 1) and '"codec": "radvlm_01"' in run.stdout
    listed = CliRunner().invoke(app, ["models", "list"])
    assert "qwen3_vl" in listed.stdout and "maira_bins" in listed.stdout
