"""GREEN of a log's reports by a language model behind any text endpoint (see ``metrics.green``).

The calls are kept in the evaluation's folder beside the judges', a private file, so nothing is
asked twice. What the endpoint refuses or fails to answer is left out of the mean and counted.
"""

from __future__ import annotations

from collections.abc import Sequence

from radvlm.evaluate.answers import Item
from radvlm.evaluate.judging import CALLS
from radvlm.evaluate.recipe import EvaluateRecipe
from radvlm.evaluate.score import Measured, measured
from radvlm.io.egress import strictest
from radvlm.llm.calls import Request
from radvlm.llm.client import Client
from radvlm.llm.store import CallStore
from radvlm.metrics.green import Green

TASK = "report"


def green_of(
    recipe: EvaluateRecipe, items: Sequence[Item], references: tuple[str, ...]
) -> list[Measured]:
    """GREEN of the reports among the items; nothing where the recipe names no model for it.

    Raises:
        EgressError: the data may not go to the model's endpoint.
    """
    reports = [item for item in items if item.example.task == TASK]
    if recipe.green is None or not reports:
        return []
    section = recipe.green.model
    prompt = recipe.green.prompt.read_text("utf-8") if recipe.green.prompt else None
    access = strictest(item.example.access for item in reports)
    with (
        CallStore(recipe.out / CALLS) as store,
        Client(section, store, access, way="judge") as client,
    ):

        def complete(prompts: Sequence[str]) -> list[str]:
            replies = [""] * len(prompts)
            asked = (Request(({"role": "user", "content": text},)) for text in prompts)
            for number, result in client.run(asked):
                replies[number] = result.text
            return replies

        return [measured(TASK, Green(complete, section.model, prompt), reports, references)]
