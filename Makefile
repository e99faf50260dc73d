# papertape: everything a clone needs. A fresh machine has Python 3.11 or newer, pip, make, gcc.
#
#   make demo     a backtest on the embedded sample, from nothing to a result
#   make test     every test on the compiled package, the parity tests in plain Python, too
#   make check    layout, lint, types, floors, spelling, documentation; nothing is changed
#   make soak     the long runs: ten thousands of crashes and failures, whole days
#   make bench    the measurements of benchmarks/
#   make docs     the documentation as a site, in build/site
#   make clean    remove whatever this file made
#   make lock     renew requirements.lock after a change of the dependencies

MAKEFLAGS += --no-print-directory
VENV := .venv
BIN := $(VENV)/bin
LOG := build/setup.log

# The first Python that is new enough; the shims of version managers may exist and still not run.
PYTHON ?= $(shell for p in python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

# Checksums rather than times: they notice a removed file and a checkout of an older commit.
checksum = $(shell $(1) | LC_ALL=C sort | xargs cksum | cksum | tr -s ' \t' '-')
LOCKED = $(VENV)/.locked-$(call checksum,echo requirements.lock)
INSTALLED = $(VENV)/.installed-$(call checksum,find src setup.py pyproject.toml LICENSE README.md \
	-type f ! -path '*/__pycache__/*' 2>/dev/null)

# Debian's Python makes environments without pip; there the machine's own pip fills them.
PIP = $$($(BIN)/python -m pip --version >/dev/null 2>&1 && echo $(BIN)/python -m pip \
	|| echo $(PYTHON) -m pip --python $(BIN)/python)

# Runs one step of the set-up silently: $(1) the command, $(2) what to do about a failure.
define quietly
	@{ $(1); } >>$(LOG) 2>&1 || { tail -n 20 $(LOG) >&2; \
	echo >&2; echo "papertape: the set-up stopped. $(2)" >&2; \
	echo "The whole story is in $(LOG)." >&2; exit 1; }
endef

.PHONY: demo test check soak bench docs clean lock setup python

demo: setup
	@$(BIN)/papertape demo

# The installed package first has to be today's: tests/architecture compares it with the sources.
test: setup
	@if ls tests/parity/test_*.py >/dev/null 2>&1; then echo "parity, in plain Python:"; \
	PYTHONPATH=src PYTHONDONTWRITEBYTECODE=1 $(BIN)/python -m pytest -q tests/parity; fi
	@$(BIN)/python -m pytest

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	PYTHONPATH=src $(BIN)/mypy
	PYTHONPATH=src $(BIN)/lint-imports
	$(BIN)/codespell
	@$(MAKE) docs

# Whatever is stopped here goes on where it was; a day that fails does not keep the rest from running.
soak: setup
	@$(BIN)/python -m tests.faults.soak; days=$$?; $(BIN)/python -m pytest -m soak && exit $$days

# One that fails does not stop the others, and make says so.
bench: setup
	-@$(BIN)/python benchmarks/race.py
	-@$(BIN)/python benchmarks/growth.py
	-@$(BIN)/python benchmarks/instructions.py
	-@$(BIN)/python benchmarks/run.py
	-@$(BIN)/python benchmarks/fills.py
	-@$(BIN)/python benchmarks/path_band.py
	-@$(BIN)/python benchmarks/journal.py

docs: setup
	$(BIN)/mkdocs build --quiet --strict

clean:
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache \
	.hypothesis src/*.egg-info
	find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

setup:
	@mkdir -p build
	@$(MAKE) -s $(LOCKED)
	@$(MAKE) -s $(INSTALLED)

python:
	@[ -n "$(PYTHON)" ] || { echo "papertape needs Python 3.11 or newer, and none was found:" >&2; \
	echo "  $$(python3 --version 2>&1)" >&2; \
	echo "Install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }

$(VENV)/.locked-%: | python
	@[ ! -t 2 ] || echo "Setting up $(VENV), once; this takes a minute." >&2
	@date >$(LOG)
	$(call quietly,$(PYTHON) -m venv --clear $(VENV) || $(PYTHON) -m venv --clear --without-pip \
	$(VENV),Is Python's venv module installed?)
	$(call quietly,$(PIP) install --require-hashes \
	--disable-pip-version-check -r requirements.lock,Can pip reach a package index? Run make again.)
	@touch $@

# No isolation and no dependencies: what builds the package is in the lock, too.
$(VENV)/.installed-%:
	$(call quietly,$(PIP) install --no-deps --no-build-isolation \
	--disable-pip-version-check --force-reinstall .,The package could not be built.)
	@rm -f $(VENV)/.installed-*
	@$(BIN)/python -c 'from papertape.domain.native import native; print(native().notice, end="")' >&2
	@touch $@

lock: python
	@mkdir -p build
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet uv
	build/lock/bin/uv pip compile --quiet pyproject.toml --group build --group dev --group docs \
	--python-version 3.11 --universal --generate-hashes --no-header \
	--output-file requirements.lock
