"""One planned study drawn and described: its pixels and its ``Study`` record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from radvlm.protocols import Pixels
from radvlm.records import Box, Finding, Region, Study, View
from radvlm.sources.phantom import report
from radvlm.sources.phantom.factors import Factors, Streams
from radvlm.sources.phantom.labels import children, statuses
from radvlm.sources.phantom.plan import PhantomConfig, Plan
from radvlm.sources.phantom.signs import Description
from radvlm.sources.phantom.simulate import simulate

FAMILY = "phantom"


def draw(config: PhantomConfig, plan: Plan) -> tuple[Study, dict[str, Pixels]]:
    """The study, and the pixels of its views by view id; depends on nothing else."""
    made: list[tuple[View, Pixels, Description]] = []
    own = (config.seed, plan.patient, plan.number)
    since = {name: (*own[:2], number) for name, number in plan.since.items()}
    for number, factors in enumerate(_factors(config, plan)):
        pixels, truth = simulate(Streams.of((*own, number), own, own[:2], since), factors)
        view = f"{plan.id}v{number + 1}"
        size = truth.width, truth.height
        made.append((View(view, f"images/{view}.png", factors.projection, *size), pixels, truth))
    frontal, truth = made[0][0], made[0][2]
    words = Streams.of(own).for_study("words")
    stayed = {name for name, number in plan.since.items() if number < plan.number}
    said = report.phrases(truth.drawn, words)
    study = Study(
        family=FAMILY,
        sources=(FAMILY,),
        id=plan.id,
        patient=f"p{plan.patient:05d}",
        split=plan.split,
        access="open",
        views=tuple(view for view, _, _ in made),
        texts=report.write(truth.drawn, said, stayed, plan.before, words),
        findings=tuple(_findings(plan, frontal.id, truth, said)),
        regions=tuple(Region(name, frontal.id, box) for name, box in truth.regions.items()),
        sex=plan.sex,
        age=plan.age,
        prior=plan.prior,
    )
    return study, {view.id: pixels for view, pixels, _ in made}


def _factors(config: PhantomConfig, plan: Plan) -> Iterator[Factors]:
    frontal = Factors(
        projection=plan.projection,
        sex=plan.sex,
        age=plan.age,
        findings=plan.findings,
        devices=plan.devices,
        marker=plan.marker,
        size=config.size,
        pose=config.pose,
    )
    yield frontal
    if plan.lateral:
        yield replace(frontal, projection="LATERAL")


def _findings(plan: Plan, view: str, truth: Description, said: dict[str, str]) -> Iterator[Finding]:
    """The fourteen labels, then each device."""
    shown = plan.findings | plan.devices
    for name, status in statuses(shown).items():
        if status == "absent":
            yield Finding(name, "absent", FAMILY, view)
            continue
        drawn = [d for d in truth.drawn if d.name == name or d.name in children(name)]
        boxes = _distinct([box for d in drawn for box in d.boxes])
        phrase = said.get(name) or next((said[d.name] for d in drawn), None)
        yield Finding(name, "present", FAMILY, view, boxes, phrase)
    for name in sorted(plan.devices):
        boxes = tuple(box for d in truth.drawn if d.name == name for box in d.boxes)
        yield Finding(name, "present", FAMILY, view, boxes, said.get(name))


def _distinct(boxes: Sequence[Box]) -> tuple[Box, ...]:
    return tuple(dict.fromkeys(boxes))
