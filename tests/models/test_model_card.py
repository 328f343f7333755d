"""Model cards: what they must say, whose scores they take, and where a checkpoint may not go."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from radvlm.errors import CheckpointError, EgressError, InputError, OutputError
from radvlm.models import publishing
from radvlm.models.card import Card, read_card, revision_of, write_card
from radvlm.models.model_card import README, TRAINING, write_model_card
from radvlm.models.publishing import push_to_hub

FACTS = {
    "base": {"name": "llava-ov", "licence": "Apache-2.0", "access": "open"},
    "data": [
        {
            "mixture": "paper",
            "recipe": "abc",
            "manifest_sha256": "f" * 64,
            "access": "credentialed",
            "sources": [
                {
                    "name": "mimic_cxr",
                    "access": "credentialed",
                    "licence": "PhysioNet Credentialed Health Data Use Agreement 1.5.0",
                    "citation": "Johnson 2019",
                }
            ],
            "examples": {"report": 1234},
        }
    ],
    "settings": {
        "schedule": {"batch": 256, "lr": 1e-5, "vision_lr": 2e-6},
        "lora": None,
        "freeze": [],
        "precision": "bfloat16",
    },
    "recipe": "r1",
    "steps": 4356,
    "questions": 5000,
    "tokens": 99999,
    "damaged": 3,
    "seconds": 7200,
    "processes": 8,
    "device": "H100",
    "radvlm": "0.1.0",
    "commit": "c0ffee",
}


def checkpoint(folder: Path, access: Any = "credentialed") -> Path:
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    write_card(Card(name="m", family="gemma3", codec="qwen3_1000", access=access), folder)
    (folder / TRAINING).write_text(json.dumps(FACTS))
    return folder


def scores(folder: Path, revision: str) -> Path:
    folder.mkdir()
    one = {"key": "report/rouge_l", "value": 0.254, "interval": [0.25, 0.26], "n_total": 3314}
    none = {"key": "report/green", "value": None, "interval": None, "n_total": 3314}
    held = {"model": [{"name": "m", "revision": revision}], "scores": [one, {**none, "note": "x"}]}
    plain = {"mixture": "test_mimic", "data": "d1", "contaminated": {"n": 2, "of": 3314}}
    (folder / "scores.json").write_text(json.dumps({**plain, "conditions": {"trained": held}}))
    return folder


def test_a_card_names_base_data_agreement_codec_and_uses(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "m")
    text = write_model_card(folder).read_text()
    header = yaml.safe_load(text.split("---")[1])
    assert header["base_model"] == "llava-ov" and header["license"] == "other"
    for said in (
        "Research use only, not for diagnosis",
        "Forbidden use",
        "PhysioNet Credentialed Health Data Use Agreement 1.5.0",
        "Johnson 2019",
        "`qwen3_1000`",
        "4,356 steps of 256",
        "report 1,234",
        "never upload them to a public hub",
        "3 sequences with unreadable images",
        "Not evaluated yet",
        revision_of(folder),
    ):
        assert said in " ".join(text.split()), said


def test_scores_of_this_very_checkpoint_are_taken_and_no_others(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "m")
    right, wrong = scores(tmp_path / "a", revision_of(folder)), scores(tmp_path / "b", "other")
    text = write_model_card(folder, [right]).read_text()
    assert "| report/rouge_l | 0.254 | 0.250 to 0.260 | 3,314 |" in text
    assert "2 of 3,314 examples were seen in training" in text and "| report/green | – |" in text
    with pytest.raises(InputError, match="has no scores of m in revision"):
        write_model_card(folder, [wrong])
    with pytest.raises(InputError, match="holds no scores"):
        write_model_card(folder, [tmp_path])
    assert (folder / README).read_text() == text


class FakeHub:
    calls: ClassVar[list[tuple[str, dict[str, Any]]]] = []

    def create_repo(self, name: str, **given: Any) -> None:
        self.calls.append((name, given))

    def upload_folder(self, **given: Any) -> str:
        self.calls.append(("upload", given))
        return "https://hub/m"


@pytest.mark.parametrize("access", ["credentialed", "private"])
def test_closed_weights_are_refused_before_the_hub_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, access: str
) -> None:
    monkeypatch.setattr(publishing, "HfApi", lambda: pytest.fail("the hub was asked"))
    folder = checkpoint(tmp_path / "m", access)
    write_model_card(folder)
    with pytest.raises(EgressError, match="never goes to a hub"):
        push_to_hub(folder, "o/m")


def test_open_weights_go_with_their_card_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "HfApi", FakeHub)
    folder = checkpoint(tmp_path / "m", "open")
    with pytest.raises(CheckpointError, match="has no model card"):
        push_to_hub(folder, "o/m")
    write_model_card(folder)
    assert push_to_hub(folder, "o/m") == "https://hub/m"
    (name, made), (_, sent) = FakeHub.calls
    assert (name, made["private"]) == ("o/m", True)
    assert README in sent["allow_patterns"] and "*" not in sent["allow_patterns"]


def test_a_hub_that_cannot_be_reached_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away(FakeHub):
        def create_repo(self, name: str, **given: Any) -> None:
            raise ConnectionError("secret token")

    monkeypatch.setattr(publishing, "HfApi", Away)
    folder = checkpoint(tmp_path / "m", "open")
    write_model_card(folder)
    with pytest.raises(OutputError, match=r"o/m: the hub refused \(ConnectionError\)") as caught:
        push_to_hub(folder, "o/m")
    assert "secret" not in str(caught.value)


def test_the_card_of_a_folder_that_says_nothing_of_its_training(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "m")
    (folder / TRAINING).unlink()
    assert "Not known: no `training.json`" in write_model_card(folder).read_text()
    assert read_card(folder).name == "m" and "torch" in sys.modules
