"""Installed with pip, away from the project: the helpers, their data and their pins come along, and work from anywhere.

The environment is new and empty.  The pinned packages of this one are put on its path, so that pip finds them there and
does not fetch three gigabytes again; that it asks for the very same pins is checked in what it has recorded.
"""

import json
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import helpers
from helpers.base import data

PROJECT = Path(__file__).resolve().parent.parent
COPIED = ("helpers", "data", "firmware", "LICENSE", "README.md", "pyproject.toml", "requirements.txt", "setup.py")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The Python of a new environment into which `pip install .` has installed a copy of the project."""
    folder = tmp_path_factory.mktemp("installed")
    for name in COPIED:
        source, ignored = PROJECT / name, shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, folder / "copy" / name, ignore=ignored) if source.is_dir() else shutil.copy(
            source, folder / "copy" / name
        )
    venv.create(folder / "venv")
    python = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip())
    (packages / "packages_of_the_tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-build-isolation", "."]
    done = subprocess.run(command, cwd=folder / "copy", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(folder / "copy")  # what is installed must not need it
    return python, packages


def run(installed, code: str, folder: Path) -> str:
    """Run Python code in the new environment, in a folder of its own, and return what it prints."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "MPLBACKEND": "agg"}
    done = subprocess.run(
        [installed[0], "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_helpers_and_their_data_come_along(installed, tmp_path):
    code = "from helpers.base import data; import json; print(json.dumps([str(data.PACKAGE), str(data.folder())]))"
    package, folder = map(Path, json.loads(run(installed, code, tmp_path)))
    assert package == installed[1] / "helpers" and folder == package / "data"
    mine = {p.relative_to(PROJECT / "data") for p in (PROJECT / "data").rglob("*") if p.is_file()}
    assert {p.relative_to(folder) for p in folder.rglob("*") if p.is_file()} - {Path("__init__.py")} == mine
    assert {p.name for p in (package / "firmware").iterdir()} >= {p.name for p in (PROJECT / "firmware").iterdir()}
    modules = {p.relative_to(PROJECT / "helpers") for p in (PROJECT / "helpers").rglob("*.py")}
    assert {p.relative_to(package) for p in package.rglob("*.py")} >= modules


def test_the_pins_are_those_of_requirements_txt(installed, tmp_path):
    code = """
from importlib import metadata
import json
print(json.dumps([metadata.version("ptq-teaching-suite"), metadata.requires("ptq-teaching-suite")]))
"""
    version, recorded = json.loads(run(installed, code, tmp_path))
    assert version == helpers.__version__
    pins = [
        Requirement(line)
        for line in (PROJECT / "requirements.txt").read_text("utf-8").splitlines()
        if line[:1].isalnum()
    ]
    recorded = [Requirement(line) for line in recorded]
    assert {(pin.name, str(pin.specifier)) for pin in pins} == {(pin.name, str(pin.specifier)) for pin in recorded}
    extra = {pin.name for pin in recorded if pin.marker and "extra" in str(pin.marker)}
    assert {"pytest", "jupyterlab"} <= extra and not {"tensorflow", "numpy", "ipywidgets", "tflite-micro"} & extra


def test_it_works_from_any_folder(installed, tmp_path):
    """A table, a checkpoint, a program, the check, and a process of its own; results go where the reader works."""
    code = """
from helpers import plots
from helpers.base import artifacts
from helpers.board import boards, counts
from helpers.course import environment
from helpers.integer.network import load_network
from helpers.networks import plans, training
from helpers.tflite import micro
print(artifacts.root())
print(len(boards.load()), len(counts.recorded()["GCC"].cores()))
print(load_network(plans.PRETRAINED_INT8) is not None, training.pretrained().count_params())
print(micro.installed() and micro.arena_bytes(plans.PRETRAINED_INT8) > 0 or "no micro")
print(environment.check().caption)
"""
    lines = run(installed, code, tmp_path).splitlines()
    assert Path(lines[0]) == (tmp_path / "artifacts").resolve()
    assert lines[2] == "True 332466" and lines[3] in ("True", "no micro")
    assert int(lines[1].split()[0]) == len((data.folder() / "boards.csv").read_text("utf-8").splitlines()) - 1
