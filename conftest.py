"""Settings for every test, the helpers' and the notebooks': which pictures, and where results go.

It stands in the root folder so that `pytest notebooks/01_train.ipynb` on its own has the same settings.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parent
RESULTS = PROJECT / "artifacts" / "test"
# What the notebooks need, made beside the first tests, most of which keep one core busy and no more.
AHEAD = """
import os
getattr(os, "nice", int)(10)
from helpers import architectures, conversion, datasets, pruning
pets = datasets.load()
conversion.files(pets), pruning.files(pets)
for name in architectures.ARCHITECTURES:
    architectures.files(name)
"""
KEPT = "tensorflow_datasets"  # the drawn pets: their builder has a version, so old ones cannot pass for new


def pytest_addoption(parser):
    parser.addoption(
        "--fresh",
        action="store_true",
        help="delete what earlier tests trained and converted (the drawn pictures stay), so that nothing old "
        "hides a mistake; what `make test` does",
    )


def pytest_configure(config):
    # The stored outputs that the notebooks are compared with are those of the drawn pets.
    os.environ["PTQ_DATASET"] = "drawn"
    own = not os.environ.get("PTQ_ARTIFACTS")
    if own:
        os.environ["PTQ_ARTIFACTS"] = str(RESULTS)
    if own and config.getoption("fresh") and RESULTS.is_dir():  # a folder of the caller's is never emptied
        for path in RESULTS.iterdir():
            if path.name != KEPT:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def is_cell(item) -> bool:
    return item.path.suffix == ".ipynb"


def is_late(item) -> bool:
    return is_cell(item) or item.get_closest_marker("late") is not None


def pytest_collection_modifyitems(items):
    """Put the tests that need what is made in the background behind the others, and the notebooks last."""
    items.sort(key=lambda item: (is_cell(item), is_late(item)))


def pytest_collection_finish(session):
    config = session.config
    if config.getoption("fresh") and not config.option.collectonly and any(map(is_cell, session.items)):
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        config.ahead = subprocess.Popen([sys.executable, "-c", AHEAD], cwd=PROJECT, **streams)


def pytest_runtest_setup(item):
    """Wait for what is made in the background: two builders at once would do the same work twice."""
    if is_late(item) and hasattr(item.config, "ahead"):
        item.config.ahead.wait()  # if it failed, whoever needs its results makes them, and shows why it cannot


def pytest_unconfigure(config):
    if hasattr(config, "ahead"):
        config.ahead.kill()


def pytest_report_header():
    shown = Path(os.environ["PTQ_ARTIFACTS"]).resolve()
    return f"pictures: drawn pets; results: {os.path.relpath(shown)}"
