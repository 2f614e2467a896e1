# Three commands on a fresh machine (Python >= 3.11, make):
#   make tour    install what the pipeline needs into .venv, then run it on a few phantoms in tour/ and open the report
#   make repro   install what the pipeline needs into .venv, then regenerate every table and figure whose inputs changed
#   make test    install the developer's tools as well, then lint, check types and run every test
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TOOLS := $(VENV)/.tools
# requirements.lock holds the versions, pyproject.toml says what is needed
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock

.PHONY: install tools labels tour repro test pytest lint types clean repository

install: $(INSTALLED)

tools: $(TOOLS)

# nothing outside tour/ is touched; ARGS=--no-open opens no browser
tour: $(INSTALLED)
	$(BIN)/python -m diffchest.tour $(ARGS)

repro: repository $(INSTALLED)
	PATH="$(CURDIR)/$(BIN):$$PATH" dvc repro $(ARGS)

# DVC keeps what it knows beside git's, and profiles begin with the committed params.yaml
repository:
	@test -z "$$(git rev-parse --show-prefix 2>/dev/null || echo none)" || { echo "$(CURDIR) is no git repository, which \
	DVC needs: take the project with \`git clone\`, or make it one: git init && git add --all && git commit -m start" >&2; exit 1; }

# the real label tables, for the tests that count in them; without a network those are skipped (REAL_TABLES=required: fail)
labels: $(INSTALLED)
	PIP_RETRIES=1 $(BIN)/python -m diffchest.phantom.public_labels || test "$(REAL_TABLES)" != required

# types are checked while the tests run: that takes one process a minute
test: lint labels
	$(MAKE) --no-print-directory --jobs 2 types pytest

# one thread per worker: two processes that both use all cores spend their time waiting for each other; a file of tests
# stays with one worker, so that the pipeline they share runs once, and the slow ones begin first
pytest: $(TOOLS)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(TOOLS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(TOOLS)
	$(BIN)/pyright

$(INSTALLED): pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) -e .
	$(BIN)/python -m diffchest.publishing --install
	touch $@

$(TOOLS): $(INSTALLED)
	$(INSTALL) -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache
