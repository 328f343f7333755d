from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import made_data
from radvlm.build.recipe import SPLITS
from radvlm.errors import TableError
from radvlm.inspecting.sample import Sample
from radvlm.inspecting.survey import ASPECT_EDGES, BoxCount, Survey, survey
from radvlm.io.dataset import examples_of
from radvlm.records import Box, Example


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    folder = made_data.make(tmp_path_factory.mktemp("made"))
    return survey(folder, 29, per_task=2, seed=0)


def test_lengths_are_counted_by_hand(found: Survey) -> None:
    report, grounding = found.tasks["report"].lengths, found.tasks["grounding"].lengths
    assert report["question"] == {3: 12}
    assert report["answer"] == {5: 12}
    assert report["rounds"] == {1: 12}
    assert report["boxes"] == {0: 12}
    script = len(made_data.SCRIPT.split())
    assert grounding["question"] == {script: 3, 2: 3}
    assert grounding["answer"] == {1 + script: 3, 1: 3}
    assert grounding["rounds"] == {2: 3}
    assert grounding["boxes"] == {2: 3, 0: 3}


def test_labels_are_counted_by_split_and_status_with_their_patients(found: Survey) -> None:
    labels = found.tasks["report"].labels
    assert labels["Edema"].statuses == {("train", "present"): 12}
    assert len(labels["Edema"].patients) == 10  # of eleven: it stops where it is enough
    assert labels[made_data.RARE].statuses == {("train", "uncertain"): 1}
    assert len(labels[made_data.RARE].patients) == 1
    assert found.tasks["grounding"].labels["Edema"].statuses == {("test", "absent"): 3}


def test_boxes_fall_into_the_bins_of_their_area_shape_and_centre(found: Survey) -> None:
    boxes = found.tasks["grounding"].boxes
    assert boxes.total == 6
    # 0.25 of the image is 10^-0.6, in the third bin from the top; 0.005 is 10^-2.3, in the sixth
    # of four a decade from 10^-4 on.
    assert {int(k): int(boxes.areas[k]) for k in np.flatnonzero(boxes.areas)} == {13: 3, 6: 3}
    # Square, and twice as wide as high: both at the lower edge of their bin.
    assert ASPECT_EDGES[9] == 1 and ASPECT_EDGES[12] == 2
    assert {int(k): int(boxes.aspects[k]) for k in np.flatnonzero(boxes.aspects)} == {9: 3, 12: 3}
    assert {tuple(map(int, at)) for at in np.argwhere(boxes.centres)} == {(12, 8), (0, 0)}


def test_boxes_at_the_edges_stay_in_the_outer_bins() -> None:
    count = BoxCount()
    for box in (Box(0, 0, 1, 1), Box(0.999, 0.999, 1, 1), Box(0, 0, 1, 1e-9), Box(0, 0, 1e-9, 1)):
        count.add(box)
    for bins in (count.areas, count.aspects, count.centres):
        assert bins.sum() == 4
    assert count.areas[0] == 3 and count.areas[-1] == 1
    assert count.aspects[0] == 1 and count.aspects[-1] == 1
    assert count.centres[-1, -1] == 1


def test_who_is_on_the_images(found: Survey) -> None:
    studies = found.studies
    assert studies.total == 14
    assert studies.sexes["train", "F"] == 10 and studies.sexes["test", "M"] == 2
    assert studies.projections == {
        ("train", "PA"): 11,
        ("train", "LATERAL"): 11,
        ("test", "PA"): 3,
        ("test", "LATERAL"): 3,
    }
    assert studies.ages == {18: 1, 8: 12}  # 95 years count as 90 and more, 42 as 40 to 44


def test_the_whole_data_set_is_counted(data: Path) -> None:
    manifest = json.loads((data / "manifest.json").read_text())
    seen: list[tuple[int, int, str]] = []
    found = survey(
        data, 1, per_task=1, seed=0, progress=lambda d, t, note="": seen.append((d, t, note))
    )
    said: Counter[tuple[str, str, str]] = Counter()
    for row in manifest["examples"]:
        said[row["task"], row["split"], row["source"]] += row["examples"]
    assert {(t, *key): n for t, c in found.tasks.items() for key, n in c.examples.items()} == said
    assert found.studies.total == manifest["studies"]
    assert seen and all(done <= total for done, total, _ in seen)


def test_the_draw_depends_on_the_seed_and_not_on_the_order(data: Path) -> None:
    examples = [one for split in SPLITS for one in examples_of(data, split)]

    def drawn(given: list[Example], seed: int) -> list[str]:
        sample = Sample(5, seed)
        for example in given:
            sample.offer(example)
        return [example.id for example in sample.drawn()]

    mixed = random.Random(0).sample(examples, len(examples))
    assert drawn(examples, 0) == drawn(mixed, 0)
    assert drawn(examples, 0) != drawn(examples, 1)
    assert drawn(examples[:3], 0) == drawn(list(reversed(examples[:3])), 0)
    assert len(drawn(examples[:3], 0)) == 3


def test_every_example_is_as_likely_to_be_drawn(data: Path) -> None:
    examples = list(examples_of(data, "test"))[:20]
    hits: Counter[str] = Counter()
    for seed in range(1000):
        sample = Sample(4, seed)
        for example in examples:
            sample.offer(example)
        hits.update(example.id for example in sample.drawn())
    # 200 expected of each; the binomial's standard deviation is 12.6.
    assert len(hits) == 20 and all(abs(n - 200) < 5 * 12.6 for n in hits.values())


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    folder = made_data.make(tmp_path)
    (folder / "examples-train-00001-of-00002.parquet").unlink()
    with pytest.raises(TableError, match="examples-train-00001"):
        survey(folder, 29, per_task=1, seed=0)
