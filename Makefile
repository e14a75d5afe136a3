# Two commands on a fresh clone: `make run` opens the quickstart in JupyterLab, `make test` runs every check.
# GNU make 3.81 and a POSIX shell are enough (Linux, macOS); for Windows see CONTRIBUTING.md.

PYTHON  ?= python3
VENV    ?= .venv
PORT    ?= 8888
BROWSER ?= yes
WORKERS ?= 2

BIN    := $(VENV)/bin
STAMPS := .stamps
# What JupyterLab starts with here: it asks nobody for news or updates, and no person whether it may.
SETTINGS := $(VENV)/share/jupyter/lab/settings

# An editable install copies these to where JupyterLab looks, so a change of them installs again.
LABEXTENSION := $(wildcard widgets/labextension/*.json widgets/labextension/static/*.js)

# CI, and machines that keep wheels in a folder, take the torch that constraints-ci.txt names; everybody else takes torch>=2.4.
ifneq ($(CI)$(PIP_FIND_LINKS),)
CONSTRAINTS ?= constraints-ci.txt
endif
ifneq ($(PIP_FIND_LINKS),)
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
endif
CONSTRAIN := $(if $(CONSTRAINTS),-c $(CONSTRAINTS))

# BROWSER=no or NO_BROWSER=1: serve, print the address, open nothing. Jupyter refuses to run as root unless told.
LAB_FLAGS := $(if $(filter no none 0,$(BROWSER))$(NO_BROWSER),--no-browser) $(if $(filter 0,$(shell id -u)),--allow-root)

# uv is ten times faster than pip; where there is none, pip does the same. Both compile what they install: notebooks start faster.
INSTALL = if uv --version >/dev/null 2>&1; then uv pip install --compile-bytecode --python $(BIN)/python $(CONSTRAIN) -e '.[$(1)]'; else \
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip; \
	$(BIN)/python -m pip install $(CONSTRAIN) -e '.[$(1)]'; fi

.PHONY: help run test lint bench docs binder release-check newcomer clean
help:
	@echo "make run    open notebooks/00_quickstart.ipynb in JupyterLab (BROWSER=no: only serve it; PORT=8888)"
	@echo "make test   ruff, mypy and the whole test suite (PYTEST_ARGS=... to narrow it, WORKERS=0 for one at a time)"
	@echo "make lint   ruff and mypy"
	@echo "make bench  the timings that the documentation quotes"
	@echo "make docs   the site, in docs/_build/html, with warnings as errors"
	@echo "make binder the Binder image rehearsed: its files, 2 GB of memory, notebooks 00 to 03"
	@echo "make release-check  sdist and wheel: contents, size, installed on Python 3.11, 3.12, 3.13 without a compiler"
	@echo "make newcomer       from a clone to the first picture, each step with its seconds"
	@echo "make clean  remove the environment and what tools left behind"

run: $(STAMPS)/run
	$(BIN)/jupyter lab --port=$(PORT) --LabApp.default_url=/lab/tree/notebooks/00_quickstart.ipynb $(LAB_FLAGS)

# Files of tests two at a time, then the browser's with the machine to themselves: what they wait for is drawn sooner.
ifeq ($(strip $(PYTEST_ARGS)),)
test: lint
	@failed=0; \
	$(BIN)/python -m pytest --ignore tests/ui -n $(WORKERS) --dist loadfile || failed=1; \
	$(BIN)/python -m pytest tests/ui || failed=1; \
	exit $$failed
else
test: lint
	$(BIN)/python -m pytest $(PYTEST_ARGS)
endif

lint: $(STAMPS)/test
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(STAMPS)/test
	@for script in tests/benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

# The source folder is the repository, so that links are those of GitHub; docs/conf.py says which files are pages.
docs: $(STAMPS)/test
	$(BIN)/python -m sphinx -q -W --keep-going -c docs -d docs/_build/doctrees . docs/_build/html
	@echo "docs/_build/html/index.html"

# These three make new environments in temporary folders, and remove them: minutes, and gigabytes for as long.
binder: $(STAMPS)/test
	$(BIN)/python .ci/binder_check.py $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))

release-check: $(STAMPS)/test
	$(BIN)/python .ci/release_check.py $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS)) $(RELEASE_ARGS)

newcomer: $(STAMPS)/test
	$(BIN)/python .ci/newcomer.py $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))

clean:
	rm -rf docs/_build $(VENV) $(STAMPS) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find specviz tests -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is written only after its step succeeded, so a run that was killed is simply run again.
$(STAMPS)/run: pyproject.toml constraints-ci.txt $(LABEXTENSION) $(VENV)/pyvenv.cfg
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(call INSTALL,$(if $(wildcard $(STAMPS)/test),dev,notebook))
	@mkdir -p $(SETTINGS) && cp binder/overrides.json $(SETTINGS)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/test: pyproject.toml constraints-ci.txt $(LABEXTENSION) $(VENV)/pyvenv.cfg
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(call INSTALL,dev)
	@mkdir -p $(STAMPS) && touch $@ $(STAMPS)/run

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "specviz needs Python 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
