# The only door: people, CI and hooks all come through here. `make help` lists what there is.

PYTHON ?= python3
DEMO_ARGS ?=
BENCH_ARGS ?=
CHAOS_ARGS ?=
FUZZ_ARGS ?=
AUDIT_ARGS ?=
BIN := .venv/bin
READY := .venv/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help venv demo test lint types imports unit e2e bench bench-backtest bench-scores chaos soak fuzz audit sbom lock fmt clean

help: ## list these targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

venv: $(READY) ## make .venv from the lock, by PYTHON (3.11 or newer)

$(READY): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is older than Python 3.11 or missing; name another: make PYTHON=python3.12 …" >&2; \
	  exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@

demo: venv ## start a Kafka, feed a real log and simulated accounts, show alerts (DEMO_ARGS=--once)
	$(BIN)/pathline demo $(DEMO_ARGS)

test: lint types imports ## everything that CI checks: lint, types, imports, all tests
	$(BIN)/python -m pytest -q

lint: venv ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: venv ## mypy --strict
	$(BIN)/mypy

imports: venv ## import-linter: one arrow, a pure core
	$(BIN)/lint-imports

unit: venv ## the tests that need no Kafka
	$(BIN)/python -m pytest -q -m "not e2e"

e2e: venv ## the tests on the real Kafka
	$(BIN)/python -m pytest -q -m e2e

chaos: venv ## faults on the real Kafka, about 20 minutes; writes build/chaos.json (CHAOS_ARGS=--list)
	$(BIN)/python -m tests.chaos $(CHAOS_ARGS)

soak: venv ## half an hour of load with kills: is memory flat?
	$(BIN)/python -m tests.chaos --only F22

bench: venv ## speed against a plain Faust agent; writes build/bench.json
	$(BIN)/python -m tests.bench $(BENCH_ARGS)

bench-backtest: venv ## backtests on the loan log and beside SQL (DATA=DIR, BACKTEST_ARGS=--long)
	$(BIN)/python -m tests.bench_backtest $(DATA) $(BACKTEST_ARGS)
bench-backtest: DATA ?= ../shared/data

bench-scores: venv ## scores on two real logs, beside offline models; build/bench-scores.json (DATA=DIR)
	$(BIN)/python -m tests.bench_scores --data $(DATA)
bench-scores: DATA ?= ../shared/data

fuzz: venv ## each decoder a minute under atheris, guided by coverage (FUZZ_ARGS="--seconds 600 yaml")
	$(BIN)/python -m pip install -q --require-hashes -r requirements/fuzz.lock
	$(BIN)/python -m tests.fuzz $(FUZZ_ARGS)

audit: venv ## known vulnerabilities of what is locked (needs an advisory service; AUDIT_ARGS="-s osv")
	$(BIN)/python deploy/audit.py $(AUDIT_ARGS) requirements/*.lock

sbom: venv ## CycloneDX bill of materials of what runs, Kafka's jars included: build/sbom.json
	@mkdir -p build
	$(BIN)/python deploy/sbom.py > build/sbom.json

lock: venv ## write requirements/*.lock and the lock of Kafka's jars anew (needs the network)
	@mkdir -p build
	$(BIN)/uv pip compile -q $(COMPILE) pyproject.toml -o requirements/run.lock
	$(BIN)/uv pip compile -q $(COMPILE) --group dev pyproject.toml -o requirements/dev.lock
	$(BIN)/uv pip compile -q $(COMPILE) --group build -o requirements/build.lock
	$(BIN)/uv pip compile -q $(COMPILE) --group fuzz -o requirements/fuzz.lock
	$(BIN)/python -m streams.kafka.jars > build/kafka.lock
	mv build/kafka.lock streams/data/kafka.lock
COMPILE := --generate-hashes --universal --python-version 3.11 --no-header

fmt: venv ## format and mend what ruff can
	$(BIN)/ruff check --fix-only -q .
	$(BIN)/ruff format .

clean: ## remove what make made; keeps .pathline (the embedded Kafka's data)
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
