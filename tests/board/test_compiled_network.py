"""Programs of the shipped network: as they were recorded, built again, and with the constants of another network."""

import importlib.util
import re

import numpy as np
import pytest

from helpers.base import artifacts
from helpers.board import building, compiled_network, emulated_board, inference, programs
from helpers.board.bands import Bands
from helpers.board.compiled_network import FOLDER, VERSIONS, Version
from helpers.board.emulated_board import Board
from helpers.integer.network import load_network
from helpers.integer.rounding import MICRO
from helpers.networks.plans import PRETRAINED_INT8 as SHIPPED
from helpers.tflite import convert, edit
from needs import emulated

GCC = next((c for c in building.compilers("Cortex-M4F") if c.name == "GCC"), None)
ZIG = next((c for c in building.compilers("Cortex-M4F") if c.name == "Zig"), None)
MANIFEST = compiled_network.read_manifest()


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A network with the layers of the shipped one and other weights and biases: all in another order."""

    def turned(tensor):
        return tensor.data[::-1] if tensor.dtype == "int8" else tensor.data

    return convert.write(edit.replace_weights(SHIPPED, turned), tmp_path_factory.mktemp("other") / "other.tflite")


def test_they_are_what_was_recorded():
    assert MANIFEST["sources"] == compiled_network.sources(), (
        "build them again: helpers.microcontroller --build --record"
    )
    assert list(MANIFEST["programs"]) == list(VERSIONS)
    for name, known in MANIFEST["programs"].items():
        assert artifacts.sha256(FOLDER / f"{name}.elf") == known["sha256"]
        assert known["command"].startswith("arm-none-eabi-gcc ") and known["command"].endswith("-o program.elf")


@pytest.mark.parametrize("name", VERSIONS)
def test_the_constants_are_where_the_compiler_put_them(name):
    """GCC laid out the same bytes that Python does: a program with its own constants put in again does not change."""
    path = FOLDER / f"{name}.elf"
    assert compiled_network.prebuilt(SHIPPED, VERSIONS[name]).program == programs.read_program(path)


@emulated
@pytest.mark.parametrize("name", ["cortex-m4f", "cortex-m4f-bands"])
def test_another_network_runs_in_the_same_program(name, other):
    codes = np.random.default_rng(2).integers(-128, 128, (96, 96, 3), np.int8)
    network = load_network(other, rounding=MICRO)
    expected = network.tensors(codes[np.newaxis])
    found = Board(compiled_network.firmware(other, VERSIONS[name])).tensors(codes)
    assert len(found) == len(network.steps) - (2 if VERSIONS[name].bands else 0)
    for tensor, values in found.items():
        np.testing.assert_array_equal(values, expected[tensor])


def test_a_network_of_other_layers_needs_a_compiler(other, monkeypatch, tmp_path):
    monkeypatch.setattr(building, "compilers", lambda core: [])
    monkeypatch.setattr(compiled_network, "_outline", lambda written: "another")
    with pytest.raises(NotImplementedError, match=r"other.tflite has others\. A network cannot be compiled here"):
        compiled_network.firmware(other, Version("Cortex-M4F"))
    with pytest.raises(NotImplementedError, match=r"No program for Cortex-M3, plain C comes with the suite, only for "):
        compiled_network.firmware(SHIPPED, Version("Cortex-M3"))


def test_a_program_that_was_changed_is_refused(monkeypatch, tmp_path):
    for file in FOLDER.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "cortex-m4f.elf").write_bytes(b"\x7fELF")
    monkeypatch.setattr(compiled_network, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"cortex-m4f.elf is missing, or not the program that was recorded"):
        compiled_network.prebuilt(SHIPPED, Version("Cortex-M4F"))


def test_versions_have_names():
    assert Version("Cortex-M4F", bands=Bands(3)).label == "Cortex-M4F, SMLAD, in bands"
    assert Version("Cortex-M4F", bands=Bands(3)).slug == "cortex-m4f-smlad-in-bands"
    assert Version("Cortex-M0+").label == "Cortex-M0+, plain C" and not Version("Cortex-M4", plain=True).smlad
    with pytest.raises(KeyError, match="Expected one of Cortex-M0"):
        Version("AArch64")


# --- built again ------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(
    GCC is None or GCC.version != MANIFEST["programs"]["cortex-m4f"]["compiler"],
    reason="not the compiler of the programs",
)
@pytest.mark.parametrize("name", VERSIONS)
def test_the_same_compiler_makes_the_same_bytes(name, tmp_path):
    compiled_network.build(SHIPPED, VERSIONS[name], tmp_path, GCC)
    assert (tmp_path / compiled_network.PROGRAM).read_bytes() == (FOLDER / f"{name}.elf").read_bytes()


@emulated
def test_recorded_counts_are_those_of_the_programs():
    """All of them, to the last instruction."""
    again = inference.measure_all(SHIPPED, inference.example(SHIPPED), VERSIONS.values())
    recorded = inference.recorded()
    assert list(again) == list(recorded) == [version.label for version in VERSIONS.values()]
    for label, one in again.items():
        assert one.source == "measured" and recorded[label].source == "recorded"
        assert one.steps == recorded[label].steps and one.answer == recorded[label].answer
        assert (one.flash, one.ram, one.stack) == (recorded[label].flash, recorded[label].ram, recorded[label].stack)


@emulated
@pytest.mark.skipif(importlib.util.find_spec("ziglang") is None, reason="ziglang is not installed")
@pytest.mark.parametrize("version", [VERSIONS["cortex-m4f"], VERSIONS["cortex-m0plus"]], ids=lambda one: one.slug)
def test_another_compiler_comes_near(version, tmp_path):
    """Clang by way of Zig: the same answer, and instructions within a third."""
    board = Board(compiled_network.build(SHIPPED, version, tmp_path, ZIG))
    run, recorded = board.run(inference.example(SHIPPED), count=True), inference.recorded()[version.label]
    assert tuple(run.answer) == recorded.answer
    assert 0.75 < run.instructions / recorded.instructions < 1.33


# --- what does not fit ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not building.compilers("Cortex-M4F"), reason="no compiler for the Cortex-M4F")
@pytest.mark.parametrize("compiler", building.compilers("Cortex-M4F"), ids=lambda one: one.name)
def test_the_linker_refuses_to_the_byte(compiler):
    flash, ram = emulated_board.FLASH_BYTES, emulated_board.RAM_BYTES
    said = {
        ("flash", 8): emulated_board.FITS,
        ("RAM", 8): emulated_board.FITS,
        ("RAM", ram - 8): emulated_board.FITS,
        ("flash", flash + 1): "FLASH",
        ("RAM", ram + 1): "RAM",
    }
    for (memory, size), words in said.items():
        found = emulated_board._of_the_linker(compiler, memory, size)
        assert words in found and (words == emulated_board.FITS or re.search("will not fit|overflowed", found)), found


@emulated
def test_the_emulator_refuses_to_the_byte():
    for memory, size in (("flash", emulated_board.FLASH_BYTES), ("RAM", emulated_board.RAM_BYTES)):
        assert emulated_board._of_the_emulator(memory, size) == emulated_board.FITS
        assert "Invalid memory write" in emulated_board._of_the_emulator(memory, size + 1)


def test_what_is_asked_for_are_constants_and_activations(monkeypatch):
    monkeypatch.setattr(building, "compilers", lambda core: ["a compiler"])
    monkeypatch.setattr(emulated_board, "_of_the_linker", lambda compiler, memory, size: f"{compiler}: {memory} {size}")
    found = emulated_board.refusals(SHIPPED)
    assert found["RAM"] == "a compiler: RAM 110592"
    assert 330_000 < int(found["flash"].split()[-1]) < SHIPPED.stat().st_size
    monkeypatch.setattr(building, "compilers", lambda core: [])
    monkeypatch.setattr(emulated_board.emulator, "installed", lambda: False)
    assert set(emulated_board.refusals(SHIPPED).values()) == {"There is neither a linker nor an emulator here to ask."}
