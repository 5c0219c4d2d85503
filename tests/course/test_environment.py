"""The check of the environment: what is missing is named with what to do, and what is optional never alarms."""

import re

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
    found = environment.pins()
    assert plain.items() <= found.items()
    assert set(found) - set(plain) <= {"tflite-micro"}


def test_a_package_of_another_version_or_none_at_all(monkeypatch):
    versions = environment.pins() | {"numpy": "1.0", "scipy": None}
    monkeypatch.setattr(environment, "_version", versions.get)
    found = environment._packages()
    total = len(environment.pins())
    assert found.found == f"{total - 2} of {total} as pinned: numpy 1.0, scipy missing"
    assert found.to_do == environment.INSTALL
    table = environment.check()
    assert table.caption.startswith("Look at: ") and "packages" in table.caption


def test_a_package_that_is_not_there():
    assert environment._version("no-such-package-at-all") is None


@pytest.mark.parametrize(("version", "fits"), [((3, 10), False), ((3, 11), True), ((3, 13), True), ((3, 14), False)])
def test_pythons(version, fits):
    found = environment._python(version)
    assert found.found == f"{version[0]}.{version[1]}"
    assert (found.to_do == "") == fits


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
    found = environment._pictures()
    assert found.found == ("photographs, prepared" if there else "drawn pets")
    assert ("make photos" in found.to_do) != there


def test_no_path_of_the_machine_is_shown():
    assert not re.search(r"[/\\]\w+[/\\]", str(environment.check()))
