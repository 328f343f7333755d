"""``/v1/explain``: one image changed in one attribute, and what the served model says to it.

Everything runs in the model's thread, as readings do. Nothing here loads torch; whoever makes the
explainer has.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from radvlm.errors import InputError
from radvlm.explain.pictures import Colour, difference, png
from radvlm.protocols import Model, Pixels
from radvlm.reading.record import NOTICE
from radvlm.serve.answers import Explainable, Explained, Probed
from radvlm.serve.failing import responses
from radvlm.serve.service import Service
from radvlm.serve.wire import Url
from radvlm.tasks.lexicon import in_lexicon
from radvlm.yes_no import label_probabilities

if TYPE_CHECKING:
    from radvlm.explain.explainer import Explainer, Explanation


class ExplainRequest(BaseModel):
    """An image, and what to change in it.

    ``add`` says whether to add or to remove the attribute; null is the opposite of what its probe
    sees. ``frames`` is the number of pictures from the rebuilt image to the whole change.
    """

    model_config = ConfigDict(extra="forbid")

    image: Url
    attribute: Annotated[str, Field(max_length=200)]
    add: bool | None = None
    frames: Annotated[int, Field(ge=2, le=15)] = 9


def explaining(service: Service, explainer: Explainer | None) -> APIRouter:
    """The routes of explanations; without an explainer they say so."""
    routes = APIRouter(tags=["Explanations"])

    @routes.get("/v1/explain")
    async def explainable() -> Explainable:
        """Whether images can be explained here, and the attributes they can be changed in."""
        return Explainable(available=False) if explainer is None else _listed(explainer)

    @routes.post("/v1/explain", responses=responses(400, 404, 422))
    async def explain(asked: ExplainRequest) -> Explained:
        """The image with one attribute added or removed, as a generative model draws it.

        It takes seconds. An image unlike those the explainer knows, and an attribute whose probe is
        at chance, are refused with status 400.
        """
        if explainer is None:
            raise HTTPException(404)
        service.engine.check_room()
        pixels = (await service.picture(asked.image)).pixels
        model = service.engine.model

        def work() -> tuple[Explanation, list[float] | None]:
            made = explainer.explain(pixels, asked.attribute, add=asked.add, frames=asked.frames)
            return made, own_answers(model, asked.attribute, made.frames)

        made, said = await service.engine.run(work)
        return await service.drawn(lambda: _told(made, said, explainer.scope))

    return routes


def own_answers(model: Model, name: str, frames: Pixels) -> list[float] | None:
    """The model's probability of "yes" to "Is there …?" for each of frames [k, s, s].

    None where there are no words for the name (``sex=F``), or the model scores no given text.
    """
    if not in_lexicon(name):
        return None
    try:
        return [label_probabilities(model, (frame,), [name])[name] for frame in frames]
    except InputError:
        return None  # behind an endpoint


def _listed(explainer: Explainer) -> Explainable:
    return Explainable(
        available=True,
        scope=explainer.scope,
        access=explainer.access,
        attributes=[
            Probed(name=name, auc=found.auc, interval=found.interval)
            for name, found in explainer.attributes.items()
            if found.auc is not None and found.interval is not None
        ],
    )


def _told(made: Explanation, said: list[float] | None, scope: str) -> Explained:
    return Explained(
        attribute=made.attribute,
        added=made.added,
        valid=made.valid,
        said=made.said,
        original=_uri(made.original),
        frames=[_uri(frame) for frame in made.frames],
        difference=_uri(difference(made.frames[0], made.frames[-1])),
        psnr=round(made.psnr, 2),
        amplitude=round(made.amplitude, 3),
        scores={n: (round(a, 3), round(b, 3)) for n, (a, b) in made.scores.items()},
        moved=list(made.moved),
        asked=said,
        scope=scope,
        notice=NOTICE,
    )


def _uri(pixels: Pixels | Colour) -> str:
    coded = base64.b64encode(png(Image.fromarray(pixels))).decode()
    return f"data:image/png;base64,{coded}"
