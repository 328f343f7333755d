"""``radvlm explain audit``: does a model's answer rest on a confounder?

Opens the model (and control models), changes test images, asks again. Writes ``audit.json``,
``report.html`` with picture pairs and ``pairs/``. The verdict is about reliance (by how much the
score moves), never about a mere correlation in the data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from radvlm import recipe as recipes
from radvlm.explain.audit_page import write_audit_page
from radvlm.explain.auditing import (
    Edit,
    Edits,
    Tools,
    Way,
    finding_effect,
    judged,
    make_edit,
    moved,
    together,
)
from radvlm.explain.autoencoder import psnr
from radvlm.explain.counterfactual import Prepared, Scorer, change
from radvlm.explain.intervals import mean_interval, share
from radvlm.explain.judge import Judge
from radvlm.explain.predictors import yes_no_scorer
from radvlm.explain.probes import known_rows
from radvlm.explain.recipe import Audited, AuditRecipe
from radvlm.explain.session import (
    Bank,
    Places,
    Session,
    fit_bank,
    fit_judge,
    in_domain,
    judge_tested,
    middles,
    open_session,
    showing,
    shuffled_heads,
    usable,
    without,
)
from radvlm.explain.surrogate import fit_surrogate
from radvlm.explain.telling import box_changes, report_changes
from radvlm.io.files import write_json
from radvlm.io.progress import Bar
from radvlm.models.opening import opened
from radvlm.protocols import Model

AUDITED = "audited"
POOR_FIT = 0.3
"""R² below which the space of z does not speak for a model."""


def audit(recipe: AuditRecipe, progress: Bar | None = None) -> dict[str, Any]:
    """Run the audit; ``relies`` in what is returned names the confounders the model rests on.

    Raises:
        InputError: a probe is at chance, or no test image can be used.
    """
    session = open_session(recipe, progress)
    apart = (recipe.finding, *recipe.confounders)
    bank = fit_bank(session, recipe, apart)
    for name in apart:
        usable(bank, name, recipe.chance)
    tools = _tools(session, bank, recipe)
    places, refused = in_domain(
        session, without(session, session.of("test"), apart)[: recipe.images]
    )
    prepared = Prepared.of(session.autoencoder, np.asarray(session.images[places]))
    edits: dict[str, dict[Way, Edit]] = {}
    for number, name in enumerate(apart):
        edits[name] = _edits(session, tools, prepared, recipe, name)
        if progress:
            progress(number + 1, len(apart), note=f"changing {name}")
    asked: dict[str, Audited] = {AUDITED: recipe.audited}
    asked |= {str(role): choice for role, choice in recipe.controls.items()}
    models = {}
    with ExitStack() as stack:
        for role, choice in asked.items():
            model = stack.enter_context(opened(choice.model, session.access))
            models[role] = _ask(session, bank, tools, prepared, edits, recipe, model, choice)
            if progress:
                progress(len(models), len(asked), note=f"asking {role}")
    figures = {
        "scope": session.autoencoder.card.scope,
        "finding": recipe.finding,
        "images": len(places),
        "refused": refused,
        "rebuilt_psnr": mean_interval(psnr(prepared.images, prepared.rebuilt)),
        "balance": _balance(bank),
        "probes": {name: bank.tested[name].as_json() for name in apart},
        "judge": {
            name: found.as_json()
            for name, found in judge_tested(
                session, tools.judge, recipe.bootstrap, recipe.seed
            ).items()
        },
        "edits": {
            name: {way: _described(tools.judge, edit) for way, edit in ways.items()}
            for name, ways in edits.items()
        },
        "models": models,
        "relies": _with_verdict(models, "relies"),
        "undecided": _with_verdict(models, "undecided"),
    }
    write_json(recipe.out / "audit.json", figures)
    write_json(recipe.out / "recipe.json", recipes.dump(recipe))
    write_audit_page(recipe, session, edits, figures)
    return figures


def _with_verdict(models: Mapping[str, Any], verdict: str) -> list[str]:
    found = models[AUDITED]["confounders"]
    return [name for name, one in found.items() if one["verdict"] == verdict]


def _tools(session: Session, bank: Bank, recipe: AuditRecipe) -> Tools:
    return Tools(
        session.autoencoder,
        bank.heads,
        bank.spread,
        fit_judge(session, bank),
        bank.goals,
        (recipe.finding, *recipe.confounders),
        {
            name: shuffled_heads(session, bank, recipe, name, recipe.shuffled)
            for name in recipe.confounders
        },
    )


def _edits(
    session: Session, tools: Tools, prepared: Prepared, recipe: AuditRecipe, name: str
) -> dict[Way, Edit]:
    """An attribute added where it is not; a confounder also removed from test images with it."""
    # Nothing is tested against the finding's own edit: it needs no null.
    null = 0 if name == recipe.finding else recipe.null

    def edit(images: Prepared, add: bool) -> Edit:
        return make_edit(tools, images, name, recipe.loop, null, recipe.seed, add=add)

    made: dict[Way, Edit] = {"added": edit(prepared, True)}
    if name != recipe.finding:
        there = showing(session, session.of("test"), name, recipe.finding)
        places, _ = in_domain(session, there[: recipe.images])
        if len(places):
            own = Prepared.of(session.autoencoder, np.asarray(session.images[places]))
            made["removed"] = edit(own, False)
    return made


def _described(judge: Judge, edit: Edit) -> dict[str, Any]:
    before, after = edit.prepared.rebuilt, edit.changed.images
    return {
        "images": len(before),
        "confirmed": share(edit.shown),
        "appears": moved(judge, before, after),
    }


def _ask(
    session: Session,
    bank: Bank,
    tools: Tools,
    prepared: Prepared,
    edits: Edits,
    recipe: AuditRecipe,
    model: Model,
    choice: Audited,
) -> dict[str, Any]:
    """Everything about one model."""
    scorer = yes_no_scorer(model, recipe.finding)
    finding = finding_effect(scorer, edits[recipe.finding]["added"])
    before, original = scorer(prepared.rebuilt), scorer(prepared.images)
    confounders = {}
    for name in recipe.confounders:
        parts = {
            way: judged(scorer, edit, finding, recipe.threshold, recipe.alpha / len(edits[name]))
            | _told(model, choice, edit, list(session.columns), recipe.finding)
            for way, edit in edits[name].items()
        }
        confounders[name] = together(parts)
    return {
        "name": model.info.name,
        "revision": model.info.revision,
        "drift": mean_interval(before - original),
        "decisions_changed_by_rebuilding": share((before > 0) != (original > 0)),
        "confounders": confounders,
        "surrogate": surrogate_audit(session, bank, tools, prepared, scorer, recipe),
    }


def _told(
    model: Model, choice: Audited, edit: Edit, names: Sequence[str], finding: str
) -> dict[str, Any]:
    """What its reports and boxes make of an edit, where it is asked for them."""
    if not edit.shown.any():
        return {}
    told: dict[str, Any] = {}
    if choice.report:
        told["report"] = report_changes(model, edit, names)
    if choice.boxes:
        told["boxes"] = box_changes(model, edit, finding)
    return told


def surrogate_audit(
    session: Session,
    bank: Bank,
    tools: Tools,
    prepared: Prepared,
    scorer: Scorer,
    recipe: AuditRecipe,
) -> dict[str, Any]:
    """The model's own counterfactual through its surrogate on z, verified by the model itself."""
    train = session.of("train", "validate")
    known = known_rows({n: session.column(n, train) for n in (recipe.finding, *recipe.confounders)})
    some: Places = train[known][: recipe.questions]
    assert bank.balance is not None  # an audit always tells its attributes apart
    weights = bank.balance.weights[known][: recipe.questions]
    scores = scorer(np.asarray(session.images[some]))
    fitted = fit_surrogate(recipe.finding, session.z[some], scores, weights)
    typical = middles(scores, session.column(recipe.finding, some))
    made = change(
        session.autoencoder, prepared, fitted.head, bank.spread, recipe.loop, typical, scorer=scorer
    )
    found: dict[str, Any] = {"r2": fitted.r2, "asked": fitted.n, "valid": share(made.valid)}
    if fitted.r2 < POOR_FIT:
        found["said"] = "z does not speak for this model: no claim from its surrogate"
    if made.valid.any():
        found["appears"] = moved(tools.judge, prepared.rebuilt[made.valid], made.images[made.valid])
    return found


def _balance(bank: Bank) -> dict[str, Any]:
    assert bank.balance is not None  # an audit always tells its attributes apart
    return {
        "images": len(bank.balance.weights),
        "effective": round(bank.balance.effective, 1),
        "combinations_nobody_shows": bank.balance.empty,
    }
