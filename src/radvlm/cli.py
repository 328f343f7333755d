"""The command ``radvlm``: run verbs take a recipe, object verbs take arguments and flags.

Exit status 0: done; 1: ran, but incomplete or below what was asked; 2: bad input or usage.
Heavy imports wait inside the verbs, so that ``radvlm --help`` is instant.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from radvlm import __version__
from radvlm.errors import RadvlmError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from radvlm.recipe import Recipe
    from radvlm.records import Score

NOTICE = "Research use only; not a medical device and not for diagnosis."
INTERRUPTED = 130
"""What typer returns in the place of a Ctrl-C it has caught."""

app = typer.Typer(
    help=f"Chest-radiograph vision-language models. {NOTICE}",
    add_completion=False,
    pretty_exceptions_enable=False,
)
RecipeFile = Annotated[Path, typer.Argument(help="A recipe, see recipes/.")]
Overrides = Annotated[list[str] | None, typer.Argument(help="Overrides: key.sub=value …")]
Plan = Annotated[bool, typer.Option("--plan", help="Show the resolved recipe and stop.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output alone.")]
Limit = Annotated[int | None, typer.Option("--limit", help="Use only so many items.")]
ModelFolder = Annotated[Path, typer.Option("--model", help="A checkpoint folder.")]


def main() -> None:
    """Entry point: every known error becomes one line and its exit status."""
    try:
        ended = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except RadvlmError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    except typer.exceptions.TyperException as error:
        print(f"error: {str(error).rstrip('.')}. See radvlm --help", file=sys.stderr)
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        ended = INTERRUPTED
    if ended == INTERRUPTED:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        sys.exit(1)
    sys.exit(ended if isinstance(ended, int) else 0)


@app.command()
def build(
    recipe: RecipeFile,
    overrides: Overrides = None,
    plan: Plan = False,
    as_json: AsJson = False,
    limit: Limit = None,
) -> None:
    """Sources → instruction data set."""
    from radvlm.build.recipe import BuildRecipe
    from radvlm.build.run import build as run
    from radvlm.build.run import incomplete

    loaded = _load(BuildRecipe, recipe, overrides, {"limit": limit})
    if plan:
        return _show_plan(loaded)
    with _stage("Building the data set", as_json) as bar:
        manifest = run(loaded, bar)
    _say(
        as_json,
        manifest,
        f"{loaded.out}: {manifest['studies']} studies, "
        f"{sum(row['examples'] for row in manifest['examples'])} examples, "
        f"{len(manifest['quarantine'])} records quarantined",
    )
    if incomplete(manifest, loaded):
        raise typer.Exit(1)


@app.command()
def train(
    recipe: RecipeFile,
    overrides: Overrides = None,
    plan: Plan = False,
    as_json: AsJson = False,
) -> None:
    """Data set and model → checkpoint."""
    from radvlm.train.recipe import TrainRecipe

    loaded = _load(TrainRecipe, recipe, overrides, {})
    if plan:
        return _show_plan(loaded)
    from radvlm.train.run import train as run

    with _stage("Training", as_json) as bar:
        checkpoint = run(loaded, bar)
    _say(as_json, {"checkpoint": str(checkpoint)}, f"checkpoint: {checkpoint}")


@app.command()
def predict(
    recipe: RecipeFile, overrides: Overrides = None, as_json: AsJson = False, limit: Limit = None
) -> None:
    """Model and data set → predictions in the log."""
    from radvlm.evaluate.recipe import EvaluateRecipe
    from radvlm.evaluate.run import log_path, predict_log

    loaded = _load(EvaluateRecipe, recipe, overrides, {"limit": limit})
    with _stage("Predicting", as_json) as bar:
        asked = len(predict_log(loaded, bar))
    where = str(log_path(loaded))
    _say(as_json, {"log": where, "examples": asked}, f"{where}: {asked} examples")


@app.command()
def score(
    recipe: RecipeFile, overrides: Overrides = None, as_json: AsJson = False, limit: Limit = None
) -> None:
    """The log → scores with intervals, without the model."""
    from radvlm.evaluate.recipe import EvaluateRecipe
    from radvlm.evaluate.run import score_log

    _say_scores(as_json, score_log(_load(EvaluateRecipe, recipe, overrides, {"limit": limit})))


@app.command()
def evaluate(
    recipe: RecipeFile,
    overrides: Overrides = None,
    plan: Plan = False,
    as_json: AsJson = False,
    limit: Limit = None,
) -> None:
    """Model and data set → predictions, then scores with intervals."""
    from radvlm.evaluate.recipe import EvaluateRecipe

    loaded = _load(EvaluateRecipe, recipe, overrides, {"limit": limit})
    if plan:
        return _show_plan(loaded)
    from radvlm.evaluate.run import evaluate as run

    with _stage("Evaluating", as_json) as bar:
        scores = run(loaded, bar)
    _say_scores(as_json, scores)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for everything made.")] = Path(
        "runs/demo"
    ),
    preset: Annotated[
        str, typer.Option("--preset", help="full, or quick (learns nothing).")
    ] = "full",
    as_json: AsJson = False,
) -> None:
    """The whole way once on simulated radiographs: cohort, data, model, scores, report."""
    from radvlm.demo.run import run_demo

    summary = run_demo(preset, out, quiet=as_json)
    lines = [f"{what}:\n  {command}" for what, command in summary["next"]]
    _say(as_json, summary, "\n".join([f"report: {summary['page']}", *lines]))


@app.command()
def phantom(
    out: Annotated[Path, typer.Argument(help="Folder to write the cohort into.")],
    patients: Annotated[int, typer.Option(help="Number of simulated patients.")] = 400,
    size: Annotated[int, typer.Option(help="Longer image side in pixels.")] = 192,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Simulate a cohort of chest radiographs with reports, labels, boxes and regions."""
    from radvlm.sources.phantom.cohort import PhantomConfig, make_cohort

    config = PhantomConfig(patients=patients, size=size, seed=seed)
    with _stage("Simulating radiographs", as_json) as bar:
        make_cohort(config, out, workers, bar)
    _say(as_json, {"cohort": str(out)}, f"cohort: {out}")


