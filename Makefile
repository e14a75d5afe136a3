# Two commands on a fresh clone: `make run` opens the quickstart in JupyterLab, `make test` runs every check.
# GNU make 3.81 and a POSIX shell are enough (Linux, macOS); for Windows see CONTRIBUTING.md.

PYTHON  ?= python3
VENV    ?= .venv
PORT    ?= 8888
BROWSER ?= yes

BIN    := $(VENV)/bin
STAMPS := .stamps

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

.PHONY: help run test lint bench clean
help:
	@echo "make run    open notebooks/00_quickstart.ipynb in JupyterLab (BROWSER=no: only serve it; PORT=8888)"
	@echo "make test   ruff, mypy and the whole test suite (PYTEST_ARGS=... to narrow it)"
	@echo "make lint   ruff and mypy"
	@echo "make bench  the timings that the documentation quotes"
	@echo "make clean  remove the environment and what tools left behind"

run: $(STAMPS)/run
	$(BIN)/jupyter lab --port=$(PORT) --LabApp.default_url=/lab/tree/notebooks/00_quickstart.ipynb $(LAB_FLAGS)

test: lint
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(STAMPS)/test
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(STAMPS)/test
	@for script in tests/benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

clean:
	rm -rf $(VENV) $(STAMPS) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find specviz tests -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is written only after its step succeeded, so a run that was killed is simply run again.
$(STAMPS)/run: pyproject.toml constraints-ci.txt $(LABEXTENSION) $(VENV)/pyvenv.cfg
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(call INSTALL,$(if $(wildcard $(STAMPS)/test),dev,notebook))
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/test: pyproject.toml constraints-ci.txt $(LABEXTENSION) $(VENV)/pyvenv.cfg
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(call INSTALL,dev)
	@mkdir -p $(STAMPS) && touch $@ $(STAMPS)/run

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "specviz needs Python 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
