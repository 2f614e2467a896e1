# Two commands on a fresh machine (Python >= 3.11, make):
#   make repro   install what the pipeline needs into .venv, then regenerate every table and figure whose inputs changed
#   make test    install the developer's tools as well, then lint, check types and run every test
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TOOLS := $(VENV)/.tools
# requirements.lock holds the versions, pyproject.toml says what is needed
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock

.PHONY: install tools repro test lint types clean

install: $(INSTALLED)

tools: $(TOOLS)

repro: $(INSTALLED)
	PATH="$(CURDIR)/$(BIN):$$PATH" dvc repro $(ARGS)

# one thread per worker: two processes that both use all cores spend their time waiting for each other; a file of tests
# stays with one worker, so that the pipeline they share runs once, and the slow ones begin first
test: lint types
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(TOOLS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(TOOLS)
	$(BIN)/pyright

$(INSTALLED): pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) -e .
	touch $@

$(TOOLS): $(INSTALLED)
	$(INSTALL) -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache
