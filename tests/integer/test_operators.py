"""One operator at a time, byte by byte as TFLite's reference kernels have it, and those that are refused."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from ai_edge_litert.interpreter import OpResolverType
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from one_operator import Operand, build, constant, int8, refused, run, same_bytes, weighed
from random_layers import (
    ACTIVATIONS,
    EXAMPLES,
    KERNELS,
    LENGTHS,
    PLACES,
    POOLS,
    RATIOS,
    SCALES,
    SEEDS,
    WEIGHED,
    ZERO_POINTS,
    draw_codes,
    fits,
    geometry,
    places_of,
)

# --- sums of products -------------------------------------------------------------------------------------------------


@given(WEIGHED, PLACES, LENGTHS, KERNELS, st.integers(1, 5), st.integers(1, 20))
@EXAMPLES
def test_conv_2d(folder, drawn, places, lengths, kernel, channels, filters):
    assume(fits(lengths, kernel, places))
    codes = draw_codes(drawn[-1], (2, *lengths, channels))
    weights = draw_codes(drawn[-1] + 1, (filters, *kernel, channels), -127)
    shape = (2, *places_of(lengths, kernel, places), filters)
    same_bytes(weighed("CONV_2D", codes, weights, 0, shape, drawn, **geometry(places)), codes, folder)


@given(WEIGHED, PLACES, LENGTHS, KERNELS, st.integers(1, 12), st.integers(1, 3))
@EXAMPLES
def test_depthwise_conv_2d(folder, drawn, places, lengths, kernel, channels, multiplier):
    assume(fits(lengths, kernel, places))
    codes = draw_codes(drawn[-1], (2, *lengths, channels))
    weights = draw_codes(drawn[-1] + 1, (1, *kernel, channels * multiplier), -127)
    shape = (2, *places_of(lengths, kernel, places), channels * multiplier)
    options = {"depthMultiplier": multiplier, **geometry(places)}
    same_bytes(weighed("DEPTHWISE_CONV_2D", codes, weights, 3, shape, drawn, **options), codes, folder)


@given(WEIGHED, st.integers(1, 700), st.integers(1, 60), st.sampled_from(["2-D", "flattened", "3-D"]))
@EXAMPLES
def test_fully_connected(folder, drawn, length, units, form):
    weights = draw_codes(drawn[-1] + 1, (units, length), -127)
    if form == "flattened":  # a picture becomes a row without a RESHAPE
        codes, shape, keep = draw_codes(drawn[-1], (50, 1, 1, length)), (50, units), False
    elif form == "3-D":
        codes, shape, keep = draw_codes(drawn[-1], (30, 2, length)), (30, 2, units), True
    else:
        codes, shape, keep = draw_codes(drawn[-1], (50, length)), (50, units), False
    same_bytes(weighed("FULLY_CONNECTED", codes, weights, 0, shape, drawn, keepNumDims=keep), codes, folder)


@given(WEIGHED, PLACES, LENGTHS, KERNELS, st.integers(1, 5), st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_conv_2d_with_weights_of_four_bits(folder, drawn, places, lengths, kernel, channels, filters):
    assume(fits(lengths, kernel, places))
    codes = draw_codes(drawn[-1], (2, *lengths, channels))
    weights = np.clip(draw_codes(drawn[-1] + 1, (filters, *kernel, channels)) // 16, -7, 7)
    shape = (2, *places_of(lengths, kernel, places), filters)
    same_bytes(weighed("CONV_2D", codes, weights, 0, shape, drawn, "int4", **geometry(places)), codes, folder)


@given(WEIGHED, st.integers(1, 350).map(lambda half: 2 * half), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_fully_connected_with_weights_of_four_bits(folder, drawn, length, units):
    codes = draw_codes(drawn[-1], (50, length))
    weights = np.clip(draw_codes(drawn[-1] + 1, (units, length)) // 16, -7, 7)
    same_bytes(weighed("FULLY_CONNECTED", codes, weights, 0, (50, units), drawn, "int4"), codes, folder)


# --- the others -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operator", ["MAX_POOL_2D", "AVERAGE_POOL_2D"])
@given(
    places=POOLS, lengths=LENGTHS, kernel=KERNELS, scale=SCALES, zero=ZERO_POINTS, activation=ACTIVATIONS, seed=SEEDS
)
@EXAMPLES
def test_pools(folder, operator, places, lengths, kernel, scale, zero, activation, seed):
    assume(fits(lengths, kernel, places))
    codes = draw_codes(seed, (2, *lengths, 5))
    form = {"filterHeight": kernel[0], "filterWidth": kernel[1], "fusedActivationFunction": activation}
    output = Operand((2, *places_of(lengths, kernel, places), 5), "int8", scale, zero)
    content = build(operator, [Operand(codes.shape, "int8", scale, zero)], output, **form, **geometry(places))
    same_bytes(content, codes, folder)


@given(
    st.lists(st.sampled_from([1, 2, 3, -1, -2, -3]), min_size=1, max_size=4),
    st.booleans(),
    LENGTHS,
    SCALES,
    RATIOS,
    ZERO_POINTS,
    ZERO_POINTS,
    SEEDS,
)
@EXAMPLES
def test_mean(folder, axes, keep, lengths, scale, ratio, zero, output_zero, seed):
    codes = draw_codes(seed, (3, *lengths, 40))
    reduced = {axis % 4 for axis in axes}
    shape = [1 if i in reduced else n for i, n in enumerate(codes.shape) if keep or i not in reduced]
    inputs = [Operand(codes.shape, "int8", scale, zero), constant(np.array(axes, np.int32))]
    output = Operand(tuple(shape), "int8", scale * ratio, output_zero)
    same_bytes(build("MEAN", inputs, output, keepDims=keep), codes, folder)


BROADCAST = st.sampled_from([(4, 8, 6, 10), (1, 8, 6, 10), (1, 1, 1, 10), (10,), (1,), (4, 1, 6, 1)])


@pytest.mark.parametrize("operator", ["ADD", "SUB", "MUL"])
@given(
    shape=BROADCAST,
    first=st.booleans(),
    scales=st.tuples(SCALES, SCALES),
    ratio=st.floats(0.01, 4.0),
    zeros=st.tuples(ZERO_POINTS, ZERO_POINTS, ZERO_POINTS),
    activation=st.one_of(ACTIVATIONS, st.just("RELU_N1_TO_1")),
    seed=SEEDS,
)
@EXAMPLES
def test_two_numbers_become_one(folder, operator, shape, first, scales, ratio, zeros, activation, seed):
    codes, other = draw_codes(seed, (4, 8, 6, 10)), draw_codes(seed + 1, shape)
    natural = scales[0] * scales[1] * 100 if operator == "MUL" else max(scales)
    inputs = [
        Operand(codes.shape, "int8", scales[0], zeros[0]),
        Operand(shape, "int8", scales[1], zeros[1], 0, other),
    ]
    output = Operand(codes.shape, "int8", natural * ratio, zeros[2])
    content = build(operator, inputs if first else inputs[::-1], output, fusedActivationFunction=activation)
    same_bytes(content, codes, folder)


@pytest.mark.parametrize("operator", ["MAXIMUM", "MINIMUM"])
@given(shape=BROADCAST, seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_the_larger_and_the_smaller(folder, operator, shape, seed):
    codes, other = draw_codes(seed, (4, 8, 6, 10)), Operand(shape, "int8", 0.1, 3, 0, draw_codes(seed + 1, shape))
    content = build(operator, [int8(*codes.shape, zero_point=3), other], int8(*codes.shape, zero_point=3))
    same_bytes(content, codes, folder)


@pytest.mark.parametrize("operator", ["ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM"])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_arithmetic_on_shapes(folder, operator, dtype):
    """Networks that take any number of pictures calculate with plain whole numbers."""
    a, b = np.array([[7, -3, 2**20, 0]], dtype), np.array([5, -4, 300, 1], dtype)
    inputs = [Operand(a.shape, dtype), Operand(b.shape, dtype, data=b)]
    same_bytes(build(operator, inputs, Operand(a.shape, dtype)), a, folder)


@given(
    st.sampled_from(["REDUCE_MAX", "REDUCE_MIN", "SUM"]),
    st.lists(st.integers(-4, 3), min_size=1, max_size=4),
    st.booleans(),
    LENGTHS,
    SCALES,
    RATIOS,
    st.tuples(ZERO_POINTS, ZERO_POINTS),
    SEEDS,
)
@EXAMPLES
def test_other_reductions(folder, operator, axes, keep, lengths, scale, ratio, zeros, seed):
    """Also over the first axis, which does not count pictures then; SUM as in the built-in kernels."""
    codes = draw_codes(seed, (2, *lengths, 5))
    reduced = {axis % 4 for axis in axes}
    shape = [1 if i in reduced else n for i, n in enumerate(codes.shape) if keep or i not in reduced]
    inputs = [Operand(codes.shape, "int8", scale, zeros[0]), constant(np.array(axes, np.int32))]
    ratio, output_zero = (ratio * 30, zeros[1]) if operator == "SUM" else (1, zeros[0])
    output = Operand(tuple(shape), "int8", scale * ratio, output_zero)
    kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES if operator == "SUM" else OpResolverType.BUILTIN_REF
    same_bytes(build(operator, inputs, output, keepDims=keep), codes, folder, kernels=kernels)


def test_the_reference_kernel_takes_sums_of_unsigned_codes(folder):
    """Why SUM follows the built-in kernels: 50 - 50 is not 256."""
    codes = np.array([[50, -50]], np.int8)
    content = build("SUM", [int8(1, 2), constant(np.array([1], np.int32))], int8(1, scale=0.2))
    assert run(content, codes) == np.int8(-128)
    assert same_bytes(content, codes, folder, kernels=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES) == 0


@pytest.mark.parametrize("operator", ["RELU", "RELU6", "QUANTIZE"])
@given(scale=SCALES, ratio=RATIOS, zero=ZERO_POINTS, output_zero=ZERO_POINTS)
@EXAMPLES
def test_from_one_scale_to_another(folder, operator, scale, ratio, zero, output_zero):
    codes = np.arange(-128, 128, dtype=np.int8)[None]
    output = Operand(codes.shape, "int8", scale * ratio, output_zero)
    same_bytes(build(operator, [Operand(codes.shape, "int8", scale, zero)], output), codes, folder)


@given(SCALES, ZERO_POINTS, SEEDS)
@EXAMPLES
def test_quantize_real_numbers(folder, scale, zero, seed):
    rng = np.random.default_rng(seed)
    halves = (np.arange(-300, 300) + np.float32(0.5)) * np.float32(scale)
    x = np.concatenate([rng.normal(0, 100 * scale, 200), halves, [0.0, -0.0]]).astype(np.float32)[None]
    content = build("QUANTIZE", [Operand(x.shape, "float32")], Operand(x.shape, "int8", scale, zero))
    same_bytes(content, x, folder)


@given(SCALES, ZERO_POINTS)
@EXAMPLES
def test_dequantize(folder, scale, zero):
    codes = np.arange(-128, 128, dtype=np.int8)[None]
    content = build("DEQUANTIZE", [Operand(codes.shape, "int8", scale, zero)], Operand(codes.shape, "float32"))
    same_bytes(content, codes, folder)


CODED = {"int8": 0, "uint8": 128, "int16": 0}  # number type: its middle
NONE = ("int16", "uint8")  # which TFLite does not have


@pytest.mark.parametrize("dtype", CODED)
@given(scale=SCALES, zero=st.integers(-128, 127), seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_real_numbers_become_codes_and_codes_real_numbers(folder, dtype, scale, zero, seed):
    zero = 0 if dtype == "int16" else CODED[dtype] + zero
    x = np.random.default_rng(seed).normal(0, 150 * scale, (1, 300)).astype(np.float32)
    codes = same_bytes(
        build("QUANTIZE", [Operand(x.shape, "float32")], Operand(x.shape, dtype, scale, zero)), x, folder
    )
    content = build("DEQUANTIZE", [Operand(x.shape, dtype, scale, zero)], Operand(x.shape, "float32"))
    same_bytes(content, codes, folder)


@pytest.mark.parametrize(("before", "after"), [pair for pair in itertools.product(CODED, repeat=2) if pair != NONE])
@given(zeros=st.tuples(ZERO_POINTS, ZERO_POINTS), scale=SCALES, ratio=RATIOS)
@settings(max_examples=20, deadline=None)
def test_from_one_kind_of_code_to_another(folder, before, after, zeros, scale, ratio):
    limits = np.iinfo(before)
    codes = np.linspace(limits.min, limits.max, 256).astype(before)[None]
    first, second = (
        0 if dtype == "int16" else CODED[dtype] + z for dtype, z in zip((before, after), zeros, strict=True)
    )
    inputs = [Operand(codes.shape, before, scale, first)]
    same_bytes(build("QUANTIZE", inputs, Operand(codes.shape, after, scale * ratio, second)), codes, folder)


def test_half_precision_becomes_single(folder):
    x = np.random.default_rng(1).normal(size=(1, 100)).astype(np.float16)
    same_bytes(build("DEQUANTIZE", [Operand(x.shape, "float16")], Operand(x.shape, "float32")), x, folder)


# --- what is refused --------------------------------------------------------------------------------------------------


def test_settings_that_it_does_not_know(folder):
    two = [int8(1, 3), Operand((1, 3), "int8", 0.1, 0, 0, np.zeros((1, 3), np.int8))]
    why = "The fused activation SIGN_BIT is not among NONE, RELU"
    refused(folder, build("ADD", two, int8(1, 3), fusedActivationFunction="SIGN_BIT"), why)
    refused(folder, build("MEAN", [int8(2, 3), Operand((1,), "int32")], int8(2)), "its input 1 should be a constant")
    refused(
        folder, build("REDUCE_MAX", [int8(2, 3), constant(np.array([1], np.int32))], int8(2, scale=0.2)), "differ in"
    )


def test_weights_with_a_zero_point_are_refused(folder):
    weights = Operand((2, 3), "int8", 0.1, 5, 0, np.ones((2, 3), np.int8))
    refused(folder, build("FULLY_CONNECTED", [int8(1, 3), weights], int8(1, 2)), "zero point other than 0")


def test_sums_that_could_leave_32_bits_are_refused(folder):
    weights = constant(np.full((1, 70_000), -128, np.int8), 0.1)
    content = build("FULLY_CONNECTED", [int8(1, 70_000, zero_point=-128), weights], int8(1, 1))
    refused(folder, content, r"its sums could reach 2,284,800,000, too much for 32 bits")


def test_files_that_would_end_the_process_are_refused(folder):
    """TFLite checks these with a macro that aborts."""
    two = [int8(1, 3), Operand((1, 3), "int8", 0.1, 0, 0, np.zeros((1, 3), np.int8))]
    refused(folder, build("ADD", two, int8(1, 3, scale=1e-7)), "TFLite would end the whole process")
    output = int8(1, 3, scale=1 / 256, zero_point=-128)
    refused(folder, build("SOFTMAX", [int8(1, 3, scale=1e-8)], output, beta=1.0), "TFLite would end the whole process")


def test_the_process_really_ends(folder, tmp_path):
    """What the refusals above are for, in a process that may die."""
    two = [int8(1, 3), Operand((1, 3), "int8", 0.1, 0, 0, np.zeros((1, 3), np.int8))]
    output = int8(1, 3, scale=1 / 256, zero_point=-128)
    contents = {
        "add": build("ADD", two, int8(1, 3, scale=1e-7)),
        "softmax": build("SOFTMAX", [int8(1, 3, scale=1e-8)], output, beta=1.0),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        script = (
            "import sys; from ai_edge_litert.interpreter import Interpreter, OpResolverType as kernels\n"
            "Interpreter(sys.argv[1], experimental_op_resolver_type=kernels.BUILTIN_REF).allocate_tensors()"
        )
        done = subprocess.run([sys.executable, "-c", script, str(tmp_path / name)], capture_output=True, check=False)
        assert done.returncode < 0, done.stderr
