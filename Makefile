# make demo: see real scans restored.  make test: see the tests pass.  Both make the environment first.

PYTHON ?= python3
VENV   := .venv
BIN    := $(CURDIR)/$(VENV)/bin
STAMP  := $(VENV)/.installed
export PATH := $(BIN):$(PATH)
# The tests start hundreds of processes, which would each compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-slow test-all coverage check format schemas lock clean

demo: $(STAMP)
	medpaint demo --output demo

test: $(STAMP)
	OMP_NUM_THREADS=1 pytest -n 2 --dist worksteal -m "not slow and not real"

test-slow: $(STAMP)
	OMP_NUM_THREADS=1 pytest -n 2 --dist worksteal -m "slow or real" --durations 20

test-all: test test-slow

# Of the tests that were run with PYTEST_ADDOPTS="--cov --cov-append --cov-report=".
coverage: $(STAMP)
	coverage combine --append --quiet || true
	coverage report --fail-under=95

check: $(STAMP)
	ruff format --check .
	ruff check .
	mypy
	snakefmt --check Snakefile workflow
	snakemake --lint --directory tests/cohort

format: $(STAMP)
	ruff format .
	ruff check --fix .
	snakefmt Snakefile workflow

schemas: $(STAMP)
	python -m medpaint.cohort.schemas workflow/schemas

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# Resolve the newest versions anew. torch is pinned by hand: its CPU builds are not where the others are.
lock:
	rm -rf .lock && $(PYTHON) -m venv .lock
	.lock/bin/pip install --quiet --upgrade pip
	.lock/bin/pip install --quiet torch==2.13.0 --editable ".[demo,pacs,train]" --group dev
	.lock/bin/pip freeze --exclude-editable | sed 's/+cpu//' > requirements.lock
	rm -rf .lock

clean:
	rm -rf $(VENV) demo results restored build dist
