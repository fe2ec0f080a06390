# `make test` sets everything up in .venv on the first call, and again when pyproject.toml changes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SOURCES := src tests tools conftest.py $(wildcard examples benchmarks)

.PHONY: test lint types unit demo bench format clean

# Types are checked beside the tests: one core is enough for them.
test: lint
	$(MAKE) -j 2 types unit

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,examples]'
	@touch $@

lint: $(READY)
	$(BIN)/ruff check --quiet $(SOURCES)
	$(BIN)/ruff format --quiet --check $(SOURCES)

types: $(READY)
	$(BIN)/mypy --no-error-summary

unit: $(READY)
	$(BIN)/python -m pytest -q -n 2

# A small corpus wants small vectors that begin near 0, many pairs in a step, and no words that are hardly seen.
DEMO := --vocabulary 1300 --size 64 --window 5 --subsample 1e-4 --initial 0.01 --rate 12 --decay \
	--batch 1024 --steps 12000

demo: $(READY)
	$(BIN)/reflow run examples/word2vec.py $(DEMO)

bench: $(READY)
	$(BIN)/python benchmarks/session.py

format: $(READY)
	$(BIN)/ruff check --quiet --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

clean:
	rm -rf $(VENV) build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
