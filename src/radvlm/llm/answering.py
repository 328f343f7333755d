"""One request brought to its answer: stored, sent, sent again, mended once, or given up."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakValueDictionary

from radvlm.llm.budget import Budget, price
from radvlm.llm.calls import Failure, Request, Result, prompt_tokens
from radvlm.llm.gate import Gate, Gates
from radvlm.llm.recipe import LlmSection
from radvlm.llm.sending import FORMATS, Busy, Denied, Down, Endpoint, Rejected, Said, open_endpoint
from radvlm.llm.shapes import mended, read
from radvlm.llm.store import CallStore

_FIRST_WAIT, _LONGEST_WAIT = 0.25, 30.0
_KEPT: tuple[Failure, ...] = ("refused", "invalid")
"""Failures that are a model's answer, and would be paid for again."""


@dataclass(slots=True)
class _Tally:
    """What one request has used so far."""

    tokens_input: int = 0
    tokens_output: int = 0
    cost: float = 0.0
    attempts: int = 0

    def result(self, said: Said | None = None, failure: Failure | None = None) -> Result:
        used = (self.tokens_input, self.tokens_output, self.cost, self.attempts)
        if said is None or failure is not None:
            return Result("", None, failure, *used)
        said_so = (said.finish, said.logprobs, said.token_ends)
        return Result(said.text, None, None, *used, False, *said_so)


class Endpoints:
    """All endpoints of a section behind one question; raises nothing for a single request."""

    def __init__(self, section: LlmSection, store: CallStore) -> None:
        self.section, self._store = section, store
        self._gates = Gates([Gate(open_endpoint(one, section), one.concurrency)
                             for one in section.endpoints])  # fmt: skip
        self.budget = Budget(section.budget)
        # Only spreads retries; what is asked and answered does not depend on it.
        self._jitter = random.Random()
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def most(self) -> int:
        """Requests that may be under way together."""
        return self._gates.most

    async def close(self) -> None:
        """Close all connections."""
        for gate in self._gates.gates:
            await gate.endpoint.close()

    async def ask(self, request: Request) -> Result:
        """The answer from the store, or else from an endpoint, or why there is none."""
        key = request.key(self.section)
        # The same question asked twice at once waits for its first answer, as later it would.
        async with self._asking.setdefault(key, asyncio.Lock()):
            if (kept := self._store.get(key)) and (result := self._kept(kept, request)):
                return result
            result = await self._valid(request, _Tally())
            self._keep(key, result)
            return result

    def _keep(self, key: str, result: Result) -> None:
        if result.failure is None:
            kept = ("text", "finish", "logprobs", "token_ends")
            self._store.put(key, {name: getattr(result, name) for name in kept})
        elif result.failure in _KEPT:
            self._store.put(key, {"failure": result.failure})

    def _kept(self, kept: dict[str, Any], request: Request) -> Result | None:
        """What the store says; none where it has to be asked again."""
        if failure := kept.get("failure"):
            return None if self.section.retry_failed else Result(failure=failure, stored=True)
        text = str(kept["text"])
        parsed, wrong = read(text, request.schema)
        if wrong:
            return None
        logprobs, ends = (kept.get(name) for name in ("logprobs", "token_ends"))
        return Result(
            text,
            parsed,
            stored=True,
            finish=str(kept["finish"]),
            logprobs=tuple(logprobs) if isinstance(logprobs, list) else None,
            token_ends=tuple(ends) if isinstance(ends, list) else None,
        )

    async def _valid(self, request: Request, tally: _Tally) -> Result:
        """An answer that fits the schema, after one round of mending where it has to be."""
        said = await self._sent(request, tally)
        if not isinstance(said, Said):
            return tally.result(failure=said)
        parsed, wrong = read(said.text, request.schema)
        if wrong and request.schema:
            said = await self._sent(mended(request, said.text, wrong), tally)
            if not isinstance(said, Said):
                return tally.result(failure=said)
            parsed, wrong = read(said.text, request.schema)
        if wrong:
            return tally.result(failure="invalid")
        return replace(tally.result(said), parsed=parsed)

    async def _sent(self, request: Request, tally: _Tally) -> Said | Failure:
        """What some endpoint said, tried until one does."""
        form = attempt = 0
        while attempt < self.section.attempts:
            if (gate := await self._gates.enter()) is None:
                return "denied"
            form = max(form, gate.endpoint.form)
            try:
                await gate.spaced()
                said = await self._once(gate, request, form, tally)
            finally:
                self._gates.leave(gate)
            if said == "rejected" and request.schema and form < len(FORMATS) - 1:
                form += 1
                continue
            if said is not None:
                return said
            if gate.shut:
                continue
            wait = min(_FIRST_WAIT * 2**attempt, _LONGEST_WAIT)
            await asyncio.sleep(wait * self._jitter.uniform(0.5, 1.0))
            attempt += 1
        return "unreachable"

    async def _once(
        self, gate: Gate[Endpoint], request: Request, form: int, tally: _Tally
    ) -> Said | Failure | None:
        """One request sent; none where it is worth another try."""
        where = gate.endpoint.section
        bound = (prompt_tokens(request.messages), request.max_tokens or self.section.max_tokens)
        if not self.budget.reserve(where, *bound):
            return "budget"
        tally.attempts += 1
        used = (0, 0)
        sent_at = time.monotonic()
        try:
            said = await gate.endpoint.send(request, form)
            used = (said.tokens_input, said.tokens_output)
            gate.answered()
        except Busy as busy:
            gate.full(sent_at, busy.rest)
            return None
        except Down:
            gate.unreachable()
            return None
        except Denied:
            gate.shut = True
            return None
        except Rejected:
            return "rejected"
        finally:
            self.budget.settle(where, bound, used)
        tally.tokens_input += used[0]
        tally.tokens_output += used[1]
        tally.cost += price(where, *used)
        return "refused" if said.refused else said
