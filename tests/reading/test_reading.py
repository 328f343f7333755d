from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import radvlm
from radvlm.codecs import get_codec
from radvlm.errors import InputError
from radvlm.models.card import TOY_SCOPE
from radvlm.models.domain import describe, fit
from radvlm.protocols import Chat, Decoding, ModelInfo
from radvlm.reading import Reader, draw_reading, reading_as_text, schema
from radvlm.records import Reply

PIXELS = np.full((80, 100), 90, dtype=np.uint8)


class Scripted:
    """Answers by what the last question holds; says yes nine times as readily as no."""

    codec = get_codec("radvlm_01")
    info = ModelInfo("m", "r", "f", "l", "open", (), "radvlm_01", 1, TOY_SCOPE)

    yes = 0.9

    def __init__(self, report: str, listed: str) -> None:
        self.asked: list[str] = []
        self.script = {
            "report of": report,
            "abnormalities": listed,
            "Find the": "Not visible.",
            "seen": "At [0.6, 0.2, 0.9, 0.6].",
            "Where": "At [0.1, 0.2, 0.5, 0.6].",
        }

    def answer(self, chats: Sequence[Chat], decoding: Decoding) -> Iterator[tuple[int, Reply]]:
        for index, chat in enumerate(chats):
            asked = str(chat.turns[-1].parts[0])
            self.asked.append(asked)
            text = next(reply for word, reply in self.script.items() if word in asked)
            yield index, Reply(text, 1, "stop", 0.0)

    def stream(self, chat: Chat, decoding: Decoding) -> Iterator[str]:
        yield next(self.answer([chat], decoding))[1].text

    def logprobs(self, chats: Sequence[Chat], continuations: Sequence[str]) -> list[list[float]]:
        odds = {True: self.yes, False: 1 - self.yes}
        return [[float(np.log(odds[text.startswith("Yes")]))] for text in continuations]


def test_a_reading_has_report_boxes_and_confidence() -> None:
    made = Reader(Scripted("Large right pleural effusion.", "I see a pleural effusion.")).read(
        PIXELS
    )
    (finding,) = made.findings
    assert finding.name == "Pleural Effusion" and finding.confidence == pytest.approx(0.9)
    assert finding.boxes[0].x2 == 0.5 and finding.box_confidences == (None,)
    assert (finding.side, finding.sentence) == ("right", 0)
    assert made.scope == TOY_SCOPE and made.accepted and not made.forced
    assert (made.image.width, made.image.height) == (100, 80)


def test_a_box_on_the_other_side_is_a_contradiction() -> None:
    made = Reader(Scripted("Large left pleural effusion.", "I see a pleural effusion.")).read(
        PIXELS
    )
    # The box 0.1 to 0.5 of the picture is the patient's right; the sentence's own box fits it.
    assert made.contradictions == (
        "Pleural Effusion is said to be on the left, but its boxes are on the right",
    )
    assert made.sentences[0].boxes[0].x1 == 0.6


def test_where_report_and_list_disagree_the_reading_says_so() -> None:
    made = Reader(
        Scripted("No pleural effusion. The heart is enlarged.", "I see a pleural effusion.")
    ).read(PIXELS)
    assert [c.split(" is ")[0] for c in made.contradictions] == ["Pleural Effusion", "Cardiomegaly"]
    assert {one.name: one.status for one in made.findings} == {
        "Pleural Effusion": "present",
        "Cardiomegaly": "present",
    }


def test_denied_and_uncertain_findings_have_no_boxes() -> None:
    made = Reader(Scripted("No pneumothorax. Possible edema.", "No abnormality.")).read(PIXELS)
    found = {one.name: (one.status, one.boxes) for one in made.findings}
    assert found == {"Pneumothorax": ("absent", ()), "Edema": ("uncertain", ())}
    assert "uncertain: Edema" in reading_as_text(made)


def test_what_is_present_comes_first() -> None:
    made = Reader(Scripted("No fracture. Possible edema. Pneumothorax.", "None.")).read(PIXELS)
    assert [one.status for one in made.findings] == ["present", "uncertain", "absent"]


