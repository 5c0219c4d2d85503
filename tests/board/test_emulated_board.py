"""The whole network on the emulated board: bit for bit, within its memory, counted twice with the same result."""

import shutil

import numpy as np
import pytest

from helpers.board import building, compiled_network, emulated_board, emulator, network_in_c
from helpers.board.bands import Bands
from helpers.board.compiled_network import Version
from helpers.board.emulated_board import Board
from helpers.integer.network import load_network
from helpers.integer.rounding import MICRO
from helpers.methods import qat, qat_file
from helpers.networks import folding
from helpers.networks.weights import weighted_layers
from helpers.tflite import convert
from made_up import residual

needs_all = pytest.mark.skipif(
    not (emulator.installed() and building.compilers("Cortex-M4")), reason="no emulator, or no compiler for it"
)
SIZE = 32


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small full-int8 file with an addition, a pool and a depthwise convolution."""
    inputs = np.random.default_rng(0).random((20, SIZE, SIZE, 3), np.float32)
    model, rng = folding.fold(residual()), np.random.default_rng(3)
    for layer in weighted_layers(model):
        layer.bias.assign(rng.normal(0, 0.1, layer.bias.shape))
    content = qat_file.tflite(qat.aware(model, inputs, weight_bits=8))
    return convert.write(content, tmp_path_factory.mktemp("board") / "small.tflite")


@pytest.fixture(scope="module")
def codes():
    return np.random.default_rng(1).integers(-128, 128, (3, SIZE, SIZE, 3), np.int8)


@pytest.fixture(scope="module")
def board(small, tmp_path_factory):
    return Board(compiled_network.build(small, Version("Cortex-M4"), tmp_path_factory.mktemp("m4")))


VERSIONS = [
    *(Version(core, plain) for core in compiled_network.CORES for plain in (False, True)),
    Version("Cortex-M4F", bands=Bands(2)),
]


@needs_all
@pytest.mark.parametrize("version", VERSIONS, ids=lambda one: f"{one.slug}{one.plain}")
@pytest.mark.parametrize("compiler", building.compilers("Cortex-M4"), ids=lambda one: one.name)
def test_each_processor_gives_every_value_of_the_integer_network(small, codes, version, compiler, tmp_path):
    expected = load_network(small, rounding=MICRO).tensors(codes)
    firmware = compiled_network.build(small, version, tmp_path, compiler)
    board = Board(firmware)
    for number, picture in enumerate(codes):
        found = board.tensors(picture)
        assert list(found) == [tensor.index for tensor in firmware.written.made]
        for tensor, values in found.items():
            np.testing.assert_array_equal(values[0], expected[tensor][number])
        np.testing.assert_array_equal(board.run(picture).answer, found[firmware.written.output.index].ravel())
    assert firmware.written.arena <= firmware.ram < emulated_board.RAM_BYTES
    assert firmware.flash < emulated_board.FLASH_BYTES


@needs_all
@pytest.mark.parametrize(
    "change",
    [("* b + (1 << 30)) >> 31", "* b) >> 31"), ("s11 = smlad(odd_bytes(others)", "s11 = smlad(even_bytes(others)")],
)
def test_a_broken_kernel_is_found_on_the_board_as_well(change, small, codes, monkeypatch, tmp_path):
    runtime = tmp_path / "runtime"
    shutil.copytree(network_in_c.folder(), runtime)
    file = next(path for path in runtime.glob("*.[ch]") if change[0] in path.read_text())
    file.write_text(file.read_text().replace(*change))
    monkeypatch.setattr(network_in_c, "folder", lambda: runtime)
    expected = load_network(small, rounding=MICRO).tensors(codes[:1])
    found = Board(compiled_network.build(small, Version("Cortex-M4"), tmp_path)).tensors(codes[0])
    assert any((values != expected[tensor]).any() for tensor, values in found.items())


@needs_all
def test_counts_are_the_same_twice_and_add_up(board, small, codes):
    first, second = (board.run(codes[0], count=True) for _ in range(2))
    assert first.instructions == second.instructions and first.operators == second.operators
    assert len(first.operators) == len(load_network(small).steps)
    assert 0 < first.rest.instructions < 0.05 * first.instructions
    assert all(0 < low <= high for low, high in (tally.cycles for tally in first.operators))
    np.testing.assert_array_equal(first.answer, board.run(codes[0]).answer)


@needs_all
def test_blocks_add_up_to_single_steps(board, codes):
    """The emulator can also stop at each instruction, which is slow: an independent count (but for skipped ones)."""
    single = 0

    def step(*_):
        nonlocal single
        single += 1

    board.uc.ctl_flush_tb()
    hook = board.uc.hook_add(board.unicorn.UC_HOOK_CODE, step)
    try:
        board.run(codes[0])
    finally:
        board.uc.hook_del(hook)
    counted = board.run(codes[0], count=True).instructions
    assert single <= counted < 1.1 * single


@needs_all
def test_the_stack_is_what_was_painted_over(board, codes):
    run = board.run(codes[0])
    assert 40 < run.stack < 2000


@needs_all
def test_other_codes_are_refused(board, codes):
    with pytest.raises(ValueError, match=r"takes 3,072 codes of type int8; found 3,072 of type uint8"):
        board.run(codes[0].astype(np.uint8))


@needs_all
def test_an_access_outside_ends_with_a_sentence(board, codes):
    """The stack is put where there is no RAM."""
    broken = Board(board.firmware)
    broken.uc.mem_write(0, (0x30000000).to_bytes(4, "little"))
    with pytest.raises(RuntimeError, match="The board has 1 MB of flash and 256 KB of RAM, and nothing else"):
        broken.run(codes[0])


@needs_all
def test_a_program_without_an_end_is_stopped(board, codes, monkeypatch):
    """Its last instruction jumps to itself."""
    monkeypatch.setattr(emulated_board, "SECONDS", 1)
    endless = Board(board.firmware)
    endless.uc.mem_write(board.firmware.program.functions["reset"], b"\xfe\xe7")
    with pytest.raises(TimeoutError, match="gave no answer within 1 seconds"):
        endless.run(codes[0])


@needs_all
def test_the_table_of_answers(board, small, codes, monkeypatch):
    shown = emulated_board.answer_table(board.firmware, small, codes[:2])
    values = sum(int(np.prod(tensor.shape)) for tensor in board.firmware.written.made)
    assert [row[-1] for row in shown.rows] == [f"0 of {values:,}"] * 2
    assert [row[1] for row in shown.rows] == [", ".join(map(str, board.run(one).answer)) for one in codes[:2]]
    monkeypatch.setattr(emulator, "installed", lambda: False)
    shown = emulated_board.answer_table(board.firmware, small, codes[:1])
    assert shown.rows[0][1] == "not installed" and shown.rows[0][-1] == "–"


@needs_all
def test_a_network_that_does_not_fit_is_refused_by_the_linker(small, monkeypatch, tmp_path):
    (tmp_path / "runtime").mkdir()
    for file in network_in_c.folder().iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path / "runtime")
    script = tmp_path / "runtime" / "board.ld"
    script.write_text(script.read_text().replace("LENGTH = 256K", "LENGTH = 1K"))
    monkeypatch.setattr(network_in_c, "folder", lambda: tmp_path / "runtime")
    with pytest.raises(RuntimeError, match=r"made no program for Cortex-M4: .*RAM"):
        compiled_network.build(small, Version("Cortex-M4"), tmp_path)
    assert not (tmp_path / compiled_network.PROGRAM).exists()


def test_without_a_compiler(small, monkeypatch, tmp_path):
    monkeypatch.setattr(building, "compilers", lambda core: [])
    with pytest.raises(NotImplementedError, match="neither arm-none-eabi-gcc nor the package ziglang was found"):
        compiled_network.build(small, Version("Cortex-M4"), tmp_path)
