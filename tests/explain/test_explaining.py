"""The verbs end to end on images whose first two pixels are the finding and the device.

The autoencoder is the exact linear one, so that what comes out is known.
"""

from __future__ import annotations

import contextlib
import csv
import functools
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from explain_fakes import SIDE, linear
from radvlm import recipe as recipes
from radvlm.codecs import CODECS
from radvlm.errors import InputError
from radvlm.explain import audit as auditing
from radvlm.explain.audit import audit
from radvlm.explain.classify import band, classify
from radvlm.explain.explainer import Explainer
from radvlm.explain.judge import Judge
from radvlm.explain.recipe import AuditRecipe, ClassifyRecipe, ImageRecipe
from radvlm.explain.single import explain_images
from radvlm.protocols import Chat, Decoding, ModelInfo
from radvlm.records import Reply

FINDING, DEVICE = "Pleural Effusion", "pacemaker"
PATIENTS = 500


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finding and device go together in four of five; both are unknown for nobody."""
    root = tmp_path_factory.mktemp("pixels")
    rng = np.random.default_rng(0)
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "patient", "labels", "sex"])
        for k in range(PATIENTS):
            finding = int(rng.random() < 0.5)
            device = finding if rng.random() < 0.8 else 1 - finding
            pixels = rng.integers(90, 110, (SIDE, SIDE), dtype=np.uint8)
            pixels[0, :2] += np.array([finding, device], np.uint8) * np.uint8(110)
            Image.fromarray(pixels).save(root / f"{k}.png")
            labels = [n for n, there in ((FINDING, finding), (DEVICE, device)) if there]
            writer.writerow([f"{k}.png", f"p{k}", ";".join(labels), "MF"[k % 2]])
    (root / "folder.yaml").write_text("access: open\ncolumns: {sex: sex}\n")
    return root


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "radvlm.explain.session.DiffusionAutoencoder.load", lambda *_: linear(), raising=True
    )


def tree(folder: Path, out: Path, **more: Any) -> dict[str, Any]:
    return {
        "out": str(out),
        "data": {"roots": {"made": str(folder)}},
        "sources": {"made": {"source": "folder", "closed": [FINDING, DEVICE]}},
        "autoencoder": "unused",
        "attributes": [FINDING, DEVICE, "sex=F"],
        "bootstrap": 200,
        "workers": 1,
        **more,
    }


def test_probes_label_efficiency_and_what_is_at_chance(folder: Path, tmp_path: Path) -> None:
    made = recipes.check(ClassifyRecipe, tree(folder, tmp_path, shares=[0.1, 1.0], draws=2))
    found = classify(made)
    probes = found["probes"]
    assert probes[FINDING]["value"] > 0.99 and probes[FINDING]["band"] == "excellent"
    assert not probes["sex=F"]["usable"] and "sex=F" not in found["label_efficiency"]
    assert [p["draws"] for p in found["label_efficiency"][FINDING]] == [2, 1]
    page = (tmp_path / "report.html").read_text()
    assert "at chance: not used" in page and "Research use only" in page
    assert json.loads((tmp_path / "probes.json").read_text())["patients"] == PATIENTS
    assert [band(auc) for auc in (0.95, 0.65, 0.5)] == ["excellent", "sufficient", "insufficient"]


def test_what_was_learned_explains_an_image_later_under_the_same_agreement(
    folder: Path, tmp_path: Path
) -> None:
    under = tmp_path / "credentialed"
    shutil.copytree(folder, under)
    (under / "folder.yaml").write_text("access: credentialed\ncolumns: {sex: sex}\n")
    more = {"shares": [1.0], "chance": 0.7}
    classify(recipes.check(ClassifyRecipe, tree(under, tmp_path / "out", **more)))
    more["apart"] = [FINDING, DEVICE]
    classify(recipes.check(ClassifyRecipe, tree(under, tmp_path / "apart", **more)))
    shutil.rmtree(under)
    kept = Explainer.load(tmp_path / "out" / "explainer")
    assert kept.access == "credentialed" and kept.chance == 0.7
    assert set(kept.attributes) == {FINDING, DEVICE} and (kept.attributes[FINDING].auc or 0) > 0.99
    found = kept.explain(np.full((SIDE, SIDE), 100, np.uint8), FINDING)
    assert found.valid and found.added
    assert int(found.frames[-1][0, 0]) - 100 > 30 and (found.frames[-1][1:] == 100).all()
    # They go together in four of five: without weights one is not changed without the other.
    assert found.moved == (DEVICE,)
    apart = Explainer.load(tmp_path / "apart" / "explainer")
    assert apart.explain(np.full((SIDE, SIDE), 100, np.uint8), FINDING).moved == ()


def test_counterfactuals_change_the_finding_and_leave_the_device(
    folder: Path, tmp_path: Path
) -> None:
    made = recipes.check(
        ImageRecipe, tree(folder, tmp_path, finding=FINDING, confounders=[DEVICE], count=4)
    )
    found = explain_images(made)
    assert found["valid"]["value"] == 1 and len(found["pairs"]) == 4
    for k in range(4):
        before, after = (
            np.asarray(Image.open(tmp_path / "pairs" / f"{k:03d}_{kind}.png").convert("L"))
            for kind in ("rebuilt", "counterfactual")
        )
        corner = 256 // SIDE // 2
        assert int(after[corner, corner]) - int(before[corner, corner]) > 30
        scores = found["pairs"][k]["scores"]
        assert scores[FINDING][1] > 0 > scores[FINDING][0]
        assert (scores[DEVICE][0] > 0) == (scores[DEVICE][1] > 0)
    assert (tmp_path / "pairs" / "000.gif").exists() and (tmp_path / "report.html").exists()


def test_what_goes_along_with_a_finding_over_a_cohort(
    folder: Path, tmp_path: Path, models: None
) -> None:
    """Where the device goes with the finding four times in five, a step along S w draws both.

    Told apart by weights it draws one; what nulls change is told beside.
    """
    found = {}
    for name, apart in (("together", []), ("apart", [DEVICE])):
        made = recipes.check(
            ImageRecipe,
            tree(
                folder,
                tmp_path / name,
                finding=FINDING,
                confounders=apart,
                count=40,
            ),
        )
        found[name] = explain_images(made)["along"]
    for one in found.values():
        assert one["attributes"][FINDING]["moves"]
        assert one["attributes"][FINDING]["counterfactual"]["appears"]["value"] > 0.9
        assert one["attributes"][FINDING]["rebuilt"]["appears"]["value"] == 0
        assert "sex=F" not in one["attributes"] and "sex=F" in one["judge"]
    assert found["together"]["attributes"][DEVICE]["moves"]
    assert not found["apart"]["attributes"][DEVICE]["moves"]
    page = (tmp_path / "apart" / "report.html").read_text()
    assert "What goes along" in page and "Not judged" in page


def test_claims_from_a_probe_at_chance_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at chance"):
        explain_images(recipes.check(ImageRecipe, tree(folder, tmp_path, finding="sex=F")))


class Asked:
    """A model that says yes by one pixel."""

    codec = CODECS["radvlm_01"]

    def __init__(self, pixel: int) -> None:
        self.pixel = pixel
        self.info = ModelInfo(f"pixel {pixel}", "0", "fake", "", "open", (), "radvlm_01", 1, "fake")

    def logprobs(self, chats: Sequence[Chat], said: Sequence[str]) -> list[list[float]]:
        scores = [float(np.asarray(c.images[0])[0, self.pixel]) / 16 - 9 for c in chats]
        return [
            [x / 2 if text.startswith("Yes") else -x / 2]
            for x, text in zip(scores, said, strict=True)
        ]

    def answer(self, chats: Sequence[Chat], decoding: Decoding) -> Iterator[tuple[int, Reply]]:
        for k, chat in enumerate(chats):
            bright = np.asarray(chat.images[0])[0, self.pixel] > 144
            said = "[0.1, 0.1, 0.3, 0.3] and a pleural effusion" if bright else "no effusion"
            yield k, Reply(said, 1, "stop", 0.0)


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def opened(path: Path, access: str) -> Iterator[Asked]:
        yield Asked(int(path.name))

    monkeypatch.setattr(auditing, "opened", opened)
    monkeypatch.setattr(Judge, "fit", functools.partial(Judge.fit, samples=6000), raising=True)


def test_the_audit_tells_a_shortcut_from_a_clean_model(
    folder: Path, tmp_path: Path, models: None
) -> None:
    made = recipes.check(
        AuditRecipe,
        tree(
            folder,
            tmp_path,
            attributes=[FINDING, DEVICE],
            finding=FINDING,
            confounders=[DEVICE],
            audited={"model": "1", "report": True, "boxes": True},
            controls={"clean": {"model": "0"}},
            images=25,
            questions=150,
            null=8,
        ),
    )
    found = audit(made)
    shortcut = found["models"]["audited"]["confounders"][DEVICE]
    clean = found["models"]["clean"]["confounders"][DEVICE]
    assert shortcut["verdict"] == "relies" and found["relies"] == [DEVICE]
    # The probe's own median of images with the device is 110 grey levels away, at 1/16 a level.
    for way, sign in (("added", 1), ("removed", -1)):
        one, other = shortcut[way], clean[way]
        assert one["reliance"] > 0.9 and one["p"] < 0.01
        assert one["effect"]["value"] == pytest.approx(sign * 110 / 16, rel=0.35)
        assert other["verdict"] == "no reliance found" and abs(other["effect"]["value"]) < 0.5
        # A quarter of the numbers of z mean something: what is shuffled moves less.
        assert abs(one["shuffled"]["value"]) < 0.5 * abs(one["effect"]["value"])
        assert found["edits"][DEVICE][way]["confirmed"]["value"] > 0.9
        # A report and boxes that follow the device come and go with it.
        kind = "appears" if way == "added" else "vanishes"
        for told in (one["report"][FINDING], one["boxes"]):
            assert told[kind]["value"] > 0.9 and told["random"]["value"] < 0.5
        assert "report" not in other and one["report"][DEVICE][kind]["value"] == 0
    assert "removed" not in found["edits"][FINDING]
    surrogate = found["models"]["audited"]["surrogate"]
    assert surrogate["r2"] > 0.9 and surrogate["appears"][DEVICE]["value"] > 0.9
    assert found["models"]["clean"]["surrogate"]["appears"][DEVICE]["value"] < 0.1
    page = (tmp_path / "report.html").read_text()
    assert "relies (threshold 0.20)" in page and "p = 0.0001 against random steps" in page
    assert f"report: {FINDING}" in page and f"boxes: {FINDING}" in page
    for way in ("added", "removed"):
        assert list((tmp_path / "pairs").glob(f"pacemaker_{way}_*.png"))
