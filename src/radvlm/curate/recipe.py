"""What ``radvlm curate`` writes: of which studies, by whom, and with which endpoints."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, PositiveInt, model_validator

from radvlm.build.recipe import SPLITS, BuildRecipe, Roots, SourceChoice
from radvlm.llm.recipe import LlmSection
from radvlm.recipe import Recipe
from radvlm.records import Projection, Split

What = Literal["priors", "conversations", "grounded_conversations"]


class CurateRecipe(Recipe):
    """``radvlm curate``: studies → texts or dialogues that a build joins to them.

    Attributes:
        write: ``priors`` rewrites a report without what only a comparison could tell;
            ``conversations`` and ``grounded_conversations`` write one a frontal view.
        editor: ``rules`` works offline; ``llm`` asks the endpoints of ``llm``.
        only: write only of studies this source of the recipe spoke of.
        projections: write conversations only about views of these.
        share: of the studies, those with the smallest hash of their id.
        carry: copy what an earlier curation wrote of a study, so that one folder holds all.
        sections: of a report, in the order in which they are tried.
        shards: files; the same whatever the number of workers.
        tolerance: share of the studies that may fail before the run counts as incomplete.
    """

    name: str = "curated"
    data: Roots
    sources: dict[str, SourceChoice]
    write: What
    editor: Literal["rules", "llm"] = "rules"
    llm: LlmSection | None = None
    only: str | None = None
    splits: tuple[Split, ...] = SPLITS
    projections: tuple[Projection, ...] = ("PA", "AP", "FRONTAL")
    share: float = Field(1.0, gt=0, le=1)
    carry: bool = True
    sections: tuple[str, ...] = ("findings", "impression", "last_paragraph")
    seed: int = 0
    shards: PositiveInt = 8
    workers: PositiveInt | None = None
    limit: PositiveInt | None = None
    tolerance: float = Field(0.05, ge=0, le=1)

    @model_validator(mode="after")
    def _endpoints(self) -> Self:
        if self.editor == "llm" and self.llm is None:
            raise ValueError("editor llm needs the section llm, with its endpoints")
        return self

    def reading(self) -> BuildRecipe:
        """A build of the same sources without a mixture: how their studies are read."""
        return BuildRecipe(
            out=self.out, data=self.data, sources=self.sources, tasks={}, limit=self.limit
        )
