"""``/v1/read``: one image → its reading, several → a study's; and the report as PDF."""

from __future__ import annotations

from typing import Annotated, Any, Self

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.datastructures import FormData, UploadFile

from radvlm.errors import InputError
from radvlm.reading import (
    Reading,
    Shot,
    StudyReading,
    check_prior,
    read_shot,
    read_study,
    schema,
    study_schema,
)
from radvlm.reading.study import MOST_VIEWS
from radvlm.serve.decoding import Picture
from radvlm.serve.failing import place_of, responses
from radvlm.serve.paper import report_pdf
from radvlm.serve.service import Service
from radvlm.serve.wire import Url

_PDF = {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}


class ReadRequest(BaseModel):
    """One image, or the images of one study.

    With ``force`` images unlike those of the training, and laterals, are read all the same and
    marked. ``prior`` is taken only where the model reads several images (``max_images`` in
    ``/v1/models``); the answer is then that of a study.
    """

    model_config = ConfigDict(extra="forbid")

    image: Url | None = None
    images: Annotated[list[Url], Field(min_length=1, max_length=MOST_VIEWS)] | None = None
    prior: Url | None = None
    force: bool = False

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.image is None) == (self.images is None):
            raise ValueError("either image or images")
        return self


class ReportRequest(BaseModel):
    """A report as edited, and the reading it came from."""

    text: str
    reading: dict[str, Any] | None = None


_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {
            "type": "array",
            "minItems": 1,
            "maxItems": MOST_VIEWS,
            "items": {"type": "string", "format": "binary", "minLength": 1},
            "description": "PNG, JPEG or DICOM; several are the views of one study",
        },
        "force": {"type": "string", "enum": ["true", "false"]},
    },
}


def _asked() -> dict[str, Any]:
    """The schema of ``ReadRequest`` with what its validator asks for; null is the same as none."""
    described = ReadRequest.model_json_schema()
    for field in described["properties"].values():
        if choices := field.pop("anyOf", None):
            field.update(choices[0])
            del field["default"]
    return {**described, "oneOf": [{"required": ["image"]}, {"required": ["images"]}]}


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _asked()},
            "multipart/form-data": {"schema": _FORM},
        },
    }
}


def readings(service: Service) -> APIRouter:
    """The routes around a reading."""
    routes = APIRouter(tags=["Readings"])

    @routes.post(
        "/v1/read",
        response_model=None,
        openapi_extra=_BODY,
        responses={200: {"model": Reading | StudyReading}, **responses(400, 422)},
    )
    async def read(request: Request) -> Response:
        """Read one image, or all images of a study.

        The answer to one image is described by `/v1/read/schema`, that to several, or to one with
        a prior image, by `/v1/read/study/schema`.
        """
        return JSONResponse((await _read(service, request)).to_json())

    @routes.get("/v1/read/schema")
    async def reading_form() -> dict[str, Any]:
        """The JSON schema of the reading of one image."""
        return schema()

    @routes.get("/v1/read/study/schema")
    async def study_form() -> dict[str, Any]:
        """The JSON schema of the reading of a study."""
        return study_schema()

    @routes.post(
        "/v1/report.pdf",
        response_class=Response,
        responses={200: {"content": _PDF}, **responses(400)},
    )
    async def pdf(asked: ReportRequest) -> Response:
        """A report as PDF, with scope and notice on every page."""
        scope = service.engine.model.info.scope
        written = await service.drawn(lambda: report_pdf(asked.text, scope, asked.reading))
        return Response(written, media_type="application/pdf")

    return routes


async def _read(service: Service, request: Request) -> Reading | StudyReading:
    service.engine.check_room()
    sent = request.headers.get("content-type", "")
    if sent.startswith("multipart/"):
        async with request.form(max_files=MOST_VIEWS, max_fields=4) as form:
            pictures, force = await _uploaded(service, form)
        prior = None
        alone = len(pictures) == 1
    else:
        asked = _json(await request.body())
        if asked.prior is not None:
            check_prior(service.engine.reader)
        urls = [asked.image] if asked.image is not None else asked.images or []
        pictures = [await service.picture(url) for url in urls]
        prior = None if asked.prior is None else _shot(await service.picture(asked.prior))
        force, alone = asked.force, asked.image is not None and prior is None
    reader, shots = service.engine.reader, [_shot(one) for one in pictures]
    found: Reading | StudyReading = await service.engine.run(
        lambda: (
            read_shot(reader, shots[0], force=force)
            if alone
            else read_study(reader, shots, prior=prior, force=force)
        )
    )
    return found


def _shot(picture: Picture) -> Shot:
    return Shot(picture.pixels, picture.projection)


async def _uploaded(service: Service, form: FormData) -> tuple[list[Picture], bool]:
    """The images of a form's parts named ``file``, and whether ``force`` is set."""
    files = form.getlist("file")
    force = form.get("force", "false")
    if not files or not all(isinstance(one, UploadFile) for one in files):
        raise InputError("the form has no file")
    if force not in {"true", "false"} or set(form) - {"file", "force"}:
        raise InputError("a form has parts named file, and force as true or false")
    sent = [await one.read() for one in files if isinstance(one, UploadFile)]
    return [await service.decoded(data) for data in sent], force == "true"


def _json(body: bytes) -> ReadRequest:
    try:
        return ReadRequest.model_validate_json(body)
    except ValidationError as error:
        place = place_of(error.errors()[0])
        raise InputError(f"the request is malformed at {place}") from None
