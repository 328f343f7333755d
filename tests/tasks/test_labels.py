from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radvlm.records import Status
from radvlm.tasks.labels import read_labels, yes_or_no
from radvlm.tasks.lexicon import WORDS, canonical, mentions, spoken
from radvlm.vocabulary import CHEXPERT_13, CHEXPERT_14, DEVICES, NO_FINDING

P, A, U = "present", "absent", "uncertain"
EFFUSION, PTX, OPACITY = "Pleural Effusion", "Pneumothorax", "Lung Opacity"
ALL = (*WORDS, NO_FINDING)

# What a radiologist means by each sentence, of the names given and of no other of CheXpert's.
SENTENCES: list[tuple[str, dict[str, str]]] = [
    ("No pneumothorax or pleural effusion.", {PTX: A, EFFUSION: A}),
    ("Small effusion.", {EFFUSION: P}),
    ("There is no pneumonia but a small effusion.", {"Pneumonia": A, EFFUSION: P}),
    (
        "No evidence of consolidation, pleural effusion or pneumothorax.",
        {"Consolidation": A, EFFUSION: A, PTX: A},
    ),
    ("No pneumothorax, small left pleural effusion.", {PTX: A, EFFUSION: P}),
    ("No pneumothorax and a small pleural effusion.", {PTX: A, EFFUSION: P}),
    (
        "No focal consolidation, large effusion, or pneumothorax.",
        {"Consolidation": A, EFFUSION: A, PTX: A},
    ),
    ("Without evidence of a fracture or an effusion.", {"Fracture": A, EFFUSION: A}),
    ("Small pleural effusion, no pneumothorax.", {EFFUSION: P, PTX: A}),
    ("Pneumothorax is not seen.", {PTX: A}),
    ("Pleural effusion and pneumothorax are absent.", {EFFUSION: A, PTX: A}),
    ("Effusion is present and pneumothorax is not seen.", {EFFUSION: P, PTX: A}),
    ("The effusion has resolved.", {EFFUSION: A}),
    ("Negative for pneumonia.", {"Pneumonia": A}),
    ("The lungs are clear of consolidation.", {"Consolidation": A}),
    ("The lungs are free of edema.", {"Edema": A}),
    ("Neither effusion nor pneumothorax.", {EFFUSION: A, PTX: A}),
    ("No change in the left pleural effusion.", {EFFUSION: P}),
    ("The pleural effusion has not changed.", {EFFUSION: P}),
    ("Possible pneumonia.", {"Pneumonia": U}),
    ("Pneumonia cannot be excluded.", {"Pneumonia": U}),
    ("We cannot exclude a small pneumothorax.", {PTX: U}),
    ("Opacity which may represent pneumonia.", {OPACITY: P, "Pneumonia": U}),
    ("Opacity concerning for pneumonia.", {OPACITY: P, "Pneumonia": U}),
    ("Atelectasis versus pneumonia.", {"Atelectasis": U, "Pneumonia": U}),
    ("The heart is enlarged.", {"Cardiomegaly": P}),
    ("The heart is mildly enlarged.", {"Cardiomegaly": P}),
    ("Severe enlargement of the heart.", {"Cardiomegaly": P}),
    ("The heart is not enlarged.", {"Cardiomegaly": A}),
    ("Heart size is normal.", {"Cardiomegaly": A}),
    ("The heart is normal in size.", {"Cardiomegaly": A}),
    ("The cardiac silhouette is within normal limits.", {"Cardiomegaly": A}),
    (
        "Heart size and mediastinal contours are normal.",
        {"Cardiomegaly": A, "Enlarged Cardiomediastinum": A},
    ),
    ("The mediastinum is widened.", {"Enlarged Cardiomediastinum": P}),
    ("Heart size is at the upper limits of normal.", {}),
    (
        "The heart is normal and the aorta is enlarged.",
        {"Cardiomegaly": A},
    ),
    (
        "The lungs are clear.",
        dict.fromkeys(
            ("Atelectasis", "Consolidation", "Edema", "Lung Lesion", OPACITY, "Pneumonia"), A
        ),
    ),
    ("The lungs are not clear.", {}),
    ("The costophrenic angles are sharp.", {EFFUSION: A}),
    ("A pericardial effusion.", {}),
    ("Nodule in the right lung.", {"Lung Lesion": P}),
    ("No lung nodule or mass.", {"Lung Lesion": A}),
    ("Pacemaker in place.", {"Support Devices": P}),
    ("The endotracheal tube ends above the carina.", {"Support Devices": P}),
    ("Portable view of a patient, as reported before.", {}),
    ("The nodule measures 1.5 cm. No effusion.", {"Lung Lesion": P, EFFUSION: A}),
    ("Right effusion. No left effusion.", {EFFUSION: P}),
    ("There is no\npleural effusion.", {EFFUSION: A}),
    ("PLEURAL EFFUSION: none", {EFFUSION: A}),
    ("No effusion; edema is seen.", {EFFUSION: A, "Edema": P}),
    ("No effusion, however, mild edema.", {EFFUSION: A, "Edema": P}),
    (
        "Lungs are clear except for mild atelectasis.",
        {
            **dict.fromkeys(("Consolidation", "Edema", "Lung Lesion", OPACITY, "Pneumonia"), A),
            "Atelectasis": P,
        },
    ),
    ("Unlikely to be of interest.", {}),
    ("Pneumonia is unlikely.", {"Pneumonia": A}),
    ("Bones are intact.", {"Fracture": A}),
]


