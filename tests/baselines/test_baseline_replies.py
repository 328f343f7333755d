"""Replies as the models write them, and damaged ones, read down to what our tasks take them for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radvlm.baselines.asks import Ask, read_ask
from radvlm.baselines.replies import boxed
from radvlm.baselines.table import BASELINES, baseline
from radvlm.codecs import CODECS
from radvlm.native_codecs import NATIVE
from radvlm.records import Answer
from radvlm.registry import resolve

SIZE = (1000, 800)
ALL = {**CODECS, **{codec.name: codec for codec in NATIVE}}
TASK_OF = {
    "Where is the pneumothorax?": "abnormality_grounding",
    "Where is the left lung?": "anatomical_grounding",
    'Where is this seen: "Large left effusion."?': "phrase_grounding",
    "Find and locate all abnormalities.": "abnormality_detection",
    "Which abnormalities are present?": "classification",
    "Is there evidence of cardiomegaly?": "classification",
    "Write a report of this radiograph.": "report",
}
WHERE, REGION, PHRASE, DETECT, LIST, CLOSED, REPORT = TASK_OF


def heard(name: str, question: str, said: str) -> Answer:
    """What a task makes of what a baseline said."""
    native = baseline(name)
    text = native.read(read_ask(question), said)
    parts, _ = ALL[native.card.codec].parse(text, SIZE)
    answer: Answer = resolve("tasks", TASK_OF[question])().read(parts, (question,))
    return answer


def corners(answer: Answer) -> list[tuple[str, tuple[float, ...]]]:
    return [
        (name, tuple(round(v, 3) for v in (b.x1, b.y1, b.x2, b.y2))) for name, b, _ in answer.boxes
    ]


@pytest.mark.parametrize("name", ["chexagent", "chexone"])
@pytest.mark.parametrize(
    "said",
    [
        "<|ref|>pneumothorax<|/ref|><|box|>(12,60),(18,87)<|/box|>",
        "<|ref|>pneumothorax<|/ref|><|box|> (12,60),(18,87) <|/box|><|im_end|>",
        "< | ref | > pneumothorax < | /ref | > <|box|>(12, 60), (18, 87)<|/box|>",
        "<|box|>(12,60),(18,87)<|/box|>",
        "<|box|>(18,87),(12,60)<|/box|>",
    ],
)
def test_hundredths(name: str, said: str) -> None:
    assert corners(heard(name, WHERE, said)) == [("Pneumothorax", (0.12, 0.6, 0.18, 0.87))]


def test_what_is_not_there_is_denied() -> None:
    for name in ("chexagent", "chexone"):
        answer = heard(name, WHERE, "No pneumothorax detected.")
        assert answer.readable and not answer.boxes
        assert heard(name, DETECT, "No abnormalities detected.").labels["No Finding"] == "present"
    assert not heard("chexagent", WHERE, "<|box|>(12,60),(18<|/box|>").readable


def test_several_findings_keep_their_names() -> None:
    said = (
        "<|ref|>Cardiomegaly<|/ref|><|box|>(30,50),(80,90)<|/box|>"
        "<|ref|>Pleural effusion<|/ref|><|box|>(5,70),(20,95)<|/box|>"
    )
    assert corners(heard("chexagent", DETECT, said)) == [
        ("Cardiomegaly", (0.3, 0.5, 0.8, 0.9)),
        ("Pleural Effusion", (0.05, 0.7, 0.2, 0.95)),
    ]


@pytest.mark.parametrize(
    ("said", "present"),
    [
        ("Cardiomegaly, Edema", {"Cardiomegaly", "Edema"}),
        ("(b) Cardiomegaly, (d) Edema<|im_end|>", {"Cardiomegaly", "Edema"}),
        ("No Finding", set()),
    ],
)
def test_options(said: str, present: set[str]) -> None:
    labels = heard("chexagent", LIST, said).labels
    assert {n for n, s in labels.items() if s == "present" and n != "No Finding"} == present


def test_closed_answers() -> None:
    assert heard("chexagent", CLOSED, "(a) Yes").labels == {"Cardiomegaly": "present"}
    assert heard("radialog", CLOSED, "No, there is none.</s>").labels == {"Cardiomegaly": "absent"}


def test_reasoning_is_not_the_answer() -> None:
    said = "<think>Might be edema.</think>So: \\boxed{Large {right} effusion.}"
    assert heard("chexone", REPORT, said).text == "Large {right} effusion."
    assert boxed("\\boxed{cut off") == "cut off"
    assert boxed("none") == "none"


BIN = (0.555, 0.455, 0.705, 0.565)
"""Middles of <x55><y45><x70><y56>; the square is 800 of 1000 pixels wide, from 100 on."""


@pytest.mark.parametrize(
    "said",
    [
        "<obj>Large left effusion.<box><x55><y45><x70><y56></box></obj>",
        " <obj> Large left effusion. <box><x55><y45><x70><y56></box></obj></s>",
        "<obj>Large left effusion.<box><x55><y45><x70><y56></box>",
    ],
)
def test_bins_of_the_centre_square(said: str) -> None:
    ((name, box),) = corners(heard("maira2", PHRASE, said))
    assert name == "Pleural Effusion"
    across = [round((100 + 800 * v) / 1000, 3) for v in BIN[0::2]]
    assert box == (across[0], BIN[1], across[1], BIN[3])


def test_a_phrase_without_a_box_is_denied() -> None:
    answer = heard("maira2", PHRASE, "<obj>Large left effusion.</obj>")
    assert answer.readable and not answer.boxes
    assert not heard("maira2", PHRASE, "<obj>Large left effusion.<box><x55><y45>").boxes


def test_grounded_findings() -> None:
    said = (
        "<obj>There is a large left effusion.<box><x55><y45><x70><y56></box></obj>"
        "<obj>No pneumothorax.</obj>"
        "<obj>The heart is enlarged.<box><x30><y50><x60><y80></box><box><x10><y5><x20><y9></box>"
        "</obj>"
    )
    found = [name for name, _, _ in heard("maira2", DETECT, said).boxes]
    assert found == ["Pleural Effusion", "Cardiomegaly", "Cardiomegaly"]


THOUGHT = 'thought: maybe ```json[{"box_2d": [1, 2, 3, 4], "label": "car"}]``` '


@pytest.mark.parametrize(
    "said",
    [
        'Final Answer: ```json[{"box_2d": [300, 120, 800, 550], "label": "left lung"}]```',
        f'{THOUGHT} Final Answer: [{{"box_2d": [300, 120, 800, 550], "label": "left lung"}}]',
        f'<unused94>{THOUGHT}<unused95>[{{"box_2d": [300, 120, 800, 550], "label": "left lung"}}]',
        '**Final answer:** ```json\n[{"box_2d": [300, 120, 800, 550], "label": "left lung"},',
    ],
)
def test_thousandths_of_the_padded_square(said: str) -> None:
    # 1000 x 800 pixels stand 100 pixels below the top of a square of 1000.
    wanted = (0.12, round((300 - 100) / 800, 3), 0.55, round((800 - 100) / 800, 3))
    assert [box for _, box in corners(heard("medgemma", REGION, said))] == [wanted]


def test_an_empty_list_denies() -> None:
    answer = heard("medgemma", WHERE, "Reasoning. Final Answer: ```json\n[]\n```")
    assert answer.readable and not answer.boxes
    assert not heard("medgemma", WHERE, "It is hard to tell.").readable


@given(st.text(alphabet="<>|/()[]{}\\boxedrefobj_2d:,.0123456789 aY\n", max_size=80))
def test_nothing_a_model_says_is_an_error(said: str) -> None:
    for name in BASELINES:
        for question in TASK_OF:
            heard(name, question, said)
        baseline(name).read(Ask("free", "", "x"), said)
