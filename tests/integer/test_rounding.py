"""The ways to round, each against the kernels that round so, on many dense layers and additions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.integer import operators
from helpers.integer.network import load_network
from helpers.integer.rounding import MICRO, ROUNDINGS, one_shift
from helpers.tflite import inspect, interpreter, micro
from needs import MEASURED_HERE, needs_micro
from one_operator import Operand, build, run, weighed
from random_layers import EXAMPLES, SCALES, SEEDS, ZERO_POINTS, draw_codes


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
    """Both inputs come from outside, as in a network; the operator is computed alone."""
    codes = [draw_codes(seed, (1, 8, 6, 10)), draw_codes(seed + 1, (1, 8, 6, 10))]
    inputs = [Operand(codes[0].shape, "int8", s, z) for s, z in zip(scales, zeros, strict=True)]
    content = build(
        "ADD", inputs, Operand(codes[0].shape, "int8", max(scales) * ratio, 3), fusedActivationFunction="NONE"
    )
    operator = inspect.Operator("ADD", (0, 1), (2,), {"fused_activation_function": "NONE"})
    (folder / "add.tflite").write_bytes(content)
    known = inspect.tensors(folder / "add.tflite")
    compute = operators.OPERATORS["ADD"](operators.Step(operator, tuple(known[:2]), known[2], one_shift))
    np.testing.assert_array_equal(compute(*codes), run(content, *codes, kernels=interpreter.KERNEL_SETS["XNNPACK"]))


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
