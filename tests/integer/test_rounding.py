"""The ways to round, each against the kernels that round so, on many dense layers and additions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.integer.network import load_network
from helpers.integer.rounding import MICRO, ROUNDINGS
from helpers.tflite import interpreter, micro
from needs import MEASURED_HERE, needs_micro
from one_operator import Operand, build, run, weighed
from random_layers import EXAMPLES, SCALES, SEEDS, SIXTY, ZERO_POINTS, draw_codes


@MEASURED_HERE
@pytest.mark.parametrize("per_channel", [False, True], ids=["per tensor", "per channel"])
@pytest.mark.parametrize("kernels", interpreter.KERNEL_SETS)
def test_each_kernel_set_rounds_dense_layers_in_its_own_way(folder, kernels, per_channel):
    """Its own rounding gives every byte, and that of any other kernel set does not, but for one pair."""
    differences = dict.fromkeys(ROUNDINGS, 0)
    for seed in range(1, 31, 3):
        drawn = (0.05 + seed / 99, seed, -seed, 2.0 ** -(7 + seed / 13), "NONE", per_channel, True, seed)
        codes, weights = draw_codes(seed, (60, 64)), draw_codes(seed + 3, (200, 64), -127)
        content = weighed("FULLY_CONNECTED", codes, weights, 0, (60, 200), drawn)
        (folder / "dense.tflite").write_bytes(content)
        expected = run(content, codes, kernels=interpreter.KERNEL_SETS[kernels])
        for rounding in differences:
            network = load_network(folder / "dense.tflite", rounding)
            differences[rounding] += int((network.run(codes) != expected).sum())
    assert differences[kernels] == 0
    once = ("reference", "XNNPACK")  # both round once: they part only where float32 and float64 do
    for rounding, count in differences.items():
        assert count > 20 or rounding == kernels or {rounding, kernels} == set(once)


@MEASURED_HERE
@given(
    scales=st.tuples(SCALES, SCALES), ratio=st.floats(0.1, 4.0), zeros=st.tuples(ZERO_POINTS, ZERO_POINTS), seed=SEEDS
)
@EXAMPLES
def test_xnnpack_adds_with_one_shift(folder, scales, ratio, zeros, seed):
    """But where its inputs are a thousand times as fine as its output: there it leaves the addition to others."""
    codes = [draw_codes(seed, (1, 8, 6, 10)), draw_codes(seed + 1, (1, 8, 6, 10))]
    inputs = [Operand(codes[0].shape, "int8", s, z) for s, z in zip(scales, zeros, strict=True)]
    content = build("ADD", inputs, Operand(codes[0].shape, "int8", max(scales) * ratio, 3))
    (folder / "add.tflite").write_bytes(content)
    found = load_network(folder / "add.tflite", "XNNPACK").run(codes, threads=1)
    np.testing.assert_array_equal(found, run(content, *codes, kernels=interpreter.KERNEL_SETS["XNNPACK"]))


@MEASURED_HERE
@pytest.mark.parametrize("after", ["int8", "uint8"])
@pytest.mark.parametrize("kernels", interpreter.KERNEL_SETS)
@given(scale=SCALES, ratio=st.floats(0.25, 8.0), zeros=st.tuples(ZERO_POINTS, ZERO_POINTS))
@SIXTY
def test_each_kernel_set_goes_from_one_scale_to_another_in_its_own_way(folder, kernels, after, scale, ratio, zeros):
    """XNNPACK does so between int8 codes only."""
    codes = np.arange(-128, 128, dtype=np.int8)[None]
    output = Operand(codes.shape, after, scale * ratio, zeros[1] + (128 if after == "uint8" else 0))
    content = build("QUANTIZE", [Operand(codes.shape, "int8", scale, zeros[0])], output)
    (folder / "quantize.tflite").write_bytes(content)
    found = load_network(folder / "quantize.tflite", kernels).run(codes, threads=1)
    np.testing.assert_array_equal(found, run(content, codes, kernels=interpreter.KERNEL_SETS[kernels]))


OTHERWISE = (("TRANSPOSE_CONV", "built-in"), ("TRANSPOSE_CONV", "XNNPACK"), ("SUB", "XNNPACK"))


@MEASURED_HERE
@pytest.mark.parametrize("operator", ["TRANSPOSE_CONV", "BATCH_MATMUL", "SUB"])
@pytest.mark.parametrize("kernels", ["built-in", "XNNPACK"])
def test_each_kernel_set_rounds_the_other_sums_in_its_own_way(folder, kernels, operator):
    """So many values that rounding in the reference's way would show where it is another one."""
    path, drawn = folder / "other.tflite", (0.05, 3, -5, 2.0**-8, "NONE", True, True, 7)
    if operator == "TRANSPOSE_CONV":
        codes, weights = draw_codes(1, (1, 20, 20, 8)), draw_codes(2, (32, 3, 3, 8), -127)
        content = weighed(operator, codes, weights, 0, (1, 40, 40, 32), drawn, strideH=2, strideW=2, padding="SAME")
    else:
        shapes = {"SUB": ((1, 100, 100), (1, 100, 100)), "BATCH_MATMUL": ((1, 200, 20), (1, 20, 200))}[operator]
        codes, other = draw_codes(1, shapes[0]), Operand(shapes[1], "int8", 0.03, 4, 0, draw_codes(2, shapes[1]))
        shape, scale = (shapes[0], 0.06) if operator == "SUB" else ((1, 200, 200), 0.9)
        content = build(operator, [Operand(shapes[0], "int8", 0.05, 3), other], Operand(shape, "int8", scale, -5))
    path.write_bytes(content)
    expected = run(content, codes, kernels=interpreter.KERNEL_SETS[kernels])
    np.testing.assert_array_equal(load_network(path, kernels).run(codes), expected)
    differing = np.count_nonzero(load_network(path).run(codes) != expected)
    assert (differing > 0) == ((operator, kernels) in OTHERWISE)


@needs_micro
@pytest.mark.parametrize("per_channel", [False, True], ids=["per tensor", "per channel"])
def test_tensorflow_lite_micro_rounds_dense_layers_twice(folder, per_channel):
    drawn = (0.05, 3, -5, 2.0**-8, "NONE", per_channel, True, 7)
    codes, weights = draw_codes(1, (1, 64)), draw_codes(2, (20_000, 64), -127)
    path = folder / "dense.tflite"
    path.write_bytes(weighed("FULLY_CONNECTED", codes, weights, 0, (1, 20_000), drawn))
    (expected,) = micro.run(path, codes)
    assert (load_network(path, MICRO).run(codes) == expected[0]).all()
    assert (load_network(path).run(codes) != expected[0]).sum() > 3
