"""Machines that are not ours: no home, the locale POSIX, a path with spaces and umlauts, and two runs at once."""

import os
import shlex
import shutil
import subprocess
import sys

import pytest

from helpers.base.data import project

pytest_plugins = ["small"]

SHIPPED = "data/checkpoints/residual_cnn_int8.tflite"
PARTS = ("notebooks", "helpers", "data", "tools", "web")


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
    """Two runs of the first notebook and of a scoring, begun at the same time in one clone, on a folder of pictures."""
    kept = {name: value for name, value in os.environ.items() if name not in ("HOME", "USERPROFILE", "PTQ_ARTIFACTS")}
    pictures = clone / "Häufige Tiere"
    shutil.copytree(small_folder, pictures)
    environment = kept | {"LC_ALL": "POSIX", "PYTHONPATH": str(clone), "PTQ_DATASET": str(pictures)}
    score = [sys.executable, "-m", "helpers.evaluation", SHIPPED, "--split", "all"]
    both = shlex.join([sys.executable, "tools/run.py", "--only", "00"]) + " && " + shlex.join(score)
    options = {"cwd": clone, "env": environment, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "shell": True}
    runs = [subprocess.Popen(both, **options) for _ in range(2)]
    return [(run.communicate(timeout=500)[0].decode("utf-8"), run.returncode) for run in runs]


def test_both_runs_end_well(two_runs):
    for printed, status in two_runs:
        assert status == 0, printed
        assert not [line for line in printed.splitlines() if "Traceback" in line or "WARNING" in line], printed
        assert "of 140 pictures" in printed


def test_the_results_are_whole_and_in_the_clone(clone, two_runs):
    made = clone / "artifacts"
    assert (made / "html" / "00_start_here.html").is_file()
    assert len(list(made.rglob("pictures/**/*.png"))) == 140, "one checked copy, which both runs have read"
    assert not list(made.rglob("*.partial")), "nothing is left half-written"
