# make run    set up, fetch the nickel set, translate it to niobium, train on the result and print its crystals beside the reference's
# make test   set up, then lint, types and tests; prints the twenty slowest tests
# make docs   set up, then the documentation site in build/docs/html, its examples run; search works offline
# make setup  the environment alone, in .venv
#
# PYTHON=python3.12     another interpreter, 3.11 or newer
# TEST_PROCESSES=2      processes that run the tests, each on its share of the processors; 0 for one process
# TORCH_BACKEND=auto    the torch that fits this machine's GPU; also cpu, cu130, …: the names of `uv pip install --torch-backend`
# TORCH_BACKEND=index   the torch of the package index: on Linux x86_64 a CUDA build, some 3 GB to download
#
# By default torch is a CPU build: a wheel in a folder that pip searches (PIP_FIND_LINKS, pip.conf) if it fits this Python,
# otherwise one from torch's own CPU index. To change the build later, delete .venv first.

PYTHON ?= python3
TORCH_BACKEND ?= $(UV_TORCH_BACKEND)
TEST_PROCESSES ?= 2
BIN := .venv/bin
READY := .venv/.ready

.PHONY: run test docs setup

# Without compiled modules on disk, every command that a test starts would compile its packages again: up to 1 s each.
unexport PYTHONDONTWRITEBYTECODE

run: setup
	$(BIN)/dvc pull --allow-missing
	$(BIN)/foundational translate ni --to Nb --force
	$(BIN)/foundational validate local/nb --quick
	@echo "Niobium from nickel is in datasets/local/nb. Continue with: $(BIN)/foundational quick (the whole pipeline in miniature, from no data), or $(BIN)/dvc repro paper"

# Files in their order and not by the number of their tests: those with one long test would come last.
test: setup
	$(BIN)/dvc pull --allow-missing
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder --durations 20

docs: setup
	$(BIN)/dvc pull --allow-missing
	$(BIN)/python docs/build.py

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("expected Python 3.11 or newer, got %d.%d: run make setup PYTHON=python3.12" % v[:2])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt uv
	@backend='$(TORCH_BACKEND)'; unset UV_TORCH_BACKEND; \
	if [ -z "$$backend" ] && ! $(BIN)/python -m pip install --quiet --no-index --no-deps -c constraints.txt torch 2>/dev/null; \
	then backend=cpu; fi; \
	if [ -n "$$backend" ] && [ "$$backend" != index ]; then export UV_TORCH_BACKEND="$$backend"; fi; \
	UV_HTTP_TIMEOUT=$${UV_HTTP_TIMEOUT:-300} $(BIN)/uv pip install --python $(BIN)/python -c constraints.txt -e '.[dev]' || { \
	echo "Where torch's CPU index is out of reach: put a CPU wheel into a folder named by PIP_FIND_LINKS, or run make setup TORCH_BACKEND=index" >&2; \
	exit 1; }
	@touch $@
