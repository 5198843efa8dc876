# Everything runs in .venv, which the first target that needs it makes. PYTHON chooses the Python it is made with.

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
INSTALLED := .venv/.installed
DEMO := .venv/.demo

.PHONY: help demo test lint format bench results gpu-check size wheel venv clean

help:
	@echo "make demo     train the character model in one to three minutes; results in out/char-lm"
	@echo "make test     run the tests, on all cores"
	@echo "make lint     check style (ruff) and types (mypy)"
	@echo "make format   rewrite the code in the project's style"
	@echo "make bench    measure speed, beside other frameworks where they are installed"
	@echo "make results  train all programs on real data and write docs/results.md; up to an hour"
	@echo "make gpu-check test and measure on a GPU, with what PYTHON has installed (CuPy, Numba, pytest)"
	@echo "make size     count the lines by folder, and name the files and functions that are too long"
	@echo "make wheel    build a wheel in dist/"
	@echo "make venv     make .venv and install minigrad in it; the others do so by themselves"
	@echo "make clean    remove what builds and tests leave; keeps .venv and out/"
	@echo
	@echo "Options of a command: make test ARGS=\"-k tape\", ARGS=\"-n 0\" for one process. Another Python: make venv PYTHON=python3.12."

demo: $(DEMO)
	$(BIN)/minigrad train char-lm --out out/char-lm $(if $(findstring --overwrite,$(ARGS)),,--resume) $(ARGS)

test: $(INSTALLED)
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

# mypy looks packages up by folder names, so it gets links with the names that models/ and tools/ are installed under.
lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	@mkdir -p build/mypy/minigrad
	@ln -sfn ../../../models build/mypy/minigrad/models
	@ln -sfn ../../../tools build/mypy/minigrad/tools
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(INSTALLED)
	$(BIN)/minigrad bench $(ARGS)

# PyTorch trains one of the models too. Without MINIGRAD_DATA the data sets are downloaded.
results: $(INSTALLED)
	$(BIN)/python -c "import torch" 2>/dev/null || $(BIN)/python -m pip install torch==2.13.0
	$(BIN)/python -m minigrad.tools.results.run $(ARGS)

# For images with CUDA, CuPy, Numba and pytest, in which nothing can be installed: PYTHON runs this folder as it is. It
# finds minigrad through links with the names that an installation has; -P keeps it from finding the folder itself.
RUN := PYTHONPATH=$(CURDIR)/build/run $(PYTHON) -P
gpu-check:
	@rm -rf build/run
	@mkdir -p build/run/minigrad
	@ln -s $(addprefix $(CURDIR)/,$(filter-out %/__pycache__,$(wildcard minigrad/*)) models tools) build/run/minigrad
	@$(RUN) -c "import sys; from minigrad.backends import missing_backends; reason = missing_backends().get('cupy'); \
		sys.exit(reason and 'make gpu-check needs a GPU: ' + ' '.join(reason.split()))"
	$(RUN) -m pytest -m gpu $(ARGS)
	$(RUN) -m minigrad.tools.bench.gpu_check --out docs/benchmarks

size:
	@$(PYTHON) tools/size.py

# setuptools copies whatever an older build left in build/lib into the wheel.
wheel: $(INSTALLED)
	rm -rf build/lib
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m build --wheel
	@ls dist/*.whl

venv: $(INSTALLED)

# The stamp is written last: an interrupted installation is done again.
$(INSTALLED): pyproject.toml setup.py | $(BIN)/pip
	$(BIN)/python -m pip install --editable ".[all,test]"
	@touch $(DEMO) $@

# The demo trains and draws, and does without the rest: a third of what the tests need.
$(DEMO): pyproject.toml setup.py | $(BIN)/pip
	$(BIN)/python -m pip install --editable ".[training,viz]"
	@touch $@

# pip comes last when an environment is made. An environment without it is not finished.
$(BIN)/pip:
	@command -v $(PYTHON) >/dev/null || \
		{ echo "make: no $(PYTHON) found. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
		{ echo "make: minigrad needs Python 3.11 or newer and found `$(PYTHON) --version 2>&1`. Name another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c "import venv, ensurepip" 2>/dev/null || \
		{ echo "make: this Python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find minigrad models tools tests -type d -name __pycache__ -prune -exec rm -rf {} +
