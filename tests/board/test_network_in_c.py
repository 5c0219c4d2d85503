"""The network in C on the host: every value of every tensor, with sanitizers, and what it refuses."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import made_up
from helpers.base.tf import keras
from helpers.board import network_in_c
from helpers.board.bands import Bands
from helpers.integer import fixed_point
from helpers.integer.network import load_network
from helpers.integer.rounding import MICRO
from helpers.methods import qat, qat_file
from helpers.networks import folding
from helpers.networks.plans import PRETRAINED_INT8
from helpers.networks.weights import weighted_layers
from helpers.pictures import conventions
from helpers.tflite import convert, from_keras, interpreter

FLAGS = ["-std=c99", "-O1", "-g", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
HOST = shutil.which("gcc") or shutil.which("cc")
needs_a_compiler = pytest.mark.skipif(HOST is None, reason="no C compiler for this machine")

# Reads pictures from its input until there are no more, and writes every tensor that the network writes.
MAIN = """\
#include <stdio.h>
#include "network.h"

void network_wrote(int32_t number, const int8_t *codes, int32_t count);

void network_wrote(int32_t number, const int8_t *codes, int32_t count) {
    (void)number;
    fwrite(codes, 1, (size_t)count, stdout);
}

int main(void) {
    while (fread(network_input(), 1, SIZE, stdin) == SIZE) network_run();
    return 0;
}
"""


def build(path, folder, sanitizers=True, bands=None):
    """Compile a network for this machine; return the program."""
    written = network_in_c.write(path, folder, watched=True, bands=bands)
    (folder / "main.c").write_text(MAIN)
    size = f"-DSIZE={int(np.prod(written.input.shape))}"
    command = [
        HOST,
        *FLAGS,
        *(SANITIZERS if sanitizers else ()),
        size,
        "main.c",
        "kernels.c",
        "bands.c",
        "network.c",
        "-o",
        "program",
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return folder / "program"


def differing(path, program, codes, skipped=0):
    """Return how many values of all tensors differ from the integer network's, and how many there are.

    The program does not show the tensors of the operators that are skipped: they are never whole.
    """
    network = load_network(path, rounding=MICRO)
    done = subprocess.run([program], input=codes.tobytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    found = np.frombuffer(done.stdout, np.int8)
    tensors = network.tensors(codes)
    theirs = [tensors[step.outputs[0]].reshape(len(codes), -1) for step, _ in network.steps[skipped:]]
    expected = np.concatenate(theirs, axis=1)
    assert found.size == expected.size
    return int(np.sum(found.reshape(expected.shape) != expected)), expected.size


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(3).integers(0, 256, (6, 96, 96, 3), np.uint8)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    return build(PRETRAINED_INT8, tmp_path_factory.mktemp("shipped"))


@needs_a_compiler
def test_the_shipped_network_is_right_in_every_value_of_every_tensor(shipped, pictures):
    entry = interpreter.load(PRETRAINED_INT8).get_input_details()[0]
    codes = interpreter.quantize_input(conventions.normalise(pictures), entry)
    codes = np.concatenate([codes, np.full_like(codes[:1], -128), np.full_like(codes[:1], 127)])
    wrong, values = differing(PRETRAINED_INT8, shipped, codes)
    assert values > 1_000_000 and wrong == 0


@needs_a_compiler
@pytest.mark.parametrize("bands", [Bands(3), Bands(3, 2), Bands(3, 5), Bands(3, 24), Bands(2), Bands(1, 7)])
def test_in_bands_the_shipped_network_is_the_same(bands, pictures, tmp_path):
    program = build(PRETRAINED_INT8, tmp_path, bands=bands)
    codes = (pictures[:2].astype(np.int16) - 128).astype(np.int8)
    wrong, values = differing(PRETRAINED_INT8, program, codes, skipped=bands.layers - 1)
    assert values > 100_000 and wrong == 0


@needs_a_compiler
@pytest.mark.parametrize(
    "change",
    [
        ("first > 0 ? first : 0", "first > 0 ? first + 1 : 0"),
        ("at.pad_top += from.first - to.first * at.stride_height;", "at.pad_top = 0;"),
        ("end < at->in_height ? end : at->in_height", "end"),
    ],
)
def test_a_band_cut_wrongly_is_found(change, pictures, tmp_path):
    build(PRETRAINED_INT8, tmp_path, bands=Bands(3))
    text = (tmp_path / "bands.c").read_text()
    assert change[0] in text
    (tmp_path / "bands.c").write_text(text.replace(*change))
    command = [HOST, "-O2", f"-DSIZE={96 * 96 * 3}", "main.c", "kernels.c", "bands.c", "network.c", "-o", "program"]
    subprocess.run(command, cwd=tmp_path, check=True)
    codes = (pictures[:2].astype(np.int16) - 128).astype(np.int8)
    assert differing(PRETRAINED_INT8, tmp_path / "program", codes, skipped=2)[0] > 0


@needs_a_compiler
@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("layers", [2, 5])
def test_in_bands_a_mobilenet_is_the_same(layers, rows, tmp_path):
    """Depthwise layers with strides of one and two, whose windows lie partly outside."""
    inputs = np.random.default_rng(0).random((40, 32, 32, 3), np.float32)
    model, rng = folding.fold(made_up.short_mobilenet(2)), np.random.default_rng(3)
    for layer in weighted_layers(model):
        layer.bias.assign(rng.normal(0, 0.1, layer.bias.shape))
    placed = qat.aware(model, inputs, weight_bits=8)
    path, bands = convert.write(qat_file.tflite(placed), tmp_path / "mobile.tflite"), Bands(layers, rows)
    codes = np.random.default_rng(5).integers(-128, 128, (3, 32, 32, 3), np.int8)
    wrong, _ = differing(path, build(path, tmp_path, bands=bands), codes, skipped=layers - 1)
    assert wrong == 0


@needs_a_compiler
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_the_mean_of_a_window(padding, tmp_path):
    """Windows that lie partly outside, and means that fall on halves."""
    x = entry = keras.Input((9, 9, 3), name="picture")
    x = keras.layers.AveragePooling2D(2, padding=padding)(keras.layers.Conv2D(4, 3, activation="relu", name="conv")(x))
    x = keras.layers.Dense(2, name="dense")(keras.layers.Flatten()(x))
    model, rng = keras.Model(entry, keras.layers.Softmax()(x)), np.random.default_rng(1)
    for layer in weighted_layers(model):
        layer.bias.assign(rng.normal(0, 0.1, layer.bias.shape))
    placed = qat.aware(model, rng.random((20, 9, 9, 3), np.float32), weight_bits=8)
    path = convert.write(qat_file.tflite(placed), tmp_path / "mean.tflite")
    assert "AVERAGE_POOL_2D" in {step.name for step, _ in load_network(path).steps}
    codes = rng.integers(-128, 128, (5, 9, 9, 3), np.int8)
    assert differing(path, build(path, tmp_path / "c"), codes)[0] == 0


@needs_a_compiler
def test_small_networks_with_all_operators_and_few_bits(tmp_path):
    operators, codes = set(), np.random.default_rng(5).integers(-128, 128, (3, 32, 32, 3), np.int8)
    for path in made_up.small_int8_files(tmp_path):
        program = build(path, tmp_path / path.stem)
        assert differing(path, program, codes)[0] == 0, path.name
        operators |= {step.name for step, _ in load_network(path).steps}
    assert operators >= {
        "ADD",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "FULLY_CONNECTED",
        "MAX_POOL_2D",
        "MEAN",
        "RESHAPE",
        "SOFTMAX",
    }


class Ratio(ctypes.Structure):
    """`struct ratio` of kernels.h."""

    _fields_ = [("multiplier", ctypes.c_int32), ("shift", ctypes.c_int32)]


def library(folder, change=("", "")):
    """Compile the kernels, with one word changed, into a library of this machine."""
    for name in network_in_c.RUNTIME:
        text = (network_in_c.folder() / name).read_text()
        (folder / name).write_text(text.replace(*change) if change[0] else text)
    command = [HOST, "-std=c99", "-O2", "-shared", "-fPIC", "kernels.c", "-o", "kernels.so"]
    subprocess.run(command, cwd=folder, check=True)
    found = ctypes.CDLL(str(folder / "kernels.so"))
    found.requantize.argtypes, found.requantize.restype = [ctypes.c_int32, Ratio], ctypes.c_int32
    return found


HALVES = [(sum_, 2**30, shift) for sum_ in range(-40, 41) for shift in (0, -1, -2, -5)]
SUMS = [*HALVES, (2**30, 2**31 - 1, -3), (-(2**31), 2**30 + 1, 0), (2**31 - 1, 2**31 - 1, -31), (5, 2**30, 3)]


def wrong_sums(kernels):
    """Return the sums that the library rounds otherwise than the integer network."""
    return [
        (total, m, s)
        for total, m, s in SUMS
        if kernels.requantize(total, Ratio(m, s)) != fixed_point.requantize(np.array([total], np.int32), m, s)[0]
    ]


@needs_a_compiler
def test_sums_are_rounded_as_in_the_integer_network(tmp_path):
    kernels = library(tmp_path)
    assert wrong_sums(kernels) == []

    @settings(max_examples=300, deadline=None)
    @given(st.integers(-(2**31), 2**31 - 1), st.integers(2**30, 2**31 - 1), st.integers(-31, 0))
    def holds(total, multiplier, shift):
        expected = fixed_point.requantize(np.array([total], np.int32), multiplier, shift)[0]
        assert kernels.requantize(total, Ratio(multiplier, shift)) == expected

    holds()


@needs_a_compiler
@pytest.mark.parametrize(
    "change",
    [("(1 << 30)) >> 31", "(1 << 30) - 1) >> 31"), ("(x < 0))", "0)"), ("remainder > (mask", "remainder >= (mask")],
)
def test_a_rounding_that_was_changed_is_found(change, tmp_path):
    assert change[0] in (network_in_c.folder() / "fixed_point.h").read_text()
    assert wrong_sums(library(tmp_path, change))


@needs_a_compiler
@pytest.mark.parametrize(
    "change",
    [
        (": layer->input_zero_point);", ": 0);"),
        ("bits + 31 - 8", "bits + 30 - 8"),
        ("s11 += w1[k] * b[k]", "s11 += w1[k] * a[k]"),
    ],
)
def test_a_broken_kernel_is_found(change, pictures, tmp_path):
    build(PRETRAINED_INT8, tmp_path, sanitizers=False)
    text = (tmp_path / "kernels.c").read_text()
    assert change[0] in text
    (tmp_path / "kernels.c").write_text(text.replace(*change))
    command = [HOST, "-O2", f"-DSIZE={96 * 96 * 3}", "main.c", "kernels.c", "network.c", "-o", "program"]
    subprocess.run(command, cwd=tmp_path, check=True)
    entry = interpreter.load(PRETRAINED_INT8).get_input_details()[0]
    codes = interpreter.quantize_input(conventions.normalise(pictures[:2]), entry)
    assert differing(PRETRAINED_INT8, tmp_path / "program", codes)[0] > 0


def test_the_same_file_gives_the_same_text(tmp_path):
    first, second = (network_in_c.translate(PRETRAINED_INT8) for _ in range(2))
    assert first.source == second.source and first.outline == second.outline
    written = network_in_c.write(PRETRAINED_INT8, tmp_path)
    assert (tmp_path / "network.c").read_text() == written.source
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*network_in_c.RUNTIME, "network.c"])


def test_an_operator_without_a_kernel_is_named(tmp_path):
    x = entry = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 1)(keras.layers.ZeroPadding2D(1)(x))
    path = convert.write(
        from_keras.float32(keras.Model(entry, keras.layers.Multiply()([x, x]))), tmp_path / "odd.tflite"
    )
    with pytest.raises(
        NotImplementedError, match=r"odd.tflite uses MUL, PAD, for which firmware/ has no kernel; it has ADD"
    ):
        network_in_c.translate(path)
