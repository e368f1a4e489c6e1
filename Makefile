# make demo   the environment .venv, what the examples need, and the main job
# make test   the same environment: lint, types, documentation, tests
# Others: lint, packages, random-programs, every-bit, fuzz, soak, bench, bench-short, wheels, docs, test-all, clean.
# Another interpreter: make PYTHON=python3.12 demo

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

ifndef PYTHON
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then echo $$p; exit; fi; \
	done; echo python3)
endif

VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
# Where PYTHONDONTWRITEBYTECODE is set, each start of a program would compile the package anew.
BYTECODE = $(BIN)/python -m compileall -q src/gotee
COMPILED := $(shell find src -name '*.pyx' -o -name '*.pxd') src/gotee/platform/begin.c
BUILT_FROM := pyproject.toml setup.py src/gotee/compiled.py $(COMPILED)

.PHONY: help demo test lint types documentation docs tests packages random-programs every-bit fuzz soak bench bench-short wheels test-all clean preflight

help:
	@sed -n 's/^# //p' Makefile

preflight:
	@command -v $(PYTHON) >/dev/null || { \
		echo "preflight: no $(PYTHON) here; apt-get install -y python3 python3-dev python3-venv gcc libc6-dev" >&2; \
		exit 1; }
	@$(PYTHON) tools/preflight.py

# A stamp is newer than what the package is built from; the second `make` installs nothing.
# An environment whose interpreter is gone (an upgraded system) is made anew.
$(VENV)/made:
	@$(MAKE) --no-print-directory preflight
	@$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/for-demo: $(VENV)/made $(BUILT_FROM)
	@echo "Installing gotee and what the examples need into $(VENV) ..."
	@$(PIP) -e '.[examples]'
	@$(BYTECODE)
	@touch $@

$(VENV)/for-work: $(VENV)/made $(BUILT_FROM)
	@echo "Installing gotee and its development tools into $(VENV) ..."
	@$(PIP) -e '.[dev]'
	@$(BYTECODE)
	@touch $@ $(VENV)/for-demo

$(VENV)/for-bench: $(VENV)/made $(BUILT_FROM)
	@echo "Installing gotee and its rivals of the benchmarks into $(VENV) ..."
	@$(PIP) -e '.[bench]'
	@$(BYTECODE)
	@touch $@

demo: $(VENV)/for-demo
	@echo "--- examples/hello/hello.py: the plain form"
	@$(BIN)/gotee run examples/hello/hello.py
	@echo "--- examples/hello/hello_keyword.py: the keyword form"
	@$(BIN)/gotee run examples/hello/hello_keyword.py
	@echo "--- examples/notary: every file of docs hashed and listed inside, the list signed with a key made inside"
	@$(BIN)/gotee run examples/notary/notary.py docs --out build/notary
	@openssl pkeyutl -verify -pubin -inkey build/notary/pub.pem -rawin \
		-in build/notary/manifest -sigfile build/notary/manifest.sig

# pytest comes last, so that its closing line ends the output.
test: lint types documentation tests

lint: $(VENV)/for-work
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/for-work
	$(BIN)/mypy
	$(BIN)/pyright

documentation: $(VENV)/for-work
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

docs: documentation
	@echo "Open site/index.html"

tests: $(VENV)/for-work
	WORKERS=$(WORKERS) $(BIN)/python tools/tests.py

random-programs: $(VENV)/for-work
	GOTEE_RANDOM_PROGRAMS=$(or $(PROGRAMS),4000) GOTEE_RANDOM_FIRST=$(or $(FIRST),0) \
		$(BIN)/python -m pytest -n $(WORKERS) tests/compiler/test_random_programs.py

packages: $(VENV)/for-work
	$(BIN)/python tools/packages.py

every-bit: $(VENV)/for-work
	GOTEE_EVERY_BIT=1 $(BIN)/python -m pytest -n $(WORKERS) tests/attestation

soak: $(VENV)/for-work
	GOTEE_SOAK=200 $(BIN)/python -m pytest -n $(WORKERS) tests/worlds/test_soak.py

# Mutations of all real evidence, and bytes at random. Then random types and values, hostile frames of both lanes and a
# hostile ring, FUZZ_TIMES as many as in `make test`, in at most 4 GiB of address space.
FUZZ_SECONDS ?= 600
FUZZ_TIMES ?= 100
fuzz: $(VENV)/for-work
	GOTEE_FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/python -m pytest -n $(WORKERS) tests/attestation/test_fuzz.py tests/ocalls/test_random_answers.py
	ulimit -v 4194304; GOTEE_FUZZ=$(FUZZ_TIMES) $(BIN)/python -m pytest tests/boundary tests/link/test_ring.py

# Some minutes. Ray is a rival too where it is installed: pip install -e '.[bench-ray]'.
bench: $(VENV)/for-bench
	$(BIN)/python benchmarks/suite.py --json build/bench.json --page docs/performance.md

bench-short: $(VENV)/for-bench
	$(BIN)/python benchmarks/suite.py --short --json build/bench-short.json

wheels:
	$(PYTHON) tools/pythons.py wheels
	@ls -1 dist/*.whl

test-all:
	$(PYTHON) tools/pythons.py test

clean:
	rm -rf .venv .venv-3.* build dist site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf src/*.egg-info
	rm -f src/gotee/platform/begin
	find src -name '*.so' -delete
	find . -name __pycache__ -prune -exec rm -rf {} +

# In the order given, also under -j: the output stays readable and the first failure ends it.
.NOTPARALLEL:
