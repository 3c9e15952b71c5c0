# Two commands do everything from a fresh clone: `make run` and `make test`. They need Python 3.11 or newer, no more.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run ui test test-browser test-notebooks test-slow lint types format bench bench-models bench-coverage bench-direction reliability screenshots notebooks lock clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

run: $(VENV)/.core ## Run the pipeline on the embedded sample; options: make run ARGS="--tickers MSFT"
	@$(BIN)/python main.py $(ARGS)

ui: $(VENV)/.core ## Open the results: http://127.0.0.1:5000
	@$(BIN)/mlflow ui

test: $(VENV)/.dev ## Run the fast tests (minutes, offline)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto $(ARGS)

test-browser: $(VENV)/.dev ## Run the tests that need Chromium (installed through apt where it is missing)
	@sh .ci/chromium
	@$(BIN)/python -m pytest -m browser $(ARGS)

test-notebooks: $(VENV)/.dev ## Execute the notebooks, and hold what they say against what comes out
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m notebooks $(ARGS)

test-slow: $(VENV)/.dev ## Run every test, the long ones too (PostgreSQL comes through apt where it is missing)
	@sh .ci/chromium
	@sh .ci/postgresql
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadgroup -m 'slow or browser or not slow' $(ARGS)

lint: $(VENV)/.dev ## Check style
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/.dev ## Check types
	@$(BIN)/mypy

format: $(VENV)/.dev ## Put the code in shape
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

bench: $(VENV)/.dev ## Time the steps' own overhead
	@$(BIN)/python -m benchmarks.overhead

bench-models: $(VENV)/.dev ## Time every model and measure its memory; options: ARGS="--data bars.parquet"
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.models $(ARGS)

bench-coverage: $(VENV)/.dev ## Walk models through the past, and count what their intervals hold: ARGS="--models all"
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.coverage $(ARGS)

bench-direction: $(VENV)/.dev ## Rise or fall tomorrow by a published protocol: ARGS="--data acl18_raw.parquet"
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.direction $(ARGS)

reliability: $(VENV)/.dev ## Count kills, starts, flips, ... beside stock MLflow's (hours); some: ARGS="kills disks"
	@$(BIN)/python -m tests.reliability.counts $(ARGS)

screenshots: $(VENV)/.dev ## Take the README's pictures again
	@sh .ci/chromium
	@$(BIN)/python -m tests.support.screenshots docs/images
	@$(BIN)/python -m tests.support.experiment_screens docs/images

notebooks: $(VENV)/.dev ## Execute the notebooks and keep what they show; some: ARGS="01_eda"
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.support.notebooks notebooks $(ARGS)

# What torch wants of a GPU comes with its own wheel, or not at all.
lock: $(VENV)/.dev ## Resolve pyproject.toml anew into the lock files
	@$(BIN)/uv pip compile -q pyproject.toml --extra torch --extra models --no-header --no-annotate -o requirements.lock
	@$(BIN)/uv pip compile -q pyproject.toml --extra torch --extra models --extra notebooks --extra scale --extra dev --no-header --no-annotate -o requirements-dev.lock
	@perl -ni -e 's/^(torch==[0-9.]+)\+cpu/$$1/; print unless /^(nvidia|cuda|triton)/' requirements.lock requirements-dev.lock

clean: ## Remove the environment and the caches; results stay
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache

# pip finds a CPU build of torch where there is one, uv installs the rest in seconds. Without bytecode every start is slow.
$(VENV)/.venv: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "expected Python 3.11 or newer, got " + sys.version.split()[0] + ": set PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@$(BIN)/python -m pip install --quiet uv "$$(grep '^torch==' requirements.lock)"
	@touch $@

$(VENV)/.core: $(VENV)/.venv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.core
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode -r requirements-dev.lock
	@touch $@
