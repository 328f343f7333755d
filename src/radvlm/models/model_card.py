"""A checkpoint's model card: ``README.md`` with the header of the Hugging Face hub.

In: ``radvlm.json``, ``training.json`` and scores of evaluations. Out: base model and licence, data
with agreements, convention of boxes, figures, intended and forbidden use (Mitchell et al. 2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from radvlm.errors import InputError
from radvlm.io.files import atomic_path, read_json
from radvlm.models.card import Card, read_card, revision_of

TRAINING, README = "training.json", "README.md"

_TERMS = {
    "open": "It was trained on open data; each data set keeps its own licence, named below.",
    "credentialed": "It was trained on credentialed data. The weights may hold what they were "
    "trained on: use them and pass them on only under the agreements of the data below, and never "
    "upload them to a public hub or send them to services outside those agreements.",
    "private": "It was trained on private data, or its access is unknown. The weights stay with "
    "those who may see that data.",
}
_USES = (
    "## Intended use",
    "",
    "Research on reading chest radiographs with vision-language models: reports, findings, boxes "
    "and conversations about one frontal radiograph, by people who can judge what it says.",
    "",
    "## Forbidden use",
    "",
    "- Diagnosis, triage, treatment or any other decision about a patient. It is not a medical "
    "device, and nobody has shown that its answers are safe to act on.",
    "- Presenting what it writes as the report of a radiologist.",
    "- Identifying people, or recovering the data it was trained on.",
    "- Use outside the agreements and licences of the data and of the base model.",
)


def write_model_card(folder: Path, evaluations: Sequence[Path] = ()) -> Path:
    """Write ``README.md`` into a checkpoint folder, whole or not at all.

    Args:
        folder: the checkpoint.
        evaluations: folders of evaluations of this very checkpoint.

    Raises:
        InputError: an evaluation is of another model or revision, or holds no scores.
    """
    card, revision = read_card(folder), revision_of(folder)
    known = folder / TRAINING
    facts = read_json(known) if known.exists() else None
    scored = [_scores_of(one, card.name, revision) for one in evaluations]
    text = render(card, revision, facts, scored)
    with atomic_path(folder / README) as aside:
        aside.write_text(text, encoding="utf-8")
    return folder / README


def render(
    card: Card,
    revision: str,
    facts: Mapping[str, Any] | None,
    scored: Sequence[Mapping[str, Any]],
) -> str:
    """The card as Markdown; ``facts`` are those of ``training.json``, if there are any."""
    lines = [
        "---",
        yaml.safe_dump(_header(card, facts), sort_keys=False, allow_unicode=True).strip(),
        "---",
        f"# {card.name}",
        "",
        f"> **{card.scope}.** Research use only, not for diagnosis. {_TERMS[card.access]}",
        "",
        f"Revision {revision}; family {card.family}; licence of the weights: {card.licence}; "
        f"tasks: {', '.join(card.tasks) or 'not stated'}.",
        "",
        "Boxes are written in the convention "
        f"`{card.codec}`; `radvlm.json` says so to every program that loads the folder. "
        "The weights also load with plain transformers (`AutoModelForImageTextToText`).",
        "",
        *_USES,
        "",
        *(_training(facts) if facts else ["## Training", "", "Not known: no `training.json`."]),
        "",
        *_scores(scored),
    ]
    return "\n".join(lines) + "\n"


def _header(card: Card, facts: Mapping[str, Any] | None) -> dict[str, Any]:
    header: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "image-text-to-text",
        "license": "other",
        "license_name": card.licence,
        "tags": ["chest radiograph", "radvlm", "research use only"],
    }
    if facts and facts["base"]:
        header["base_model"] = facts["base"]["name"]
    return header


def _training(facts: Mapping[str, Any]) -> list[str]:
    base, settings = facts["base"], facts["settings"]
    schedule = settings["schedule"]
    began = f"From {base['name']} (licence: {base['licence']})" if base else "From scratch"
    how = f"adapters of rank {settings['lora']['rank']}" if settings["lora"] else "all weights"
    if settings["freeze"]:
        how += f" but {', '.join(settings['freeze'])}"
    rate = f"{schedule['lr']:g}, vision tower {schedule['vision_lr']:g}"
    lines = [
        "## Training",
        "",
        f"{began}: {how}, {facts['steps']:,} steps of {schedule['batch']} sequences, learning rate "
        f"{rate}, {settings['precision']}; {facts['questions']:,} questions, "
        f"{facts['tokens']:,} tokens, {facts['damaged']:,} sequences with unreadable images left "
        f"out. radvlm {facts['radvlm']} ({facts['commit']}), recipe {facts['recipe']}, "
        f"{facts['processes']} × {facts['device']}, {facts['seconds'] / 3600:.1f} h.",
        "",
        "## Data",
        "",
    ]
    for data in facts["data"]:
        lines += _data(data)
    return lines


def _data(data: Mapping[str, Any]) -> list[str]:
    tasks = ", ".join(f"{name} {count:,}" for name, count in data["examples"].items())
    return [
        f"Mixture `{data['mixture']}` ({data['access']}; recipe {data['recipe']}, manifest SHA-256 "
        f"`{data['manifest_sha256'][:16]}…`): {tasks}.",
        "",
        "| data set | access | licence or agreement | citation |",
        "| --- | --- | --- | --- |",
        *(
            f"| {one['name']} | {one['access']} | {one['licence']} | {one['citation']} |"
            for one in data["sources"]
        ),
        "",
    ]


def _scores(scored: Sequence[Mapping[str, Any]]) -> list[str]:
    if not scored:
        return ["## Scores", "", "Not evaluated yet: `radvlm models card FOLDER --scores RESULTS`."]
    lines = ["## Scores", "", "With 95 % intervals by patient.", ""]
    for one in scored:
        seen = one["contaminated"]
        lines += [
            f"Test set `{one['mixture']}` (data {one['data']}); "
            f"{seen['n']:,} of {seen['of']:,} examples were seen in training.",
            "",
            "| figure | value | interval | n |",
            "| --- | ---: | --- | ---: |",
            *(_row(score) for score in one["scores"]),
            "",
        ]
    return lines


def _row(score: Mapping[str, Any]) -> str:
    if score["value"] is None:
        return f"| {score['key']} | – | {score['note'] or 'undefined'} | {score['n_total']:,} |"
    bounds = score["interval"]
    interval = f"{bounds[0]:.3f} to {bounds[1]:.3f}" if bounds else ""
    return f"| {score['key']} | {score['value']:.3f} | {interval} | {score['n_total']:,} |"


def _scores_of(folder: Path, name: str, revision: str) -> dict[str, Any]:
    """What an evaluation found of this checkpoint, once it is trained."""
    path = folder / "scores.json"
    if not path.is_file():
        raise InputError("holds no scores", folder, "Name the folder of an evaluation")
    found = read_json(path)
    trained = found["conditions"].get("trained", {"model": [], "scores": []})
    if not any(m["name"] == name and m["revision"] == revision for m in trained["model"]):
        raise InputError(
            f"has no scores of {name} in revision {revision}", folder, "Evaluate this checkpoint"
        )
    return {**found, "scores": trained["scores"]}
