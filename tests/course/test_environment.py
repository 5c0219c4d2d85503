"""The check of the environment: what is missing is named with what to do, and what is optional never alarms."""

import ast
import json
import os
import re
import subprocess
import sys
from importlib import metadata

import pytest

from helpers.base import machine
from helpers.base.data import project
from helpers.course import environment
from helpers.pictures import photographs


def lines(table):
    return {row[0]: row[1:] for row in table.rows}


def test_here_everything_that_is_needed_is_here(monkeypatch):
    """These tests run with the pinned packages; memory and disk are those of the machine, so they are given."""
    monkeypatch.setattr(environment, "_memory", lambda: environment.Finding("free memory", "8 GB"))
    monkeypatch.setattr(environment, "_disk", lambda: environment.Finding("free disk", "8 GB"))
    monkeypatch.setattr(environment, "_cores", lambda: environment.Finding("cores", "2"))
    table = environment.check()
    assert table.caption == "Everything that the course needs is here"
    assert all(to_do == "–" or to_do.startswith("optional: ") for _, _, to_do in table.rows)


def test_the_pins_are_those_of_the_file():
    """Read a second way: lines with == and, for this system, without a marker or with one that fits."""
    text = (project() / "requirements.txt").read_text("utf-8")
    plain = dict(re.findall(r"^([\w.-]+)==([^\s;]+)$", text, re.M))
    pins = environment.pins()
    assert plain.items() <= pins.items()
    assert set(pins) - set(plain) <= {"tflite-micro"}


def test_a_package_of_another_version_or_none_at_all(monkeypatch):
    versions = environment.pins() | {"numpy": "1.0", "scipy": None}
    monkeypatch.setattr(environment, "_version", versions.get)
    finding = environment._packages()
    total = len(environment.pins())
    assert finding.result == f"{total - 2} of {total} as pinned: numpy 1.0, scipy missing"
    assert finding.to_do == environment.INSTALL
    table = environment.check()
    assert table.caption.startswith("Look at: ") and "packages" in table.caption


def test_a_package_that_is_not_there():
    assert environment._version("no-such-package-at-all") is None


@pytest.mark.parametrize(("version", "fits"), [((3, 10), False), ((3, 11), True), ((3, 13), True), ((3, 14), False)])
def test_pythons(version, fits):
    finding = environment._python(version)
    assert finding.result == f"{version[0]}.{version[1]}"
    assert (finding.to_do == "") == fits


def test_the_pythons_are_those_of_the_project():
    low, high = environment.PYTHONS
    asked = re.search(r'requires-python = "([^"]+)"', (project() / "pyproject.toml").read_text("utf-8"))[1]
    assert asked == f">={low[0]}.{low[1]},<{high[0]}.{high[1] + 1}"


@pytest.mark.parametrize(("free", "to_do"), [(1e9, "one notebook at a time"), (16e9, "")])
def test_memory(free, to_do):
    assert environment._memory(free) == environment.Finding("free memory", f"{free / 1e9:.0f} GB", to_do)


def test_a_full_disk():
    assert "make room for 2 GB" in environment._disk(1e8).to_do
    assert environment._disk(1e11).to_do == ""


def test_what_is_optional_says_what_happens_without(monkeypatch):
    monkeypatch.setattr(machine, "importable", lambda *_: False)
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    table = lines(environment.check())
    assert table["TensorFlow Lite Micro"] == ["no", "optional: notebook 7 computes the arena instead of measuring it"]
    assert table["npm"] == ["no", "optional: make slides needs it once"]


@pytest.mark.parametrize("there", [True, False])
def test_pictures(monkeypatch, there):
    monkeypatch.setattr(photographs, "prepared", lambda: there)
    finding = environment._pictures()
    assert finding.result == ("photographs, prepared" if there else "drawn pets")
    assert ("make photos" in finding.to_do) != there


def test_no_path_of_the_machine_is_shown():
    assert not re.search(r"[/\\]\w+[/\\]", str(environment.check()))


# --- in a process of its own, where something is missing --------------------------------------------------------------

HIDE = """
import importlib.machinery, sys
from importlib import metadata

class Without(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in sys.argv[2].split() else super().find_spec(name, path, target)

sys.meta_path = [Without if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path]
version = metadata.version

def without(package):
    if package == sys.argv[1]:
        raise metadata.PackageNotFoundError(package)
    return version(package)

metadata.version = without
from helpers.course import environment
table = environment.check()
print(dict((row[0], row[1:]) for row in table.rows)["packages"])
print(sorted({name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names))
print(table.caption)
"""


def modules_of(package: str) -> list[str]:
    """Return the modules that a package brings, as they are imported."""
    return [module for module, packages in metadata.packages_distributions().items() if package in packages]


@pytest.mark.parametrize("package", sorted(environment.pins()))
def test_each_package_may_be_missing_and_is_named(package, tmp_path):
    """The check runs, names the package and what to do, imports nothing but the helpers, and leaves nothing behind."""
    hidden = " ".join(modules_of(package) or [package])
    command = [sys.executable, "-c", HIDE, package, hidden]
    place = {**os.environ, "PTQ_ARTIFACTS": str(tmp_path / "artifacts")}
    done = subprocess.run(command, cwd=tmp_path, env=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    packages, imported, caption = done.stdout.splitlines()
    assert f"{package} missing" in packages and environment.INSTALL in packages
    assert "packages" in caption.removeprefix("Look at: ").split(", ")
    assert {name for name in ast.literal_eval(imported) if not name.startswith(("_", "site"))} == {"helpers"}
    assert list(tmp_path.iterdir()) == [], "nothing is made"


def test_the_check_is_the_first_thing_that_is_imported():
    """In the notebook that checks the machine, no cell before the check imports anything but it."""
    notebook = json.loads((project() / "notebooks" / "00_start_here.ipynb").read_text("utf-8"))
    sources = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    first = next(source for source in sources if "import" in source)
    assert first == "from helpers.course import environment\n\nenvironment.check()"
