"""Programs compiled here: the same results and nearly the same ratios, with whatever compiler there is."""

import re
import shutil
from pathlib import Path

import pytest

from helpers import microcontroller
from helpers.board import building, counts, processors, routines
from needs import emulated


def gcc():
    return [core for core in processors.CORES if any(c.name == "GCC" for c in building.compilers(core))]


@emulated
@pytest.mark.skipif(not gcc(), reason="neither arm-none-eabi-gcc nor aarch64-linux-gnu-gcc is on the path")
def test_programs_built_here_have_the_same_ratios(tmp_path):
    """The ratio float32 to int8 within 25 % with GCC, of whatever version; never the counts themselves."""
    used = building.rebuilt(tmp_path, "GCC")
    assert list(used) == gcc()
    shipped, again = counts.recorded()["GCC"], counts.measured(tmp_path, used)
    for core in used:
        assert 0.75 < again.ratio(core) / shipped.ratio(core) < 1.25


@emulated
@pytest.mark.skipif(not any(c.name == "Zig" for c in building.compilers("AArch64")), reason="ziglang is not installed")
@pytest.mark.parametrize("core", ["AArch64", "AArch64 with SDOT"])
def test_another_compiler_comes_to_the_same_results(core, tmp_path):
    """`count` compares every result; the vector loops leave a compiler little choice."""
    (zig,) = (c for c in building.compilers(core) if c.name == "Zig")
    building.build(core, Path(tmp_path) / processors.CORES[core].file, zig)
    assert 0.75 < counts.measured(tmp_path, [core]).ratio(core) / counts.recorded()["Zig"].ratio(core) < 1.25


# --- what can go wrong ------------------------------------------------------------------------------------------------


def test_no_compiler(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(building, "compilers", lambda core: [])
    with pytest.raises(NotImplementedError, match="cannot be built here: neither arm-none-eabi-gcc"):
        building.rebuilt(tmp_path)
    assert microcontroller.main(["--build"]) == 1
    assert "There is no GCC here for Cortex-M0+, " in capsys.readouterr().err


@pytest.mark.skipif(not gcc(), reason="neither arm-none-eabi-gcc nor aarch64-linux-gnu-gcc is on the path")
def test_a_source_that_does_not_compile(tmp_path, monkeypatch):
    for name in routines.SOURCES:
        shutil.copy(routines.FOLDER / name, tmp_path)
    (tmp_path / "kernels.c").write_text("int kernel(void) { return nothing; }\n")
    monkeypatch.setattr(routines, "FOLDER", tmp_path)
    core = gcc()[0]
    with pytest.raises(RuntimeError, match=f"did not compile kernels.c for {re.escape(core)}: .*error"):
        building.build(core, tmp_path / "new.elf", building.compilers(core)[0])
    assert not (tmp_path / "new.elf").exists()
