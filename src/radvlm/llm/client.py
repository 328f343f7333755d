"""Requests → results, from any OpenAI-compatible endpoints, as many at once as they bear.

Nothing is sent before ``io.egress`` has let the data's access class go to every endpoint. What the
store holds is not sent again. Full servers, errors and silence are waited out with jitter; an
answer that does not fit its schema is sent back once with the reason. Neither keys nor texts are in
any error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from radvlm.io import egress
from radvlm.llm.answering import Endpoints
from radvlm.llm.budget import Spent
from radvlm.llm.calls import Request, Result
from radvlm.llm.meter import Meter
from radvlm.llm.recipe import LlmSection
from radvlm.llm.store import CallStore
from radvlm.records import Access


class Client:
    """A language model to be asked; use as a context.

    Args:
        section: endpoints, model, parameters and budget.
        store: where answers are kept and looked up.
        access: the strictest class of all that will be sent.
        way: ``endpoint`` for a model that writes, ``judge`` for one that judges.

    Raises:
        EgressError: the data may not go to one of the endpoints.
        RecipeError: an environment variable that should hold a key is empty.
        RegistryError: the ``openai`` package is not installed.
    """

    def __init__(
        self, section: LlmSection, store: CallStore, access: Access, way: egress.Way = "endpoint"
    ) -> None:
        agreement = section.agreement.agreement() if section.agreement else None
        for endpoint in section.endpoints:
            egress.check(
                access,
                way,
                endpoint.url,
                local_hosts=section.local_hosts,
                agreement=agreement,
            )
        self.section = section
        self._loop = asyncio.new_event_loop()
        self._endpoints = Endpoints(section, store)
        self.meter = Meter()

    @property
    def spent(self) -> Spent:
        """What was sent and used up so far."""
        return self._endpoints.budget.spent

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self._loop.run_until_complete(self._endpoints.close())
        self._loop.close()

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[int, Result]]:
        """Each request's number and result as it is ready.

        Requests are taken as there is room for them, so a million of them need no memory. Leaving
        the loop early gives up those under way.
        """
        waiting = enumerate(requests)
        tasks: set[asyncio.Task[tuple[int, Result]]] = set()
        try:
            while True:
                while len(tasks) < self._endpoints.most and (taken := next(waiting, None)):
                    tasks.add(self._loop.create_task(self._numbered(*taken)))
                if not tasks:
                    return
                ended = asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                done, tasks = self._loop.run_until_complete(ended)
                for task in done:
                    number, result = task.result()
                    self.meter.count(result)
                    yield number, result
        finally:
            self._give_up(tasks)

    async def _numbered(self, number: int, request: Request) -> tuple[int, Result]:
        return number, await self._endpoints.ask(request)

    def _give_up(self, tasks: set[asyncio.Task[tuple[int, Result]]]) -> None:
        for task in tasks:
            task.cancel()
        if tasks:
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
