# make demo | test | lint | bench | chaos | install | clean. Everything lands in .venv and build/; a package index is all it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: install demo test test-slow lint bench chaos clean test-tools

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt requirements-pocket.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "mmsum needs Python 3.11 or newer; call make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "no virtual environment could be made; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "installing into $(VENV) (some minutes and 2 GB at the first time)"
	@$(PIP) torch
	@$(PIP) -e .
	@$(PIP) --no-deps -r requirements-pocket.txt
	@touch $@

demo: install
	@$(BIN)/mmsum demo demo

$(VENV)/.test-tools: $(VENV)/.installed
	@$(PIP) -e '.[ocr,train,evaluation,test]'
	@touch $@

# The report is tested in a real browser, metrics with a real Prometheus: Debian's.
DEBIAN := chromium prometheus
test-tools: $(VENV)/.test-tools
	@missing=$$(for tool in $(DEBIAN); do command -v $$tool >/dev/null || echo $$tool; done); \
		test -z "$$missing" || { echo "installing for the tests:" $$missing; \
		as_root=$$([ $$(id -u) = 0 ] || echo sudo); $$as_root apt-get update -qq && \
		$$as_root env RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $$missing >/dev/null; }

# Two at a time: a third of the time is spent waiting for Rays and servers to start (tests/conftest.py says what goes together).
test: test-tools
	$(BIN)/python -m pytest -n 2

# What takes minutes each: kills of parts of a run, stores that break on the way.
test-slow: test-tools
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.test-tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy benchmarks/*.py
	$(BIN)/mypy jobs/*.py
	$(BIN)/mypy tests
	$(BIN)/lint-imports

bench: $(VENV)/.test-tools
	$(BIN)/python benchmarks/run.py

# Kills parts of a run at random instants on local disk and on real S3 servers; CHAOS="--kills 50 --seed 7" for more.
chaos: $(VENV)/.test-tools
	$(BIN)/python benchmarks/chaos.py $(CHAOS)

clean:
	rm -rf $(VENV) build demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
