"""`make firmware`: programs and the folder for Arduino from a file, and what is said where something is missing."""

import re
import subprocess

import pytest

import odd_files
from helpers import firmware
from helpers.base.data import project
from helpers.board import building, compiled_network
from helpers.networks.plans import PRETRAINED_INT8 as SHIPPED

pytest_plugins = ["small"]


@pytest.fixture
def pets(small_folder, monkeypatch):
    monkeypatch.setenv("PTQ_DATASET", str(small_folder))


@pytest.mark.skipif(not building.compilers("Cortex-M4F"), reason="no compiler for the Cortex-M4F")
def test_programs_and_a_folder_for_arduino(pets, tmp_path, capsys):
    firmware.main([str(SHIPPED), "--folder", str(tmp_path)])
    printed = capsys.readouterr().out
    for name, version in compiled_network.VERSIONS.items():
        program = tmp_path / name / compiled_network.PROGRAM
        assert program.read_bytes()[:4] == b"\x7fELF" and str(program) in printed and version.label in printed
    assert (tmp_path / "cats_vs_dogs" / "cats_vs_dogs.ino").is_file()
    assert printed.rstrip().endswith(f"To flash with Arduino: {tmp_path / 'cats_vs_dogs'}")


def test_without_a_compiler_it_says_what_is_missing(pets, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(building, "compilers", lambda core: [])
    firmware.main([str(SHIPPED), "--folder", str(tmp_path)])
    shown = capsys.readouterr()
    assert "sudo apt install gcc-arm-none-eabi" in shown.err and "pip install ziglang" in shown.err
    assert (tmp_path / "cats_vs_dogs" / "network.c").is_file() and "To flash with Arduino" in shown.out


def test_a_file_that_is_no_int8_network_is_refused(pets, tmp_path):
    with pytest.raises(SystemExit, match=r"nothing.tflite"):
        firmware.main([str(tmp_path / "nothing.tflite")])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (odd_files.small, r"^Expected one square picture in colours, .* it takes \[1, 6, 6, 2\]\.$"),
        (odd_files.REFUSED["a shorter buffer"][0], r"^odd.tflite cannot be read: tensor 1, 't1', has 22 bytes"),
        (odd_files.streaming, r"it takes \[1, 4\]\.$"),
    ],
)
def test_other_files_are_refused_in_a_sentence(build, why, pets, tmp_path):
    path = tmp_path / "odd.tflite"
    path.write_bytes(odd_files.content(build))
    with pytest.raises(SystemExit, match=why):
        firmware.main([str(path), "--folder", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_make_knows_it():
    done = subprocess.run(["make", "-n", "firmware"], cwd=project(), capture_output=True, text=True, check=True)
    assert re.search(r"-m helpers\.firmware$", done.stdout, re.MULTILINE)
