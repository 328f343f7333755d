"""Conversations in which the reply points at what it speaks of (RadVLM §3.1.4)."""

from __future__ import annotations

from radvlm.tasks.conversation import Conversation


class GroundedConversation(Conversation):
    """As ``Conversation``, of dialogues with boxes; none where nothing can be pointed at."""

    name = "grounded_conversation"
    metrics: tuple[str, ...] = ("fact_accuracy", "box_f1_50")

    _grounded = True
