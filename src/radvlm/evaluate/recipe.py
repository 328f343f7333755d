"""The recipe of an evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt

from radvlm.llm.recipe import LlmSection
from radvlm.recipe import Recipe, Section

Condition = Literal["trained", "untrained", "blind", "majority", "teacher_forced"]
"""What answers: a model after training, before it, with another patient's images, or no model; or
the model with the reference's own answers as the history of a conversation."""


class DecodingSection(Section):
    """How replies are written; greedy.

    ``logprobs`` records each token's, from which boxes get confidences; ``label_probabilities``
    asks of each label of an open classification whether the model would say yes or no.
    """

    max_tokens: PositiveInt = 256
    logprobs: bool = False
    label_probabilities: bool = False


class BootstrapSection(Section):
    """Resampling of patients for the intervals."""

    samples: PositiveInt = 2000
    seed: int = 0


class JudgeSection(Section):
    """Language models that judge conversations; ``tasks`` are those judged.

    A judge that wrote the conversations is refused unless ``same_model`` allows it: it would judge
    its own words.
    """

    models: tuple[LlmSection, ...] = Field(min_length=1)
    tasks: tuple[str, ...] = ("conversation", "grounded_conversation")
    same_model: bool = False


class GreenSection(Section):
    """The language model that counts errors for GREEN; ``prompt`` is a file with its own wording.

    The published judge was trained on its wording, which has ``{reference}`` and ``{candidate}``.
    """

    model: LlmSection
    prompt: Path | None = None


class EvaluateRecipe(Recipe):
    """``data`` is a built data set, ``model`` a checkpoint or the description of a served model.

    ``majority`` needs no model.
    ``metrics`` names the metrics of a task, where they are not its own defaults. ``tasks`` keeps
    only those named, ``per_task`` so many examples of each (or of those it names,
    and all of the others) and ``limit`` so many in all; they are drawn with ``seed``, which also
    draws the other patients of the blind condition. ``judges`` judge conversations and ``green``
    reports, where given. ``workers`` processes predict together, each with the model. ``by`` gives
    every figure for groups of patients and images, too.
    """

    data: Path
    model: Path | None = None
    condition: Condition = "trained"
    split: Literal["train", "validate", "test"] = "test"
    tasks: tuple[str, ...] | None = None
    metrics: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    per_task: PositiveInt | dict[str, PositiveInt] | None = None
    limit: PositiveInt | None = None
    batch_size: PositiveInt = 32
    workers: PositiveInt = 1
    decoding: DecodingSection = DecodingSection()
    bootstrap: BootstrapSection = BootstrapSection()
    judges: JudgeSection | None = None
    green: GreenSection | None = None
    by: tuple[Literal["sex", "age", "view", "source"], ...] = ()
    seed: int = 0
