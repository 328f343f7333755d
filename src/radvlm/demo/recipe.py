"""The demo's recipe: one YAML for the whole way, cut into the recipes of its stages."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, PositiveInt

from radvlm import recipe as recipes
from radvlm.build.recipe import BuildRecipe, Roots, SourceChoice, TaskChoice
from radvlm.errors import InputError
from radvlm.evaluate.recipe import BootstrapSection, Condition, DecodingSection, EvaluateRecipe
from radvlm.models.card import TOY_SCOPE
from radvlm.models.tiny import TinyConfig
from radvlm.recipe import Recipe, Section
from radvlm.sources.phantom.cohort import PhantomConfig
from radvlm.train.recipe import ModelChoice, Schedule, TrainRecipe

PRESETS = ("full", "quick")
CONDITIONS: tuple[Condition, ...] = ("untrained", "blind", "majority", "trained")


class DemoEvaluation(Section):
    """How much is evaluated: examples of each task, tokens a reply, bootstrap samples."""

    per_task: PositiveInt | dict[str, PositiveInt] = 200
    max_tokens: int = Field(128, gt=0)
    batch: int = Field(50, gt=0)
    bootstrap: int = Field(1000, gt=0)


class DemoRecipe(Recipe):
    """``radvlm demo``: cohort → data set → model → scores → page."""

    cohort: PhantomConfig
    tasks: dict[str, TaskChoice]
    model: TinyConfig
    schedule: Schedule
    questions_per_sequence: int
    evaluation: DemoEvaluation = DemoEvaluation()
    seed: int = 0

    def build_recipe(self) -> BuildRecipe:
        """The recipe of the build stage."""
        return BuildRecipe(
            out=self.out / "data",
            data=Roots(roots={"phantom": self.out / "cohort"}),
            sources={"phantom": SourceChoice(source="phantom")},
            tasks=self.tasks,
            seed=self.seed,
            shards=1,
        )

    def train_recipe(self) -> TrainRecipe:
        """The recipe of the training stage."""
        return TrainRecipe(
            out=self.out / "model",
            data=self.out / "data",
            model=ModelChoice(tiny=self.model, name="radvlm-demo", scope=TOY_SCOPE),
            schedule=self.schedule,
            questions_per_sequence=self.questions_per_sequence,
            save_every=200,
            image_cache=20_000,
            seed=self.seed,
        )

    @property
    def untrained(self) -> Path:
        """The checkpoint before the first step."""
        return self.out / "untrained"

    def evaluate_recipe(self, condition: Condition) -> EvaluateRecipe:
        """The recipe of the evaluation stage under one condition."""
        trained = self.out / "model" / "checkpoint"
        return EvaluateRecipe(
            out=self.out / "evaluation",
            data=self.out / "data",
            model={"untrained": self.untrained, "majority": None}.get(condition, trained),
            condition=condition,
            per_task=self.evaluation.per_task,
            batch_size=self.evaluation.batch,
            decoding=DecodingSection(max_tokens=self.evaluation.max_tokens),
            bootstrap=BootstrapSection(samples=self.evaluation.bootstrap, seed=self.seed),
            seed=self.seed,
        )


def load_preset(name: str, out: Path) -> DemoRecipe:
    """The recipe that ships with the package under that name."""
    if name not in PRESETS:
        raise InputError(f"no preset called {name!r}", remedy=f"Known: {', '.join(PRESETS)}")
    path = Path(__file__).parent / f"{name}.yaml"
    return recipes.load(DemoRecipe, path, [f"out={out}"])
