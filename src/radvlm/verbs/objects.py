"""Object verbs: ``radvlm VERB [ARG …] [--flags]``; heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from radvlm import __version__
from radvlm.errors import InputError
from radvlm.verbs.saying import AsJson, say, stage

ModelFolder = Annotated[Path, typer.Option("--model", help="A checkpoint folder.")]


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
    say(as_json, summary, "\n".join([f"report: {summary['page']}", *lines]))


def phantom(
    out: Annotated[Path, typer.Argument(help="Folder to write the cohort into.")],
    patients: Annotated[int, typer.Option(help="Number of simulated patients.")] = 400,
    size: Annotated[int, typer.Option(help="Longer image side in pixels.")] = 192,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes.")] = 1,
    release: Annotated[
        str | None, typer.Option("--as", help="Write it as this data set's release.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Simulate a cohort of chest radiographs with reports, labels, boxes and regions."""
    from radvlm.sources.phantom.cohort import PhantomConfig, make_cohort
    from radvlm.sources.phantom.releases.writing import make_release

    config = PhantomConfig(patients=patients, size=size, seed=seed)
    with stage("Simulating radiographs", as_json) as bar:
        if release is None:
            make_cohort(config, out, workers, bar)
            planted = {}
        else:
            planted = make_release(release, config, out, workers, bar)
    traps = "".join(f"\n  planted {trap}: {len(ids)}" for trap, ids in planted.items())
    say(as_json, {"cohort": str(out), "planted": planted}, f"cohort: {out}{traps}")


def doctor(
    recipe: Annotated[
        Path | None, typer.Argument(help="A build recipe or any YAML with data.roots.")
    ] = None,
    find: Annotated[
        Path | None, typer.Option("--find", help="Look for releases below this folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Which data sets, weights and baselines are here, what is missing, where it is had."""
    from radvlm.baselines.environment import unmade
    from radvlm.doctoring import (
        as_plain,
        as_table,
        baselines_table,
        check,
        propose,
        roots_of,
        weights_table,
    )
    from radvlm.metrics.weights import missing

    roots = {**(propose(find) if find else {}), **(roots_of(recipe) if recipe else {})}
    found = check(roots)
    if as_json:
        return say(True, as_plain(found, missing(), unmade()), "")
    Console().print(as_table(found))
    if lacking := missing():
        Console().print(weights_table(lacking))
    Console().print(baselines_table(unmade()))
    for name, place in sorted(roots.items()):
        print(f"data.roots.{name}={place}")
    if any(one.root is not None and not one.complete for one in found):
        raise typer.Exit(1)


def list_(
    kind: Annotated[str, typer.Argument(help="sources, tasks, metrics, models or rewards.")],
    as_json: AsJson = False,
) -> None:
    """What there is of a kind, those of installed plug-ins included."""
    from radvlm import registry

    if kind not in registry.TABLES:
        raise typer.BadParameter(f"one of {', '.join(registry.TABLES)}")
    names = registry.names(kind)
    say(as_json, {kind: names}, "\n".join(names))


def read(
    image: Annotated[Path, typer.Argument(help="PNG, JPEG or DICOM.")],
    model: ModelFolder = Path("runs/demo/model/checkpoint"),
    draw: Annotated[Path | None, typer.Option("--draw", help="Write a PNG with the boxes.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Read an image unlike the training's all the same.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """One radiograph → report, findings with boxes, contradictions."""
    from radvlm.reading import draw_reading, open_reader, reading_as_text

    reading = open_reader(model).read(image, force=force)
    if draw:
        draw_reading(reading, image, draw)
    say(as_json, reading.to_json(), reading_as_text(reading))
    if not reading.accepted:
        raise typer.Exit(1)


def chat(
    image: Annotated[Path, typer.Argument(help="PNG, JPEG or DICOM.")],
    model: ModelFolder = Path("runs/demo/model/checkpoint"),
) -> None:
    """Talk about one radiograph in the terminal: /help says how; lines of a pipe work as well."""
    from radvlm.chatting import chat_in_terminal
    from radvlm.chatting.session import lines

    console = Console()
    if not chat_in_terminal(model, image, console, lines(console)):
        raise typer.Exit(1)


def inspect(
    path: Annotated[
        Path, typer.Argument(help="A checkpoint, data set or run folder, or an image.")
    ],
    page: Annotated[
        Path | None, typer.Option("--page", help="Of a data set: where to write the page.")
    ] = None,
    share_safe: Annotated[
        bool, typer.Option("--share-safe", help="Of a data set: aggregates alone.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Which examples are shown.")] = 0,
    as_json: AsJson = False,
) -> None:
    """What a file or folder holds; for a data set or a training run also a page to look at."""
    from radvlm.inspecting import inspect as facts_of

    facts = facts_of(path)
    if facts["kind"] == "data set":
        from radvlm.inspecting.data_page import write_data_page

        with stage("Looking through the data set", as_json) as bar:
            written = write_data_page(path, page, share_safe=share_safe, seed=seed, progress=bar)
        facts = {**facts, "page": str(written)}
    elif facts["kind"] == "training run" and not share_safe:
        from radvlm.inspecting.training_page import write_training_page

        facts = {**facts, "page": str(write_training_page(path, page))}
    elif page or share_safe:
        raise InputError(f"a {facts['kind']} has no page", path, "Leave --page and --share-safe")
    say(as_json, facts, "\n".join(f"{key}: {value}" for key, value in facts.items()))


def version() -> None:
    """The version of radvlm."""
    print(__version__)
