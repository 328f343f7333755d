"""Requests → results, from any OpenAI-compatible endpoints, as many at once as they bear.

Nothing is sent before ``io.egress`` has let the data's access class go to every endpoint. What the
store holds is not sent again. Full servers, errors and silence are waited out with jitter; an
answer that does not fit its schema is sent back once with the reason. Neither keys nor texts are in
any error. The calls run on a thread of their own: they go on while results are worked on, and the
caller may have an event loop (a notebook, a server).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Self

from radvlm.io import egress
from radvlm.io.progress import Bar
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
        self.section, self.store = section, store
        self._endpoints = Endpoints(section, store)
        self.meter = Meter()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="radvlm-llm", daemon=True)
        self._thread.start()

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
        """Give up what is under way and close the connections."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(
        self, requests: Iterable[Request], bar: Bar | None = None, total: int = 0
    ) -> Iterator[tuple[int, Result]]:
        """Each request's number and result as it is ready.

        Requests are taken as there is room for them, so a million of them need no memory. Leaving
        the loop early gives up those under way.

        Args:
            requests: what is to be asked.
            bar: is told of every result, with cost and failures as its note.
            total: how many requests there are; 0 where it is not known.
        """
        waiting = enumerate(requests)
        ended: SimpleQueue[tuple[int, Future[Result]]] = SimpleQueue()
        under_way: set[Future[Result]] = set()
        done = 0
        try:
            while True:
                while len(under_way) < self._endpoints.most and (taken := next(waiting, None)):
                    number, request = taken
                    future = self._start(request)
                    under_way.add(future)
                    future.add_done_callback(partial(_tell, ended, number))
                if not under_way:
                    return
                number, future = ended.get()
                under_way.remove(future)
                result = future.result()
                self.meter.count(result)
                done += 1
                if bar:
                    bar(done, total, self.meter.note())
                yield number, result
        finally:
            for future in under_way:
                future.cancel()

    async def complete(self, request: Request) -> Result:
        """One request's result, for callers that run on an event loop of their own."""
        result = await asyncio.wrap_future(self._start(request))
        self.meter.count(result)
        return result

    def _start(self, request: Request) -> Future[Result]:
        return asyncio.run_coroutine_threadsafe(self._endpoints.ask(request), self._loop)

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._endpoints.close()


def _tell(
    ended: SimpleQueue[tuple[int, Future[Result]]], number: int, future: Future[Result]
) -> None:
    ended.put((number, future))
