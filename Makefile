# Streamroost: `make run` shows it, `make test` proves it. Both do their own set-up.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP     = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help
help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Streamroost needs Python 3.11 or newer; '$(PYTHON)' is not. Try: make PYTHON=python3.12 run" >&2; exit 69; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "No virtual environment could be made. On Debian: sudo apt-get install -y python3-venv" >&2; exit 69; }

# The stamp is touched last, so a set-up that was interrupted starts again.
$(VENV)/.run: requirements/run.lock pyproject.toml | $(BIN)/python
	@echo "Setting up $(VENV) …"
	@$(PIP) --require-hashes -r requirements/run.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q $(VENV)/lib supervisor worker shared sandbox
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.run
	@echo "Adding what the tests and checks need …"
	@$(PIP) --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m compileall -q $(VENV)/lib
	@touch $@

$(VENV)/.bench: requirements/bench.lock $(VENV)/.dev
	@$(PIP) --require-hashes -r requirements/bench.lock
	@$(BIN)/python -m compileall -q $(VENV)/lib
	@touch $@

.PHONY: setup
setup: $(VENV)/.run ## Make .venv with a working .venv/bin/roost

.PHONY: run
run: $(VENV)/.run ## Start Streamroost: with roost.toml if there is one, else the demo
	@if [ -f roost.toml ]; then exec $(BIN)/roost run; else exec $(BIN)/roost demo; fi

.PHONY: test
test: $(VENV)/.dev ## Run the whole test suite
	@$(BIN)/python -m pytest

.PHONY: coverage
coverage: $(VENV)/.dev ## The same, and fail below 95 % of the branches of every process
	@rm -f .coverage .coverage.*
	@$(BIN)/python -m pytest --cov --cov-config=setup.cfg --timeout 180

.PHONY: check
check: $(VENV)/.dev ## Lint, format, types, import contracts, dead code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config setup.cfg --no-cache
	$(BIN)/vulture supervisor worker shared sandbox tests --min-confidence 80

.PHONY: bench
bench: $(VENV)/.bench ## Measure latency, memory and speed beside other clients
	@$(BIN)/python -m bench

.PHONY: clean
clean: ## Remove the environment and everything generated
	rm -rf $(VENV) build *.egg-info .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
