"""Windows of uploads against pydicom; studies and priors through the API."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from radvlm.errors import ImageError
from radvlm.io.image import read_image, read_stored
from radvlm.io.window import Window
from radvlm.reading import study_schema
from radvlm.records import Reply
from radvlm.serve.app import create_app
from radvlm.serve.decoding import Picture
from radvlm.serve.guard import Limits
from radvlm.serve.images import Images
from served import Stub

LIMITS = Limits(hosts=None)
CT = Path(str(get_testdata_file("CT_small.dcm")))


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create_app(Stub(), LIMITS), raise_server_exceptions=False) as one:
        yield one


def dicom(**changes: Any) -> tuple[bytes, Dataset]:
    """pydicom's CT with other attributes; its bytes and itself."""
    dataset = dcmread(CT)
    for name, value in changes.items():
        setattr(dataset, name, value)
    written = io.BytesIO()
    dataset.save_as(written)
    return written.getvalue(), dataset


def through(dataset: Dataset, center: float, width: float, function: str) -> NDArray[np.float64]:
    """Grey levels as pydicom reckons them, the ends of the window 0 and 255."""
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = center, width, function
    units = apply_modality_lut(dataset.pixel_array, dataset)
    ends = np.array([center - 1000 * width, center + 1000 * width])
    shown = apply_voi_lut(np.concatenate([units.ravel(), ends]), dataset)
    low, high = shown[-2], shown[-1]
    return np.asarray((shown[:-2] - low) / (high - low) * 255).reshape(units.shape)


def upload(client: TestClient, data: bytes) -> dict[str, Any]:
    answer = client.post("/v1/images", files={"file": ("x", data)})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def png(client: TestClient, name: str, **window: float) -> NDArray[np.uint8]:
    answer = client.get(f"/v1/images/{name}.png", params=window)
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    return np.asarray(Image.open(io.BytesIO(answer.content)))


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("polarity", ["MONOCHROME2", "MONOCHROME1"])
def test_windows_are_those_of_pydicom(client: TestClient, function: str, polarity: str) -> None:
    data, dataset = dicom(
        VOILUTFunction=function, PhotometricInterpretation=polarity, RescaleSlope=2,
        RescaleIntercept=-1000, WindowCenter=100, WindowWidth=900, ViewPosition="PA",
    )  # fmt: skip
    about = upload(client, data)
    values = dataset.pixel_array * 2.0 - 1000
    assert about["window"] == {
        "center": 100, "width": 900, "low": values.min(), "high": values.max()
    }  # fmt: skip
    assert (about["width"], about["height"], about["projection"]) == (128, 128, "PA")
    for center, width in ((100.0, 900.0), (40.0, 80.5), (600.0, 1.0)):
        wanted = through(dataset, center, width, function)
        wanted = 255 - wanted if polarity == "MONOCHROME1" else wanted
        shown = png(client, about["id"], center=center, width=width).astype(float)
        assert np.abs(shown - wanted).max() <= 1
    # Without a window the picture is the one the model is shown.
    own = png(client, about["id"], center=100, width=900).astype(int)
    assert np.abs(png(client, about["id"]) - own).max() <= 1


def test_a_file_without_a_window_begins_with_all_its_values(client: TestClient) -> None:
    dataset = dcmread(CT)
    for name in ("WindowCenter", "WindowWidth"):
        if name in dataset:
            delattr(dataset, name)
    written = io.BytesIO()
    dataset.save_as(written)
    about = upload(client, written.getvalue())
    window = about["window"]
    own = png(client, about["id"], center=window["center"], width=window["width"])
    assert np.array_equal(png(client, about["id"]), own)
    assert (own.min(), own.max()) == (0, 255)


def test_sixteen_bit_png_has_a_window_and_eight_bit_none(client: TestClient) -> None:
    values = np.arange(200, 200 + 64 * 50, dtype=np.uint16).reshape(50, 64)
    written = io.BytesIO()
    Image.fromarray(values).save(written, "PNG")
    about = upload(client, written.getvalue())
    assert about["window"]["low"] == 200 and about["window"]["high"] == 200 + 64 * 50 - 1
    shown = png(client, about["id"], center=1000.5, width=101)  # 950 is black, 1050 is white
    wanted = ((values.astype(float) - 950) / 100).clip(0, 1) * 255
    assert np.abs(shown - wanted).max() <= 1
    written = io.BytesIO()
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(written, "PNG")
    about = upload(client, written.getvalue())
    assert about["window"] is None and about["projection"] is None
    for asked in ("center=1&width=2", "center=1", "width=nan&center=1"):
        refused = client.get(f"/v1/images/{about['id']}.png?{asked}")
        assert refused.status_code == 400


@pytest.mark.parametrize("center,width", [(0, 0.5), (0, -1), (float("nan"), 5), (1e300, 5)])
def test_impossible_windows_are_refused(center: float, width: float) -> None:
    with pytest.raises(ImageError, match="window"):
        Window(center, width)


def test_numbers_no_window_can_have_leave_the_picture_readable(tmp_path: Path) -> None:
    path = tmp_path / "x.dcm"
    path.write_bytes(dicom(WindowCenter="1e30", WindowWidth="1e30")[0])
    pixels, stored = read_stored(path)
    assert stored is None and np.array_equal(pixels, read_image(path))


