"""What else a study holds, for baselines that were made to be given it.

In: a built data set, whose studies table names views and texts. Out: by the path of each frontal
view the lateral one, the prior study's frontal image and report, and the order's texts.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from radvlm.baselines.native import Context
from radvlm.io.dataset import studies_of
from radvlm.records import Study, View

FRONTAL = ("PA", "AP")


def contexts_of(data: Path) -> dict[str, Context]:
    """Context by path of the frontal view.

    Raises:
        TableError: the folder holds no data set.
    """
    studies = {study.id: study for study in studies_of(data)}
    found = {}
    for study in studies.values():
        prior = studies.get(study.prior or "")
        for view in _frontal(study.views):
            found[view.path] = _context(study, prior)
    return found


def _context(study: Study, prior: Study | None) -> Context:
    lateral = next((v.path for v in study.views if v.projection == "LATERAL"), None)
    before = next(iter(_frontal(prior.views)), None) if prior else None
    texts = prior.texts if prior else {}
    return Context(
        indication=study.texts.get("indication"),
        technique=study.texts.get("technique"),
        comparison=study.texts.get("comparison"),
        prior_report=texts.get("findings") or texts.get("impression"),
        lateral=lateral,
        prior=before.path if before else None,
    )


def _frontal(views: Iterable[View]) -> list[View]:
    return [view for view in views if view.projection in FRONTAL]
