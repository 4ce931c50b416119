# make demo      train on the built-in avatars and name the pictures
# make test      everything that must hold before a change lands
# make test-all  that, and what takes a browser or a new environment; says what was left out here, and why
# make check     what `make test` checks without running anything: format, lint, types
# make docs      the site of the documentation, in site/; open site/index.html

PYTHON ?= python3
BIN := .venv/bin
SHARED := --numprocesses=auto --maxprocesses=4 --dist=worksteal

.PHONY: demo test test-all check docs clean

demo: .venv/ready
	$(BIN)/vaegan train --recipe drawings

test: check
	$(BIN)/pytest $(SHARED) -m "not heavy"

test-all: check
	$(BIN)/pytest $(SHARED) -rs

check: .venv/tools
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy

docs: .venv/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

.venv/tools: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

.venv/docs: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	touch $@

clean:
	rm -rf .venv site .mypy_cache .pytest_cache .ruff_cache