@app.command(name="list")
def list_(
    kind: Annotated[str, typer.Argument(help="sources, tasks, metrics, models or rewards.")],
    as_json: AsJson = False,
) -> None:
    """What there is of a kind, those of installed plug-ins included."""
    from radvlm import registry

    if kind not in registry.TABLES:
        raise typer.BadParameter(f"one of {', '.join(registry.TABLES)}")
    names = registry.names(kind)
    _say(as_json, {kind: names}, "\n".join(names))


@app.command()
def read(
    image: Annotated[Path, typer.Argument(help="PNG, JPEG or DICOM.")],
    model: ModelFolder = Path("runs/demo/model/checkpoint"),
    draw: Annotated[Path | None, typer.Option("--draw", help="Write a PNG with the boxes.")] = None,
    as_json: AsJson = False,
) -> None:
    """One radiograph → report, findings with boxes, contradictions."""
    from radvlm.reading import draw_reading, open_reader, reading_as_text

    reading = open_reader(model).read(image)
    if draw:
        draw_reading(reading, image, draw)
    _say(as_json, reading.to_json(), reading_as_text(reading))


@app.command()
def chat(
    image: Annotated[Path, typer.Argument(help="PNG, JPEG or DICOM.")],
    model: ModelFolder = Path("runs/demo/model/checkpoint"),
) -> None:
    """Talk about one radiograph in the terminal; /draw FILE writes the boxes, /quit ends."""
    from radvlm.chatting import chat_in_terminal

    chat_in_terminal(model, image, Console())


@app.command()
def inspect(
    path: Annotated[Path, typer.Argument(help="A checkpoint, a data set folder or an image.")],
    as_json: AsJson = False,
) -> None:
    """What a file or folder holds."""
    from radvlm.inspecting import inspect as facts_of

    facts = facts_of(path)
    _say(as_json, facts, "\n".join(f"{key}: {value}" for key, value in facts.items()))


@app.command()
def version() -> None:
    """The version of radvlm."""
    print(__version__)


def _load(kind: Any, path: Path, overrides: list[str] | None, flags: dict[str, Any]) -> Any:
    from radvlm import recipe

    given = [f"{key}={value}" for key, value in flags.items() if value is not None]
    return recipe.load(kind, path, [*(overrides or []), *given])


def _show_plan(recipe: Recipe) -> None:
    from radvlm.recipe import digest, dump

    print(json.dumps({"recipe": dump(recipe), "digest": digest(recipe)}, indent=2))


def _stage(name: str, quiet: bool) -> Any:
    from radvlm.io.progress import Stages

    return Stages(total=1, quiet=quiet).alone(name)


def _say_scores(as_json: bool, scores: Sequence[Score]) -> None:
    from radvlm.evaluate.tables import scores_as_json, scores_as_table

    _say(as_json, scores_as_json(scores), scores_as_table(scores))


def _say(as_json: bool, data: Any, text: Any) -> None:
    if as_json:
        print(json.dumps(data, indent=2))
    else:
        Console(soft_wrap=True).print(text, markup=False) if isinstance(
            text, str
        ) else Console().print(text)