def test_a_finding_the_model_denies_alone_is_marked() -> None:
    model = Scripted("There is edema.", "I see edema.")
    model.yes = 0.2
    made = Reader(model).read(PIXELS)
    assert made.findings[0].confidence == pytest.approx(0.2)
    assert made.contradictions == ("Edema is present, but asked alone the model rather denies it",)


def test_what_a_checkpoint_was_not_taught_is_not_asked() -> None:
    model = Scripted("There is edema.", "I see edema.")
    model.info = replace(model.info, tasks=("report", "classification"))
    made = Reader(model).read(PIXELS)
    assert made.findings[0].boxes == () and made.regions == ()
    assert not [q for q in model.asked if "Where" in q or "Find" in q]


def test_an_image_unlike_the_training_s_is_refused_unless_forced() -> None:
    rng = np.random.default_rng(0)
    usual = [np.full((64, 64), 90, np.uint8) + rng.integers(0, 3, (64, 64)).astype(np.uint8)
             for _ in range(60)]  # fmt: skip
    domain = fit([describe(pixels) for pixels in usual])
    checker = (np.indices((64, 64)).sum(0) // 8 % 2 * 255).astype(np.uint8)
    reader = Reader(Scripted("There is edema.", "I see edema."), domain)
    refused = reader.read(checker)
    assert not refused.accepted and refused.findings == () and refused.report == ""
    assert "unlike" in (refused.refusal or "") and "--force" in reading_as_text(refused)
    forced = reader.read(checker, force=True)
    assert forced.accepted and forced.forced and forced.findings and forced.refusal
    assert "read although" in reading_as_text(forced)
    assert reader.read(usual[0]).refusal is None


def test_a_reading_without_findings_says_so_and_is_json() -> None:
    made = Reader(Scripted("Clear.", "No abnormality is present.")).read(PIXELS)
    text = reading_as_text(made)
    assert text.splitlines()[0] == TOY_SCOPE and "no abnormality listed" in text
    assert json.loads(json.dumps(made.to_json()))["findings"] == []


def test_sentences_stand_as_they_were_written() -> None:
    made = Reader(Scripted("Large effusion, 2.5 cm. No edema!  Clear.", "None.")).read(PIXELS)
    assert [one.text for one in made.sentences] == [
        "Large effusion, 2.5 cm.",
        "No edema!",
        "Clear.",
    ]


def test_boxes_are_lists_in_json() -> None:
    made = Reader(Scripted("Edema.", "I see edema.")).read(PIXELS)
    assert made.to_json()["findings"][0]["boxes"] == [[0.1, 0.2, 0.5, 0.6]]


def test_the_published_schema_is_the_record_s() -> None:
    published = files("radvlm.reading").joinpath("reading.schema.json").read_text()
    assert json.loads(published) == schema()
    assert schema()["properties"]["findings"]["items"] == {"$ref": "#/$defs/FoundFinding"}


def test_boxes_are_drawn_where_they_are(tmp_path: Path) -> None:
    source = tmp_path / "x.png"
    Image.fromarray(PIXELS).save(source)
    made = Reader(Scripted("Effusion.", "I see a pleural effusion.")).read(source)
    draw_reading(made, source, tmp_path / "boxes.png")
    drawn = np.asarray(Image.open(tmp_path / "boxes.png").convert("RGB")).astype(int)
    coloured = np.argwhere(np.ptp(drawn, axis=2) > 40)
    # 100 × 80 pixels are enlarged to 512 × 410; the box goes from 0.1 across to 0.6 down.
    assert drawn.shape[:2] == (410, 512)
    assert coloured[:, 1].min() == pytest.approx(51, abs=3)
    assert coloured[:, 0].max() == pytest.approx(246, abs=3)


def test_a_picture_needs_a_png_name(tmp_path: Path) -> None:
    made = Reader(Scripted("Effusion.", "I see a pleural effusion.")).read(PIXELS)
    with pytest.raises(InputError, match=r"\.png"):
        draw_reading(made, tmp_path / "x.png", tmp_path / "boxes.txt")


def test_the_python_lines_of_the_readme_work(checkpoint: Path, cohort: Path) -> None:
    image = min((cohort / "images").iterdir())
    reading = radvlm.load(checkpoint).read(image)
    assert reading.scope == TOY_SCOPE
    assert reading.accepted and reading.report
    assert all(0 <= finding.confidence <= 1 for finding in reading.present if finding.confidence)
