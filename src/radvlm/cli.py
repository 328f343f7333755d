"""The command ``radvlm``: run verbs take a recipe, object verbs take arguments and flags.

Exit status 0: done; 1: ran, but incomplete or below what was asked; 2: bad input or usage.
Heavy imports wait inside the verbs, so that ``radvlm --help`` is instant.
"""

from __future__ import annotations

import sys

import typer

from radvlm.errors import RadvlmError
from radvlm.verbs import baselines, browsing, explaining, models, objects, runs, serving, tabling

NOTICE = "Research use only; not a medical device and not for diagnosis."
INTERRUPTED = 130
"""What typer returns in the place of a Ctrl-C it has caught."""

app = typer.Typer(
    help=f"Chest-radiograph vision-language models. {NOTICE}",
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command()(runs.build)
app.command()(runs.curate)
app.command()(runs.train)
app.command()(runs.ablate)
app.command()(runs.predict)
app.command()(runs.score)
app.command()(runs.evaluate)
app.add_typer(explaining.app, name="explain")
app.command()(objects.demo)
app.command()(objects.phantom)
app.command()(objects.doctor)
app.command()(objects.read)
app.command()(objects.chat)
app.command()(serving.serve)
app.command()(objects.inspect)
app.command()(browsing.browse)
app.command()(tabling.tables)
app.command()(tabling.compare)
app.add_typer(models.app, name="models")
app.add_typer(baselines.app, name="baseline")
app.command("list")(objects.list_)
app.command()(objects.version)


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
