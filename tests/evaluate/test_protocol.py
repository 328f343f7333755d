from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from fake_evaluation import TASKS, FakeModel, fake_examples
from radvlm import recipe as recipes
from radvlm.errors import InputError, RecipeError
from radvlm.evaluate.predict import predict
from radvlm.evaluate.protocol import ProtocolRecipe, is_protocol, recipes_of, run_protocol
from radvlm.evaluate.recipe import EvaluateRecipe
from radvlm.evaluate.rexrank import RexrankSection, write_submission
from radvlm.evaluate.run import SCORES, evaluate
from radvlm.io.dataset import MANIFEST, shard_name
from radvlm.io.files import read_json, write_json
from radvlm.io.tables import write_examples
from radvlm.protocols import Decoding
from radvlm.records import Example
from radvlm.registry import TABLES
from stub_server import StubServer

RECIPES = Path(__file__).parents[2] / "recipes"
FIRST, SECOND = fake_examples(6), fake_examples(9)[8:]


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # the fakes' images are named relative to it
    for name, task in TASKS.items():
        monkeypatch.setitem(TABLES["tasks"], name, f"fake_evaluation:{type(task).__name__}")
    monkeypatch.setitem(TABLES["models"], "fake", "fake_evaluation:FakeModel")


def built(folder: Path, examples: list[Example]) -> Path:
    folder.mkdir()
    name = shard_name("examples-test", 0, 1)
    write_examples(folder / name, examples)
    leak: dict[str, Any] = {"contaminated_test_examples": []}
    about = {"mixture": folder.name, "content": {"test": "c0ffee"}, "sources": [], "leak": leak}
    write_json(folder / MANIFEST, {**about, "files": {name: ""}})
    return folder


def protocol(tmp_path: Path, **more: Any) -> ProtocolRecipe:
    FakeModel.perfect([*FIRST, *SECOND]).save(tmp_path / "model")
    sets = {
        name: {"data": str(tmp_path / name), "built_by": f"recipes/{name}.yaml"}
        for name in ("one", "two")
    }
    tree = {"name": "p", "out": str(tmp_path / "out"), "model": str(tmp_path / "model")}
    return recipes.check(
        ProtocolRecipe, {**tree, "sets": sets, "bootstrap": {"samples": 60}, **more}
    )


def test_every_set_is_evaluated_and_the_gap_is_the_difference(tmp_path: Path) -> None:
    built(tmp_path / "one", FIRST), built(tmp_path / "two", SECOND)
    scores = run_protocol(protocol(tmp_path, gaps=[["one", "two"]]))
    assert list(scores) == ["one", "two", "one minus two"]
    by_key = [{s.key: s.value for s in scores[name]} for name in ("one", "two")]
    for score in scores["one minus two"]:
        first, second = (figures[score.key.removesuffix(",gap")] for figures in by_key)
        if score.value is None:
            assert None in (first, second)
        else:
            assert first is not None and second is not None
            assert score.value == pytest.approx(first - second)
            assert score.n_total == sum(
                next(s.n_total for s in scores[n] if f"{s.key},gap" == score.key)
                for n in ("one", "two")
            )
    for name in ("one", "two"):
        assert read_json(tmp_path / "out" / name / SCORES)["mixture"] == name
    told = read_json(tmp_path / "out" / "protocol.json")
    assert told["sets"] == {"one": "one", "two": "two"} and not told["not_built"]
    assert len(told["gaps"]["one minus two"]) == len(scores["one minus two"])


def test_a_set_that_is_not_built_stops_the_run_unless_partial(tmp_path: Path) -> None:
    built(tmp_path / "one", FIRST)
    with pytest.raises(RecipeError, match=r"1 of 2 test sets are not built: two.*two\.yaml"):
        run_protocol(protocol(tmp_path))
    assert not (tmp_path / "out").exists()
    run_protocol(protocol(tmp_path, partial=True))
    assert read_json(tmp_path / "out" / "protocol.json")["not_built"] == ["two"]


def test_nothing_built_is_an_error_even_if_partial(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="2 of 2"):
        recipes_of(protocol(tmp_path, partial=True))


