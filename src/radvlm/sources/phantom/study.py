"""One planned study drawn and described: its pixels and its ``Study`` record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from radvlm.protocols import Pixels
from radvlm.records import Box, Finding, Region, Study, View
from radvlm.sources.phantom import report
from radvlm.sources.phantom.factors import Factors, Streams
from radvlm.sources.phantom.labels import children, statuses
from radvlm.sources.phantom.plan import PhantomConfig, Plan
from radvlm.sources.phantom.simulate import Description, simulate

FAMILY = "phantom"


def draw(config: PhantomConfig, plan: Plan) -> tuple[Study, dict[str, Pixels]]:
    """The study, and the pixels of its views by view id; depends on nothing else."""
    made: list[tuple[View, Pixels, Description]] = []
    for number, factors in enumerate(_factors(config, plan)):
        key = (config.seed, plan.patient, plan.number)
        streams = Streams.of((*key, number), key, key[:2])
        pixels, description = simulate(streams, factors)
        view = f"{plan.id}v{number + 1}"
        size = description.width, description.height
        path = f"images/{view}.png"
        made.append((View(view, path, factors.projection, *size), pixels, description))
    frontal, truth = made[0][0], made[0][2]
    words = Streams.of((config.seed, plan.patient, plan.number, 0)).for_study("words")
    said = report.phrases(truth.drawn, words)
    study = Study(
        family=FAMILY,
        sources=(FAMILY,),
        id=plan.id,
        patient=f"p{plan.patient:05d}",
        split=plan.split,
        access="open",
        views=tuple(view for view, _, _ in made),
        texts=report.write(said, words),
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
    )
    yield frontal


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
