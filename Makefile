# Everything a fresh machine needs: Python 3.11+, make and a C compiler.
PYTHON ?= python3
WORKERS ?= 4
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
EDITABLE := $(PIP) --no-build-isolation --no-deps --editable .

.PHONY: demo test check style types layers generated bench clean

demo: .venv/run        ## the whole story: a broker and four agencies on this machine
	$(BIN)/tocsin demo

test: .venv/dev        ## every test, whole files side by side
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile

check: style types layers generated

style: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/dev
	$(BIN)/mypy

layers: .venv/dev
	$(BIN)/lint-imports --no-cache

generated: .venv/dev   ## generated code and test vectors are what their sources say
	$(BIN)/python -m tests.generated

bench: .venv/dev       ## figures for sealing, opening, ingest, catch-up and live delay
	$(BIN)/python -m benchmarks

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/run: requirements/run.lock pyproject.toml | .venv/bin/python
	$(PIP) --require-hashes --requirement requirements/run.lock
	$(EDITABLE)
	@touch $@

.venv/dev: requirements/dev.lock pyproject.toml | .venv/bin/python
	$(PIP) --require-hashes --requirement requirements/dev.lock
	$(EDITABLE)
	@touch $@ .venv/run

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
