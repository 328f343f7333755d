from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from radvlm.metrics.label_f1 import (
    ExactNormal,
    KeywordMacro13,
    LabelMacro13,
    LabelMacro14,
    LabelMicro13,
    LabelMicro14,
)
from radvlm.metrics.rules_f1 import RulesMacro13, RulesMacro14, RulesMicro13, RulesMicro14
from radvlm.protocols import Metric
from radvlm.records import Answer, Status
from radvlm.tasks.chexpert_labels import chexpert_labels
from radvlm.vocabulary import CHEXPERT_13, CHEXPERT_14, NO_FINDING, SUPPORT_DEVICES

Table = np.ndarray


def value(metric: Metric, answers: list[Answer], targets: list[Answer]) -> float:
    return float(metric.reduce(metric.rows(answers, targets), np.ones((1, len(targets))))[0])


def listed(table: Table) -> list[Answer]:
    """Answers over thirteen names from a table of zeros and ones."""
    status: list[Status] = ["absent", "present"]
    return [
        Answer(labels={n: status[int(x)] for n, x in zip(CHEXPERT_13, r, strict=True)})
        for r in table
    ]


def with_normal(table: Table) -> Table:
    """The fourteenth column: no finding but a device."""
    findings = [index for index, name in enumerate(CHEXPERT_13) if name != SUPPORT_DEVICES]
    normal = ~table[:, findings].any(axis=1, keepdims=True)
    return np.concatenate((normal, table), axis=1).astype(int)


@pytest.fixture(scope="module")
def tables() -> tuple[Table, Table]:
    rng = np.random.default_rng(3)
    wanted, said = (rng.random((60, 13)) < share for share in (0.15, 0.2))
    wanted[:, 4] = said[:, 4] = False  # nobody speaks of it
    wanted[:20] = False  # normal ones
    return wanted, said


@pytest.mark.parametrize(
    ("metric", "average", "normal"),
    [
        (LabelMacro13(), "macro", False),
        (LabelMicro13(), "micro", False),
        (LabelMacro14(), "macro", True),
        (LabelMicro14(), "micro", True),
    ],
    ids=lambda x: x.key if hasattr(x, "key") else str(x),
)
def test_figures_are_those_of_scikit_learn(
    metric: Metric, average: str, normal: bool, tables: tuple[Table, Table]
) -> None:
    wanted, said = (with_normal(t) if normal else t.astype(int) for t in tables)
    expected = f1_score(wanted, said, average=average, zero_division=0)
    assert value(metric, listed(tables[1]), listed(tables[0])) == pytest.approx(expected)


def test_rules_read_both_texts_and_count_as_scikit_learn_does() -> None:
    texts = ["Small left effusion. Heart size is normal.", "No acute disease.", "Possible edema."]
    said = ["No effusion.", "No acute disease.", "Edema and a pacemaker."]

    def table(texts: list[str], names: tuple[str, ...]) -> Table:
        read = [chexpert_labels(text) for text in texts]
        return np.array([[labels.get(n, "absent") != "absent" for n in names] for labels in read])

    answers, targets = ([Answer(text) for text in some] for some in (said, texts))
    for metric, average, names in (
        (RulesMicro14(), "micro", CHEXPERT_14),
        (RulesMacro14(), "macro", CHEXPERT_14),
        (RulesMicro13(), "micro", CHEXPERT_13),
        (RulesMacro13(), "macro", CHEXPERT_13),
    ):
        expected = f1_score(table(texts, names), table(said, names), average=average)
        assert value(metric, answers, targets) == pytest.approx(expected)
    # By hand: hits are Edema (possible = present) and No Finding; a device too many; an effusion
    # missed.
    assert value(RulesMicro14(), answers, targets) == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))


def test_keyword_matching_is_as_blind_as_the_published_code() -> None:
    absent: dict[str, Status] = dict.fromkeys(CHEXPERT_13, "absent")
    target = Answer(labels={**absent, "Pleural Effusion": "present"})
    denial = Answer("No pleural effusion.", {"Pleural Effusion": "absent"})
    other_words = Answer("Small effusion.", {"Pleural Effusion": "present"})
    assert value(KeywordMacro13(), [denial], [target]) == pytest.approx(1 / 13)
    assert value(LabelMacro13(), [denial], [target]) == 0
    assert value(KeywordMacro13(), [other_words], [target]) == 0
    assert value(LabelMacro13(), [other_words], [target]) == pytest.approx(1 / 13)


def test_exact_normal_counts_normal_images_alone() -> None:
    absent: dict[str, Status] = dict.fromkeys(CHEXPERT_13, "absent")
    normal, ill = Answer(labels=absent), Answer(labels={**absent, "Edema": "present"})
    called_normal = Answer("No abnormality.", {NO_FINDING: "present"})
    targets = [normal, normal, normal, normal, ill]
    answers = [called_normal, normal, ill, Answer(readable=False), ill]
    assert value(ExactNormal(), answers, targets) == pytest.approx(2 / 4)
    assert np.isnan(value(ExactNormal(), [ill], [ill]))
