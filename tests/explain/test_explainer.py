"""An explanation worked out by hand on the exact autoencoder, and a folder that stands alone.

The finding is 2 z0 − 1 and z0 goes with z1 (0.8), so the shortest step in standard deviations moves
z0 by its length and z1 by 0.8 of it; z is (grey − 128) / 20.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from explain_fakes import AGE, DEVICE, FINDING, SEX, SIDE, TOGETHER, explainer
from radvlm.errors import CheckpointError, InputError
from radvlm.explain import probes
from radvlm.explain.autoencoder import AutoencoderCard, Both, DiffusionAutoencoder
from radvlm.explain.decorrelation import Spread
from radvlm.explain.explainer import Explainer
from radvlm.explain.networks import NetworkConfig
from radvlm.explain.probes import Head
from radvlm.explain.recipe import Closed
from radvlm.explain.session import Bank

GOAL = np.log(0.95 / 0.05)


def grey(value: int) -> np.ndarray:
    return np.full((SIDE, SIDE), value, np.uint8)


def test_frames_go_evenly_from_the_rebuilt_image_to_the_whole_step() -> None:
    made = explainer().explain(grey(100), FINDING, frames=5)
    assert made.valid and made.added and made.said == f"{FINDING} added"
    # From 2 z0 − 1 = −3.8 to the goal, or up to a third further where a grey was rounded down.
    least = (GOAL + 3.8) / 2
    assert least - 1e-6 <= made.amplitude <= 1.35 * least
    assert made.psnr == 99 and np.array_equal(made.original, grey(100))
    for frame, part in zip(made.frames, np.linspace(0, made.amplitude, 5), strict=True):
        wanted = grey(100)
        wanted[0, 0] = round(100 + 20 * part)
        wanted[0, 1] = round(100 + 20 * TOGETHER * part)
        assert np.array_equal(frame, wanted)


def test_scores_are_told_before_and_after_and_what_came_along() -> None:
    made = explainer().explain(grey(100), FINDING, frames=2)
    before, after = ((frame[0, :4] - 128.0) / 20 for frame in made.frames)
    assert made.scores[FINDING] == pytest.approx((2 * before[0] - 1, 2 * after[0] - 1))
    assert made.scores[DEVICE] == pytest.approx((1.5 * before[1] - 0.5, 1.5 * after[1] - 0.5))
    assert made.scores[AGE] == pytest.approx((-1.4, -1.4))
    assert SEX not in made.scores and made.moved == (DEVICE,)


def test_what_is_there_is_removed_and_what_is_not_is_added_unless_told() -> None:
    there = explainer().explain(grey(200), FINDING)
    assert there.valid and not there.added and there.said == f"{FINDING} removed"
    assert (np.diff(there.frames[:, 0, 0].astype(int)) < 0).all()
    assert there.scores[FINDING][0] == pytest.approx(6.2) and there.scores[FINDING][1] <= -GOAL
    kept = explainer().explain(grey(200), FINDING, add=True)
    assert kept.valid and kept.added and kept.amplitude == 0 and "nothing was changed" in kept.said
    assert (kept.frames == 200).all()


def test_what_is_out_of_reach_is_no_counterfactual() -> None:
    made = explainer().explain(grey(100), FINDING, loop=Closed(reach=1.0))
    assert not made.valid and made.said == "no valid counterfactual"
    assert 0 < made.amplitude <= 1.35 and made.scores[FINDING][1] < GOAL


@pytest.mark.parametrize(
    ("attribute", "why"),
    [("anything", "has no probe"), ("Edema", "no positive example"), (SEX, "at chance")],
)
def test_claims_that_no_probe_bears_are_refused(attribute: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        explainer().explain(grey(100), attribute)


def test_an_image_out_of_domain_is_refused_with_its_figure() -> None:
    known = explainer(floor=30.0)
    # The fake reaches 40 dB less the distance from grey 100; 3 dB below the floor is the bound.
    assert known.explain(grey(112), FINDING).valid
    with pytest.raises(InputError, match=r"rebuilt with 26\.0 dB, known images with 30\.0 dB"):
        known.explain(grey(114), FINDING)


def test_one_frame_is_no_explanation_and_any_size_of_image_is_taken() -> None:
    with pytest.raises(InputError, match="two frames"):
        explainer().explain(grey(100), FINDING, frames=1)
    wide = np.full((30, 50), 100, np.uint8)
    assert explainer().explain(wide, FINDING).frames.shape == (9, SIDE, SIDE)


def test_the_best_probes_come_first_and_those_at_chance_not_at_all() -> None:
    assert list(explainer().attributes) == [FINDING, DEVICE, AGE]


def network(z: int) -> NetworkConfig:
    return NetworkConfig(
        side=32, width=8, embedding=16, z=z, encoder_width=8, encoder_multipliers=(1, 2),
        attention=(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def real() -> Explainer:
    """A real network of random weights, with probes that nobody has trained."""
    torch.manual_seed(0)
    config = network(8)
    card = AutoencoderCard(
        network=config, scope="toy", access="open", images=1, data="none", psnr=-50.0
    )
    rng = np.random.default_rng(0)
    heads = {n: Head(n, rng.standard_normal(8), float(k)) for k, n in enumerate((FINDING, DEVICE))}
    tested = {
        FINDING: probes.Tested(0.9, (0.8, 0.95), 100, 40, 300),
        DEVICE: probes.Tested(0.5, None, 100, 1, 300),
    }
    spread = Spread.of(rng.standard_normal((50, 8)).astype(np.float32))
    goals = {FINDING: (-2.0, 2.5), DEVICE: (-1.0, 1.0)}
    bank = Bank(heads, tested, {"Edema": "has no positive example"}, spread, goals, None)
    autoencoder = DiffusionAutoencoder(Both(config), card, steps=3, refine=2)
    return Explainer(autoencoder, bank, "credentialed", 0.6)


def test_a_folder_stands_alone_and_explains_to_the_same_bits(
    real: Explainer, tmp_path: Path
) -> None:
    real.save(tmp_path / "made")
    moved = Path(shutil.move(tmp_path / "made", tmp_path / "elsewhere"))
    again = Explainer.load(moved)
    assert (again.access, again.scope, again.chance) == ("credentialed", "toy", 0.6)
    assert again.bank.goals == {FINDING: (-2.0, 2.5), DEVICE: (-1.0, 1.0)}
    assert again.attributes == {FINDING: probes.Tested(0.9, (0.8, 0.95), 100, 40, 300)}
    image = np.random.default_rng(1).integers(0, 255, (20, 16), dtype=np.uint8)
    one, other = (which.explain(image, FINDING, frames=3) for which in (real, again))
    assert np.array_equal(one.frames, other.frames) and one.scores == other.scores
    assert one.amplitude == other.amplitude > 0
    with pytest.raises(InputError, match="no positive example"):
        again.explain(image, "Edema")
    kinds = {path.suffix for path in moved.rglob("*") if path.is_file()}
    assert kinds == {".json", ".safetensors"}


def test_a_folder_that_is_damaged_is_told_of(real: Explainer, tmp_path: Path) -> None:
    real.save(tmp_path / "whole")
    wider = tmp_path / "wider"
    other = network(12)
    shutil.copytree(tmp_path / "whole", wider)
    card = real.autoencoder.card.model_copy(update={"network": other})
    DiffusionAutoencoder(Both(other), card).save(wider / "autoencoder")
    with pytest.raises(CheckpointError, match="no explainer"):
        Explainer.load(wider)
    for name in ("explainer.json", "probes.safetensors", "autoencoder/autoencoder.json"):
        folder = tmp_path / name.replace("/", "-")
        shutil.copytree(tmp_path / "whole", folder)
        (folder / name).write_bytes((folder / name).read_bytes()[:-20])
        with pytest.raises(CheckpointError, match="is no"):
            Explainer.load(folder)
