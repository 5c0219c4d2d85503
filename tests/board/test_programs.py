"""The compiled programs: those of the manifest, with the kernels of their processor; and what is no program."""

import json
import shutil

import pytest

from helpers.base import artifacts
from helpers.board import counts, processors, programs, routines


def test_programs_and_sources_are_those_of_the_manifest():
    manifest = json.loads((routines.FOLDER / routines.MANIFEST).read_text(encoding="utf-8"))
    assert tuple(manifest["programs"]) == routines.COMPILERS
    for compiler, built in manifest["programs"].items():
        assert list(built) == list(processors.CORES)
        for name, program in built.items():
            assert program["file"] == processors.CORES[name].file
            assert program["sha256"] == artifacts.sha256(programs.folder(compiler) / program["file"])
            library = " -lgcc" if compiler == "GCC" else ""
            assert program["command"].endswith(f"kernels.c{library} -o {program['file']}")
            assert {"GCC": "gcc", "Zig": "ziglang"}[compiler] in program["compiler"]
    assert manifest["sources"] == {name: artifacts.sha256(routines.FOLDER / name) for name in routines.SOURCES}, (
        "build again"
    )


@pytest.mark.parametrize("compiler", routines.COMPILERS)
@pytest.mark.parametrize("core", processors.CORES)
def test_programs_have_the_kernels_of_their_processor(core, compiler):
    found = programs.read_program(programs.folder(compiler) / processors.CORES[core].file).functions
    assert {name for name in found if name in routines.ROUTINES} == set(routines.routines_of(core))


# --- what can go wrong ------------------------------------------------------------------------------------------------


def test_a_program_that_is_missing_or_another(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"no program cortex-m3.elf for Cortex-M3 in .*--build"):
        counts.count("Cortex-M3", "pointwise_i8", compiled=tmp_path)
    shutil.copytree(routines.FOLDER, tmp_path / "data")
    changed = tmp_path / "data" / "gcc" / "cortex-m3.elf"
    content = bytearray(changed.read_bytes())
    content[-1] ^= 1
    changed.write_bytes(content)
    monkeypatch.setattr(routines, "FOLDER", tmp_path / "data")
    with pytest.raises(ValueError, match=r"cortex-m3.elf is not the program that was recorded: its SHA-256"):
        counts.count("Cortex-M3", "pointwise_i8")
    with pytest.raises(KeyError, match="Expected one of GCC, Zig, or a folder; found 'Clang'"):
        counts.count("Cortex-M3", "pointwise_i8", compiled="Clang")


@pytest.mark.parametrize("content, said", [(b"MZ", "should begin with"), (b"\x7fELF\x01" + bytes(60), None)])
def test_files_that_are_no_programs(content, said, tmp_path):
    (tmp_path / "cortex-m3.elf").write_bytes(content)
    with pytest.raises((ValueError, RuntimeError), match=said or "no function pointwise_i8|broken ELF"):
        counts.count("Cortex-M3", "pointwise_i8", compiled=tmp_path)


def test_a_program_cut_short(tmp_path):
    whole = (programs.folder("GCC") / "cortex-m3.elf").read_bytes()
    (tmp_path / "cortex-m3.elf").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="is a broken ELF file"):
        counts.count("Cortex-M3", "pointwise_i8", compiled=tmp_path)
