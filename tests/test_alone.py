"""Any notebook can be the first one opened: each runs alone, with nothing made before, on a few pictures.

The first two do so wherever the tests begin with the course (`conftest.py`): 00 needs nothing and makes nothing.

And without the packages that only measure: TensorFlow Lite Micro, the emulator, and compilers for other processors.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from helpers import architectures, artifacts, conversion, training

pytest_plugins = ["small"]

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
COURSE = sorted(path.stem for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))[2:]  # `make test` begins with two
PICTURES = 25  # of each class: a third of the small folder, because four trainings and four conversions take long
AT_ONCE = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2  # notebooks: one for each core that other tests leave
FILES = {conversion.filename(kind) for kind in conversion.KINDS}

# What must be there afterwards, besides the page: whatever the notebook needs and whatever it writes.
MADE = {
    "02_convert": {training.SAVED_MODEL, "converted_model.tflite", *FILES},
    "03_why_quantize": {training.SAVED_MODEL, "alexnet_files", *FILES},
    "04_how_to_quantize": {training.SAVED_MODEL, *map(conversion.filename, ("float32", "dynamic range", "int8"))},
    "05_tradeoffs": {training.SAVED_MODEL, "mobilenet", *FILES},
    "06_other_parts": {training.SAVED_MODEL, "alexnet_files", "repairs", conversion.filename("float32")},
    "07_on_the_board": {training.SAVED_MODEL, "firmware", *FILES},
    "08_summary": {training.SAVED_MODEL, *FILES},
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


def run(name, home, folder, **variables):
    """Run one notebook on the pictures of a folder: what was printed, and the exit status."""
    environment = {**os.environ, "PTQ_ARTIFACTS": str(home), "PTQ_DATASET": str(folder), **variables}
    command = [sys.executable, str(NOTEBOOKS / "run.py"), "--only", name]
    options = {"capture_output": True, "text": True, "timeout": 500, "check": False}
    done = subprocess.run(command, env=environment, cwd=home, **options)
    return done.stdout + done.stderr, done.returncode


@pytest.fixture(scope="module")
def runs(small_folder, tmp_path_factory):
    """Each notebook run alone: {name: (its artifacts, what was printed, exit status)}."""
    folder = tmp_path_factory.mktemp("few") / "pets"
    for path in small_folder.glob("*/*.png"):
        if int(path.stem) < PICTURES:
            (folder / path.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / path.parent.name)

    shared = artifacts.root() / architectures.FOLDER  # files that belong to no pictures: made here once for all tests
    shared.mkdir(exist_ok=True)

    blind = tmp_path_factory.mktemp("blind")
    (blind / "sitecustomize.py").write_text(HIDE)
    hidden = {"PYTHONPATH": str(blind), "PATH": str(blind)}  # on this path there is no compiler

    def alone(name):
        home = tmp_path_factory.mktemp(name)
        with contextlib.suppress(OSError):  # Windows may refuse links; then these files are made twice
            (home / architectures.FOLDER).symlink_to(shared, target_is_directory=True)
        return home, *run(name, home, folder, **(hidden if name == BOARD else {}))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(COURSE, pool.map(alone, COURSE), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", COURSE)
def test_a_notebook_runs_first_and_alone(runs, name):
    home, said, status = runs[name]
    assert status == 0, said
    (folder,) = home.glob("folder-*")
    made = {path.name for path in folder.iterdir()}
    assert made >= MADE.get(name, set())
    assert not [path for path in made if path.endswith(".partial")], "nothing half-written is left"
    assert (home / "html" / f"{name}.html").is_file()


@pytest.mark.slow
def test_the_board_needs_no_package_that_only_measures(runs):
    """TensorFlow Lite Micro and the emulator are hidden from that notebook here; the course runs it with them."""
    home, said, status = runs[BOARD]
    assert status == 0, said
    page = (home / "html" / f"{BOARD}.html").read_text("utf-8")
    for words in ("not measured", "computed from the file", "Not tried here", "recorded", "cannot be built here"):
        assert words in page
    sections = json.loads((home / artifacts.METRICS).read_text())
    (found,) = [numbers["board"] for numbers in sections.values() if "board" in numbers]
    assert found["counts"] == "recorded"
    assert found["files"]["int8"]["arena"].startswith("computed")
