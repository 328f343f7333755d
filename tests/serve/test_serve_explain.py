"""``/v1/explain`` on the exact autoencoder: what comes back is worked out by hand."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from typer.testing import CliRunner

from explain_fakes import AGE, DEVICE, FINDING, INTERVALS, SEX, SIDE, TOGETHER, explainer
from radvlm.cli import app as command
from radvlm.errors import CheckpointError, InputError
from radvlm.explain.explainer import Explainer
from radvlm.protocols import Chat
from radvlm.serve.app import create_app
from radvlm.serve.images import as_png
from served import Stub


class Seeing(Stub):
    """Says yes by the first pixel of what it is shown: logit (grey − 128) / 20."""

    def logprobs(self, chats: Sequence[Chat], continuations: Sequence[str]) -> list[list[float]]:
        greys = [float(np.asarray(chat.images[0])[0, 0]) for chat in chats]
        sign = [1 if text.startswith("Yes") else -1 for text in continuations]
        return [[s * (g - 128) / 40] for s, g in zip(sign, greys, strict=True)]


class Behind(Stub):
    """Scores no given text, as what is behind an endpoint."""

    def logprobs(self, chats: Sequence[Chat], continuations: Sequence[str]) -> list[list[float]]:
        raise InputError("scores no given text")


def uri(grey: int = 100, shape: tuple[int, int] = (SIDE, SIDE)) -> str:
    png = as_png(np.full(shape, grey, np.uint8))
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def drawn(picture: str) -> Any:
    head, _, coded = picture.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(coded))))


def client_of(app: FastAPI) -> TestClient:
    return TestClient(app, base_url="http://localhost")


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with client_of(create_app(Seeing(), explainer=explainer(floor=-100.0))) as one:
        yield one


def asked(client: TestClient, **body: Any) -> Any:
    return client.post("/v1/explain", json={"image": uri(), "attribute": FINDING, **body})


def test_what_can_be_explained_is_told_with_its_figures(client: TestClient) -> None:
    said = client.get("/v1/explain").json()
    assert said["available"] and (said["scope"], said["access"]) == ("fake", "credentialed")
    found = {one["name"]: one["interval"] for one in said["attributes"]}
    assert found == {name: list(INTERVALS[name]) for name in (FINDING, DEVICE, AGE)}
    assert said["attributes"][0]["auc"] == pytest.approx(0.97)


def test_an_image_comes_back_changed(client: TestClient) -> None:
    made = asked(client).json()
    assert made["valid"] and made["added"] and made["said"] == f"{FINDING} added"
    frames = [drawn(one) for one in made["frames"]]
    assert len(frames) == 9 and (drawn(made["original"]) == 100).all()
    for frame, part in zip(frames, np.linspace(0, made["amplitude"], 9), strict=True):
        wanted = np.full((SIDE, SIDE), 100.0)
        wanted[0, :2] = 100 + 20 * part, 100 + 20 * TOGETHER * part
        assert np.abs(frame.astype(int) - wanted).max() <= 0.51
    # Orange where it became brighter; the grey, darkened, where it did not.
    difference = drawn(made["difference"])
    assert difference[0, 0, 0] > 140 > difference[0, 0, 1] > difference[0, 0, 2]
    assert (difference[1:] == 60).all()
    assert made["scores"][FINDING][0] == pytest.approx(-3.8) and made["moved"] == [DEVICE]
    assert made["scope"] == "fake" and made["notice"].startswith("Research use only")
    yes = [1 / (1 + np.exp(-(float(frame[0, 0]) - 128) / 20)) for frame in frames]
    assert made["asked"] == pytest.approx(yes) and yes[0] < 0.25 < 0.75 < yes[-1]


def test_way_and_number_of_frames_are_as_asked(client: TestClient) -> None:
    removed = asked(client, add=False, image=uri(200), frames=2).json()
    assert not removed["added"] and len(removed["frames"]) == 2
    assert drawn(removed["frames"][1])[0, 0] < 100
    there = asked(client, add=True, image=uri(200)).json()
    assert there["amplitude"] == 0 and there["frames"] == [there["frames"][0]] * 9


def test_an_upload_is_explained_by_its_id(client: TestClient) -> None:
    png = as_png(np.full((40, 30), 100, np.uint8))
    kept = client.post("/v1/images", files={"file": ("a.png", png)}).json()["id"]
    made = asked(client, image=f"radvlm://image/{kept}").json()
    assert made["valid"] and drawn(made["frames"][0]).shape == (SIDE, SIDE)


def test_nobody_is_asked_what_has_no_words_or_no_scores(client: TestClient) -> None:
    assert asked(client, attribute=AGE).json()["asked"] is None
    with client_of(create_app(Behind(), explainer=explainer())) as one:
        made = asked(one).json()
    assert made["valid"] and made["asked"] is None


HOSTILE = ("../../etc/passwd", "<script>alert(1)</script>", "sex=F' OR 1", "\x00\x1b[31m", "")


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        *(({"attribute": name}, 400, "has no probe") for name in HOSTILE),
        ({"attribute": "x" * 201}, 400, "malformed at body.attribute"),
        ({"attribute": SEX}, 400, "at chance (AUC 0.50, 0.40–0.60)"),
        ({"attribute": "Edema"}, 400, "has no positive example"),
        ({"image": uri(255, (8, 8))}, 400, "out of domain: rebuilt with -115.0 dB"),
        ({"image": "radvlm://image/nobody"}, 422, "no image of that id"),
        ({"image": "radvlm://image/../../etc/passwd"}, 422, "no image of that id"),
        ({"image": "http://127.0.0.1/a.png"}, 422, "images are given as data URIs"),
        ({"image": "data:image/png;base64,AAAA"}, 422, ""),
        *(({"frames": n}, 400, "malformed at body.frames") for n in (1, 16, "all")),
        ({"add": "perhaps"}, 400, "malformed at body.add"),
        ({"<b>": 1}, 400, "malformed at body"),
    ],
)
def test_what_cannot_be_explained_is_refused_in_plain_words(
    client: TestClient, body: dict[str, Any], status: int, said: str
) -> None:
    got = asked(client, **body)
    error = got.json()["error"]
    assert got.status_code == error["code"] == status and said in error["message"]
    told = error["message"].replace("radvlm://image/<id>", "")
    assert not any(bad in told for bad in ("/", "<", "passwd", "127.0", "\x1b"))


def test_a_server_without_an_explainer_says_so() -> None:
    with client_of(create_app(Stub())) as one:
        listed = {"available": False, "scope": "", "access": None, "attributes": []}
        assert one.get("/v1/explain").json() == listed
        got = asked(one)
    assert got.status_code == 404 and got.json()["error"]["message"] == "there is nothing here"


def test_it_runs_in_the_model_s_thread_and_is_turned_away_when_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[str, int]] = []
    app = create_app(Stub(), explainer=explainer())
    engine, plain = app.state.service.engine, Explainer.explain

    def watched(*asked: Any, **more: Any) -> Any:
        seen.append((threading.current_thread().name, engine.busy))
        return plain(*asked, **more)

    monkeypatch.setattr(Explainer, "explain", watched)
    with client_of(app) as one:
        assert asked(one).status_code == 200 and engine.busy == 0
        assert seen == [("model_0", 1)]
        engine._most = 0
        full = asked(one)
    assert full.status_code == 429 and full.headers["retry-after"] == "1" and len(seen) == 1


def test_the_description_tells_of_both_routes(client: TestClient) -> None:
    path = client.get("/openapi.json").json()["paths"]["/v1/explain"]
    assert set(path) == {"get", "post"} and {"400", "404", "422", "429"} <= set(
        path["post"]["responses"]
    )
    assert "/v1/explain" in client.get("/docs").text


def test_torch_is_loaded_for_an_explainer_alone() -> None:
    code = "import sys, radvlm.serve.app, radvlm.verbs.serving; print('torch' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"


def test_the_verb_reads_the_folder_before_it_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []
    monkeypatch.setattr("radvlm.verbs.serving._serve", lambda *parts: given.append(parts[-1]))
    arguments = ["serve", str(tmp_path), "--port", "0"]
    run: Callable[..., Any] = CliRunner().invoke
    assert run(command, arguments).exception is None and given == [None]
    ended = run(command, [*arguments, "--explain", str(tmp_path)])
    assert isinstance(ended.exception, CheckpointError) and len(given) == 1
    made = explainer()
    monkeypatch.setattr(Explainer, "load", lambda folder: made if folder == tmp_path else None)
    run(command, [*arguments, "--explain", str(tmp_path)])
    assert given[1] is made
