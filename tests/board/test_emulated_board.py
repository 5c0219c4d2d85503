"""The whole network on the emulated board: bit for bit, within its memory, counted twice with the same result."""

import numpy as np
import pytest

from helpers.board import building, emulated_board, emulator
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
    return Board(emulated_board.build(small, "Cortex-M4", tmp_path_factory.mktemp("m4")), "Cortex-M4")


@needs_all
@pytest.mark.parametrize("core", emulated_board.CORES)
@pytest.mark.parametrize("plain", [False, True])
def test_each_processor_gives_the_answer_of_the_integer_network(small, codes, core, plain, tmp_path):
    expected = load_network(small, rounding=MICRO).tensors(codes)[load_network(small).output.index]
    firmware = emulated_board.build(small, core, tmp_path, plain)
    found = [Board(firmware, core).run(picture).answer for picture in codes]
    np.testing.assert_array_equal(found, expected.reshape(len(codes), -1))
    assert firmware.written.arena <= firmware.ram < emulated_board.RAM_BYTES
    assert firmware.flash < emulated_board.FLASH_BYTES


@needs_all
def test_counts_are_the_same_twice_and_add_up(board, small, codes):
    first, second = (board.run(codes[0], count=True) for _ in range(2))
    assert first.instructions == second.instructions and first.operators == second.operators
    assert len(first.operators) == len(load_network(small).steps)
    assert 0 < first.rest.instructions < 0.05 * first.instructions
    assert all(0 < low <= high for low, high in (tally.cycles for tally in first.operators))
    np.testing.assert_array_equal(first.answer, board.run(codes[0]).answer)


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
    broken = Board(board.firmware, "Cortex-M4")
    broken.uc.mem_write(0, (0x30000000).to_bytes(4, "little"))
    with pytest.raises(RuntimeError, match="The board has 1 MB of flash and 256 KB of RAM, and nothing else"):
        broken.run(codes[0])


def test_without_a_compiler(small, monkeypatch, tmp_path):
    monkeypatch.setattr(building, "compilers", lambda core: [])
    with pytest.raises(NotImplementedError, match="neither arm-none-eabi-gcc nor the package ziglang was found"):
        emulated_board.build(small, "Cortex-M4", tmp_path)
    with pytest.raises(KeyError, match="Expected one of Cortex-M0"):
        emulated_board.build(small, "AArch64", tmp_path)
