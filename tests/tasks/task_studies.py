"""Small studies made by hand, and random ones, for the tests of tasks."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator

from hypothesis import strategies as st

from radvlm.protocols import Task
from radvlm.records import Answer, Box, Example, Finding, Part, Region, Status, Study, View
from radvlm.tasks.lexicon import WORDS
from radvlm.vocabulary import CHEXPERT_13, CHEXPERT_14, NO_FINDING, REGIONS_29

VIEW = View("v1", "v1.png", "PA", 100, 100)
LATERAL = View("v2", "v2.png", "LATERAL")
RIGHT, LEFT = Box(0.1, 0.6, 0.4, 0.9), Box(0.6, 0.6, 0.9, 0.9)


def study(**more: object) -> Study:
    """A study of one PA view and nothing else but what is given."""
    bare = Study("fam", ("a", "b"), "s1", "p1", "train", "open", (VIEW,))
    return dataclasses.replace(bare, **more)  # type: ignore[arg-type]


def labels(*present: str, uncertain: tuple[str, ...] = ()) -> tuple[Finding, ...]:
    """CheXpert's fourteen labels, those given present; "No Finding" where none is."""
    shown = present or (NO_FINDING,)
    status = {name: "present" if name in shown else "absent" for name in CHEXPERT_14}
    status.update(dict.fromkeys(uncertain, "uncertain"))
    return tuple(Finding(name, status[name], "chexpert") for name in CHEXPERT_14)  # type: ignore[arg-type]


def sick() -> Study:
    """An enlarged heart and a small effusion on the right, with boxes, regions and a report."""
    found = (
        Finding(
            "Pleural Effusion", "present", "r", "v1", (RIGHT,), "Small right pleural effusion."
        ),
        Finding("Cardiomegaly", "present", "r", "v1", (LEFT,), "The heart is enlarged."),
        Finding(
            "Enlarged Cardiomediastinum", "present", "r", "v1", (LEFT,), "The heart is enlarged."
        ),
        Finding("pacemaker", "present", "r", "v1"),
    )
    named = ("Pleural Effusion", "Cardiomegaly", "Enlarged Cardiomediastinum", "Support Devices")
    spread = tuple(
        Region(name, "v1", Box(0.01 * i, 0.1, 0.01 * i + 0.3, 0.5))
        for i, name in enumerate(REGIONS_29[:20])
    )
    text = "The heart is enlarged. Small right\n pleural effusion. No pneumothorax."
    return study(findings=(*labels(*named), *found), regions=spread, texts={"findings": text})


def well() -> Study:
    """All fourteen labels known and nothing found."""
    return study(findings=labels(), texts={"impression": "No acute abnormality."})


def ask(task: Task, one: Study, seed: int = 0) -> list[Example]:
    """The examples of one study."""
    return list(task.ask(one, random.Random(seed)))


def replies(example: Example) -> Iterator[tuple[tuple[Part, ...], tuple[Part, ...], Answer]]:
    """(question, reply, target) of each assistant turn with a target."""
    question: tuple[Part, ...] = ()
    for turn in example.turns:
        if turn.role == "user":
            question = turn.parts
        elif turn.target is not None:
            yield question, turn.parts, turn.target


def said(example: Example) -> str:
    """The words of the last turn."""
    return "".join(part for part in example.turns[-1].parts if isinstance(part, str))


_corner = st.integers(0, 89)
boxes = st.builds(
    lambda x, y, w, h: Box(x / 100, y / 100, (x + w) / 100, (y + h) / 100),
    _corner,
    _corner,
    st.integers(1, 10),
    st.integers(1, 10),
)
free_names = st.sampled_from(["Old tuberculosis", "Aortic elongation", "Pleural_Thickening", "ILD"])
names = st.sampled_from([*CHEXPERT_13, *WORDS]) | free_names
_status: st.SearchStrategy[Status] = st.sampled_from(["present", "absent", "uncertain"])
_phrase = st.sampled_from(
    [None, "Mild left effusion.", "Large bilateral opacities.", 'A "strange" {} shadow?', "Edema"]
)


def _finding(name: str, status: Status, where: tuple[Box, ...], phrase: str | None) -> Finding:
    shown = where if status != "absent" else ()
    return Finding(name, status, "r", "v1" if shown else None, shown, phrase)


findings = st.builds(_finding, names, _status, st.lists(boxes, max_size=3).map(tuple), _phrase)
studies = st.builds(
    study,
    findings=st.lists(findings, max_size=20).map(tuple),
    regions=st.lists(
        st.builds(Region, st.sampled_from(REGIONS_29), st.just("v1"), boxes), max_size=25
    ).map(tuple),
    texts=st.dictionaries(
        st.sampled_from(["findings", "impression"]),
        st.sampled_from(["No pneumothorax, small effusion.", "Possible edema.", " \n"]),
    ),
    views=st.sampled_from(
        [(VIEW,), (VIEW, LATERAL), (dataclasses.replace(VIEW, projection="AP"),)]
    ),
)
