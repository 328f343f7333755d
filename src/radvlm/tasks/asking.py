"""What all tasks need of a study: its frontal views, what is known of each, and example records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from radvlm.records import FRONTAL, Answer, Box, Example, Finding, Part, Status, Study, Turn, View
from radvlm.tasks.labels import stronger
from radvlm.tasks.lexicon import BROADER, canonical
from radvlm.vocabulary import DEVICES, NO_FINDING, SUPPORT_DEVICES

ENOUGH = 5
"""So many known names make "nothing of the usual is there" a fair thing to say."""


def frontal_views(study: Study) -> Iterator[View]:
    """The views asked about; none for a study that is in no split."""
    if study.split is not None:
        yield from (view for view in study.views if view.projection in FRONTAL)


def example(task: str, study: Study, view: View, turns: Sequence[Turn]) -> Example:
    """The example of these turns about one view; the build sets its id.

    The study must be in a split.
    """
    assert study.split is not None
    return Example(
        id="",
        task=task,
        source="+".join(study.sources),
        family=study.family,
        patient=study.patient,
        split=study.split,
        access=study.access,
        views=(view,),
        turns=tuple(turns),
        sex=study.sex,
        age=study.age,
    )


def exchange(question: str, reply: Sequence[Part], target: Answer | None) -> tuple[Turn, Turn]:
    """A user turn and the assistant turn that answers it."""
    return Turn("user", (question,)), Turn("assistant", tuple(reply), target)


def findings_of(study: Study, view: View) -> Iterator[Finding]:
    """What is said of the view itself or of the whole study."""
    return (f for f in study.findings if f.view in (None, view.id))


def known(study: Study, view: View) -> dict[str, Status]:
    """Each name's status, names sorted; of several the strongest, present before uncertain.

    A class that is known is at least what its kinds are: with a nodule there is a lung lesion.
    """
    found: dict[str, Status] = {}
    for finding in findings_of(study, view):
        name = canonical(finding.name)
        found[name] = stronger(found.get(name), finding.status)
    for kind, broader in BROADER.items():
        if kind in found and broader in found:
            found[broader] = stronger(found[broader], found[kind])
    return dict(sorted(found.items()))


def boxes_of(study: Study, view: View) -> dict[str, tuple[Box, ...]]:
    """The boxes of each present finding on this view, names sorted, none twice."""
    found: dict[str, tuple[Box, ...]] = {}
    for finding in findings_of(study, view):
        if finding.boxes and finding.status == "present":
            name = canonical(finding.name)
            found[name] = tuple(dict.fromkeys((*found.get(name, ()), *finding.boxes)))
    return dict(sorted(found.items()))


def wholly_negative(statuses: Mapping[str, Status]) -> bool:
    """Whether it is known that nothing is there: said outright, or much asked and all absent.

    Devices are no finding.
    """
    aside = (NO_FINDING, SUPPORT_DEVICES, *DEVICES)
    others = [status for name, status in statuses.items() if name not in aside]
    if any(status != "absent" for status in others) or statuses.get(NO_FINDING) == "absent":
        return False
    return statuses.get(NO_FINDING) == "present" or len(others) >= ENOUGH


def named(name: str, boxes: Sequence[Box]) -> tuple[tuple[str, Box, float | None], ...]:
    """Boxes as an answer holds them, all of one name."""
    return tuple((name, box, None) for box in boxes)
