# Two commands do everything on a fresh machine with Python 3.11 or newer:
#   make demo   install, run the main job on drawn pictures, print a table
#   make test   install what the tests need, lint, check types, test
# Another attacks the library for an hour or more, and writes the table of SECURITY.md: make fuzz.
# Others: make test-fast, make coverage, make docs, make format, make clean.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# Each process takes whole files as long as it can, whose fixtures are then made once (worksteal).
# One thread per test process: two processes with two threads each only wait for each other.
TEST_ENV := OMP_NUM_THREADS=1 LDPF_CACHE=$(CURDIR)/.cache

.PHONY: demo test test-fast coverage docs browser fuzz lint format clean

demo: $(VENV)/.installed
	$(BIN)/ldpf benchmark --data demo --backbone nano --seeds 1 --targets sketch,night \
		--methods zero-shot,coop,linear-probe,ldpf-paper,ldpf,auto,ldpf-oracle --out demo-results \
		> /dev/null
	$(BIN)/ldpf table demo-results --against zero-shot

test: $(VENV)/.installed-test lint browser
	$(TEST_ENV) $(BIN)/pytest -n 2 --dist worksteal

test-fast: $(VENV)/.installed-test
	$(TEST_ENV) $(BIN)/pytest -n 2 --dist worksteal -m "not slow and not browser"

coverage: $(VENV)/.installed-test
	$(TEST_ENV) $(BIN)/pytest -n 2 --dist worksteal --cov --cov-fail-under=92 --cov-report=term:skip-covered \
		--cov-report=html:build/coverage

docs: $(VENV)/.installed-docs
	$(BIN)/mkdocs build --strict

# Tests open the report and the page of `ldpf app` in Chromium. Without it they are skipped, so this
# never fails.
browser:
	@command -v chromium >/dev/null 2>&1 || test ! -x "$$(command -v apt-get)" || \
		test "$$(id -u)" != 0 || \
		{ echo "Installing Chromium for the tests in a browser"; \
		(timeout 300 apt-get update -qq; timeout 600 apt-get install -y -qq chromium) \
		>/dev/null 2>&1; } || echo "No Chromium: the tests in a browser are skipped."

# Options for a part of it: make fuzz FUZZ="--only images --share 0.1 --seed 7"
fuzz: $(VENV)/.installed-test
	$(TEST_ENV) PYTHONPATH=scripts $(BIN)/python -m fuzz $(or $(FUZZ),--write)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright -p pyproject.toml --pythonpath $(BIN)/python

format: $(VENV)/.installed-test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/.created:
	@test -n "$(PYTHON)" || (echo "No python3 found: install Python 3.11 or newer." && exit 1)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		(echo "$(PYTHON) is too old; run: make PYTHON=/path/to/python3.11 demo" && exit 1)
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.created pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: $(VENV)/.created pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $@

clean:
	rm -rf $(VENV) .cache build dist demo-results .pytest_cache .ruff_cache
