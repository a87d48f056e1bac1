# The commands of this repository. `make demo` and `make test` set up what they need, without root.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
UV_VERSION := 0.13.8
UV := .tools/uv/bin/uv
BIN := .venv/bin
OPA := .tools/opa

.PHONY: help setup opa demo test lint types layers rego mutants mutants-sample bundle spec spec-mutants spec-mutants-sample unit test-system test-versions soak bench dist site lock clean

help: ## Show the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- set-up ---------------------------------------------------------------------------------

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 …" >&2; exit 2; }
	@echo "setting up .venv …"
	@$(PYTHON) -m venv .tools/uv
	@.tools/uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# Bytecode of what the engine runs on, which halves a cold start; of what tests it as it is used.
.venv/plain: pyproject.toml uv.lock | $(UV)
	@$(UV) sync --quiet --frozen --no-dev --inexact --compile-bytecode --python $(PYTHON)
	@$(BIN)/python -m compileall -q engine
	@touch $@

.venv/synced: .venv/plain
	@$(UV) sync --quiet --frozen --python $(PYTHON)
	@touch $@

setup: .venv/synced ## Make .venv with the locked dependencies.

opa: $(OPA) ## Get the OPA that compiles policies, into .tools, by its pinned hash.

$(OPA): tools/go.mod tools/go.sum tools/fetch_opa.py | .venv/synced
	@$(BIN)/python tools/fetch_opa.py
	@touch -h $@

lock: | $(UV) ## Resolve the dependencies anew.
	@$(UV) lock

# --- the main job ---------------------------------------------------------------------------

demo: .venv/plain ## Decisions, a proof, a budget that runs out, a ledger held against its specs.
	@PATH="$(CURDIR)/$(BIN):$$PATH" examples/demo.sh

# --- the core suite -------------------------------------------------------------------------

test: lint types layers rego bundle mutants-sample spec spec-mutants-sample unit ## The core suite; builds OPA once.

lint: .venv/synced
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/synced
	$(BIN)/mypy

layers: .venv/synced
	$(BIN)/lint-imports

rego: $(OPA)
	$(OPA) fmt --fail --list policies
	$(BIN)/python tools/check_schema.py --check
	$(OPA) check --strict --capabilities policies/capabilities.json -s schemas/opa-input.schema.json policies
	$(OPA) test --capabilities policies/capabilities.json --coverage --threshold 100 --fail-on-empty policies > /dev/null
	@echo "policies: every line covered"

bundle: $(OPA) ## Compile the policies into engine/_data and compare with what is committed.
	$(BIN)/python tools/build_bundle.py --check

mutants: $(OPA) ## Mutate the policies; a mutant that no test notices fails.
	$(BIN)/python tools/mutants.py

# The commit chooses which: SEED=… chooses others.
mutants-sample: $(OPA)
	$(BIN)/python tools/mutants.py --sample 150 $${SEED:+--seed "$$SEED"}

spec-mutants: $(OPA) ## Put deliberate bugs into the engine; one that no test notices fails.
	$(BIN)/python tools/seeded_bugs.py

# The commit chooses which: SEED=… chooses others.
spec-mutants-sample: $(OPA)
	$(BIN)/python tools/seeded_bugs.py --sample 5 $${SEED:+--seed "$$SEED"}

spec: .venv/synced ## Check the TLA+ specs with TLC; every guard's mutant must be killed.
	@$(BIN)/python tools/fetch_tlc.py > /dev/null
	@command -v java > /dev/null || [ -n "$${JAVA_HOME:-}" ] \
	  || $(UV) sync --quiet --frozen --inexact --extra spec
	$(BIN)/python tools/spec_docs.py --check
	$(BIN)/engine spec check

# The tests write thousands of small ledgers, each of which waits for the disk: where memory has
# room for all of them, they lie there. What a disk does to a ledger, make test-system tests.
unit: $(OPA)
	@room="$$(df --output=avail -B1G /dev/shm 2> /dev/null | tail -n 1 || true)"; \
	if [ "$${room:-0}" -ge 4 ] && ! mount | grep -q ' /dev/shm .*noexec'; then export TMPDIR=/dev/shm; fi; \
	scratch="$$(mktemp -d)"; chmod 1777 "$$scratch"; trap 'rm -rf "$$scratch"' EXIT; export TMPDIR="$$scratch"; \
	$(BIN)/pytest -q -n auto -m "not system and not soak" --cov --cov-report=term

test-versions: $(OPA) ## The core suite against the built wheel on Python 3.12 and 3.13.
	$(BIN)/python tools/versions.py 3.12 3.13

test-system: $(OPA) ## What needs strace, clients of providers and the like; fails where they are absent.
	@$(UV) sync --quiet --frozen --inexact --group clients
	$(BIN)/pytest -q -m system --timeout 600

soak: $(OPA) ## The long runs; Java for the cluster engine.
	@$(UV) sync --quiet --frozen --group cluster
	$(BIN)/pytest -q -m soak --timeout 7200
	$(BIN)/python -m tests.system.faults --record build/faults.md
	$(BIN)/pytest -q -n auto -m "hypothesis and not system" --hypothesis-profile whole --timeout 1800
	$(BIN)/python tools/mutants.py
	$(BIN)/python tools/seeded_bugs.py

bench: $(OPA) ## Side by side against opa exec and conftest; prints ratios.
	$(BIN)/python -m bench

dist: .venv/plain ## Build wheel, sdist and bill of materials of this commit, twice, and compare.
	$(BIN)/python tools/release.py --out dist

site: .venv/synced ## Build the pages as a site into build/site; a broken link fails.
	@$(UV) sync --quiet --frozen --inexact --group site
	$(BIN)/python tools/site.py > /dev/null
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --config-file build/mkdocs.yml

clean: ## Remove what was built, and build/demo with the demo's key and ledger; .engine stays.
	rm -rf .venv .tools build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
