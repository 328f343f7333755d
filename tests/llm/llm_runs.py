"""Runs of the client against servers on this machine, and what came of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llm_cases import Doubled, doubling, requests

from radvlm.llm.calls import Result
from radvlm.llm.client import Client
from radvlm.llm.recipe import LlmSection
from radvlm.llm.store import CallStore
from radvlm.records import Access
from stub_server import StubServer


class Scripted(StubServer):
    """Answers (status, body, further header lines) in turn, and as a stub once they are used up."""

    def __init__(self, *script: tuple[int, Any, str], forever: bool = False) -> None:
        super().__init__(doubling)
        self._script, self._forever = list(script), forever

    async def _answer(self, request: dict[str, Any]) -> tuple[int, dict[str, Any], str]:
        if not self._script:
            return await super()._answer(request)
        self.requests.append(request)
        return self._script[0] if self._forever else self._script.pop(0)


def results(
    section: LlmSection, store: Path, count: int = 20, access: Access = "credentialed"
) -> dict[int, Result]:
    """What so many requests bring."""
    with CallStore(store) as kept, Client(section, kept, access) as client:
        return dict(client.run(requests(count)))


def right(found: dict[int, Result]) -> list[int]:
    """The numbers whose answer is the true one."""
    return sorted(n for n, r in found.items() if r.parsed == Doubled(number=n, double=2 * n))
