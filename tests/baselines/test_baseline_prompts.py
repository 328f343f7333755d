"""Prompts against what the authors publish, copied by hand from the places each file names."""

from __future__ import annotations

import random

import pytest

from radvlm.baselines.asks import Ask, read_ask
from radvlm.baselines.native import ALONE, Context
from radvlm.baselines.table import BASELINES, baseline
from radvlm.codecs import CODECS
from radvlm.errors import RegistryError
from radvlm.native_codecs import NATIVE
from radvlm.registry import names
from radvlm.tasks import (
    abnormality_detection,
    abnormality_grounding,
    anatomical_grounding,
    classification,
    phrase_grounding,
    report,
)
from radvlm.tasks.wording import Phrasing
from radvlm.vocabulary import REGIONS_29

WHERE_OF = {
    "report": "report",
    "labels": "classification",
    "region": "anatomical_grounding",
    "finding": "abnormality_grounding",
    "phrase": "phrase_grounding",
    "detection": "abnormality_detection",
}
RECORDED = [
    ("chexagent", "report", "", "Write an example findings section for the CXR"),
    ("chexagent", "label", "pneumothorax", "Does this chest X-ray contain a pneumothorax?"),
    (
        "chexagent",
        "finding",
        "pleural effusion",
        "Locate areas in the chest X-ray where pleural effusion is present, "
        "using bounding box coordinates",
    ),
    (
        "chexagent",
        "detection",
        "",
        "Locate areas in the chest X-ray where abnormalities are present, "
        "using bounding box coordinates",
    ),
    ("chexagent", "phrase", "Left rib", "Please locate the following phrase: Left rib"),
    ("chexagent", "region", "left lung", None),
    ("chexone", "report", "", "Write an example findings section for the CXR."),
    (
        "maira2",
        "report",
        "",
        "Given the current frontal image only Provide a structured description of the findings in "
        "the radiology study in comparison to the prior frontal image. INDICATION: N/A TECHNIQUE: "
        "N/A COMPARISON: N/A",
    ),
    (
        "maira2",
        "detection",
        "",
        "Given the current frontal image only Provide a structured description of the findings in "
        "the radiology study in comparison to the prior frontal image. Each finding should be "
        "described as a self-contained plain-text sentence. If the finding is groundable, locate "
        "the finding in the current frontal chest X-ray image, with bounding boxes indicating all "
        "locations where it can be seen in the current frontal image. Otherwise, generate just the "
        "ungrounded finding without bounding boxes. INDICATION: N/A TECHNIQUE: N/A COMPARISON: N/A",
    ),
    (
        "maira2",
        "phrase",
        "Left effusion.",
        "Given the current frontal image Repeat the following finding as a grounded phrase with "
        "bounding boxes indicating all locations where it can be seen in the given chest X-ray "
        "image. Finding: Left effusion.",
    ),
    ("maira2", "region", "left lung", None),
    (
        "radialog",
        "report",
        "",
        "Predicted Findings: {findings}. You are to act as a radiologist and write the finding "
        "section of a chest x-ray radiology report for this X-ray image and the given predicted "
        "findings. Write in the style of a radiologist, write one fluent text without enumeration, "
        "be concise and don't provide explanations or reasons.",
    ),
    ("radialog", "label", "cardiomegaly", "Does the patient have cardiomegaly?"),
    ("radialog", "labels", "", "List all findings in the image."),
    ("radialog", "finding", "cardiomegaly", None),
    (
        "llava_rad",
        "report",
        "",
        "Provide a description of the findings in the radiology image.",
    ),
    ("llava_rad", "labels", "", None),
    ("medgemma", "report", "", "Describe this X-ray"),
    (
        "llava_ov",
        "phrase",
        "left basal opacity",
        "Please provide the bounding box coordinate of the region this sentence describes: "
        "left basal opacity",
    ),
    ("llava_med", "phrase", "left basal opacity", None),
]


