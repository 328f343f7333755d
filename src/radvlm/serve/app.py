"""The API and the page as one app: routes by subject, what guards them, what counts them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.formparsers import MultiPartParser

from radvlm import __version__
from radvlm.models.domain import Domain
from radvlm.protocols import Model
from radvlm.reading.record import NOTICE
from radvlm.serve.answers import Health
from radvlm.serve.completions import completions
from radvlm.serve.counting import Counted, Counts
from radvlm.serve.describing import Described, docs
from radvlm.serve.explaining import explaining
from radvlm.serve.failing import add_handlers, responses
from radvlm.serve.guard import Guard, Limits
from radvlm.serve.pictures import pictures
from radvlm.serve.readings import readings
from radvlm.serve.service import Service

if TYPE_CHECKING:
    from radvlm.explain.explainer import Explainer

# Uploads are in memory already; parsing a form must not write patients' images to a disk.
MultiPartParser.spool_max_size = Limits().body_bytes + 1

STATIC = Path(__file__).parent / "static"


def create_app(
    model: Model,
    limits: Limits | None = None,
    domain: Domain | None = None,
    static: Path = STATIC,
    explainer: Explainer | None = None,
) -> FastAPI:
    """The app around a model.

    Args:
        model: what answers.
        limits: whom to serve and how much.
        domain: which images it reads, where that is known.
        static: folder of the page.
        explainer: what explains images, where there is one.
    """
    service = Service(model, domain)
    counts = Counts(service)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await service.decoder.warm()
        yield
        await service.close()

    app = Described(
        title="radvlm",
        version=__version__,
        description=NOTICE,
        docs_url=None,
        redoc_url=None,
        lifespan=life,
        responses=responses(),
    )
    app.state.service = service
    add_handlers(app)
    for routes in (
        completions(service),
        readings(service),
        explaining(service, explainer),
        pictures(service),
        counts.routes(),
    ):
        app.include_router(routes)
    app.include_router(_alive())
    app.include_router(docs(app))
    if static.is_dir():
        app.mount("/", StaticFiles(directory=static, html=True))
    app.add_middleware(Guard, limits=limits or Limits(), open_paths=page_paths(static))
    app.add_middleware(Counted, counts=counts)
    return app


def page_paths(static: Path) -> frozenset[str]:
    """The paths of the page's files, and of the page itself."""
    files = [path for path in static.rglob("*") if path.is_file()] if static.is_dir() else []
    paths = {f"/{path.relative_to(static).as_posix()}" for path in files}
    return frozenset(paths | {"/"} if "/index.html" in paths else paths)


def _alive() -> APIRouter:
    routes = APIRouter(tags=["Server"])

    @routes.get("/health")
    async def health() -> Health:
        """Whether the server is alive; asks for no token."""
        return Health()

    return routes
