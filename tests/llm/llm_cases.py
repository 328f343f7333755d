"""What the tests of the text endpoints ask for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from radvlm.llm.calls import Request


class Doubled(BaseModel):
    """The answer of ``doubling``."""

    number: int
    double: int


def requests(count: int, start: int = 0) -> Iterator[Request]:
    """Each asks for the double of its number."""
    for number in range(start, start + count):
        yield Request(({"role": "user", "content": f"double {number}"},), Doubled)


def doubling(request: dict[str, Any]) -> str:
    """A model that doubles the number in the first user message."""
    asked = next(m for m in request["messages"] if m["role"] == "user")["content"]
    number = int(asked.split()[1])
    return json.dumps({"number": number, "double": 2 * number})
