"""Errors as answers: one form, no path, no address, nothing of what was sent."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from radvlm.errors import ImageError, InputError, RadvlmError
from radvlm.serve.answers import Failed
from radvlm.serve.engine import Overloaded
from radvlm.serve.guard import refusal

MEANING = {
    400: "The request is malformed, or asks for what is not served",
    401: "A token is needed",
    403: "A page of another site asked",
    404: "There is nothing of that name",
    408: "The body came too slowly",
    413: "The body is longer than 20 MB",
    421: "This host name is not served",
    422: "An image cannot be read, or has more than 40 million pixels",
    429: "Too many requests wait; Retry-After says when to ask again",
    500: "The model failed",
}
ALWAYS = (401, 403, 421, 429)
"""What any route may answer."""


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Descriptions of the errors a route may answer with, besides those every route may."""
    wanted = sorted({*statuses, *ALWAYS, *((408, 413, 500) if statuses else ())})
    return {code: {"model": Failed, "description": MEANING[code]} for code in wanted}


def add_handlers(app: FastAPI) -> None:
    """Let every error that reaches the app become an answer."""

    @app.exception_handler(RadvlmError)
    async def known(request: Request, error: RadvlmError) -> Response:
        if isinstance(error, Overloaded):
            return refusal(429, error.what, "rate_limit_error")
        if isinstance(error, ImageError):
            return refusal(422, error.what)
        if isinstance(error, InputError):
            return refusal(400, error.what)
        return refusal(500, "the model failed", "server_error")

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        return refusal(400, f"the request is malformed at {place_of(error.errors()[0])}")

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        said = refusal(
            error.status_code, "there is nothing here" if error.status_code == 404 else "not served"
        )
        said.headers.update(error.headers or {})
        return said

    @app.exception_handler(Exception)
    async def unknown(request: Request, error: Exception) -> Response:
        return refusal(500, "the server failed", "server_error")


def place_of(problem: Any) -> str:
    """Where a request is malformed: names of its form, never a name that was sent."""
    steps = problem["loc"][:-1] if problem["type"] == "extra_forbidden" else problem["loc"]
    return ".".join(str(step) for step in steps[:4])[:100] or "its fields"
