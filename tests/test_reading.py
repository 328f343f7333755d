from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import radvlm
from radvlm.codecs import get_codec
from radvlm.errors import InputError
from radvlm.models.card import TOY_SCOPE
from radvlm.protocols import Chat, Decoding, ModelInfo
from radvlm.reading import Reader, draw_reading, reading_as_text
from radvlm.records import Reply

PIXELS = np.full((80, 100), 90, dtype=np.uint8)


class Scripted:
    """Answers by what the last question holds; says yes nine times as readily as no."""

    codec = get_codec("radvlm_01")
    info = ModelInfo("m", "r", "f", "l", "open", (), "radvlm_01", 1, TOY_SCOPE)

    def __init__(self, report: str, listed: str) -> None:
        self.script = {
            "report": report,
            "abnormalities": listed,
            "Where": "At [0.1, 0.2, 0.5, 0.6].",
        }

    def answer(self, chats: Sequence[Chat], decoding: Decoding) -> Iterator[tuple[int, Reply]]:
        for index, chat in enumerate(chats):
            asked = str(chat.turns[-1].parts[0])
            text = next(reply for word, reply in self.script.items() if word in asked)
            yield index, Reply(text, 1, "stop", 0.0)

    def stream(self, chat: Chat, decoding: Decoding) -> Iterator[str]:
        yield next(self.answer([chat], decoding))[1].text

    def logprobs(self, chats: Sequence[Chat], continuations: Sequence[str]) -> list[list[float]]:
        return [[float(np.log(0.9 if text.startswith("Yes") else 0.1))] for text in continuations]


def test_a_reading_has_report_boxes_and_confidence() -> None:
    made = Reader(Scripted("Large right pleural effusion.", "I see a pleural effusion.")).read(
        PIXELS
    )
    (finding,) = made.findings
    assert finding.name == "Pleural Effusion" and finding.confidence == pytest.approx(0.9)
    assert finding.boxes[0].x2 == 0.5
    assert made.contradictions == () and made.scope == TOY_SCOPE


def test_where_report_and_list_disagree_the_reading_says_so() -> None:
    made = Reader(
        Scripted("No pleural effusion. The heart is enlarged.", "I see a pleural effusion.")
    ).read(PIXELS)
    assert [c.split(" is ")[0] for c in made.contradictions] == ["Pleural Effusion", "Cardiomegaly"]


def test_a_reading_without_findings_says_so_and_is_json() -> None:
    made = Reader(Scripted("No pneumothorax.", "No abnormality is present.")).read(PIXELS)
    text = reading_as_text(made)
    assert text.splitlines()[0] == TOY_SCOPE and "no abnormality listed" in text
    assert json.loads(json.dumps(made.to_json()))["findings"] == []


def test_boxes_are_drawn_where_they_are(tmp_path: Path) -> None:
    source = tmp_path / "x.png"
    Image.fromarray(PIXELS).save(source)
    made = Reader(Scripted("Effusion.", "I see a pleural effusion.")).read(source)
    draw_reading(made, source, tmp_path / "boxes.png")
    drawn = np.asarray(Image.open(tmp_path / "boxes.png").convert("RGB")).astype(int)
    coloured = np.argwhere(np.ptp(drawn, axis=2) > 40)
    assert coloured[:, 1].min() == pytest.approx(10, abs=2)
    assert coloured[:, 0].max() == pytest.approx(48, abs=2)


def test_a_picture_needs_a_png_name(tmp_path: Path) -> None:
    made = Reader(Scripted("Effusion.", "I see a pleural effusion.")).read(PIXELS)
    with pytest.raises(InputError, match=r"\.png"):
        draw_reading(made, tmp_path / "x.png", tmp_path / "boxes.txt")


def test_the_python_lines_of_the_readme_work(checkpoint: Path, cohort: Path) -> None:
    image = min((cohort / "images").iterdir())
    reading = radvlm.load(checkpoint).read(image)
    assert reading.scope == TOY_SCOPE
    assert all(0 <= finding.confidence <= 1 for finding in reading.findings)