@pytest.mark.parametrize(
    "path", sorted((RECIPES / "evaluate").glob("*.yaml")), ids=lambda p: p.stem
)
def test_the_recipes_name_sets_recipes_and_metrics_that_exist(path: Path) -> None:
    assert is_protocol(path)
    loaded = recipes.load(ProtocolRecipe, path)
    assert loaded.name == path.stem
    for name, one in loaded.sets.items():
        build = yaml.safe_load((RECIPES.parent / one.built_by).read_text())
        assert build["name"] == name and build["out"] == str(one.data)
        asked = {row.get("task", key) for key, row in build["tasks"].items()}
        assert set(one.metrics) <= asked
        assert {metric for some in one.metrics.values() for metric in some} <= set(
            TABLES["metrics"]
        )
    assert {name for pair in loaded.gaps for name in pair} <= set(loaded.sets)


def test_an_evaluation_is_no_protocol(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("out: x\ndata: y\n")
    assert not is_protocol(tmp_path / "r.yaml") and not is_protocol(tmp_path / "none.yaml")


def test_a_submission_holds_every_study_and_counts_the_silent(tmp_path: Path) -> None:
    facts = [example for example in FIRST if example.task == "fake_facts"][:3]
    asked = [
        replace(example, views=(replace(example.views[0], path=f"/data/{k}.png"),))
        for k, example in enumerate(facts)
    ]
    model = FakeModel.perfect(asked)
    predict(model, asked, tmp_path / "log.jsonl", Decoding())
    studies = {
        "s0": {"image_path": ["p1/s0/lateral.jpg", "p1/s0/0.jpg"], "context": "Age:60-70."},
        "s1": {"image_path": ["p2/s1/1.jpg"], "report": "kept as it is"},
        "s9": {"image_path": ["p3/s9/unknown.jpg"]},
    }
    (tmp_path / "studies.json").write_text(json.dumps(studies))
    section = RexrankSection(
        reports="one", studies=tmp_path / "studies.json", out=tmp_path / "submission.json"
    )
    assert write_submission(section, asked, tmp_path / "log.jsonl") == {
        "studies": 3,
        "without_report": 1,
    }
    written = read_json(tmp_path / "submission.json")
    said = {name: one.pop("model_prediction") for name, one in written.items()}
    assert written == studies
    assert said == {"s0": "no edema", "s1": "has edema", "s9": ""}
    (tmp_path / "studies.json").write_text("[]")
    with pytest.raises(InputError, match="ReXrank"):
        write_submission(section, asked, tmp_path / "log.jsonl")


def test_a_served_model_is_evaluated_by_its_description(tmp_path: Path) -> None:
    data = built(tmp_path / "one", FIRST)
    Path("images").mkdir()
    for shade, path in enumerate(sorted({example.views[0].path for example in FIRST})):
        Image.new("L", (100, 200), shade).save(path)  # alike, they would be asked about once
    with StubServer(lambda request: "nowhere") as server:
        (tmp_path / "served.yaml").write_text(
            "name: served\nfamily: endpoint\n"
            f"llm: {{model: m, endpoints: [{{url: 'http://127.0.0.1:{server.port}/v1'}}]}}\n"
        )
        scores = evaluate(
            EvaluateRecipe(
                out=tmp_path / "out",
                data=data,
                model=tmp_path / "served.yaml",
                tasks=("fake_boxes",),
                bootstrap={"samples": 10},
            )
        )
        assert len(server.requests) == sum(e.task == "fake_boxes" for e in FIRST)
    # Two of six have no box: those alone are right.
    assert {s.n_scored for s in scores} == {6}
    made = read_json(tmp_path / "out" / SCORES)["conditions"]["trained"]["model"]
    assert [one["name"] for one in made] == ["served"]


def test_teacher_forcing_is_another_condition_with_its_own_log(tmp_path: Path) -> None:
    data = built(tmp_path / "one", FIRST)
    FakeModel.perfect(FIRST).save(tmp_path / "model")
    for condition in ("trained", "teacher_forced"):
        evaluate(
            EvaluateRecipe(
                out=tmp_path / "out",
                data=data,
                model=tmp_path / "model",
                condition=condition,
                bootstrap={"samples": 10},
            )
        )
    assert set(read_json(tmp_path / "out" / SCORES)["conditions"]) == {"trained", "teacher_forced"}
    logs = {path.name for path in (tmp_path / "out").glob("predictions-*")}
    assert logs == {"predictions-trained.jsonl", "predictions-teacher_forced.jsonl"}
