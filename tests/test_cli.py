"""The command from outside: exit statuses, one-line errors, nothing half-written."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

RADVLM = [sys.executable, "-c", "from radvlm.cli import main; main()"]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RADVLM, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120
    )


def refused(*arguments: object) -> str:
    """The one line a bad input gets, after what the stage display wrote."""
    ended = run(*arguments)
    assert ended.returncode == 2, ended.stderr
    errors = [line for line in ended.stderr.splitlines() if line[:1] not in "…✗"]
    assert len(errors) == 1 and errors[0].startswith("error: "), ended.stderr
    return errors[0]


def header_only_png(path: Path, side: int) -> Path:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    size = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", b"x"))
    return path


def test_help_names_every_verb_and_the_notice() -> None:
    shown = run("--help")
    assert shown.returncode == 0 and "Research use only" in shown.stdout
    for verb in (
        "build",
        "train",
        "evaluate",
        "demo",
        "read",
        "chat",
        "phantom",
        "list",
        "inspect",
        "explain",
    ):
        assert verb in shown.stdout


@pytest.mark.parametrize("verb", ["pretrain", "classify", "image", "audit", "readers"])
def test_explain_verbs_take_the_flags_of_run_verbs_alone(verb: str) -> None:
    shown = run("explain", verb, "--help").stdout
    flags = set(re.findall(r"--[a-z-]+", shown))
    limit = set() if verb == "readers" else {"--limit"}
    assert flags == {"--plan", "--json", "--help"} | limit


def test_serve_takes_these_flags_alone() -> None:
    flags = set(re.findall(r"--[a-z-]+", run("serve", "--help").stdout))
    where = {"--host", "--port", "--allow-host"}
    assert flags == {*where, "--token-file", "--per-minute", "--explain", "--help"}


def test_help_and_explain_load_no_torch() -> None:
    code = "import sys, radvlm.cli, radvlm.verbs.explaining; print('torch' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"


def test_a_missing_image_and_a_missing_model(checkpoint: Path, tmp_path: Path) -> None:
    assert "gone.png" in refused("read", tmp_path / "gone.png", "--model", checkpoint)
    assert "radvlm.json" in refused("read", tmp_path / "gone.png", "--model", tmp_path)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n"])
def test_an_unreadable_image(checkpoint: Path, tmp_path: Path, content: bytes) -> None:
    image = tmp_path / "x.png"
    image.write_bytes(content)
    drawn = tmp_path / "boxes.png"
    assert "x.png" in refused("read", image, "--model", checkpoint, "--draw", drawn)
    assert not drawn.exists()


def test_a_header_of_sixty_thousand_pixels(checkpoint: Path, tmp_path: Path) -> None:
    image = header_only_png(tmp_path / "huge.png", 60_000)
    assert "huge.png" in refused("read", image, "--model", checkpoint)


def test_an_unknown_recipe_key_names_the_nearest(tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("out: x\ndata: {roots: {}}\nsources: {}\ntaskz: {}\n")
    assert "Did you mean 'tasks'" in refused("build", recipe)


def test_an_output_folder_that_cannot_be_written(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    recipe = tmp_path / "r.yaml"
    tiny = "{tiny: {}, name: t, scope: s}"
    recipe.write_text(f"out: {tmp_path}/file/out\ndata: {data}\nmodel: {tiny}\n")
    refused("train", recipe)


def test_an_unknown_preset_and_an_unknown_kind(tmp_path: Path) -> None:
    assert "quick" in refused("demo", "--preset", "fast", "--out", tmp_path)
    assert run("list", "modells").returncode == 2


def test_a_plan_is_shown_and_nothing_is_done(tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text(f"out: {tmp_path}/x\ndata: {{roots: {{}}}}\nsources: {{}}\ntasks: {{}}\n")
    shown = run("build", recipe, "--plan", "--json")
    assert json.loads(shown.stdout) == {"rows": [], "totals": {}, "waiting": []}
    evaluation = tmp_path / "e.yaml"
    evaluation.write_text(f"out: {tmp_path}/x\ndata: {tmp_path}\n")
    shown = run("evaluate", evaluation, "seed=7", "--plan")
    assert json.loads(shown.stdout)["recipe"]["seed"] == 7
    assert not (tmp_path / "x").exists()


def test_a_plan_is_a_table_for_people(data: Path) -> None:
    made = json.loads((data / "recipe.json").read_text())
    recipe = data.parent / "plan.yaml"
    recipe.write_text(json.dumps(made))
    shown = run("build", recipe, "--plan")
    assert shown.returncode == 0 and "anatomical_grounding" in shown.stdout
    counted = json.loads(run("build", recipe, "--plan", "--json").stdout)["rows"]
    manifest = json.loads((data / "manifest.json").read_text())
    assert [row["examples"] for row in counted] == [
        sum(r["examples"] for r in manifest["examples"] if r["row"] == row["name"])
        for row in counted
    ]


def test_json_is_json_alone(checkpoint: Path, data: Path, cohort: Path) -> None:
    image = min((cohort / "images").iterdir())
    reading = json.loads(run("read", image, "--model", checkpoint, "--json").stdout)
    assert next(iter(reading)) == "scope" and reading["scope"].startswith("toy")
    assert json.loads(run("inspect", checkpoint, "--json").stdout)["kind"] == "checkpoint"
    assert json.loads(run("inspect", data, "--json").stdout)["kind"] == "data set"
    assert "phantom" in json.loads(run("list", "sources", "--json").stdout)["sources"]
