# make demo      train on the built-in avatars and name the pictures
# make test      everything that must hold before a change lands
# make test-all  that, and what takes a browser or a new environment; says what was left out here, and why
# make check     what `make test` checks without running anything: format, lint, types

PYTHON ?= python3
BIN := .venv/bin
SHARED := --numprocesses=auto --maxprocesses=4 --dist=worksteal

.PHONY: demo test test-all check clean

demo: .venv/ready
	$(BIN)/vaegan train

test: check
	$(BIN)/pytest $(SHARED) -m "not heavy"

test-all: check
	$(BIN)/pytest $(SHARED) -rs

check: .venv/tools
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

.venv/tools: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
