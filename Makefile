# What one types in this project; `make help` lists it. Needs Python 3.11 or newer with venv and pip, and make.

# The first Python that is new enough; `make PYTHON=/path/to/python3.12 ...` chooses another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$python"; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
RUNS := $(VENV)/.runs
TOOLS := $(VENV)/.tools
# Tests that wait for a delay or an end leave a processor to others: more workers than the two processors they are meant for.
WORKERS ?= 4
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONDONTWRITEBYTECODE  # tests start hundreds of processes: without bytecode each compiles all it imports

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types imports compiled docs reference pictures test-all taken-out crash fuzz bench micro politeness soak logins clean
.DELETE_ON_ERROR:

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

demo: $(RUNS)  ## a crawl behind a login, from nothing to rows in data/crawl.db
	@$(BIN)/python -m tools.demo

test: $(TOOLS)  ## every test
	$(PYTEST)

check: lint types imports test  ## all that a change has to pass: style, types, layers, tests, docs

lint: $(TOOLS)  ## style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(TOOLS)  ## types
	$(BIN)/mypy

imports: $(TOOLS)  ## who may import whom
	$(BIN)/lint-imports --no-logo

compiled: $(TOOLS)  ## the tests as pytest compiles them: once, instead of by each worker
	@$(BIN)/python -m pytest --collect-only -qqq >/dev/null

docs: $(TOOLS)  ## the blocks and links of README and docs/, and the site of them in build/site
	$(PYTEST) tests/docs tests/test_project.py
	$(BIN)/python -m tools.site

reference: $(TOOLS)  ## make the pages of docs/reference anew, after a change of what they are made from
	$(BIN)/python -m crawler.cli.reference docs/reference
	$(BIN)/python -m tools.python_reference

pictures: $(TOOLS)  ## make the pictures of docs/ anew, from a practice site; needs Chromium
	$(BIN)/python -m tools.pictures

test-all:  ## every test, on each of Python 3.11, 3.12 and 3.13 that is there
	@.ci/test-all

taken-out: $(TOOLS)  ## take each mend out again and see its tests fail; ARGS="login- guard-"
	$(BIN)/python -m tests.taken_out $(ARGS)

crash: $(TOOLS)  ## kill crawls at random and at every write, rendered ones, exports, a fleet; prints tables
	$(BIN)/python -m tests.crash $(ARGS)
	$(if $(ARGS),,$(BIN)/python -m tests.rendering.killed --kills 10)
	$(if $(ARGS),,CRAWL_KILLS=100 $(BIN)/python -m pytest --timeout 0 tests/crash/test_killed_exports.py)
	$(if $(ARGS),,$(BIN)/python -m tests.fleet --pages 2000 --seeds 3)
	$(if $(ARGS),,$(BIN)/python -m tests.fleet --machines --workers 3 --pages 1000 --seeds 1)
	$(if $(ARGS),,$(BIN)/python -m tests.fleet --failover sync --pages 1000 --seeds 1)
	$(if $(ARGS),,CRAWL_LONG=1 $(BIN)/python -m pytest --timeout 0 tests/fleet tests/logins tests/politeness tests/rendering \
		tests/sessions_e2e/test_quotas.py)

fuzz: $(VENV)/.fuzz  ## feed the parsers with broken input; ARGS="--minutes 10"
	$(BIN)/python -m tests.fuzz $(ARGS)

politeness: $(TOOLS)  ## delays, connections and pauses of several processes, measured at a server
	$(BIN)/python -m tests.politeness

soak: $(TOOLS)  ## a long crawl with faults switched on
	$(BIN)/python -m tests.soak $(ARGS)
	$(if $(ARGS),,CRAWL_ROWS=500 $(BIN)/python -m pytest tests/test_django_admin.py)

bench: $(VENV)/.bench  ## pages a second, beside other crawlers
	$(BIN)/python -m benchmarks $(ARGS)

micro: $(VENV)/.bench  ## single steps, with pytest-benchmark
	$(BIN)/python -m pytest -o addopts=-q -o filterwarnings=default benchmarks/micro/test_steps.py $(ARGS)

logins: $(TOOLS) $(VENV)/.node  ## logins that plain HTTP cannot do, in Chromium: tokens, OpenID Connect, frames, clicks
	$(BIN)/python -m tests.logins

clean:  ## remove the environments and caches; data/ stays
	rm -rf $(VENV) .venv-* build dist ./*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Stamps: an environment is made once, and again when what it is made from has changed.
$(VENV)/pyvenv.cfg:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; say where: make PYTHON=/path/to/python3" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(RUNS): pyproject.toml $(VENV)/pyvenv.cfg
	$(BIN)/python -m pip install -q -e .
	@touch $@

$(TOOLS): pyproject.toml constraints.txt $(VENV)/pyvenv.cfg
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	@touch $(RUNS) $@

# An identity server and its client, for tests.
$(VENV)/.node: $(VENV)/pyvenv.cfg
	npm install --silent --no-save --prefix $@ oidc-provider@9.13.3 oidc-client-ts@3.5.0

# What only one target needs. Fuzzing goes on without atheris where there is none for this Python.
$(VENV)/.bench: $(TOOLS)
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[bench]'
	@touch $@

$(VENV)/.fuzz: $(TOOLS)
	-$(BIN)/python -m pip install -q -c constraints.txt -e '.[fuzz]'
	@touch $@
