"""``radvlm explain VERB RECIPE``: pretrain, classify, image, audit, readers."""

from __future__ import annotations

import sys
from typing import Any

import typer

from radvlm.verbs.runs import Limit, Overrides, Plan, RecipeFile
from radvlm.verbs.saying import AsJson, load, say, show_plan, stage

app = typer.Typer(
    help="Diffusion autoencoder: what a model looks at, and the audit of models. Research use.",
    no_args_is_help=True,
)


@app.command()
def pretrain(
    recipe: RecipeFile,
    overrides: Overrides = None,
    plan: Plan = False,
    as_json: AsJson = False,
    limit: Limit = None,
) -> None:
    """Radiographs without labels → a diffusion autoencoder."""
    from radvlm.explain.recipe import PretrainRecipe

    loaded = load(PretrainRecipe, recipe, overrides, {"limit": limit})
    if plan:
        from radvlm.explain.planning import as_table, count

        with stage("Counting what there is", as_json) as bar:
            counted = count(loaded, bar)
        return say(as_json, counted, as_table(counted))
    from radvlm.explain.pretrain import pretrain as run

    with stage("Pretraining", as_json) as bar:
        folder = run(loaded, bar)
    say(as_json, {"autoencoder": str(folder)}, f"autoencoder: {folder}")


@app.command()
def classify(
    recipe: RecipeFile,
    overrides: Overrides = None,
    plan: Plan = False,
    as_json: AsJson = False,
    limit: Limit = None,
) -> None:
    """Linear probes on the code: AUC with intervals, label efficiency."""
    from radvlm.explain.recipe import ClassifyRecipe

    loaded = load(ClassifyRecipe, recipe, overrides, {"limit": limit})
    if plan:
        return show_plan(loaded)
    from radvlm.explain.classify import classify as run

    with stage("Fitting probes", as_json) as bar:
        figures = run(loaded, bar)
    lines = [
        f"{name}: AUC {_plain(found['value'])} ({found['band']}, {found['n']} images)"
        for name, found in figures["probes"].items()
    ]
    lines += [f"{name}: {why}" for name, why in figures["refused"].items()]
    lines.append(f"explainer: {loaded.out / 'explainer'}")
    say(as_json, figures, "\n".join([*lines, f"page: {loaded.out / 'report.html'}"]))


@app.command()
def image(
    recipe: RecipeFile,
    overrides: Overrides = None,
    plan: Plan = False,
    as_json: AsJson = False,
    limit: Limit = None,
) -> None:
    """Counterfactuals of single images: pictures, animation, scores before and after."""
    from radvlm.explain.recipe import ImageRecipe

    loaded = load(ImageRecipe, recipe, overrides, {"limit": limit})
    if plan:
        return show_plan(loaded)
    from radvlm.explain.single import explain_images as run

    with stage("Explaining", as_json) as bar:
        figures = run(loaded, bar)
    valid = figures["valid"]
    page = loaded.out / "report.html"
    text = f"{valid['count']} of {valid['of']} have a valid counterfactual; page: {page}"
    say(as_json, figures, text)
    if valid["count"] < valid["of"]:
        raise typer.Exit(1)


@app.command()
def audit(
    recipe: RecipeFile,
    overrides: Overrides = None,
    plan: Plan = False,
    as_json: AsJson = False,
    limit: Limit = None,
) -> None:
    """Does a model's answer rest on a confounder? Exit status 1 where it does."""
    from radvlm.explain.recipe import AuditRecipe

    loaded = load(AuditRecipe, recipe, overrides, {"limit": limit})
    if plan:
        return show_plan(loaded)
    from radvlm.explain.audit import audit as run

    with stage("Auditing", as_json) as bar:
        figures = run(loaded, bar)
    found = figures["models"]["audited"]["confounders"]
    lines = [f"{name}: {one['verdict']}{_reliances(one)}" for name, one in found.items()]
    say(as_json, figures, "\n".join([*lines, f"page: {loaded.out / 'report.html'}"]))
    if figures["relies"] or figures["undecided"]:
        named = ", ".join([*figures["relies"], *figures["undecided"]])
        print(f"the answer rests on, or may rest on: {named}", file=sys.stderr)
        raise typer.Exit(1)


def _plain(auc: float | None) -> str:
    return "–" if auc is None else f"{auc:.3f}"


def _reliances(found: dict[str, Any]) -> str:
    ways = {way: found.get(way, {}) for way in ("added", "removed")}
    return "".join(
        f"; {way}: reliance {one['reliance']:.2f}, p {one['p']:.4f}"
        for way, one in ways.items()
        if "reliance" in one
    )


@app.command()
def readers(
    recipe: RecipeFile, overrides: Overrides = None, plan: Plan = False, as_json: AsJson = False
) -> None:
    """A blinded reading pack of pairs; with answers, Fleiss' kappa and prevalences."""
    from radvlm.explain.recipe import ReadersRecipe

    loaded = load(ReadersRecipe, recipe, overrides, {})
    if plan:
        return show_plan(loaded)
    from radvlm.explain.readers import run

    figures = run(loaded)
    say(as_json, figures, figures["said"])
