"""The stage as a whole, on a simulated cohort: rules, a stubbed model, resuming, and the build."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from radvlm.build.recipe import BuildRecipe
from radvlm.build.run import build
from radvlm.curate.priors.check import mentions
from radvlm.curate.recipe import CurateRecipe
from radvlm.curate.run import CALLS, curate, estimate, incomplete
from radvlm.errors import EgressError, OutputError, RecipeError
from radvlm.inspecting import inspect
from radvlm.io.dataset import examples_of, studies_of
from radvlm.io.files import sha256_of
from radvlm.llm.recipe import EndpointSection, LlmSection
from radvlm.recipe import check
from radvlm.records import Study
from radvlm.sources.phantom.cohort import PhantomConfig, make_cohort
from radvlm.sources.phantom.source import PhantomSource
from radvlm.tasks.asking import known
from radvlm.tasks.labels import read_labels
from radvlm.tasks.report import reference
from radvlm.vocabulary import CHEXPERT_13
from stub_server import StubServer


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("curate") / "cohort"
    make_cohort(PhantomConfig(patients=60, size=64), folder)
    return folder


def recipe(cohort: Path, out: Path, write: str = "priors", **more: Any) -> CurateRecipe:
    tree = {
        "out": str(out),
        "data": {"roots": {"phantom": str(cohort), **more.pop("roots", {})}},
        "sources": {"phantom": {"source": "phantom"}, **more.pop("sources", {})},
        "write": write,
        "shards": 3,
        "workers": 1,
        **more,
    }
    return check(CurateRecipe, tree)


def by_id(cohort: Path) -> dict[str, Study]:
    return {study.id: study for study in PhantomSource(cohort).studies()}


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in sorted(folder.glob("*.parquet"))}


def test_rules_leave_no_prior_and_every_fact(cohort: Path, tmp_path: Path) -> None:
    manifest = curate(recipe(cohort, tmp_path / "out"))
    studies = by_id(cohort)
    written = list(studies_of(tmp_path / "out"))
    assert any(mentions(reference(study.texts)) for study in studies.values())
    assert manifest["residual_mentions"] == 0 and manifest["texts"] == len(written)
    assert len(written) + manifest["skipped"].get("nothing left", 0) == len(studies)
    for one in written:
        before, after = reference(studies[one.id].texts), one.texts["findings.curated"]
        assert not mentions(after)
        truth = known(studies[one.id], studies[one.id].views[0])
        said, was = read_labels(after, CHEXPERT_13), read_labels(before, CHEXPERT_13)
        # What the report said of a finding, and the cohort knows to be so, is still said.
        lost = {
            name for name in was if was[name] == truth.get(name) and said.get(name) != was[name]
        }
        assert not lost, (before, after)


def test_the_same_bytes_for_any_number_of_workers_and_a_rerun_does_nothing(
    cohort: Path, tmp_path: Path
) -> None:
    for workers in (1, 2):
        curate(recipe(cohort, tmp_path / str(workers), "conversations", workers=workers))
    assert hashes(tmp_path / "1") == hashes(tmp_path / "2")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "1").glob("*.parquet")}
    curate(recipe(cohort, tmp_path / "1", "conversations"))
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_a_folder_of_another_recipe_is_refused(cohort: Path, tmp_path: Path) -> None:
    curate(recipe(cohort, tmp_path / "out"))
    with pytest.raises(OutputError, match="another recipe"):
        curate(recipe(cohort, tmp_path / "out", "conversations"))


def test_curated_texts_and_dialogues_reach_the_build(cohort: Path, tmp_path: Path) -> None:
    curate(recipe(cohort, tmp_path / "priors"))
    chained: dict[str, Any] = {
        "roots": {"curated": str(tmp_path / "priors")},
        "sources": {"curated": {"source": "curated"}},
    }
    talks = recipe(cohort, tmp_path / "talks", "grounded_conversations", **chained)
    manifest = curate(talks)
    assert manifest["dialogues"] > 40 and not manifest["failures"]
    assert [one["editor"] for one in manifest["written_by"]] == ["rules", "rules"]
    tasks = {
        "report": {"options": {"sections": ["findings.curated"]}},
        "grounded_conversation": {"options": {"written": False}},
    }
    roots = {"phantom": str(cohort), "curated": str(tmp_path / "talks")}
    sources = {"phantom": {"source": "phantom"}, "curated": {"source": "curated"}}
    tree = {"out": str(tmp_path / "data"), "data": {"roots": roots}, "sources": sources}
    built = build(check(BuildRecipe, {**tree, "tasks": tasks}))
    assert built["written_by"] == manifest["written_by"]
    pointing = [row for row in built["examples"] if row["row"] == "grounded_conversation"]
    assert sum(row["examples"] for row in pointing) == manifest["dialogues"]
    for example in examples_of(tmp_path / "data", "train"):
        for turn in example.turns:
            assert not any(mentions(part) for part in turn.parts if isinstance(part, str))
            assert turn.role != "assistant" or turn.target is not None


def edits(request: dict[str, Any]) -> str:
    """A model that gives the report back in capitals."""
    report = json.loads(request["messages"][1]["content"])["report"]
    return json.dumps({"text": report.upper()})


def test_a_model_edits_and_is_not_asked_twice(cohort: Path, tmp_path: Path) -> None:
    with StubServer(edits) as server:
        wanted = recipe(
            cohort, tmp_path / "out", editor="llm", llm=server.section(model="m").model_dump()
        )
        expected = estimate(wanted)
        assert expected is not None and not server.requests
        manifest = curate(wanted)
        sent = len(server.requests)
        assert sent == expected.requests == manifest["texts"]
        for path in (tmp_path / "out").glob("studies-*"):
            path.unlink()
        curate(wanted)
        assert len(server.requests) == sent
    texts = [study.texts["findings.curated"] for study in studies_of(tmp_path / "out")]
    assert all(text == text.upper() for text in texts)
    assert manifest["written_by"][0]["model"] == "m" and CALLS in manifest["sensitive"]
    assert stat.S_IMODE((tmp_path / "out" / CALLS).stat().st_mode) == 0o600


class Talker:
    """Writes five true rounds; of every other view first a conversation with certainty."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, request: dict[str, Any]) -> str:
        again = len(request["messages"]) > 2
        self.asked += not again
        projection = json.loads(request["messages"][1]["content"])["projection"]
        answer = f"It is a {projection} view."
        if self.asked % 2 and not again:
            answer = "You definitely have cancer and must take antibiotics."
        rounds = [{"question": "Which projection is it?", "answer": answer}] * 5
        return json.dumps({"rounds": rounds})


