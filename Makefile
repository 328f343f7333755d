# Two commands for everybody: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Without a CUDA device the constraints forbid torchvision as well; see constraints-cpu.txt.
CONSTRAINTS := $(shell command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L >/dev/null 2>&1 && echo constraints.txt || echo constraints-cpu.txt)
STAMP := $(VENV)/.installed-$(CONSTRAINTS)

.PHONY: demo test lint prove audit clean

demo: $(STAMP)
	$(BIN)/radvlm demo

test: $(STAMP) lint
	$(BIN)/pytest -n 2 --dist worksteal -q tests

# No cache: the order of imports depends on which files exist, which ruff's cache does not know.
lint: $(STAMP)
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check --no-cache src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

# Slow proofs; each leaves a results file in benchmarks/results.
prove: $(STAMP)
	$(BIN)/python -m benchmarks.prove

# Known vulnerabilities of what is installed; status 2 where nobody can be asked.
audit: $(STAMP)
	PYTHON=$(PYTHON) .ci/audit

$(STAMP): pyproject.toml constraints.txt constraints-cpu.txt
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c $(CONSTRAINTS) -e ".[dev]"
	rm -f $(VENV)/.installed-*
	touch $@

clean:
	rm -rf $(VENV) .venv-audit runs build dist .mypy_cache .ruff_cache .pytest_cache
