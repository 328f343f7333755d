"""``radvlm explain audit``: does a model's answer rest on a confounder?

Opens the model (and control models), changes test images, asks again. Writes ``audit.json``,
``report.html`` with picture pairs and ``pairs/``. The verdict is about reliance (by how much the
score moves), never about a mere correlation in the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np

from radvlm import recipe as recipes
from radvlm.explain.audit_page import write_audit_page
from radvlm.explain.auditing import Edit, Tools, effects, judged, make_edit, moved
from radvlm.explain.autoencoder import psnr
from radvlm.explain.counterfactual import Prepared, Scorer, change
from radvlm.explain.intervals import mean_interval, share
from radvlm.explain.judge import Judge
from radvlm.explain.predictors import box_changes, report_changes, yes_no_scorer
from radvlm.explain.probes import examined, known_rows
from radvlm.explain.recipe import Audited, AuditRecipe
from radvlm.explain.session import (
    Bank,
    Places,
    Session,
    fit_bank,
    in_domain,
    open_session,
    usable,
    without,
)
from radvlm.explain.surrogate import fit_surrogate
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
    tools = _tools(session, bank, apart)
    places, refused = in_domain(
        session, without(session, session.of("test"), apart)[: recipe.images]
    )
    prepared = Prepared.of(session.autoencoder, np.asarray(session.images[places]))
    edits = {}
    for number, name in enumerate(apart):
        edits[name] = make_edit(tools, prepared, name, recipe.loop, recipe.null, recipe.seed)
        if progress:
            progress(number + 1, len(apart), note=f"adding {name}")
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
        "judge": _judge_auc(session, tools.judge, recipe),
        "moves_along": {
            name: moved(tools.judge, prepared.rebuilt, edit.changed.images)
            for name, edit in edits.items()
        },
        "models": models,
        "relies": [
            name
            for name in recipe.confounders
            if models[AUDITED]["confounders"][name]["verdict"] == "relies"
        ],
        "undecided": [
            name
            for name in recipe.confounders
            if models[AUDITED]["confounders"][name]["verdict"] == "undecided"
        ],
    }
    write_json(recipe.out / "audit.json", figures)
    write_json(recipe.out / "recipe.json", recipes.dump(recipe))
    write_audit_page(recipe, session, prepared, edits, figures)
    return figures


def _tools(session: Session, bank: Bank, apart: tuple[str, ...]) -> Tools:
    train = session.of("train", "validate")
    known = {name: session.column(name, train) for name in session.columns}
    judge = Judge.fit(session.images[train], known)
    return Tools(session.autoencoder, bank.heads, bank.spread, judge, bank.goals, apart)


def _ask(
    session: Session,
    bank: Bank,
    tools: Tools,
    prepared: Prepared,
    edits: Mapping[str, Edit],
    recipe: AuditRecipe,
    model: Model,
    choice: Audited,
) -> dict[str, Any]:
    """Everything about one model."""
    scorer = yes_no_scorer(model, recipe.finding)
    finding = effects(scorer, prepared, edits[recipe.finding])[0]
    before, original = scorer(prepared.rebuilt), scorer(prepared.images)
    found: dict[str, Any] = {
        "name": model.info.name,
        "revision": model.info.revision,
        "drift": mean_interval(before - original),
        "decisions_changed_by_rebuilding": share((before > 0) != (original > 0)),
        "confounders": {
            name: judged(scorer, prepared, edits[name], finding, recipe.threshold, recipe.alpha)
            for name in recipe.confounders
        },
        "surrogate": surrogate_audit(session, bank, tools, prepared, scorer, recipe),
    }
    for name in recipe.confounders:
        images = edits[name].changed.images
        if choice.report:
            told = report_changes(model, prepared.rebuilt, images, list(session.columns))
            found["confounders"][name]["report_changes"] = told
        if choice.boxes:
            shown = box_changes(model, prepared.rebuilt, images, recipe.finding)
            found["confounders"][name]["box_changes"] = shown
    return found


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
    made = change(
        session.autoencoder, prepared, fitted.head, bank.spread, recipe.loop, scorer=scorer
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


def _judge_auc(session: Session, judge: Judge, recipe: AuditRecipe) -> dict[str, Any]:
    test = session.of("test")
    logits = judge.logits(np.asarray(session.images[test]))
    return {
        name: examined(
            values, session.column(name, test), session.patients(test), recipe.bootstrap, 0
        ).as_json()
        for name, values in logits.items()
    }
