"""A server on this machine whose model says what the tests know, and pictures to show it."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, expect

from radvlm.codecs import get_codec
from radvlm.explain.explainer import Explainer
from radvlm.models.domain import Domain
from radvlm.protocols import Chat, Decoding, ModelInfo
from radvlm.records import Box, Reply
from radvlm.serve.app import create_app
from radvlm.serve.guard import Limits
from served import running

WIDTH, HEIGHT = 800, 1000
BRIGHT = Box(0.25, 0.30, 0.50, 0.55)
"""Where the picture is bright; the effusion's box frames it to the pixel."""

LUNG = Box(0.60, 0.20, 0.90, 0.70)
REPORT = (
    "There is a right pleural effusion. The heart is enlarged. No pneumothorax. "
    "The mediastinum is not widened."
)
MARKUP = '<img src=x onerror="document.title=1"> & <script>document.title=2</script>'
SCOPE = "A stub that has seen nothing: it says what the tests know."
AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
HANGING = """() => [...document.querySelectorAll('body *')].filter(one =>
    one.getBoundingClientRect().right > document.documentElement.clientWidth + 1
    && !one.closest('.hidden, .stage, .skip')).map(one => one.outerHTML.slice(0, 90))"""
_PIECES = 6

# The first upload waits for the decoder's process; on a busy machine that takes a while.
expect.set_options(timeout=20_000)


class Told:
    """Answers by what the last question holds; what it was asked is kept."""

    info = ModelInfo("stub", "0", "stub", "none", "open", (), "radvlm_01", 1, SCOPE)
    codec = get_codec("radvlm_01")

    def __init__(self) -> None:
        self.chats: list[Chat] = []

    def _said(self, chat: Chat) -> str:
        parts = chat.turns[-1].parts
        asked = str(parts[0]).lower()
        if any(not isinstance(part, str) for part in parts):
            return "There is an effusion here. Nothing else is seen."
        script = {
            "report of": REPORT,
            "find and locate": "All is normal.",
            "abnormalities": "I see a pleural effusion and cardiomegaly.",
            "markup": MARKUP,
            "slow": "word " * 400,
            "cardiomegaly": "Not visible.",
            "pleural effusion": self.codec.render((BRIGHT,), (WIDTH, HEIGHT)),
            "left lung": f"It is here: {self.codec.render((LUNG,), (WIDTH, HEIGHT))}. Look there.",
            "which side": "It is on the right side.",
        }
        return next((reply for word, reply in script.items() if word in asked), "Not visible.")

    def answer(self, chats: Sequence[Chat], decoding: Decoding) -> Iterator[tuple[int, Reply]]:
        for k, chat in enumerate(chats):
            yield k, Reply(self._said(chat), 1, "stop", 0.0)

    def stream(self, chat: Chat, decoding: Decoding) -> Iterator[str]:
        self.chats.append(chat)
        said = self._said(chat)
        pause = 0.05 if said.startswith("word") else 0.0
        for k in range(0, len(said), _PIECES):
            time.sleep(pause)
            yield said[k : k + _PIECES]

    def logprobs(self, chats: Sequence[Chat], continuations: Sequence[str]) -> list[list[float]]:
        odds = {True: 0.75, False: 0.25}
        return [[float(np.log(odds[text.startswith("Yes")]))] for text in continuations]


@contextmanager
def serving(
    model: Told,
    domain: Domain | None = None,
    token: str | None = None,
    explainer: Explainer | None = None,
) -> Iterator[str]:
    """The address of a running server, with a slash at its end."""
    app = create_app(model, Limits(token=token), domain, explainer=explainer)
    with running(app) as address:
        yield f"{address}/"


@pytest.fixture(scope="module")
def model() -> Told:
    """The model behind ``served``."""
    return Told()


@pytest.fixture(scope="module")
def served(model: Told) -> Iterator[str]:
    """The address of a server that a module's tests share."""
    with serving(model) as address:
        yield address


def check_accessible(page: Page) -> None:
    """Axe finds nothing against WCAG 2.2 AA, and nothing hangs over the edge of the window."""
    options = {"runOnly": AA, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    assert [(v["id"], [n["html"][:90] for n in v["nodes"]]) for v in found] == []
    assert page.evaluate(HANGING) == []


def pixels() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Grey 40, and 200 where it is bright."""
    picture = np.full((HEIGHT, WIDTH), 40, np.uint8)
    box = BRIGHT
    rows = slice(round(box.y1 * HEIGHT), round(box.y2 * HEIGHT))
    picture[rows, round(box.x1 * WIDTH) : round(box.x2 * WIDTH)] = 200
    return picture


def png_file(folder: Path) -> Path:
    """The picture as PNG."""
    path = folder / "bright.png"
    Image.fromarray(pixels()).save(path)
    return path


def open_picture(page: Page, folder: Path) -> None:
    """Upload the picture, and wait until it is shown."""
    page.set_input_files("#file", png_file(folder))
    expect(page.locator("#current figcaption")).to_contain_text(f"{WIDTH} × {HEIGHT}")


def shown(screenshot: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A screenshot as uint8 [height, width, 3]."""
    return np.asarray(Image.open(io.BytesIO(screenshot)).convert("RGB"))