def test_what_is_kept_is_bounded_with_what_windows_need(tmp_path: Path) -> None:
    pixels, stored = read_stored(CT)
    one = Picture(pixels, None, stored)
    assert one.nbytes == 128 * 128 * 3  # one byte shown, two stored
    images = Images(most_bytes=3 * (one.nbytes + 4096))
    names = [images.put(one) for _ in range(5)]
    assert images.nbytes == 3 * (one.nbytes + 4096)
    assert images.get(names[-3]) is one
    with pytest.raises(ImageError):
        images.get(names[-4])
    brief = Images(seconds=-1)
    with pytest.raises(ImageError):
        brief.get(brief.put(one))


def test_an_upload_is_deleted_and_an_example_is_not() -> None:
    app = create_app(Stub(), LIMITS)
    images = app.state.service.images
    with TestClient(app, raise_server_exceptions=False) as one:
        first, second = (upload(one, dicom(ViewPosition="PA")[0])["id"] for _ in range(2))
        both = images.nbytes
        gone = one.delete(f"/v1/images/{first}")
        assert gone.status_code == 204 and gone.content == b""
        assert images.nbytes == both // 2 > 0
        url = {"image": f"radvlm://image/{first}"}
        unknown = one.get(f"/v1/images/{first}.png")
        again = one.delete(f"/v1/images/{first}")
        assert unknown.status_code == again.status_code == 404
        assert again.json() == unknown.json() and again.json()["error"]["code"] == 404
        assert one.post("/v1/read", json=url).status_code == 422
        kept = one.delete("/v1/images/example-1")
        assert kept.status_code == 400
        assert kept.json()["error"]["message"] == "an example cannot be deleted"
        assert png(one, "example-1").size and png(one, second).size
        assert one.delete(f"/v1/images/{second}").status_code == 204 and images.nbytes == 0
        assert one.delete(f"/v1/images/{'x' * 300}").status_code == 400


def test_a_study_is_read_view_by_view_and_laterals_are_named(client: TestClient) -> None:
    frontal, lateral = dicom(ViewPosition="PA")[0], dicom(ViewPosition="LL")[0]
    parts = [("file", ("a", frontal)), ("file", ("b", lateral))]
    got = client.post("/v1/read", files=parts).json()
    assert [view["projection"] for view in got["views"]] == ["PA", "LATERAL"]
    first, second = got["views"]
    assert first["reading"]["image"] == {"width": 128, "height": 128} and first["reason"] is None
    assert second["reading"] is None and "lateral" in second["reason"]
    urls = [f"radvlm://image/{upload(client, data)['id']}" for data in (frontal, lateral)]
    assert client.post("/v1/read", json={"images": urls}).json() == got
    forced = client.post("/v1/read", json={"images": urls, "force": True}).json()
    assert forced["views"][1]["reading"]["forced"]
    alone = client.post("/v1/read", json={"image": urls[1]}).json()
    assert not alone["accepted"] and "lateral" in alone["refusal"]


def test_bounds_and_forms_of_a_study(client: TestClient) -> None:
    url = "radvlm://image/example-1"
    bodies: list[dict[str, Any]] = [
        {},
        {"images": []},
        {"images": [url] * 9},
        {"image": url, "images": [url]},
        {"image": 3},
        {"image": url, "secret/name": 1},
    ]
    for body in bodies:
        refused = client.post("/v1/read", json=body)
        assert refused.status_code == 400 and "secret" not in refused.text
    assert client.post("/v1/read", files=[("other", ("a", b""))]).status_code == 400
    assert client.post("/v1/read", files=[("file", ("a", b"x"))] * 9).status_code == 400


def test_prior_images_are_refused_plainly_unless_the_model_takes_several(
    client: TestClient,
) -> None:
    body = {"image": "radvlm://image/example-1", "prior": "radvlm://image/example-2"}
    refused = client.post("/v1/read", json=body)
    assert refused.status_code == 400 and "no prior" in refused.json()["error"]["message"]
    model = Stub(max_images=2)
    with TestClient(create_app(model, LIMITS)) as several:
        got = several.post("/v1/read", json=body).json()
    assert got["comparison"] and len(got["views"]) == 1
    asked = model.chats[-1]
    assert len(asked.images) == 2 and "earlier" in str(asked.turns[0].parts[0])


def test_the_published_schema_of_a_study_is_the_record_s(client: TestClient) -> None:
    published = files("radvlm.reading").joinpath("study.schema.json").read_text()
    assert json.loads(published) == study_schema() == client.get("/v1/read/study/schema").json()


def test_no_upload_is_written_to_a_disk(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(0).integers(0, 256, (1500, 1500), dtype=np.uint8)
    written = io.BytesIO()
    Image.fromarray(values).save(written, "PNG", compress_level=1)
    assert len(written.getvalue()) > 2 << 20

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a file")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert np.array_equal(png(client, upload(client, written.getvalue())["id"]), values)


def test_a_model_behind_that_does_not_answer_is_an_error_and_no_empty_reply() -> None:
    class Silent(Stub):
        def answer(self, chats: Any, decoding: Any) -> Any:
            yield from ((k, Reply("", 0, "error", 0.0)) for k in range(len(chats)))

    url = "radvlm://image/example-1"
    content = [
        {"type": "text", "text": "Any edema?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    with TestClient(create_app(Silent(), LIMITS), raise_server_exceptions=False) as one:
        asked = {"messages": [{"role": "user", "content": content}]}
        for path, body in (("/v1/chat/completions", asked), ("/v1/read", {"image": url})):
            failed = one.post(path, json=body)
            assert failed.status_code == 500 and "model failed" in failed.json()["error"]["message"]
