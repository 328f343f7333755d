"""What the project promises about its text: sizes, light imports, safety, honest figures."""

from __future__ import annotations

import ast
import json
import re
import statistics
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
MODULES = [path for path in SOURCES if path.name != "__init__.py"]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
REPORTS = sorted((ROOT / "benchmarks").glob("*.md"))


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_modules_stay_small() -> None:
    sizes = [lines(path) for path in MODULES]
    assert statistics.median(sizes) <= 200
    assert max(sizes) <= 350


def test_functions_fit_on_a_screen() -> None:
    long = [
        f"{path.name}:{node.name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno > 60
    ]
    assert not long


UNSAFE = {"pickle", "dill", "marshal", "shelve"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_nothing_is_loaded_unsafely_and_no_error_is_swallowed(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, "a bare except"
            assert not (len(node.body) == 1 and isinstance(node.body[0], ast.Pass)), "swallowed"
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} | {getattr(node, "module", "") or ""}
            # The error that torch's safe loader raises is a name, and loads nothing.
            assert names == {"pickle", "UnpicklingError"} or not names & UNSAFE
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            safely = "weights_only=True" in ast.unparse(node)
            assert called not in {"eval", "exec", "os.system"}
            assert called != "torch.load" or safely
            given = {k.arg: ast.unparse(k.value) for k in node.keywords}
            assert given.get("trust_remote_code", "False") == "False"
            assert given.get("shell", "False") == "False"


def test_no_folder_of_tests_is_passed_over(pytestconfig: pytest.Config) -> None:
    """pytest's own list of folders it does not enter holds ``build``, which ours may be called."""
    folders = {path for one in ROOT.glob("tests/**/test_*.py") for path in one.parents}
    names = {path.name for path in folders if path.is_relative_to(ROOT / "tests")}
    passed_over = pytestconfig.getini("norecursedirs")
    assert "build" in names
    assert not [n for n in names if any(fnmatch(n, pattern) for pattern in passed_over)]


def test_help_is_quick_and_loads_no_torch() -> None:
    code = (
        "import sys, contextlib, radvlm.cli as c\n"
        "with contextlib.suppress(SystemExit): c.app(['--help'])\n"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0


def test_the_readme_s_commands_are_those_of_the_makefile() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in ("demo", "test"):
        assert f"make {target}" in readme
        plan = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
        assert plan.returncode == 0
    assert (
        "radvlm demo"
        in subprocess.run(["make", "-n", "demo"], cwd=ROOT, capture_output=True, text=True).stdout
    )


def test_every_verb_the_readme_names_exists() -> None:
    from radvlm.cli import app

    known = {(c.name or getattr(c.callback, "__name__", "")) for c in app.registered_commands}
    known |= {str(group.name) for group in app.registered_groups}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\bradvlm ([a-z]+)\b", readme)) <= known


def figures_in_results() -> set[str]:
    """Every number of every results file, written with one to three decimals."""

    def numbers(value: object) -> list[float]:
        if isinstance(value, dict):
            return [n for v in value.values() for n in numbers(v)]
        if isinstance(value, list):
            return [n for v in value for n in numbers(v)]
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        return [float(value)] if plain else []  # type: ignore[arg-type]

    found = (ROOT / "benchmarks" / "results").glob("*.json")
    every = [n for path in found for n in numbers(json.loads(path.read_text(encoding="utf-8")))]
    return {f"{n * scale:.{digits}f}" for n in every for digits in range(4) for scale in (1, 100)}


@pytest.mark.parametrize("path", REPORTS, ids=lambda p: p.name)
def test_every_measured_figure_in_a_report_stands_in_a_results_file(path: Path) -> None:
    known = figures_in_results()
    measured = re.findall(r"(?<![\w.])-?\d+\.\d{2,3}(?![\w.])", path.read_text(encoding="utf-8"))
    assert measured
    assert not [figure for figure in measured if figure not in known]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_links_inside_the_repository_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / link).exists(), link


def test_the_notice_stands_where_a_person_could_think_otherwise() -> None:
    for name in ("README.md", "src/radvlm/cli.py", "src/radvlm/__init__.py"):
        assert "esearch use only" in (ROOT / name).read_text(encoding="utf-8")
