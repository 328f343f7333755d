"""A log's reports in the form that the ReXrank leaderboard takes.

ReXrank hands out one JSON object, study → {image_path, context, …}, and takes it back with a
``model_prediction`` in every study (its submission guideline and example script, 2024–2026). A
study is found by any of its images: the file name of ours and of theirs without the ending.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from radvlm.errors import InputError
from radvlm.evaluate.log import read_predictions
from radvlm.io.files import read_json, write_json
from radvlm.recipe import Section
from radvlm.records import Example


class RexrankSection(Section):
    """``reports`` is the protocol's set of reports, ``studies`` ReXrank's file of the test set."""

    reports: str
    studies: Path | None = None
    out: Path


def write_submission(
    section: RexrankSection, examples: Sequence[Example], log: Path
) -> dict[str, int]:
    """Write the submission; returns how many studies have a report and how many have none.

    A study without a report gets an empty one, which the leaderboard scores as such. Without
    ``studies`` nothing is written.

    Raises:
        InputError: the file is not ReXrank's.
    """
    if section.studies is None:
        return {}
    said = _reports(examples, log)
    studies = read_json(section.studies)
    if not isinstance(studies, dict) or not all(_is_study(one) for one in studies.values()):
        raise InputError(
            "is not ReXrank's list of studies", section.studies, "It maps studies to image_path"
        )
    filled = {
        name: {**one, "model_prediction": _report_of(one, said)} for name, one in studies.items()
    }
    write_json(section.out, filled)
    with_report = sum(bool(one["model_prediction"]) for one in filled.values())
    return {"studies": len(filled), "without_report": len(filled) - with_report}


def _reports(examples: Sequence[Example], log: Path) -> dict[str, str]:
    """Image's file name without ending → what was written about it."""
    replies = {p.example: p.replies for p in read_predictions(log) if p.sample == 0 and p.replies}
    return {
        Path(view.path).stem: replies[example.id][0].text
        for example in examples
        if example.id in replies
        for view in example.views
    }


def _is_study(one: Any) -> bool:
    return isinstance(one, dict) and isinstance(one.get("image_path"), list)


def _report_of(study: Mapping[str, Any], said: Mapping[str, str]) -> str:
    stems = (PurePosixPath(str(path)).stem for path in study["image_path"])
    return next((said[stem] for stem in stems if stem in said), "")
