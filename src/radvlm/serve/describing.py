"""``/docs``: the description of ``/openapi.json`` as a page of our own, without any script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from radvlm.serve.failing import ALWAYS, MEANING

_TEMPLATES = Path(__file__).parent / "templates"


class Described(FastAPI):
    """An app whose description says what it answers to malformed requests: 400, in our form."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI description."""
        if self.openapi_schema is None:
            described = super().openapi()
            for methods in described["paths"].values():
                for about in methods.values():
                    _mend(about["responses"])
            for name in ("HTTPValidationError", "ValidationError"):
                described["components"]["schemas"].pop(name, None)
        return super().openapi()


def _mend(answers: dict[str, Any]) -> None:
    """Put the framework's own 422 right, and the answers in order."""
    own = answers.get("422", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if str(own.get("$ref", "")).endswith("/HTTPValidationError"):
        del answers["422"]
        answers.setdefault("400", {**answers["429"], "description": MEANING[400]})
    ordered = sorted(answers.items())
    answers.clear()
    answers.update(ordered)


def docs(app: FastAPI) -> APIRouter:
    """The page and its style sheet."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/docs")
    async def page() -> HTMLResponse:
        return HTMLResponse(rendered(app.openapi()))

    @routes.get("/docs.css")
    async def style() -> Response:
        return Response((_TEMPLATES / "docs.css").read_bytes(), media_type="text/css")

    return routes


def rendered(described: dict[str, Any]) -> str:
    """The page of an OpenAPI description."""
    loader = FileSystemLoader(_TEMPLATES)
    found = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    routes = [
        _route(path, method, about)
        for path, methods in described["paths"].items()
        for method, about in methods.items()
    ]
    found.filters["coded"] = coded
    groups: dict[str, list[dict[str, Any]]] = {}
    for route in routes:
        groups.setdefault(route["group"], []).append(route)
    records = described["components"]["schemas"]
    forms = [_form(name, schema) for name, schema in sorted(records.items())]
    template = found.get_template("docs.html.jinja")
    always = [(code, MEANING[code]) for code in ALWAYS]
    return template.render(info=described["info"], groups=groups, forms=forms, always=always)


def _route(path: str, method: str, about: dict[str, Any]) -> dict[str, Any]:
    body = about.get("requestBody", {}).get("content", {})
    answers = about["responses"]
    return {
        "id": f"{method}{path}".replace("/", "-").replace("{", "").replace("}", ""),
        "path": path,
        "method": method.upper(),
        "group": about.get("tags", ["Server"])[0],
        "about": about.get("description", ""),
        "parameters": [
            (one["name"], one["in"], kind_of(one["schema"])) for one in about.get("parameters", [])
        ],
        "body": [(sent, kind_of(what["schema"])) for sent, what in body.items()],
        "answers": [
            (status, answer["description"], _contents(answer))
            for status, answer in answers.items()
            if int(status) not in ALWAYS
        ],
    }


def coded(text: str) -> Markup:
    """Text with what stands in backticks as code."""
    pieces = text.replace("``", "`").split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if k % 2 else escape(piece)
        for k, piece in enumerate(pieces)
    )


def _contents(answer: dict[str, Any]) -> str:
    kinds = [
        f"{sent}: {kind_of(what['schema'])}" if what.get("schema") else sent
        for sent, what in answer.get("content", {}).items()
    ]
    return "; ".join(kinds)


def _form(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    needed = set(schema.get("required", ()))
    fields = [
        (field, kind_of(what), field in needed, what.get("description", ""))
        for field, what in schema.get("properties", {}).items()
    ]
    return {"name": name, "about": schema.get("description", ""), "fields": fields}


def kind_of(schema: dict[str, Any]) -> str:
    """A schema in a few words: ``list of Finding or null``."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if choices := schema.get("anyOf"):
        return " or ".join(dict.fromkeys(map(kind_of, choices)))
    if "enum" in schema or "const" in schema:
        return " | ".join(str(one) for one in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    if schema.get("type") == "object" and schema.get("properties"):
        inner = (f"{name}: {kind_of(what)}" for name, what in schema["properties"].items())
        return "{" + ", ".join(inner) + "}"
    return str(schema.get("format") or schema.get("type") or "anything")
