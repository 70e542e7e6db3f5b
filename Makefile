# Chargeline: what a developer types. `make` alone lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:

export UV_COMPILE_BYTECODE := 1
export PYTHONPATH := tests
RUN := uv run --frozen
RUNS ?= 500
HISTORIES ?= 200
CHAOS_SCALE ?= 1
KILLS ?= 50

.PHONY: help setup run test check fmt schemas chaos mutants matrix months kafka distributed deployable bench clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install everything the lock file names into .venv
	@uv sync --frozen

run: setup ## a whole month on the vendor sandboxes: holds, their resolution, the statement at zero
	@$(RUN) chargeline demo

test: setup ## every test; counts per suite; a skipped test fails
	@$(RUN) python -m suites $(ONLY)

check: setup ## ruff, mypy strict, import contracts, schema drift
	@$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) lint-imports --no-cache
	$(RUN) lint-imports --no-cache --config tests/importlinter.toml
	$(RUN) python -m schemas.export --check

fmt: setup ## put the code into one shape
	@$(RUN) ruff check --fix .
	$(RUN) ruff format .

schemas: setup ## write schemas/json and new examples from the code
	@$(RUN) python -m schemas.export

chaos: setup ## seeded histories and drawn ones, with kills and vendor faults (RUNS=500, HISTORIES=200)
	@RUNS=$(RUNS) CHAOS_SCALE=$(CHAOS_SCALE) $(RUN) python -m chaos.run
	HISTORIES=$$(($(HISTORIES) * $(CHAOS_SCALE))) $(RUN) pytest -q -s --timeout=0 tests/chaos/test_machine.py

mutants: setup ## take the guards away one by one: each must go red
	@$(RUN) python -m chaos.mutants

matrix: setup ## behaviours x lifecycle modes x modifiers x levels against a table of expectations
	@$(RUN) python -m matrix.run

months: setup ## a year on one data folder, recurring invoices created in between
	@$(RUN) python -m months.run

kafka: setup ## every suite on a real broker and store; services killed, rolled, cut off (KILLS=50, ONLY=part)
	@KILLS=$(KILLS) CHAOS_SCALE=$(CHAOS_SCALE) ONLY=$(ONLY) $(RUN) python -m distributed.run

distributed: setup ## a month over a process per service, its trace and events; the same month embedded
	@$(RUN) python -m distributed.month

deployable: setup ## compose, chart and alerts, read by their own tools (needs Go)
	@deploy/check/run

bench: setup ## speed, size and vendor calls as ratios to a floor measured in the same run
	@$(RUN) python -m bench.run

clean: ## remove what can be made again; data folders stay
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
