"""The four writers: priors and conversations, each by rules or by a language model."""

from __future__ import annotations

from radvlm.curate.conversations.writers import ConversationsByModel, ConversationsByRules
from radvlm.curate.priors.writers import PriorsByModel, PriorsByRules
from radvlm.curate.recipe import CurateRecipe
from radvlm.curate.writing import Writer
from radvlm.llm.client import Client


def make_writer(recipe: CurateRecipe, client: Client | None) -> Writer:
    """The writer a recipe asks for; without a client one by a model can only say who it is."""
    model = recipe.llm.model if recipe.llm else None
    if recipe.write == "priors":
        if recipe.editor == "rules":
            return PriorsByRules(recipe.sections)
        return PriorsByModel(recipe.sections, model, client)
    grounded = recipe.write == "grounded_conversations"
    if recipe.editor == "rules":
        return ConversationsByRules(grounded, recipe.projections, recipe.seed)
    return ConversationsByModel(grounded, recipe.projections, model, client)
