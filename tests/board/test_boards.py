"""Boards with their sources, and the tables of them."""

import pytest

from helpers.base import data
from helpers.board import boards
from helpers.board.boards import KIT, load


def test_the_board_of_the_kit_is_that_of_the_lecture():
    kit = boards.kit()
    assert (kit.flash_bytes, kit.ram_bytes, kit.fpu) == (1024 * 1024, 256 * 1024, True)
    assert "64 MHz" in kit.cpu and "nRF52840" in kit.source


# Cores with instructions for float32 (Arm's and Espressif's manuals; the I, M and C of RV32IMC are not F).
FPU = {
    "AVR": False,
    "Cortex-M0": False,
    "Cortex-M0+": False,
    "Cortex-M3": False,
    "RISC-V RV32IMC": False,
    "Cortex-M4F": True,
    "Cortex-M7": True,
    "Cortex-M33": True,
    "Xtensa LX7": True,
}
# Cores with instructions that multiply several small integers: SMLAD (Arm's DSP extension), or vectors.
SIMD = {"Cortex-M4F": "DSP", "Cortex-M7": "DSP", "Cortex-M33": "DSP", "Xtensa LX7": "vector"}


def test_every_board_has_a_source_and_plausible_numbers():
    boards = load()
    assert len(boards) >= 12
    for name, one in boards.items():
        assert one.name == name and len(one.source) > 20 and 2010 <= one.year <= 2026
        assert 2**11 <= one.ram_bytes < one.flash_bytes <= 2**23 and one.ram_bytes % 1024 == 0
        (core,) = [core for core in FPU if f" {core} " in f" {one.cpu} "]
        assert one.fpu == FPU[core]
        assert one.simd == SIMD.get(core, "no")
        assert one.cpu.endswith(f" at {one.mhz} MHz") and 16 <= one.mhz <= 240


def test_the_table_puts_boards_without_fpu_first():
    table = boards.table()
    known = load()
    assert [row[0] for row in table.rows][:1] == ["Arduino Uno R3"]
    assert sorted(row[0] for row in table.rows) == sorted(known)
    said = [row[2] for row in table.rows]
    without = sum(not one.fpu for one in known.values())
    assert said == ["no"] * without + ["yes"] * (len(known) - without) and 5 <= without <= len(known) - 5
    (row,) = [row for row in table.rows if row[0] == KIT]
    assert row[3:] == ["1,024", "256"]


def test_the_table_tells_who_multiplies_several_numbers_at_once():
    table = boards.table(simd=True)
    assert table.columns == ["board", "processor", "FPU", "DSP or vector", "flash (KB)", "RAM (KB)"]
    assert {row[0]: row[3] for row in table.rows} == {name: one.simd for name, one in load().items()}
    assert [row[:3] + row[4:] for row in table.rows] == boards.table().rows


@pytest.mark.parametrize(
    "line",
    [
        "A,1,2,core at 1 MHz,maybe,no,somebody,2020",
        "A,1 MB,2,core at 1 MHz,yes,no,somebody,2020",
        "A,1,2,core at 1 MHz,no,perhaps,somebody,2020",
        "A,1,2,core of 1 MHz,no,no,somebody,2020",
        "A,1,2,core at 1 MHz,no",
    ],
)
def test_a_bad_line_is_shown(line, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    heads = (data.folder() / "boards.csv").read_text("utf-8").splitlines()[0]
    (tmp_path / "data" / "boards.csv").write_text(f"{heads}\n{line}\n")
    monkeypatch.setattr(data, "folder", lambda: tmp_path / "data")
    with pytest.raises(ValueError, match=r"A line of boards.csv needs name .* Found .*core"):
        load()
