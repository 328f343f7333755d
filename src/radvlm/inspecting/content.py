"""Everything on the page of a data set, as plain records; nothing here knows of markup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from radvlm.build.recipe import SPLITS
from radvlm.evaluate.page_data import RESEARCH_ONLY
from radvlm.inspecting.charts import Plot, PlotGroup, age_plot, box_plots, length_plots
from radvlm.inspecting.disclosure import FEW, Disclosure
from radvlm.inspecting.sample import Card
from radvlm.inspecting.survey import Survey, TaskCount
from radvlm.inspecting.tables import (
    LabelTable,
    Table,
    example_table,
    label_tables,
    plan_table,
    quarantine_table,
    study_table,
)
from radvlm.records import Access
from radvlm.registry import TABLES

_LEAK_RULES = {
    "fail": "a patient in several splits stops the build",
    "drop": "patients in several splits are taken out of training",
    "report": "patients in several splits are kept and listed",
}


@dataclass(frozen=True, slots=True)
class Content:
    """What the template shows. ``scope`` is the first line, ``closed`` makes it a warning."""

    title: str
    scope: str
    closed: bool
    lead: str
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    tiles: tuple[tuple[str, str, str], ...]
    """(what, how many, remark)."""
    examples: Table
    plan: Table
    labels: tuple[LabelTable, ...]
    lengths: tuple[PlotGroup, ...]
    boxes: tuple[PlotGroup, ...]
    studies: tuple[Table, ...]
    ages: Plot | None
    leak: Mapping[str, str]
    quarantine: Table
    cards: tuple[Card, ...]
    facts: Mapping[str, str]
    sources: tuple[tuple[str, str], ...]
    notice: str = RESEARCH_ONLY


def content_of(
    manifest: Mapping[str, Any],
    found: Survey,
    cards: tuple[Card, ...],
    access: Access,
    disclosure: Disclosure,
) -> Content:
    """The page's content; with ``cards`` empty it holds aggregates alone.

    Args:
        manifest: the data set's own.
        found: what its files hold.
        cards: random examples.
        access: strictest class of what is on the page.
        disclosure: how exactly counts are shown.
    """
    tasks = in_order(found)
    sexes, projections = found.studies.sexes, found.studies.projections
    return Content(
        title=f"Data set {manifest['mixture']}",
        scope=_scope(access, disclosure),
        closed=access != "open",
        lead=_lead(manifest, tasks, disclosure),
        notes=_notes(disclosure),
        warnings=tuple(_warnings(manifest, found, disclosure)),
        tiles=_tiles(manifest, found, disclosure),
        examples=example_table(manifest, disclosure),
        plan=plan_table(manifest, disclosure),
        labels=label_tables(tasks, disclosure),
        lengths=length_plots(tasks, disclosure),
        boxes=box_plots(tasks, disclosure),
        studies=(
            study_table("Studies by sex", "Sex", sexes, disclosure),
            study_table("Images by projection", "Projection", projections, disclosure),
        ),
        ages=age_plot(found.studies, disclosure),
        leak=_leak(manifest, disclosure),
        quarantine=quarantine_table(manifest, disclosure),
        cards=cards,
        facts=_facts(manifest),
        sources=tuple(_sources(manifest, disclosure)),
    )


def in_order(found: Survey) -> list[tuple[str, TaskCount]]:
    """The tasks with their counts, in the order of the registry, those of others last."""
    known = list(TABLES["tasks"])
    return sorted(
        found.tasks.items(),
        key=lambda one: (known.index(one[0]) if one[0] in known else len(known), one[0]),
    )


def _scope(access: Access, disclosure: Disclosure) -> str:
    if access != "open":
        return f"Do not share: this page holds {access} images and texts."
    if disclosure.share_safe:
        return "Aggregates only: no image, no text and no id of any example is on this page."
    return "Open data: every example on this page comes from an open source."


def _notes(disclosure: Disclosure) -> tuple[str, ...]:
    if not disclosure.share_safe:
        return ()
    return (
        f"Counts below {FEW} are shown as <{FEW} (hollow or faint in figures), all others are "
        f"rounded to tens. Names that stand for fewer than {FEW} patients are summed as others.",
    )


def _lead(
    manifest: Mapping[str, Any], tasks: list[tuple[str, TaskCount]], disclosure: Disclosure
) -> str:
    total = sum(row["examples"] for row in manifest["examples"])
    sources = len(manifest["sources"])
    return (
        f"{disclosure.text(total)} examples of {len(tasks)} tasks about "
        f"{disclosure.text(manifest['studies'])} studies from {sources} "
        f"{'source' if sources == 1 else 'sources'}, built by radvlm {manifest['radvlm']}."
    )


def _warnings(manifest: Mapping[str, Any], found: Survey, disclosure: Disclosure) -> list[str]:
    """What a person should know before using the data set."""
    said: Counter[tuple[str, str]] = Counter()
    for row in manifest["examples"]:
        said[row["task"], row["split"]] += row["examples"]
    held: Counter[tuple[str, str]] = Counter()
    for task, count in found.tasks.items():
        for (split, _), number in count.examples.items():
            held[task, split] += number
    lines = [
        f"The files hold {disclosure.text(held[key])} examples of {key[0]} ({key[1]}), the "
        f"manifest says {disclosure.text(said[key])}: build the data set anew."
        for key in sorted(said | held)
        if said[key] != held[key]
    ]
    if manifest["waiting"]:
        lines.append(f"Rows that wait for curated text: {', '.join(manifest['waiting'])}.")
    if contaminated := len(manifest["leak"]["contaminated_test_examples"]):
        held_back = disclosure.text(contaminated)
        lines.append(f"Test examples of patients who are in training too: {held_back}.")
    return lines


def _tiles(
    manifest: Mapping[str, Any], found: Survey, disclosure: Disclosure
) -> tuple[tuple[str, str, str], ...]:
    text = disclosure.text
    patients = manifest["patients"]
    split = ", ".join(f"{name} {text(patients[name])}" for name in SPLITS if patients[name])
    boxes = sum(task.boxes.total for task in found.tasks.values())
    lost, read = manifest["quarantined"], manifest["studies"]
    share = f"{100 * lost / (lost + read):.2f} % of what was read" if lost else ""
    return (
        ("Examples", text(sum(row["examples"] for row in manifest["examples"])), ""),
        ("Patients", text(sum(patients.values())), split),
        ("Studies", text(read), ""),
        ("Boxes", text(boxes), "in answers"),
        ("Quarantined", text(lost), "" if disclosure.share_safe else share),
    )


def _leak(manifest: Mapping[str, Any], disclosure: Disclosure) -> dict[str, str]:
    leak, text = manifest["leak"], disclosure.text
    return {
        "rule": _LEAK_RULES.get(leak["rule"], leak["rule"]),
        "studies dropped by it": text(leak["studies_dropped"]),
        **{
            f"patients {who}": text(number)
            for who, number in leak["patients_in_several_splits"].items()
        },
        "test examples of patients in training": text(len(leak["contaminated_test_examples"])),
        "studies withheld for another test set": text(manifest["studies_withheld"]),
        "studies in no split": text(manifest["studies_without_split"]),
        "studies of unknown patients": text(manifest["studies_with_patient_unknown"]),
    }


def _facts(manifest: Mapping[str, Any]) -> dict[str, str]:
    facts = {
        "access": manifest["access"],
        "recipe hash": manifest["recipe"],
        "seed": str(manifest["seed"]),
        "radvlm": manifest["radvlm"],
        "python": manifest["python"],
        "schema version": str(manifest["schema_version"]),
    }
    return facts | {f"content of {split}": code for split, code in manifest["content"].items()}


def _sources(manifest: Mapping[str, Any], disclosure: Disclosure) -> list[tuple[str, str]]:
    return [
        (
            source["name"],
            f"{source['access']}, {disclosure.text(source['studies'])} studies. "
            f"{source['citation']} Licence: {source['licence']}",
        )
        for source in manifest["sources"]
    ]
