"""The description of a served model: what ``radvlm.json`` says of a checkpoint, and where it is.

In: a YAML or JSON file with the keys of ``models.card.Card``, an ``llm`` section and those below;
see ``docs/models.md``.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal, Self

from pydantic import PositiveInt, model_validator

from radvlm.errors import InputError
from radvlm.llm.recipe import LlmSection
from radvlm.models.card import Card
from radvlm.protocols import Constraint, ModelInfo
from radvlm.recipe import Section

SPECIAL = (
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|vision_start|>", "<|vision_end|>",
    "<|image_pad|>", "<image>", "<start_of_image>", "<end_of_image>", "<start_of_turn>",
    "<end_of_turn>", "<bos>", "<eos>", "<s>", "</s>", "[INST]", "[/INST]", "<|eot_id|>",
    "<|start_header_id|>", "<|end_header_id|>",
)  # fmt: skip
"""Control tokens of the families usually served; a server obeys them inside a text as well."""


class EndpointCard(Card, Section):
    """A model at one or several endpoints that serve the same weights.

    Attributes:
        llm: its name and endpoints. Temperature, seed and length are the caller's decoding's; a
            ``seed`` of none says that the endpoints take none.
        revision: of the served weights, in any form.
        longest_side: images are shrunk until neither side is longer, in pixels; none sends them as
            they are.
        square: black borders make images square first, for ``medgemma_yx``.
        special: control tokens of the served model, broken up where a text holds them.
        pattern_as: how the server takes a regular expression that replies are held to: vLLM's
            ``structured_outputs`` or, before 0.12, ``guided_regex``, SGLang's ``regex``.
    """

    family: Literal["endpoint"]
    llm: LlmSection
    revision: str = ""
    longest_side: PositiveInt | None = None
    square: bool = False
    special: tuple[str, ...] = SPECIAL
    pattern_as: Literal["structured_outputs", "guided_regex", "regex"] | None = None

    def held_to(self, constraint: Constraint) -> dict[str, Any]:
        """The server's own parameter for a form of replies.

        Raises:
            InputError: nothing is known of how it takes one.
        """
        if self.pattern_as is None:
            raise InputError(
                "the endpoint is not known to hold replies to a form",
                "pattern_as",
                "Name how the server takes a regular expression",
            )
        pattern = constraint.pattern
        plain = {"structured_outputs": {"structured_outputs": {"regex": pattern}}}
        return plain.get(self.pattern_as, {self.pattern_as: pattern})

    @model_validator(mode="after")
    def _keeps_its_coordinates(self) -> Self:
        if self.codec == "qwen25_pixels" and (self.longest_side or self.square):
            raise ValueError("qwen25_pixels counts the image's own pixels; send it as it is")
        return self

    def info(self) -> ModelInfo:
        """The same wherever and by however many servers the model is served."""
        said = self.model_dump_json(include={"system", "revision", "longest_side", "square"})
        digest = hashlib.sha256(f"{self.llm.model}\n{said}".encode()).hexdigest()
        return self.about(digest[:12])