@pytest.mark.parametrize(("name", "kind", "about", "wanted"), RECORDED)
def test_prompts_are_the_published_ones(
    name: str, kind: str, about: str, wanted: str | None
) -> None:
    ask = Ask(kind, about, "our own words")  # type: ignore[arg-type]  # parametrised
    prompt = baseline(name).prompt(ask, ALONE)
    assert (prompt.text if prompt else None) == wanted


def test_medgemma_is_asked_as_in_its_notebook() -> None:
    prompt = baseline("medgemma").prompt(Ask("region", "right clavicle", ""), ALONE)
    assert prompt is not None
    assert prompt.text.startswith("Instructions:\nThe following user query will require outputting")
    assert '```json[{"box_2d": [800, 3, 840, 471], "label": "car"}, ' in prompt.text
    assert (
        "\n\nQuery:\nWhere is the right clavicle? Don't give a final answer without reasoning. "
        in prompt.text
    )
    assert prompt.text.endswith('The object needs a "box_2d" and "label" key. Answer:')


def test_native_context_is_given_as_each_was_trained() -> None:
    known = Context(
        indication="Fever.",
        comparison="None.",
        prior_report="Clear lungs.",
        lateral="l.png",
        prior="p.png",
    )
    ask = Ask("report", "", "")

    def said(name: str, context: Context = known) -> str:
        prompt = baseline(name).prompt(ask, context)
        assert prompt is not None
        return prompt.text

    assert said("chexagent") == (
        'Given the indication: "Fever.", write a structured findings section for the CXR.'
    )
    assert said("llava_rad") == (
        "Provide a description of the findings in the radiology image given the following "
        "indication: Fever."
    )
    assert said("maira2") == (
        "Given the current frontal image the current lateral image and the prior frontal image "
        "PRIOR_REPORT: Clear lungs. Provide a structured description of the findings in the "
        "radiology study in comparison to the prior frontal image. INDICATION: Fever. TECHNIQUE: "
        "N/A COMPARISON: None."
    )
    only_lateral = said("maira2", Context(lateral="l.png"))
    assert only_lateral.startswith("Given the current frontal image and the current lateral image ")
    prompt = baseline("maira2").prompt(ask, known)
    assert prompt is not None and prompt.images == ("l.png", "p.png")


def test_our_questions_are_told_apart() -> None:
    rng = random.Random(0)
    slots: list[tuple[str, Phrasing, str]] = [
        ("report", report.QUESTION, ""),
        ("labels", classification.OPEN, ""),
        ("normal", classification.NORMAL, ""),
        ("detection", abnormality_detection.QUESTION, ""),
        ("label", classification.CLOSED, "pleural effusion"),
        ("finding", abnormality_grounding.QUESTION, "pneumothorax"),
        ("phrase", phrase_grounding.QUESTION, "Small left effusion, where it is new."),
        *(("region", anatomical_grounding.QUESTION, name) for name in REGIONS_29),
    ]
    for kind, phrasing, about in slots:
        for _ in range(12):
            ask = read_ask(phrasing.say(rng, about))
            assert (ask.kind, ask.about) == (kind, about), ask.text
    assert read_ask("Is it larger than the other one?").kind == "free"


@pytest.mark.parametrize("name", BASELINES)
def test_cards_say_what_is_true_of_the_file(name: str) -> None:
    native = baseline(name)
    card = native.card
    assert card.name == name
    assert card.codec in {*CODECS, *(codec.name for codec in NATIVE)}
    assert set(card.tasks) <= set(names("tasks"))
    assert card.weights.split("/")[1] in card.apply and card.licence and card.note
    for kind, task in WHERE_OF.items():
        ask = Ask(kind, "pneumothorax", "?")  # type: ignore[arg-type]  # a literal of the table
        assert (native.prompt(ask, ALONE) is not None) == (task in card.tasks), kind


def test_those_that_saw_mimic_say_so() -> None:
    saw = {name for name in BASELINES if "mimic" in baseline(name).card.saw}
    assert saw == {"radialog", "chexagent", "maira2", "llava_rad", "chexone", "medgemma"}


def test_an_unknown_baseline_names_the_nearest() -> None:
    with pytest.raises(RegistryError, match="chexagent"):
        baseline("chexagant")
