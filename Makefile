# Everything runs in .venv, which the first target that needs it creates.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 4

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format completions bench chaos chaos-quick clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Create .venv with jobctl and what its developers need

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	$(BIN)/python -m tests.compat.sdist
	@touch $@

demo: $(STAMP) ## See all of it work on real input, in under a minute
	$(BIN)/jobctl demo

test: $(STAMP) ## Run the tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

check: $(STAMP) ## Lint, check formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP) ## Format the code and sort imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

completions: $(STAMP) ## Generate completions/ anew
	$(BIN)/jobctl completion show bash > completions/jobctl.bash
	$(BIN)/jobctl completion show zsh > completions/_jobctl
	$(BIN)/jobctl completion show fish > completions/jobctl.fish

bench: $(STAMP) ## Measure, side by side with Dramatiq, Huey, RQ and Celery
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	$(BIN)/python -m benchmarks --write docs/benchmarks.md $(ARGS)

chaos: $(STAMP) ## Kill, starve, cut off and freeze everything at full size, and count every job
	$(BIN)/python -m tests.chaos --stock $(ARGS)

chaos-quick: $(STAMP) ## The same in under ten minutes
	$(BIN)/python -m tests.chaos --quick $(ARGS)

clean: ## Remove what the other targets made
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
