# Everything sets itself up in .venv: Python 3.11 or newer and make are all it takes.
# ARGS are passed on: make demo ARGS="--power 19". Another Python: make test PYTHON=python3.12.

.DEFAULT_GOAL := help

BIN := .venv/bin
UV ?= uv
ARGS ?=

# What Python has compiled is kept, also where the environment forbids it: the tests start some thousand programs.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo run test check format bench bench-peers explain profile test-compat requirements clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

setup: ## Install everything that the other targets need, for work on the code
	@scripts/setup.sh dev

demo: ## Run a job from create to COMPLETED, through a real server and worker (ARGS="--power 19", "--keep")
	@scripts/setup.sh server
	@$(BIN)/data-factory demo $(ARGS)

run: ## Start the server (ARGS="--port 9000"; "--help" lists the settings)
	@scripts/setup.sh server
	@exec $(BIN)/data-factory server $(ARGS)

test: ## Run the tests (ARGS="-n0 -k retry" runs some of them, in one process)
	@scripts/setup.sh dev
	@PYTEST_XDIST_AUTO_NUM_WORKERS=$(AT_A_TIME) $(BIN)/pytest -n auto $(ARGS)

# Three for two cores: many tests wait for another process.
AT_A_TIME = $$((($$(getconf _NPROCESSORS_ONLN) * 3 + 1) / 2))

check: ## Check format, lint (with the security rules), types and the plan of the house
	@scripts/setup.sh dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: ## Format the code, and mend what the linter can mend
	@scripts/setup.sh dev
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: ## Measure, and print the figures with the machine's (ARGS="--help" lists the measurements)
	@scripts/setup.sh dev
	@$(BIN)/python -m benchmarks $(ARGS)

bench-peers: ## Measure ours and its peers side by side; each is installed by itself (ARGS="--help" lists them)
	@scripts/setup.sh dev
	@$(BIN)/python -m benchmarks.peers $(ARGS)

explain: ## Print how PostgreSQL goes about each statement of the hot path, on a store with a million of each
	@scripts/setup.sh dev
	@$(BIN)/python -m benchmarks.explain $(ARGS)

profile: ## Print where each microsecond of a job goes, by room, on both stores
	@scripts/setup.sh dev
	@$(BIN)/python -m benchmarks.profiling $(ARGS)

test-compat: ## Run the official TypeScript worker against this server (needs node and npm)
	@scripts/setup.sh dev
	@$(BIN)/pytest -m compat $(ARGS) tests/compat

requirements: ## Pin the dependencies of pyproject.toml anew (needs uv; ARGS="--upgrade" takes the newest)
	@command -v $(UV) >/dev/null || { echo "make requirements needs uv: pip install uv" >&2; exit 1; }
	$(PIN) --extra server --group build -o requirements/server.txt $(ARGS)
	$(PIN) --extra server --group build --group dev -c requirements/server.txt -o requirements/dev.txt $(ARGS)
	@set -e; for peer in benchmarks/peers/requirements/*.in; do \
		UV_CUSTOM_COMPILE_COMMAND="make requirements" $(UV) pip compile --quiet $$peer $(PINNED) -o $${peer%.in}.txt $(ARGS); \
	done

PINNED = --universal --python-version 3.11 --generate-hashes --annotation-style line --no-emit-index-url
PIN = UV_CUSTOM_COMPILE_COMMAND="make requirements" $(UV) pip compile --quiet pyproject.toml $(PINNED)

clean: ## Remove what was installed and built, but no data
	rm -rf .venv .venv.underway .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist \
		tests/compat/node_modules
