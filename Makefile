# The suite's commands. Each sets up what it needs: the virtual environment .venv/ with the pinned packages.
# On Windows, or without make, the plain commands that these stand for are in README.md.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/installed

.DEFAULT_GOAL := help
.PHONY: help run test lab slides photos firmware site handouts assignment refresh figures badges lint clean
.NOTPARALLEL:

help:
	@echo "make run       execute the notebooks in order, write them as HTML, print the comparison"
	@echo "make test      everything that must hold: the helpers, the notebooks cell by cell, lint"
	@echo "make lab       open the course in JupyterLab"
	@echo "make photos    download the photographs (786 MB), once"
	@echo "make firmware  write your int8 network as C, compile it for microcontrollers, prepare a folder for Arduino"
	@echo "make site      write the whole course as a site that needs no network, live pages in front, PDFs at hand"
	@echo "make handouts  write the exercises and questions with room to write, as PDFs"
	@echo "make assignment  write a graded edition of the exercises, for nbgrader"
	@echo "make slides    write the notebooks and the lecture as slides that need no network"
	@echo "make refresh   for authors: run the notebooks on the drawn pets and store the outputs in them"
	@echo "make figures   for authors: write the figures of the README from the stored outputs"
	@echo "make badges    for authors: write where the course opens with one click into docs/where_it_runs.md"
	@echo "make lint      for authors: mend style and format where ruff can, and show what is left"
	@echo "make clean     delete everything a run made; the virtual environment stays"

run: $(INSTALLED)
	@$(PY) tools/run.py

test: $(INSTALLED)
	@$(PY) -m pytest --fresh -n 2

# Only this machine can reach the server, and only with the token in the address that it prints. News and update
# checks are off because they ask the network. Jupyter wants to be told when root (in a container, say) is meant.
lab: $(INSTALLED)
	@$(PY) -m jupyterlab --ServerApp.ip=127.0.0.1 --ServerApp.root_dir=. \
	    --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb \
	    --LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate \
	    $(if $(filter 0,$(shell id -u)),--allow-root)

photos: $(INSTALLED)
	@$(PY) -m helpers.datasets photographs

slides: $(INSTALLED)
	@$(PY) tools/slides.py

firmware: $(INSTALLED)
	@$(PY) -m helpers.firmware

site: $(INSTALLED)
	@$(PY) tools/website.py

handouts: $(INSTALLED)
	@$(PY) tools/handouts.py

assignment: $(INSTALLED)
	@$(PY) tools/assignment.py

refresh: $(INSTALLED)
	@$(PY) tools/run.py --refresh

figures: $(INSTALLED)
	@$(PY) tools/figures.py

badges: $(INSTALLED)
	@$(PY) tools/badges.py

lint: $(INSTALLED)
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

clean:
	@rm -rf artifacts
	@echo "Deleted artifacts/. To start from nothing, delete $(VENV)/ as well."

# --- the virtual environment ---------------------------------------------------------------------------------------

# Whether the environment works and finds `helpers` here; not so once the project has been moved or copied.
HERE := $(shell $(PY) -I -c "import importlib.util as u, os; \
    print(os.path.samefile(u.find_spec('helpers').origin, 'helpers/__init__.py'))" 2>/dev/null)

# `installed` is written last, so it stands for a whole environment. Without it, or with an environment that does
# not work here, everything is installed anew; when only a pin has changed, only what that changes.
ifneq ($(HERE),True)
.PHONY: $(INSTALLED)
endif

$(INSTALLED): requirements.txt pyproject.toml setup.py
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))" || { echo \
	    "The pinned packages need Python 3.11, 3.12 or 3.13; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." \
	    "Say which Python to use, such as: make $(firstword $(MAKECMDGOALS)) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c "import ensurepip, venv" 2>/dev/null || { echo \
	    "'$(PYTHON)' cannot make virtual environments." \
	    "On Debian or Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	@test "$(HERE)" = True -a -f $@ || rm -rf $(VENV)
	@rm -f $@
	@echo "Installing the pinned packages into $(VENV)/ (once: about 2 minutes and 3 GB) ..."
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(PY) -m pip check
	@touch $@
