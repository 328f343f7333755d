"""The ``llm`` section of recipes: which endpoints, which model, how, and within what budget.

The key of an endpoint is never in a recipe: ``key_env`` names the environment variable it is in.
"""

from __future__ import annotations

from datetime import date
from typing import Literal
from urllib.parse import urlsplit

from pydantic import (
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    field_validator,
)

from radvlm.io.egress import Agreement
from radvlm.recipe import Section

ResponseFormat = Literal["json_schema", "json_object", "text"]
"""How an endpoint can be held to a schema: by decoding, by JSON alone, or by asking."""


class EndpointSection(Section):
    """One server, ``url`` up to and with ``/v1``.

    ``concurrency`` is the most requests at once. Prices are per million tokens, in the currency the
    budget is in. ``model`` is the served name where it is not the section's. ``limit_name`` is what
    the endpoint calls the most tokens of an answer; some vendors know only the second.
    """

    # A key that was put in the wrong place must not be shown by the error that says so.
    model_config = ConfigDict(hide_input_in_errors=True)

    url: str
    model: str | None = None
    key_env: str | None = Field(None, pattern="^[A-Z_][A-Z0-9_]{0,63}$")
    concurrency: PositiveInt = 32
    price_input: NonNegativeFloat = 0
    price_output: NonNegativeFloat = 0
    response_format: ResponseFormat = "json_schema"
    limit_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"

    @field_validator("url")
    @classmethod
    def _names_a_place_alone(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("an endpoint's url is http(s)://host[:port]/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("a url holds no key or user; name the key's variable in key_env")
        return url


class AgreementSection(Section):
    """What the operator of endpoints elsewhere has confirmed in writing (see ``docs/llm.md``)."""

    zero_retention: bool
    no_training: bool
    no_human_review: bool
    confirmed_by: str
    date: date

    def agreement(self) -> Agreement:
        """As ``io.egress`` takes it."""
        return Agreement(
            self.zero_retention,
            self.no_training,
            self.no_human_review,
            self.confirmed_by,
            self.date,
        )


class BudgetSection(Section):
    """The most that may be sent in one run; nothing beyond it is sent, and what is left counts."""

    requests: PositiveInt | None = None
    tokens: PositiveInt | None = None
    money: PositiveFloat | None = None


class LlmSection(Section):
    """A language model at one or several endpoints that serve the same weights.

    Attributes:
        model: its name, part of the key of every stored call and of what it wrote.
        seed: none for endpoints that take no seed.
        timeout_s: seconds after which a request that hangs is given up and sent again.
        attempts: requests for one answer, refused connections and full servers included.
        local_hosts: hosts under the user's own control, beside loopback.
        agreement: for credentialed or private data at any other host.
        retry_failed: ask again what an earlier run kept as refused or invalid.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    model: str
    endpoints: tuple[EndpointSection, ...] = Field(min_length=1)
    temperature: NonNegativeFloat = 0.0
    max_tokens: PositiveInt = 1024
    seed: int | None = 0
    timeout_s: PositiveFloat = 120.0
    attempts: PositiveInt = 8
    local_hosts: tuple[str, ...] = ()
    agreement: AgreementSection | None = None
    budget: BudgetSection = BudgetSection()
    retry_failed: bool = False
