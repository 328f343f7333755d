"""``/v1/images``: uploads, how they look through a window, their end; simulated examples."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response, UploadFile
from starlette.exceptions import HTTPException

from radvlm.errors import ImageError, InputError
from radvlm.io.window import Window
from radvlm.serve.answers import Example, Uploaded, WindowOf
from radvlm.serve.decoding import Picture
from radvlm.serve.failing import responses
from radvlm.serve.images import EXAMPLES, as_png
from radvlm.serve.service import Service

_PNG = {"image/png": {"schema": {"type": "string", "format": "binary"}}}
Number = Annotated[float | None, Query(allow_inf_nan=False)]


def pictures(service: Service) -> APIRouter:
    """The routes of images."""
    routes = APIRouter(tags=["Images"])

    @routes.post("/v1/images", responses=responses(400, 422))
    async def upload(file: UploadFile) -> Uploaded:
        """Keep a PNG, JPEG or DICOM in memory for an hour at most."""
        picture = await service.decoded(await file.read())
        height, width = picture.pixels.shape
        return Uploaded(
            id=service.images.put(picture),
            width=width,
            height=height,
            window=_window(picture),
            projection=picture.projection,
        )

    @routes.get(
        "/v1/images/{name}.png",
        response_class=Response,
        responses={200: {"content": _PNG}, **responses(400, 404, 422)},
    )
    async def png(
        name: Annotated[str, Path(max_length=200)], center: Number = None, width: Number = None
    ) -> Response:
        """The picture as the model sees it or, with `center` and `width`, through that window.

        Windows are in the units of the file's own, see `window` of the upload.
        """
        try:
            picture = await service.kept(name)
        except ImageError:
            raise HTTPException(404) from None
        if (center is None) != (width is None):
            raise InputError("a window has both center and width")
        if center is None or width is None:
            drawn = await service.drawn(lambda: as_png(picture.pixels))
            return Response(drawn, media_type="image/png")
        stored, window = picture.stored, Window(center, width)
        if stored is None:
            raise InputError("a picture of 8 bits has no window")
        drawn = await service.drawn(lambda: as_png(stored.shown(window)))
        return Response(drawn, media_type="image/png")

    @routes.delete("/v1/images/{name}", status_code=204, responses=responses(400, 404))
    async def delete(name: Annotated[str, Path(max_length=200)]) -> None:
        """Forget an upload before its hour is over; an example cannot be deleted.

        What a local model has computed from it goes when other images and chats need the room.
        """
        try:
            service.images.drop(name)
        except ImageError:
            raise HTTPException(404) from None

    @routes.get("/v1/examples")
    async def examples() -> list[Example]:
        """Simulated radiographs to try, by the ids that images have."""
        return [Example(id=name, title=title) for name, (title, _, _) in EXAMPLES.items()]

    return routes


def _window(picture: Picture) -> WindowOf | None:
    stored = picture.stored
    if stored is None:
        return None
    low, high = stored.extent()
    window = stored.window
    return WindowOf(center=window.center, width=window.width, low=low, high=high)
