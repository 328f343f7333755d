"""Run verbs: ``radvlm VERB RECIPE [key.sub=value …]``; heavy imports wait inside."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from radvlm.evaluate.protocol import ProtocolRecipe
from radvlm.verbs.saying import AsJson, load, say, say_scores, show_plan, show_tables, stage

RecipeFile = Annotated[Path, typer.Argument(help="A recipe, see recipes/.")]
Overrides = Annotated[list[str] | None, typer.Argument(help="Overrides: key.sub=value …")]
Plan = Annotated[bool, typer.Option("--plan", help="Show what would be done, and stop.")]
Limit = Annotated[int | None, typer.Option("--limit", help="Use only so many items.")]


def build(
    recipe: RecipeFile,
    overrides: Overrides = None,
    plan: Plan = False,
    as_json: AsJson = False,
    limit: Limit = None,
) -> None:
    """Sources → instruction data set."""
    from radvlm.build.plan_table import as_plain, as_table
    from radvlm.build.recipe import BuildRecipe
    from radvlm.build.run import build as run
    from radvlm.build.run import incomplete
    from radvlm.build.run import plan as count

    loaded = load(BuildRecipe, recipe, overrides, {"limit": limit})
    if plan:
        with stage("Counting what there is", as_json) as bar:
            counted = count(loaded, bar)
        if as_json:
            return say(True, as_plain(counted), "")
        return Console().print(as_table(counted, loaded.name))
    with stage("Building the data set", as_json) as bar:
        manifest = run(loaded, bar)
    say(
        as_json,
        manifest,
        f"{loaded.out}: {manifest['studies']} studies, "
        f"{sum(row['examples'] for row in manifest['examples'])} examples, "
        f"{manifest['quarantined']} records quarantined",
    )
    if incomplete(manifest, loaded):
        first = manifest["quarantine"][0]
        print(
            f"incomplete: {manifest['quarantined']} records could not be used, such as "
            f"{first['records']} of {first['source']}: {first['reason']}. "
            f"Each is named in {loaded.out / 'quarantine.jsonl'}",
            file=sys.stderr,
        )
        raise typer.Exit(1)


def curate(
    recipe: RecipeFile,
    overrides: Overrides = None,
    plan: Plan = False,
    as_json: AsJson = False,
    limit: Limit = None,
) -> None:
    """Studies → edited reports or conversations that a build joins to them."""
    from radvlm.curate.recipe import CurateRecipe
    from radvlm.curate.run import curate as run
    from radvlm.curate.run import estimate, incomplete

    loaded = load(CurateRecipe, recipe, overrides, {"limit": limit})
    if plan:
        expected = estimate(loaded)
        sent = asdict(expected) if expected else {}
        words = ", ".join(f"{name} {value:,}" for name, value in sent.items())
        return say(as_json, sent, words or "the rules send nothing")
    with stage("Writing", as_json) as bar:
        manifest = run(loaded, bar)
    failed = sum(manifest["failures"].values())
    say(
        as_json,
        manifest,
        f"{loaded.out}: {manifest['texts']} texts and {manifest['dialogues']} conversations of "
        f"{manifest['studies']} studies; {failed} failed, {sum(manifest['skipped'].values())} "
        f"skipped, {manifest['residual_mentions']} mentions of other examinations left",
    )
    if incomplete(manifest, loaded):
        why = ", ".join(f"{count} {name}" for name, count in manifest["failures"].items())
        print(f"incomplete: {failed} could not be written ({why})", file=sys.stderr)
        raise typer.Exit(1)


def train(
    recipe: RecipeFile,
    overrides: Overrides = None,
    plan: Plan = False,
    as_json: AsJson = False,
) -> None:
    """Data set and model → checkpoint."""
    from radvlm.train.recipe import TrainRecipe

    if plan:
        return _plan_training(recipe, overrides or [], as_json)
    loaded = load(TrainRecipe, recipe, overrides, {})
    from radvlm.train.run import train as run

    with stage("Training", as_json) as bar:
        run(loaded, bar)
    if int(os.environ.get("RANK", "0")):
        return None
    from radvlm.inspecting.training_page import write_training_page
    from radvlm.train.summary import as_text, summary_of

    summary = summary_of(loaded.out) or {}
    page = str(write_training_page(loaded.out))
    say(as_json, {**summary, "page": page}, f"{as_text(summary)}\npage: {page}")


def _plan_training(recipe: Path, overrides: list[str], as_json: bool) -> None:
    from radvlm.train.foresight import forecasts
    from radvlm.train.plan_table import as_plain, as_table, on_every_card

    several = on_every_card(recipe, overrides)
    with stage("Reckoning", as_json) as bar:
        planned = forecasts(several, bar)
    if as_json:
        return say(True, as_plain(planned), "")
    Console().print(as_table(planned, several[0].model.name))


def predict(
    recipe: RecipeFile, overrides: Overrides = None, as_json: AsJson = False, limit: Limit = None
) -> None:
    """Model and data set → predictions in the log."""
    from radvlm.evaluate.recipe import EvaluateRecipe
    from radvlm.evaluate.run import log_path, predict_log

    loaded = load(EvaluateRecipe, recipe, overrides, {"limit": limit})
    with stage("Predicting", as_json) as bar:
        asked = len(predict_log(loaded, bar))
    where = str(log_path(loaded))
    say(as_json, {"log": where, "examples": asked}, f"{where}: {asked} examples")


def score(
    recipe: RecipeFile, overrides: Overrides = None, as_json: AsJson = False, limit: Limit = None
) -> None:
    """The log → scores with intervals, without the model."""
    from radvlm.evaluate.recipe import EvaluateRecipe
    from radvlm.evaluate.run import score_log

    say_scores(as_json, score_log(load(EvaluateRecipe, recipe, overrides, {"limit": limit})))


def evaluate(
    recipe: RecipeFile,
    overrides: Overrides = None,
    plan: Plan = False,
    as_json: AsJson = False,
    limit: Limit = None,
) -> None:
    """Model and data set, or the test sets of a protocol → predictions, scores with intervals."""
    from radvlm.evaluate.protocol import ProtocolRecipe, is_protocol
    from radvlm.evaluate.recipe import EvaluateRecipe

    several = is_protocol(recipe)
    kind = ProtocolRecipe if several else EvaluateRecipe
    loaded = load(kind, recipe, overrides, {"limit": limit})
    if plan:
        return show_plan(loaded)
    if several:
        return _protocol(loaded, as_json)
    from radvlm.evaluate.run import evaluate as run

    with stage("Evaluating", as_json) as bar:
        scores = run(loaded, bar)
    say_scores(as_json, scores)


def _protocol(loaded: ProtocolRecipe, as_json: bool) -> None:
    from radvlm.evaluate.protocol import run_protocol
    from radvlm.evaluate.tables import scores_as_json, scores_as_table

    with stage("Evaluating", as_json) as bar:
        scores = run_protocol(loaded, bar)
    if as_json:
        return say(True, {name: scores_as_json(some) for name, some in scores.items()}, "")
    for name, some in scores.items():
        print(f"\n{name}")
        say(False, None, scores_as_table(some))
    if missing := sorted(loaded.sets.keys() - scores.keys()):
        print(f"not built, so not evaluated: {', '.join(missing)}", file=sys.stderr)


def ablate(
    recipe: RecipeFile, overrides: Overrides = None, plan: Plan = False, as_json: AsJson = False
) -> None:
    """Models trained on one kind of task beside one trained on all → Table 6."""
    from radvlm.ablating import ALL, AblateRecipe, training_of
    from radvlm.ablating import ablate as run
    from radvlm.tabling.formats import as_plain

    loaded = load(AblateRecipe, recipe, overrides, {})
    if plan:
        models = [str(training_of(loaded, name).out) for name in (*loaded.alone, ALL)]
        return say(as_json, {"models": models}, "\n".join(models))
    table = run(loaded, as_json)
    if as_json:
        return say(True, as_plain(table), "")
    show_tables([table])