@pytest.mark.parametrize(("text", "meant"), SENTENCES, ids=[text for text, _ in SENTENCES])
def test_hard_sentences(text: str, meant: dict[str, Status]) -> None:
    assert read_labels(text, CHEXPERT_13) == {n: meant[n] for n in CHEXPERT_13 if n in meant}


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("No acute cardiopulmonary abnormality.", P),
        ("Normal chest radiograph.", P),
        ("The radiograph is normal. A pacemaker is in place.", P),
        ("The radiograph is not normal.", None),
        ("There is an abnormality.", A),
        ("Pneumothorax. No other abnormality.", A),
        ("Possible pneumonia. No other acute abnormality.", None),
        ("The image was taken.", None),
    ],
)
def test_no_finding_is_said_of_the_whole(text: str, status: str | None) -> None:
    assert read_labels(text, (NO_FINDING,)).get(NO_FINDING) == status


@pytest.mark.parametrize(
    ("text", "name", "status"),
    [
        ("Signs of tuberculosis.", "Tuberculosis", P),
        ("No TB.", "Tuberculosis", A),
        ("Typical of COVID-19 pneumonia.", "COVID-19", P),
        ("No pleural thickening.", "Pleural Thickening", A),
        ("An infiltrate on the left.", "Infiltration", P),
        ("No aortic elongations.", "Aortic elongation", A),
        ("A chest tube on the right.", "chest drain", P),
    ],
)
def test_names_beside_chexpert(text: str, name: str, status: str) -> None:
    assert read_labels(text, (name,)) == {name: status}


def test_only_what_is_wanted_is_returned_in_that_order() -> None:
    text = "Edema and a pacemaker, no fracture."
    assert list(read_labels(text, ("Fracture", "pacemaker", "Nodule"))) == ["Fracture", "pacemaker"]
    assert read_labels(text, ("Support Devices",), broaden=False) == {}


def test_the_time_to_read_grows_no_faster_than_the_text() -> None:
    def seconds(count: int) -> float:
        start = time.process_time()
        read_labels("no effusion, " * count, CHEXPERT_14)
        return time.process_time() - start

    seconds(10)
    assert seconds(4000) < 60 * seconds(400) + 0.5


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    assert set(read_labels(text, CHEXPERT_14).values()) <= {P, A, U}


@given(
    st.lists(st.sampled_from(sorted({*WORDS} - {NO_FINDING})), min_size=1, max_size=5, unique=True)
)
def test_a_list_is_affirmed_or_denied_as_a_whole(names: list[str]) -> None:
    items = [spoken(name) for name in names]
    joined = " or ".join(filter(None, [", ".join(items[:-1]), items[-1]]))
    denied = read_labels(f"There is no {joined}.", names)
    assert denied == dict.fromkeys(names, A)
    affirmed = read_labels(f"The image shows {joined.replace(' or ', ' and ')}.", names)
    assert affirmed == dict.fromkeys(names, P)


@pytest.mark.parametrize("name", sorted({*WORDS, *DEVICES, *CHEXPERT_13}))
def test_a_name_is_read_back_from_how_it_is_spoken(name: str) -> None:
    assert [m.name for m in mentions(f"There is {spoken(name)} here.")] == [name]
    assert canonical(spoken(name)) == name == canonical(name.replace(" ", "_").upper())


def test_the_longer_of_two_mentions_holds() -> None:
    text = "chest tube, pleural thickening and a device"
    assert [m.name for m in mentions(text)] == [
        "chest drain",
        "Pleural Thickening",
        "Support Devices",
    ]


@pytest.mark.parametrize(
    ("text", "status"),
    [("Yes, it is.", P), ("no", A), ("  No. ", A), ("Nothing", None), ("Yesterday", None)],
)
def test_yes_or_no(text: str, status: str | None) -> None:
    assert yes_or_no(text) == status
