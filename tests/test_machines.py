"""Machines that are not ours: no home, the locale POSIX, a path with spaces and umlauts, and two runs at once."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from helpers.base.data import project

pytest_plugins = ["small"]

PARTS = ("notebooks", "helpers", "data", "tools")


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the project where a path has spaces, umlauts and an apostrophe."""
    place = tmp_path_factory.mktemp("odd") / "Käthe's Übung 1"
    for part in PARTS:
        shutil.copytree(project() / part, place / part, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    for name in ("requirements.txt", "pyproject.toml"):
        shutil.copy(project() / name, place)
    return place


@pytest.fixture(scope="module")
def two_runs(clone, small_folder):
    """Two runs of the first two notebooks, begun at the same time in one clone, on a folder of pictures."""
    kept = {name: value for name, value in os.environ.items() if name not in ("HOME", "USERPROFILE", "PTQ_ARTIFACTS")}
    pictures = clone / "Häufige Tiere"
    shutil.copytree(small_folder, pictures)
    environment = kept | {"LC_ALL": "POSIX", "PYTHONPATH": str(clone), "PTQ_DATASET": str(pictures)}
    command = [sys.executable, "tools/run.py", "--only", "00", "--only", "02"]
    options = {"cwd": clone, "env": environment, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    runs = [subprocess.Popen(command, **options) for _ in range(2)]
    return [(run.communicate(timeout=500)[0].decode("utf-8"), run.returncode) for run in runs]


def test_both_runs_end_well(two_runs):
    for printed, status in two_runs:
        assert status == 0, printed
        assert not [line for line in printed.splitlines() if "Traceback" in line or "WARNING" in line], printed


def test_the_results_are_whole_and_in_the_clone(clone, two_runs):
    pages = sorted(path.name for path in (clone / "artifacts" / "html").glob("*.html"))
    assert pages[:2] == ["00_start_here.html", "02_convert.html"]
    assert "Häufige Tiere" in (clone / "artifacts" / "html" / "02_convert.html").read_text("utf-8")
    (measured,) = json.loads((clone / "artifacts" / "metrics.json").read_text("utf-8")).values()
    assert measured["conversion"]
    assert not list((clone / "artifacts").rglob("*.partial")), "nothing is left half-written"
