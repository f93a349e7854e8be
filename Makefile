# Two targets do all the set-up on a fresh machine: `make demo` and `make test`.
# Without make (Windows): python -m venv .venv, then .venv\Scripts\pip install -c constraints.txt ".[study]",
# then .venv\Scripts\python -m leukolab demo

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test test-slow fuzz lint docs clean

demo: $(VENV)/.study
	$(BIN)/python -m leukolab demo --out demo

test: $(VENV)/.dev lint
	$(BIN)/python -m pytest -q -m "not slow"

# What takes long: kills, parity of every optimiser, Ray, the notebook, the documentation's site.
test-slow: $(VENV)/.dev
	$(BIN)/python -m pytest -q -m slow

# Damaged files and hostile input, drawn by a seed: `make fuzz SEED=8`.
fuzz: $(VENV)/.dev
	$(BIN)/python tests/fuzz/run.py --seed $(or $(SEED),2019)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.dev
	$(BIN)/python docs/reference/write.py
	$(BIN)/python -m sphinx -b html -n -W --keep-going -q docs docs/_build

$(VENV)/.study: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable ".[study]"
	touch $@

$(VENV)/.dev: $(VENV)/.study
	$(INSTALL) --editable ".[study,mlflow,ray,tune,docs,dev]"
	touch $@

clean:
	rm -rf $(VENV) demo build dist docs/_build docs/api
