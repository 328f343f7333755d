from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radvlm.errors import EgressError, InputError
from radvlm.explain.kappa import fleiss_kappa, kappa_with_interval
from radvlm.explain.readers import run
from radvlm.explain.recipe import ReadersRecipe

FLEISS = np.array(
    [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
)
"""The usual worked example: 14 readers, 10 cases, 5 categories, kappa 0.210."""


def test_kappa_of_the_worked_example() -> None:
    assert fleiss_kappa(FLEISS) == pytest.approx(0.210, abs=5e-4)


def test_kappa_is_that_of_statsmodels() -> None:
    peer = pytest.importorskip("statsmodels.stats.inter_rater")
    rng = np.random.default_rng(0)
    for _ in range(5):
        yes = rng.integers(0, 6, 30)
        counts = np.stack([yes, 5 - yes], axis=1)
        assert fleiss_kappa(counts) == pytest.approx(peer.fleiss_kappa(counts))


def test_the_interval_holds_kappa_and_agreement_without_variety_has_none() -> None:
    found = kappa_with_interval(FLEISS, 500)
    assert found["interval"][0] < found["value"] < found["interval"][1]
    assert kappa_with_interval(np.array([[3, 0]] * 4), 50)["value"] is None
    with pytest.raises(InputError):
        fleiss_kappa(np.array([[1, 2], [1, 1]]))


def pairs(folder: Path, n: int = 8, access: str = "open") -> Path:
    (folder / "pairs").mkdir(parents=True)
    for k in range(n):
        for kind in ("rebuilt", "counterfactual"):
            grey = 90 if kind == "rebuilt" else 180
            Image.new("L", (8, 8), grey + k).save(folder / "pairs" / f"{k:03d}_{kind}.png")
    table = [{"image": f"v{k}", "valid": k != 0} for k in range(n)]
    (folder / "pairs.json").write_text(
        json.dumps({"finding": "Secret Finding", "access": access, "pairs": table})
    )
    return folder


def test_a_pack_is_blind_and_its_answers_come_back(tmp_path: Path) -> None:
    recipe = ReadersRecipe(
        out=tmp_path / "study", pairs=pairs(tmp_path / "made"), options=("pacemaker", "drain")
    )
    assert run(recipe)["cases"] == 7 + 2
    pack = (tmp_path / "study" / "pack.html").read_text()
    assert "Secret Finding" not in pack and "control" not in pack and "v3" not in pack
    key = json.loads((tmp_path / "study" / "key.json").read_text())["cases"]
    true = {case: [] if about["control"] else ["pacemaker"] for case, about in key.items()}
    some = {
        case: (said if about["pair"] != 3 else [])
        for (case, said), about in zip(true.items(), key.values(), strict=True)
    }
    paths = []
    for reader, answers in (("a", true), ("b", true), ("c", some)):
        paths.append(tmp_path / f"{reader}.json")
        paths[-1].write_text(json.dumps({"reader": reader, "answers": answers}))
    found = run(recipe.model_copy(update={"answers": tuple(paths)}))["options"]
    assert found["pacemaker"]["prevalence"]["value"] == 1
    assert found["pacemaker"]["in_controls"]["count"] == 0
    assert found["drain"]["prevalence"]["count"] == 0 and found["drain"]["kappa"]["value"] is None
    # 6 cases of three yes, one of two: P̄ = (6 + 1/3) / 7, P̄_e = (20/21)² + (1/21)²
    observed, expected = (6 + 1 / 3) / 7, (20 / 21) ** 2 + (1 / 21) ** 2
    assert found["pacemaker"]["kappa"]["value"] == pytest.approx(
        (observed - expected) / (1 - expected)
    )


def test_pictures_that_are_not_open_make_no_pack(tmp_path: Path) -> None:
    closed = pairs(tmp_path / "made", access="credentialed")
    with pytest.raises(EgressError):
        run(ReadersRecipe(out=tmp_path / "study", pairs=closed, options=("pacemaker",)))
    assert not (tmp_path / "study" / "pack.html").exists()


def test_answers_to_another_pack_are_refused(tmp_path: Path) -> None:
    recipe = ReadersRecipe(
        out=tmp_path / "study", pairs=pairs(tmp_path / "made"), options=("pacemaker",)
    )
    run(recipe)
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"reader": "a", "answers": {"case-999": []}}))
    with pytest.raises(InputError, match="exactly the cases"):
        run(recipe.model_copy(update={"answers": (path, path)}))
