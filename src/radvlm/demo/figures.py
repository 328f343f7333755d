"""The figures of a finished demo: a table a task, the trained model compared patient by patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from radvlm.demo.recipe import CONDITIONS, DemoRecipe
from radvlm.evaluate.log import read_predictions
from radvlm.evaluate.page_data import Comparison, MetricRow, TaskTable
from radvlm.evaluate.recipe import Condition
from radvlm.evaluate.references import RAW, key_of
from radvlm.evaluate.run import chosen, log_path, shown_images, tasks_of
from radvlm.evaluate.score import paired_difference
from radvlm.io.files import read_json
from radvlm.io.jsonl import score_from_json
from radvlm.records import Example, Prediction, Score
from radvlm.registry import TABLES, resolve

HEADINGS: dict[Condition, str] = {
    "untrained": "untrained",
    "blind": "blind",
    "majority": "mean box or majority",
    "trained": "trained",
}
BASELINES: tuple[Condition, ...] = ("blind", "majority")
"""What the trained model is compared with, patient by patient."""
HEADLINES = {
    "report": "report_label_f1",
    "classification": "label_macro_f1",
    "anatomical_grounding": "ap50_by_name",
    "abnormality_grounding": "ap50_by_name",
    "abnormality_detection": "box_f1_50",
    "phrase_grounding": "ap50_by_name",
    "conversation": "fact_accuracy",
    "grounded_conversation": "fact_accuracy",
}
"""The one figure of each task that is compared; the others stand beside it."""
FIGURES = {
    "rouge_l": ("ROUGE-L", "Overlap of words in order with the reference report, stemmed."),
    "report_label_f1": ("Label F1 of the report", "Macro F1 of the labels a lexical reader finds."),
    "label_macro_f1": ("Macro F1", "Mean over the findings of the F1 of calling them present."),
    "fact_accuracy": (
        "Facts right",
        "Share of checkable facts answered as the reference has them.",
    ),
    "ap50_by_name": ("AP at IoU 0.5", "Per answer as in the published code, then mean over names."),
    "box_f1_50": ("Box F1 at IoU 0.5", "Pooled over all boxes; false boxes count."),
    "mean_iou": ("Mean IoU", "Overlap with the true box; a missing box counts as 0."),
}


def predictions_of(recipe: DemoRecipe) -> dict[Condition, list[Prediction]]:
    """What was answered under each condition."""
    return {name: read_predictions(log_path(recipe.evaluate_recipe(name))) for name in CONDITIONS}


def demo_tables(recipe: DemoRecipe) -> tuple[TaskTable, ...]:
    """A table a task: untrained, blind, mean box or majority, trained; trained compared."""
    examples = chosen(recipe.evaluate_recipe("trained"))
    made = predictions_of(recipe)
    saved = read_json(recipe.out / "evaluation" / "scores.json")["conditions"]
    scores = {
        name: {s.key: s for s in map(score_from_json, saved[name]["scores"])} for name in CONDITIONS
    }
    beaten = {name: _beaten(recipe, examples, made, name) for name in BASELINES}
    present = {example.task for example in examples}
    return tuple(_table(task, scores, beaten) for task in TABLES["tasks"] if task in present)


def _beaten(
    recipe: DemoRecipe,
    examples: Sequence[Example],
    made: Mapping[Condition, list[Prediction]],
    baseline: Condition,
) -> dict[str, Score]:
    """Trained minus a baseline for every figure, on the same patients."""
    differences = paired_difference(
        examples,
        made["trained"],
        made[baseline],
        tasks_of(examples),
        bootstrap=recipe.evaluation.bootstrap,
        seed=recipe.seed,
        second_images=shown_images(recipe.evaluate_recipe(baseline), examples),
    )
    return {score.key: score for score in differences}


def _table(
    task: str,
    scores: Mapping[Condition, Mapping[str, Score]],
    beaten: Mapping[Condition, Mapping[str, Score]],
) -> TaskTable:
    rows = []
    for name in resolve("tasks", task).metrics:
        key = key_of(task, resolve("metrics", name)().key, RAW)
        compared = BASELINES if HEADLINES[task] == name else ()
        comparisons = tuple(Comparison("trained", HEADINGS[b], beaten[b][key]) for b in compared)
        columns = tuple(scores[column].get(key) for column in CONDITIONS)
        label, explained = FIGURES[name]
        rows.append(MetricRow(label, key, columns, comparisons, explained))
    title = task.replace("_", " ").capitalize()
    return TaskTable(task, title, tuple(HEADINGS.values()), tuple(rows))
