"""What a run may send and has sent: requests, tokens, money; and an estimate before it starts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from radvlm.llm.calls import Request, prompt_tokens
from radvlm.llm.recipe import BudgetSection, EndpointSection, LlmSection
from radvlm.llm.store import CallStore


@dataclass(slots=True)
class Spent:
    """Requests, tokens in and out, and money; what is under way counts with its upper bound."""

    requests: int = 0
    tokens: int = 0
    money: float = 0.0


class Budget:
    """Lets a request be sent only where its most expensive outcome is still covered."""

    def __init__(self, section: BudgetSection) -> None:
        self.section = section
        self.spent = Spent()

    def reserve(self, endpoint: EndpointSection, tokens_input: int, tokens_output: int) -> bool:
        """Take the bound of one request from what is left, or return that it does not suffice."""
        tokens = tokens_input + tokens_output
        money = price(endpoint, tokens_input, tokens_output)
        most, spent = self.section, self.spent
        fits = (
            (most.requests is None or spent.requests + 1 <= most.requests)
            and (most.tokens is None or spent.tokens + tokens <= most.tokens)
            and (most.money is None or spent.money + money <= most.money)
        )
        if fits:
            spent.requests += 1
            spent.tokens += tokens
            spent.money += money
        return fits

    def settle(
        self, endpoint: EndpointSection, reserved: tuple[int, int], used: tuple[int, int]
    ) -> None:
        """Put the tokens that were used in place of those reserved."""
        self.spent.tokens += sum(used) - sum(reserved)
        self.spent.money += price(endpoint, *used) - price(endpoint, *reserved)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would send: prompts by the rule of four characters a token, replies at their most.

    ``stored`` requests have an answer already, or get that of the same request before them.
    ``money`` is at the dearest endpoint.
    """

    requests: int
    stored: int
    tokens_input: int
    tokens_output: int
    money: float


def estimate(requests: Iterable[Request], section: LlmSection, store: CallStore) -> Estimate:
    """A dry run: nothing is sent."""
    count = stored = tokens_input = tokens_output = 0
    asked: set[str] = set()
    for request in requests:
        key = request.key(section)
        if key in asked or store.get(key) is not None:
            stored += 1
            continue
        asked.add(key)
        count += 1
        tokens_input += prompt_tokens(request.messages)
        tokens_output += request.max_tokens or section.max_tokens
    money = max(price(one, tokens_input, tokens_output) for one in section.endpoints)
    return Estimate(count, stored, tokens_input, tokens_output, money)


def price(endpoint: EndpointSection, tokens_input: int, tokens_output: int) -> float:
    """What so many tokens cost at an endpoint."""
    return (endpoint.price_input * tokens_input + endpoint.price_output * tokens_output) / 1e6