def test_a_model_talks_and_what_fails_is_sent_back_once(cohort: Path, tmp_path: Path) -> None:
    with StubServer(Talker()) as server:
        llm = server.section(model="m", concurrency=1).model_dump()
        manifest = curate(
            recipe(cohort, tmp_path / "out", "conversations", editor="llm", llm=llm, shards=1)
        )
        asked, again = (
            sum((len(r["messages"]) > 2) == repaired for r in server.requests)
            for repaired in (False, True)
        )
    assert manifest["dialogues"] == asked and again == (asked + 1) // 2
    assert not manifest["failures"]


def test_what_is_still_wrong_is_counted_and_never_kept(cohort: Path, tmp_path: Path) -> None:
    rounds = [{"question": "Is it new?", "answer": "It is unchanged since the prior study."}] * 5
    with StubServer(lambda request: json.dumps({"rounds": rounds})) as server:
        wanted = recipe(
            cohort, tmp_path / "out", "conversations", editor="llm", limit=10,
            llm=server.section().model_dump(),
        )  # fmt: skip
        manifest = curate(wanted)
    assert manifest["dialogues"] == 0 and manifest["failures"]["priors"] > 5
    assert incomplete(manifest, wanted)


def test_reports_of_other_patients_stop_the_curation(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The defect of the published code: labels joined by position, shifted by one."""
    studies = list(PhantomSource(cohort).studies())
    shifted = {a.id: b.texts for a, b in zip(studies, studies[1:] + studies[:1], strict=True)}
    original = PhantomSource.studies

    def wrong(self: PhantomSource, *part: Any) -> Any:
        from dataclasses import replace

        return (replace(study, texts=shifted[study.id]) for study in original(self, *part))

    monkeypatch.setattr(PhantomSource, "studies", wrong)
    with pytest.raises(Exception, match="contradict"):
        curate(recipe(cohort, tmp_path / "out", "conversations", shards=1))


def test_closed_reports_are_sent_to_nobody_elsewhere(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PhantomSource, "access", "credentialed")
    away = LlmSection(model="m", endpoints=(EndpointSection(url="https://llm.example.org/v1"),))
    with pytest.raises(EgressError):
        curate(recipe(cohort, tmp_path / "out", editor="llm", llm=away.model_dump()))


def test_an_editor_without_endpoints_is_refused(cohort: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="llm"):
        recipe(cohort, tmp_path / "out", editor="llm")


def test_the_command_writes_and_says_what(cohort: Path, tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(recipe(cohort, tmp_path / "out").model_dump_json())
    command = [sys.executable, "-c", "from radvlm.cli import main; main()", "curate", str(path)]
    planned = subprocess.run([*command, "--plan"], capture_output=True, text=True, check=True)
    assert "rules send nothing" in planned.stdout
    ended = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout)["texts"] > 50
    facts = inspect(tmp_path / "out")
    assert facts["kind"] == "curated texts" and facts["written_by"][0]["editor"] == "rules"
