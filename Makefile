# Everything a developer or a first visitor runs. It needs Python 3.11 or newer, make and git.
# Targets create .venv themselves and do nothing there when nothing changed.

PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=
SEEDS  ?= 100
PYTEST_ARGS ?=

BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PIP := "$(BIN)/python" -m pip -qq --disable-pip-version-check --no-input install -c constraints.txt

PLUGINS  := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
PROJECTS := pyproject.toml $(PLUGINS:%=%/pyproject.toml) mm_framework/__init__.py

PYTHON_CHECK = import sys; sys.version_info >= (3, 11) or sys.exit( \
	"mm-framework needs Python 3.11 or newer, but $(PYTHON) is " + sys.version.split()[0] \
	+ ". Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)")

.DEFAULT_GOAL := help
.PHONY: help venv demo test lint bench bench-venues bench-backtest bench-start bench-sweep bench-store bench-serve bench-calibration bench-peers bench-backtest-peers bench-record bench-check compare-fills release torture simulate pictures docs clean

help: ## list the targets
	@echo "make TARGET, one of:"
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name text; do \
		printf '  %-20s %s\n' "$$name" "$$text"; done

$(VENV)/.stamp-python:
	@$(PYTHON) -c '$(PYTHON_CHECK)'
	@echo "[1/2] creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv "$(VENV)"
	@touch "$@"

$(VENV)/.stamp-runtime: $(PROJECTS) constraints.txt | $(VENV)/.stamp-python
	@echo "[2/2] installing mm-framework, $(words $(PLUGINS)) plugins and what they need (a minute or two the first time)"
	@$(PIP) setuptools
	@$(PIP) --no-build-isolation -e . $(PLUGINS:%=-e %)
	@touch "$@"

$(VENV)/.stamp-dev: $(VENV)/.stamp-runtime
	@echo "[dev] installing the tools for tests, checks and documentation"
	@$(PIP) --no-build-isolation -e '.[dev,docs]'
	@touch "$@"

venv: $(VENV)/.stamp-dev ## create .venv with everything for development

demo: $(VENV)/.stamp-runtime ## capture, prove, replay and trade an emulated Kraken feed (installs only what running needs)
	@"$(BIN)/mm" demo $(ARGS)

test: $(VENV)/.stamp-dev ## run all tests
	@"$(BIN)/pytest" -n auto --timeout 300 $(PYTEST_ARGS)

lint: $(VENV)/.stamp-dev ## check style, types and who imports whom
	@"$(BIN)/ruff" check .
	@"$(BIN)/ruff" format --check .
	@"$(BIN)/mypy"
	@"$(BIN)/lint-imports"

bench: $(VENV)/.stamp-dev ## measure the speed of the data path with and without kernels: JSON lines, then a table
	@"$(BIN)/python" benchmarks/run.py $(ARGS)

bench-venues: $(VENV)/.stamp-dev ## measure one capture of four emulated venues, forty instruments, by rate
	@"$(BIN)/python" benchmarks/run_four_venues.py $(ARGS)

bench-backtest: $(VENV)/.stamp-dev ## measure backtests of a made day: nothing woken, a market maker, the interpreted engine
	@"$(BIN)/python" benchmarks/run_backtest.py $(ARGS)

bench-start: $(VENV)/.stamp-dev ## measure how soon mm --help, a warm mm backtest and a strategy are ready
	@"$(BIN)/python" benchmarks/run_start.py $(ARGS)

bench-sweep: $(VENV)/.stamp-dev ## measure a sweep of 200 runs: wall time, processor time, use of the workers
	@"$(BIN)/python" benchmarks/run_sweep.py $(ARGS)

bench-store: $(VENV)/.stamp-dev ## measure the store with a day of 20 million rows, beside DuckDB, Polars and nautilus_trader
	@"$(BIN)/python" benchmarks/run_store.py $(ARGS)

bench-serve: $(VENV)/.stamp-dev ## measure the relay with 256 clients on loopback, by rate
	@"$(BIN)/python" benchmarks/run_serve.py $(ARGS)

bench-calibration: $(VENV)/.stamp-dev ## measure calibration logs, an A/B test, a data set of a day
	@"$(BIN)/python" benchmarks/run_calibration.py $(ARGS)

bench-peers: $(VENV)/.stamp-dev ## measure it beside cryptofeed, hftbacktest and nautilus_trader, which are installed into build/peers
	@"$(BIN)/python" benchmarks/run_peers.py $(ARGS)

bench-backtest-peers: $(VENV)/.stamp-dev ## the backtests of bench-peers alone: beside hftbacktest and nautilus_trader
	@"$(BIN)/python" benchmarks/run_backtest_peers.py $(ARGS)

bench-record: $(VENV)/.stamp-dev ## measure all that README and documentation tell, and write it there (three quarters of an hour)
	@"$(BIN)/python" benchmarks/record.py $(ARGS)

bench-check: $(VENV)/.stamp-dev ## what became slower: ratios beside those stored on this machine (ARGS=--store stores them)
	@"$(BIN)/python" benchmarks/check.py $(ARGS)

compare-fills: $(VENV)/.stamp-dev ## compare the fills of a backtest with those of hftbacktest, which is installed into build/peers
	@"$(BIN)/python" benchmarks/run_fills.py $(ARGS)

release: $(VENV)/.stamp-dev ## build wheels, hashes, a bill of materials and the changes into dist/ (ARGS=--audit: known vulnerabilities, too)
	@PYTHONPATH=tests/matrix "$(BIN)/python" release/make_release.py $(ARGS)

torture: $(VENV)/.stamp-dev ## try to break it: damaged files and frames, failing disks, kills, planted mistakes (hours; ARGS=--sample: 3 minutes)
	@"$(BIN)/python" torture/run_trials.py $(ARGS)

simulate: $(VENV)/.stamp-dev ## run captures of emulated venues on virtual time under faults: make simulate SEEDS=1000
	@"$(BIN)/mm" simulate --seeds $(SEEDS) $(ARGS)

pictures: $(VENV)/.stamp-dev ## draw the live view, mm doctor, a chart and the dashboard anew into docs/pictures
	@"$(BIN)/python" docs/pictures.py

docs: $(VENV)/.stamp-dev ## generate the reference pages and build the documentation into site/
	@"$(BIN)/python" docs/generate.py
	@NO_MKDOCS_2_WARNING=1 "$(BIN)/mkdocs" build --strict

clean: ## remove what these targets made (.venv too); data/ stays
	@rm -rf "$(VENV)" build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@rm -rf ./*.egg-info plugins/*/*.egg-info plugins/*/build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
