# Everything runs in a virtual environment that the first target to need it creates: .venv for `python3`, and one named
# after its version for any other PYTHON (`make test PYTHON=python3.13` runs in .venv-3.13).
# What is installed has the exact versions of constraints.txt.

PYTHON ?= python3
RUNS := $(shell $(PYTHON) -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)
VENV := .venv$(if $(filter-out python3,$(PYTHON)),-$(basename $(RUNS)))
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-$(RUNS)
INSTALL := -m pip install --quiet --disable-pip-version-check
PINNED := $(BIN)/python $(INSTALL) --constraint constraints.txt
SELF := --no-build-isolation --editable
# Most tests wait most of the time, so there are more than cores.
WORKERS ?= 6
PYTEST = python -m pytest -n $(WORKERS) --dist worksteal -m 'not tools' $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-tools test-latest test-lowest check format completions bench chaos chaos-quick upgrade clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Create .venv with jobctl and what its developers need

# The stamp is named after the Python that made the environment: one made by another is made anew.
$(STAMP): pyproject.toml constraints.txt
	@test -n "$(RUNS)" || { echo "There is no Python to run as '$(PYTHON)': name one, as in make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(if $(wildcard $(STAMP)),,--clear) $(VENV)
	$(PINNED) hatchling setuptools
	$(PINNED) $(SELF) '.[dev]'
	$(BIN)/python -m tests.compat.sdist
	$(BIN)/python -m tests.integration.sdk
	@touch $@

demo: $(STAMP) ## See everything at work, in under a minute
	$(BIN)/jobctl demo

test: $(STAMP) ## Run the tests, which need only Python
	$(BIN)/$(PYTEST)

# pytest exits with 5 when no test is chosen, as it may by ARGS.
test-tools: $(STAMP) ## Run the tests that need other programs (shells, systemd, Prometheus); name the missing ones
	$(BIN)/python -m pytest -m tools $(ARGS) || test $$? -eq 5

test-latest: .venv-latest ## Run the tests with the newest versions that pyproject.toml allows
test-lowest: .venv-lowest ## Run the tests with the oldest versions that pyproject.toml allows
test-latest test-lowest:
	$</bin/$(PYTEST)

.venv-latest: RESOLUTION := --upgrade
.venv-lowest: RESOLUTION := --resolution lowest-direct
.PHONY: .venv-latest .venv-lowest
.venv-latest .venv-lowest: $(BIN)/uv
	$(PYTHON) -m venv --clear $@
	$(BIN)/uv pip install --quiet --python $@/bin/python $(RESOLUTION) --editable '.[test]'
	$@/bin/python -m tests.compat.sdist
	$@/bin/python -m tests.integration.sdk

check: $(STAMP) ## Lint, check formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP) ## Format the code and sort imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

completions: $(STAMP) ## Regenerate completions/
	$(BIN)/jobctl completion show bash > completions/jobctl.bash
	$(BIN)/jobctl completion show zsh > completions/_jobctl
	$(BIN)/jobctl completion show fish > completions/jobctl.fish

bench: $(STAMP) ## Measure, side by side with Dramatiq, Huey, RQ and Celery
	$(PINNED) $(SELF) '.[bench]'
	$(BIN)/python -m benchmarks --write docs/benchmarks.md $(ARGS)

chaos: $(STAMP) ## Kill, starve, disconnect and freeze everything at full size, and count every job
	$(BIN)/python -m tests.chaos --stock $(ARGS)

chaos-quick: $(STAMP) ## A shorter chaos run, under ten minutes
	$(BIN)/python -m tests.chaos --quick $(ARGS)

$(BIN)/uv: $(STAMP)
	$(PINNED) uv
	@touch $@

upgrade: $(BIN)/uv ## Rewrite constraints.txt with the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --all-extras --no-annotate \
		--custom-compile-command 'make upgrade' --output-file constraints.txt pyproject.toml
	$(MAKE) setup

clean: ## Remove everything that the other targets created
	rm -rf .venv .venv-* build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
