"""Any notebook can be the first one opened: each runs alone, with nothing made before, on a few pictures.

It runs in JupyterLab where there is a browser, as a reader runs it, and what is seen there is looked at; elsewhere
`tools/run.py` runs it. The first one, which needs no pictures, runs in `test_lab.py`.

And without the packages that only measure: TensorFlow Lite Micro, the emulator, and compilers for other processors.
"""

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import browser
import lab
from helpers.base import artifacts, metrics
from helpers.networks import published, training
from helpers.tflite import convert

pytest_plugins = ["small", "browser"]

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
COURSE = sorted(path.stem for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))[1:]  # all that need pictures
PICTURES = 25  # of each class: a third of the small folder, because four trainings and four conversions take long
AT_ONCE = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2  # notebooks: one for each core that other tests leave
FILES = {convert.filename(kind) for kind in convert.KINDS}

# What must be there afterwards, besides the page: whatever the notebook needs and whatever it writes.
MADE = {
    "01_train": {training.SAVED_MODEL},
    "02_convert": {training.SAVED_MODEL, "converted_model.tflite", *FILES},
    "03_why_quantize": {training.SAVED_MODEL, "alexnet_files", *FILES},
    "04_how_to_quantize": {training.SAVED_MODEL, *map(convert.filename, ("float32", "dynamic range", "int8"))},
    "05_tradeoffs": {training.SAVED_MODEL, "mobilenet", *FILES},
    "06_other_parts": {training.SAVED_MODEL, "alexnet_files", "repairs", convert.filename("float32")},
    "07_on_the_board": {training.SAVED_MODEL, "firmware", *FILES},
    "08_summary": {training.SAVED_MODEL, *FILES},
    "09_fewer_bits": {"fewer_bits"},
}


BOARD = "07_on_the_board"  # runs without what only measures
HIDDEN = ("tflite_micro", "unicorn", "capstone", "ziglang")
HIDE = f"""
import importlib.machinery, sys

class Without(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {HIDDEN} else super().find_spec(name, path, target)

sys.meta_path = [Without if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path]
"""


@dataclasses.dataclass(frozen=True)
class Ran:
    """A notebook that was run alone."""

    home: Path  # its artifacts
    shown: str  # what it printed, and its tables
    problems: list[str]


def in_jupyterlab(server, window, name, home, **variables):
    """Run one notebook in JupyterLab, and keep screenshots of its end and of its first live figure."""
    path = NOTEBOOKS / f"{name}.ipynb"
    notebook = window.open(server.add(path, PTQ_ARTIFACTS=str(home), **variables))
    notebook.run_all()
    pictures = browser.screenshots("lab")
    notebook.screenshot(pictures / f"{name}.png", notebook.top())
    if notebook.live().count():
        notebook.screenshot(pictures / f"{name}_live.png", notebook.live().first)
    ran = Ran(home, notebook.outputs(), notebook.problems())
    notebook.close()
    return ran


def by_command(name, home, **variables):
    """Run one notebook with `tools/run.py`."""
    environment = {**os.environ, "PTQ_ARTIFACTS": str(home), **variables}
    command = [sys.executable, str(NOTEBOOKS.parent / "tools" / "run.py"), "--only", name]
    options = {"capture_output": True, "text": True, "timeout": 500, "check": False}
    done = subprocess.run(command, env=environment, cwd=home, **options)
    page = home / "html" / f"{name}.html"
    problems = [done.stdout + done.stderr] if done.returncode or not page.is_file() else []
    return Ran(home, page.read_text("utf-8") if page.is_file() else "", problems)


@pytest.fixture(scope="module")
def few(small_folder, tmp_path_factory):
    """A folder with the first pictures of the small one."""
    folder = tmp_path_factory.mktemp("few") / "pets"
    for path in small_folder.glob("*/*.png"):
        if int(path.stem) < PICTURES:
            (folder / path.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / path.parent.name)
    return folder


@pytest.fixture(scope="module")
def prepared(few, tmp_path_factory):
    """Where each notebook runs, and with which variables: {name: (its artifacts, variables)}."""
    shared = artifacts.root() / published.FOLDER  # files that belong to no pictures: made here once for all tests
    shared.mkdir(exist_ok=True)

    blind = tmp_path_factory.mktemp("blind")
    (blind / "sitecustomize.py").write_text(HIDE)
    hidden = {"PYTHONPATH": str(blind), "PATH": str(blind)}  # on this path there is no compiler

    def place(name):
        home = tmp_path_factory.mktemp(name)
        with contextlib.suppress(OSError):  # Windows may refuse links; then these files are made twice
            (home / published.FOLDER).symlink_to(shared, target_is_directory=True)
        return home, {"PTQ_DATASET": str(few), **(hidden if name == BOARD else {})}

    return {name: place(name) for name in COURSE}


@pytest.fixture(scope="module")
def runs(prepared, request, tmp_path_factory):
    """Each notebook run alone: {name: Ran}."""
    if browser.CHROMIUM:
        chromium = request.getfixturevalue("chromium")
        with lab.serving(tmp_path_factory.mktemp("lab")) as server, browser.tabs(chromium) as tab:
            window = server.window(tab(1280, 900))
            return {name: in_jupyterlab(server, window, name, home, **v) for name, (home, v) in prepared.items()}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = {name: pool.submit(by_command, name, home, **v) for name, (home, v) in prepared.items()}
        return {name: ran.result() for name, ran in waiting.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", COURSE)
def test_a_notebook_runs_first_and_alone(runs, name):
    ran = runs[name]
    assert ran.problems == []
    (folder,) = ran.home.glob("folder-*")
    made = {path.name for path in folder.iterdir()}
    assert made >= MADE.get(name, set())
    assert not [path for path in made if path.endswith(".partial")], "nothing half-written is left"


@pytest.mark.slow
def test_the_board_needs_no_package_that_only_measures(runs):
    """TensorFlow Lite Micro and the emulator are hidden from that notebook here; the course runs it with them."""
    ran = runs[BOARD]
    assert ran.problems == []
    for words in ("not measured", "computed from the file", "Not tried here", "recorded"):
        assert words in ran.shown
    sections = json.loads((ran.home / metrics.METRICS).read_text())
    (board,) = [numbers["board"] for numbers in sections.values() if "board" in numbers]
    assert board["counts"] == "recorded"
    assert board["files"]["int8"]["arena"].startswith("computed")
