"""One reply of an endpoint as it is written: text pieces from a stream of server-sent events.

``radvlm.llm`` answers whole requests and keeps them; a person who waits wants the first words. The
caller has made sure by ``io.egress`` that the data may go there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from radvlm.errors import IncompleteError, RecipeError
from radvlm.io import egress
from radvlm.llm.calls import Request
from radvlm.llm.recipe import LlmSection


def stream(section: LlmSection, request: Request) -> Iterator[str]:
    """Pieces of the reply of the first endpoint of a section.

    Raises:
        IncompleteError: it cannot be reached, or will not answer.
        RecipeError: the environment variable that should hold its key is empty.
    """
    import openai

    endpoint = section.endpoints[0]
    key = os.environ.get(endpoint.key_env, "") if endpoint.key_env else "none"
    if not key:
        raise RecipeError(f"the environment variable {endpoint.key_env} is empty", endpoint.url)
    near = egress.is_local(endpoint.url, section.local_hosts)
    http = openai.DefaultHttpxClient(follow_redirects=False, trust_env=not near)
    parameters: dict[str, Any] = {
        "model": endpoint.model or section.model,
        "messages": list(request.messages),
        "temperature": section.temperature,
        endpoint.limit_name: request.max_tokens or section.max_tokens,
        **({} if section.seed is None else {"seed": section.seed}),
        **({"extra_body": dict(request.extra)} if request.extra else {}),
    }
    with openai.OpenAI(
        base_url=endpoint.url, api_key=key, timeout=section.timeout_s, http_client=http
    ) as client:
        try:
            for piece in client.chat.completions.create(**parameters, stream=True):
                if piece.choices and (text := piece.choices[0].delta.content):
                    yield text
        except openai.APIError as error:
            why = f"the endpoint gave no reply ({type(error).__name__})"
            raise IncompleteError(why, endpoint.url, "Look at its log, or try again") from None
