# Two commands: `make demo` runs the main job, `make test` runs the tests. Both set everything up in .venv from the package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 2
export PIP_DISABLE_PIP_VERSION_CHECK := 1

NATIVE := CMakeLists.txt pyproject.toml $(shell find cpp lammps_plugin -type f \( -name '*.cpp' -o -name '*.hpp' -o -name '*.h' -o -name 'CMakeLists.txt' -o -name '*.cmake' \))

.PHONY: demo test test-slow setup docs lint clean FORCE

demo: setup
	$(BIN)/qallegro demo ethanol -o demo_output/ethanol
	$(BIN)/qallegro demo cu_li --train-time 90s -o demo_output/cu_li

# One thread a worker: two workers on two cores.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow

setup: $(VENV)/.installed

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "python must be 3.11 or newer, got %s; run `make PYTHON=python3.11 ...`" % sys.version.split()[0])'
	@command -v $${CXX:-g++} >/dev/null || { echo "a C++20 compiler must be there (g++ 11 or newer), got none; install g++ or set CXX"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	@touch $@

# An editable install maps the modules that exist when it is made: a new file needs a new install, an edited one does not.
$(VENV)/.modules: FORCE | $(VENV)/.python
	@find potential ase_calc -name '*.py' | LC_ALL=C sort > $@.new; if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

FORCE:

# The build runs in this environment, not in one of its own: torch and LAMMPS are downloaded once, and the plugin matches them.
$(VENV)/.installed: $(VENV)/.python $(VENV)/.modules $(NATIVE)
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet scikit-build-core pybind11 nlohmann-json cmake ninja "lammps[mpi]==2025.7.22.4.0"
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable ".[demo,test]"
	@touch $@

docs: setup
	$(BIN)/python -m pip install --quiet "mkdocs-material>=9.5"
	$(BIN)/mkdocs build --strict

lint: setup
	$(BIN)/python -m pip install --quiet ruff
	$(BIN)/ruff check .

clean:
	rm -rf build dist site demo_output .pytest_cache .ruff_cache
