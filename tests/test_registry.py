from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

import pytest

from radvlm import registry
from radvlm.errors import RegistryError
from radvlm.metrics.weights import WeightsMissing

ROWS = [(kind, name) for kind, table in registry.TABLES.items() for name in table]


@pytest.mark.parametrize(("kind", "name"), ROWS)
def test_every_row_resolves_to_something_documented(kind: registry.Kind, name: str) -> None:
    found = registry.resolve(kind, name)
    assert found.__doc__ and sys.modules[found.__module__].__doc__


@pytest.mark.parametrize("name", registry.TABLES["tasks"])
def test_a_task_is_called_as_its_row_and_its_metrics_exist(name: str) -> None:
    task = registry.resolve("tasks", name)()
    assert task.name == name
    assert set(task.metrics) <= set(registry.TABLES["metrics"]) and task.metrics


def test_metric_keys_are_unique() -> None:
    keys = []
    for name in registry.TABLES["metrics"]:
        with suppress(WeightsMissing):
            keys.append(registry.resolve("metrics", name)().key)
    assert len(set(keys)) == len(keys)


def test_an_unknown_name_gets_the_nearest_known_one() -> None:
    with pytest.raises(RegistryError, match="Did you mean 'classification'"):
        registry.resolve("tasks", "clasification")


@pytest.mark.parametrize(
    "module",
    [
        "radvlm",
        "radvlm.cli",
        "radvlm.registry",
        "radvlm.records",
        "radvlm.io.image",
        "radvlm.io.tables",
        "radvlm.tasks.report",
        "radvlm.metrics.ap50_by_name",
        "radvlm.sources.folder",
        "radvlm.sources.phantom.source",
    ],
)
def test_a_light_module_imports_no_torch(module: str) -> None:
    code = (
        f"import sys, {module}; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
