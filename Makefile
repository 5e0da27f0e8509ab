# `make demo` and `make test` are all there is to learn; nothing is written outside .venv and build.
PYTHON ?= python3
BIN := .venv/bin
ROOMS := api core indexer search toybox
PACKAGES := $(ROOMS:%=build/src/hearsee/%)

export PYTHONPYCACHEPREFIX := $(CURDIR)/build/pycache
export HYPOTHESIS_STORAGE_DIRECTORY := $(CURDIR)/build/hypothesis
export RUFF_CACHE_DIR := $(CURDIR)/build/ruff
export DIST_EXTRA_CONFIG := $(CURDIR)/build/dist.cfg
export PYTEST_DEBUG_TEMPROOT := $(CURDIR)/build
export PIP_NO_CACHE_DIR := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test campaign check format bench chromium clean
.DELETE_ON_ERROR:

demo: .venv/demo.stamp  ## fill a library from the toybox, search it, measure it
	@$(BIN)/hearsee demo --dir build/demo

test: .venv/test.stamp chromium  ## every test but the campaigns
	@$(BIN)/python -m pytest $(PYTEST)

campaign: .venv/test.stamp chromium  ## the long crash, corruption and soak runs
	@$(BIN)/python -m pytest -m campaign $(PYTEST)

check: .venv/test.stamp $(PACKAGES)  ## style and types over every file
	@failed=0; $(BIN)/ruff format --check . || failed=1; $(BIN)/ruff check . || failed=1; \
	MYPYPATH=build/src:. $(BIN)/mypy build/src/hearsee tests benchmarks >build/mypy.txt || failed=1; cat build/mypy.txt; \
	seen=$$(find $(ROOMS) tests benchmarks -name '*.py' | wc -l); \
	grep -q "in $$seen source files" build/mypy.txt || { echo "mypy must pass over all $$seen files" >&2; failed=1; }; \
	exit $$failed

format: .venv/test.stamp  ## let ruff rewrite what it can
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: .venv/test.stamp  ## every figure of benchmarks/README.md, written to build/bench
	@mkdir -p build/bench
	@for file in benchmarks/*.py; do name=$$(basename $$file .py); case $$name in _*) continue;; esac; \
	echo "== $$name"; $(BIN)/python $$file --json > build/bench/$$name.json || exit 1; cat build/bench/$$name.json; done

# Packages sit in top-level folders but are imported as hearsee.*: mypy is shown them through links.
build/src/hearsee/%:
	@mkdir -p build/src/hearsee && ln -sfn ../../../$* $@

.venv/test.stamp: .venv/demo.stamp
	@echo "Installing what the tests need ..."
	@$(BIN)/python -m pip install -qq --editable '.[cpu,dev]'
	@touch $@

.venv/demo.stamp: pyproject.toml | $(BIN)/python build/dist.cfg
	@echo "Installing Hearsee into .venv (torch is large: minutes, once) ..."
	@$(BIN)/python -m pip install -qq --editable '.[cpu]'
	@touch $@

# Keeps the metadata of the editable install out of the source folders.
build/dist.cfg:
	@mkdir -p build && printf '[egg_info]\negg_base = build\n' > $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	{ echo "Hearsee needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1 || true): name another with make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get -qq update && apt-get -qq install -y python3-venv >/dev/null; \
	else echo "$(PYTHON) cannot make environments: install the package python3-venv (apt install python3-venv)" >&2; exit 1; fi
	@$(PYTHON) -m venv .venv

chromium:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then echo "Installing Chromium for the page's tests ..."; \
	apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium >/dev/null; \
	else echo "No Chromium: the page's tests will be skipped (apt install chromium)"; fi

clean:
	rm -rf build .venv
