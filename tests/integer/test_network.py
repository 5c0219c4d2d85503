"""The integer network against TFLite's reference kernels, byte by byte, and its arithmetic against exact fractions."""

import math
import platform
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from helpers.base import console
from helpers.integer import comparison, fixed_point, operators, softmax
from helpers.integer.network import Network, details, load_network
from helpers.integer.rounding import MICRO, ROUNDINGS, one_shift
from helpers.integer.sums import convolution, depthwise_convolution, exact_dtype, fully_connected
from helpers.measure import accuracy
from helpers.networks import published, training
from helpers.numbers import quantization
from helpers.pictures import datasets, photographs
from helpers.pictures.conventions import normalise
from helpers.tflite import convert, edge_quantizer, inspect, interpreter, micro
from one_operator import Operand, build, constant, run

pytest_plugins = ["small"]

INT32 = st.integers(-(2**31), 2**31 - 1)
MULTIPLIERS = st.integers(2**30, 2**31 - 1)


# --- fixed-point arithmetic, against Python's exact fractions ---------------------------------------------------------


def half_up(x: Fraction) -> int:
    return math.floor(x + Fraction(1, 2))


def half_away(x: Fraction) -> int:
    return half_up(x) if x >= 0 else -half_up(-x)


def one(x: int) -> np.ndarray:
    return np.array([x], np.int32)


@given(st.floats(2**-32, 2**30))
def test_a_multiplier_is_the_nearest_number_of_31_bits(real):
    multiplier, shift = fixed_point.quantize_multiplier(real)
    assert 2**30 <= multiplier < 2**31 and -31 <= shift <= 31
    written = Fraction(multiplier, 2**31) * Fraction(2) ** shift
    assert abs(written / Fraction(real) - 1) <= Fraction(1, 2**31)


@pytest.mark.parametrize(
    "real, expected",
    [
        (0.0, (0, 0)),
        (0.5, (2**30, 0)),
        (1.0, (2**30, 1)),
        (math.nextafter(1, 0), (2**30, 1)),  # rounds up to 2^31, which is written as 2^30 and one more shift
        (0.75, (3 * 2**29, 0)),
        (2.0**-32, (2**30, -31)),
        (math.nextafter(2.0**-32, 0), (2**30, -31)),
        (2.0**-33, (0, 0)),
        (1e-300, (0, 0)),
    ],
)
def test_multipliers_by_hand(real, expected):
    assert fixed_point.quantize_multiplier(real) == expected


@pytest.mark.parametrize("real", [-1.0, math.inf, math.nan])
def test_a_multiplier_that_is_none(real):
    with pytest.raises(ValueError, match="ratio of scales, finite and not negative"):
        fixed_point.quantize_multiplier(real)


@given(INT32, INT32)
def test_the_doubling_high_multiplication(a, b):
    expected = min(half_up(Fraction(a * b, 2**31)), 2**31 - 1)
    assert fixed_point.saturating_rounding_doubling_high_mul(one(a), one(b)) == expected


@pytest.mark.parametrize(
    "a, b, expected",
    [
        (-(2**31), -(2**31), 2**31 - 1),  # -1 times -1 saturates
        (1, 2**30, 1),  # 1/2 rounds up
        (-1, 2**30, 0),  # so does -1/2
        (-(2**31), 2**31 - 1, -(2**31) + 1),
    ],
)
def test_the_corners_of_the_multiplication(a, b, expected):
    assert fixed_point.saturating_rounding_doubling_high_mul(one(a), one(b)) == expected


@given(INT32, st.integers(0, 31))
def test_the_division_by_a_power_of_two(x, exponent):
    assert fixed_point.rounding_divide_by_pot(one(x), exponent) == half_away(Fraction(x, 2**exponent))


@pytest.mark.parametrize("x, expected", [(3, 2), (-3, -2), (1, 1), (-1, -1), (5, 3), (-5, -3)])
def test_halves_go_away_from_zero(x, expected):
    assert fixed_point.rounding_divide_by_pot(one(x), 1) == expected


@given(INT32, st.integers(0, 31))
def test_the_saturating_multiplication_by_a_power_of_two(x, exponent):
    expected = min(max(x * 2**exponent, -(2**31)), 2**31 - 1)
    assert fixed_point.saturating_multiply_by_pot(one(x), exponent) == expected


@given(st.integers(-(2**24), 2**24), MULTIPLIERS, st.integers(-31, 6))
def test_requantization_rounds_twice(x, multiplier, shift):
    product = half_up(Fraction((x << max(shift, 0)) * multiplier, 2**31))
    expected = half_away(Fraction(product, 2 ** max(-shift, 0)))
    found = fixed_point.requantize(one(x), multiplier, shift)
    assert found == expected
    exact = Fraction(x * multiplier, 2**31) * Fraction(2) ** shift
    assert abs(int(found[0]) - exact) <= Fraction(3, 4) + Fraction(1, 2**30)


@given(st.lists(st.tuples(st.integers(-(2**20), 2**20), MULTIPLIERS, st.integers(-31, 2)), min_size=1, max_size=9))
def test_channels_are_requantized_one_by_one(columns):
    sums, multipliers, shifts = (np.array(values, np.int32) for values in zip(*columns, strict=True))
    together = fixed_point.requantize(np.stack([sums, -sums]), multipliers, shifts)
    for i, column in enumerate(columns):
        assert together[0, i] == fixed_point.requantize(one(column[0]), *column[1:])[0]
        assert together[1, i] == fixed_point.requantize(one(-column[0]), *column[1:])[0]


@given(st.floats(-(2**20), 2**20, width=32))
def test_rounding_is_that_of_c(x):
    assert quantization.round_half_away(np.float32([x]))[0] == half_away(Fraction(x))


def test_rounding_just_below_a_half():
    assert quantization.round_half_away(np.array([0.49999997, -0.49999997, 2.5, -2.5], np.float32)).tolist() == [
        0,
        0,
        3,
        -3,
    ]


@given(st.floats(1e-4, 1.0), st.integers(-128, 127), st.sampled_from(["NONE", "RELU", "RELU6"]))
def test_the_range_of_an_activation(scale, zero_point, activation):
    low, high = fixed_point.activation_range(activation, np.float32(scale), zero_point)
    assert -128 <= low <= 127 and high <= 127
    assert low == (-128 if activation == "NONE" else zero_point)
    six = zero_point + half_away(Fraction(float(np.float32(6) / np.float32(scale))))
    assert high == (min(127, six) if activation == "RELU6" else 127)


# --- softmax in fixed point, against real numbers ---------------------------------------------------------------------


@given(st.lists(st.integers(-(2**31) + 1, 0), min_size=1, max_size=50))
def test_the_exponential(raw):
    x = np.array(raw, np.int32)
    found = softmax.exp_on_negative_values(x) / 2**31
    left_out = (1 / 8) ** 5 / 120  # the first term of the Taylor series that is left out, where it is largest
    np.testing.assert_allclose(found, np.exp(x / 2**26), rtol=0, atol=1.2 * left_out)


@given(st.lists(st.integers(2**19, 2**31 - 1), min_size=1, max_size=50))
def test_the_reciprocal(raw):
    x = np.array(raw, np.int32)
    inverse, bits = softmax.reciprocal(x)
    np.testing.assert_allclose(inverse / 2.0**31 * 2.0**-bits, 2.0**19 / x, rtol=1e-8)
    assert (inverse > 2**30 - 10).all()  # between 1/2 and 1


# --- exact sums -------------------------------------------------------------------------------------------------------


def integer_convolution(codes, weights, bias, zero_point, strides, padding, dilations):
    """The definition of a convolution, place by place, in int64."""
    (n, *lengths, _), (filters, *kernel, _) = codes.shape, weights.shape
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    if padding == "SAME":
        outputs = [-(-length // s) for length, s in zip(lengths, strides, strict=True)]
        missing = [
            max((o - 1) * s + k - length, 0) for o, s, k, length in zip(outputs, strides, span, lengths, strict=True)
        ]
    else:
        outputs = [(length - k) // s + 1 for length, k, s in zip(lengths, span, strides, strict=True)]
        missing = [0, 0]
    sums = np.zeros((n, *outputs, filters), np.int64)
    for y, x, i, j in np.ndindex(*outputs, *kernel):
        row = y * strides[0] + i * dilations[0] - missing[0] // 2
        column = x * strides[1] + j * dilations[1] - missing[1] // 2
        if 0 <= row < lengths[0] and 0 <= column < lengths[1]:
            sums[:, y, x] += (codes[:, row, column].astype(np.int64) - zero_point) @ weights[:, i, j].astype(np.int64).T
    return sums + bias


PLACES = st.fixed_dictionaries(
    {
        "strides": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "padding": st.sampled_from(["SAME", "VALID"]),
        "dilations": st.tuples(st.integers(1, 2), st.integers(1, 2)),
    }
)
SEEDS = st.integers(0, 2**32 - 1)


def fits(lengths, kernel, places) -> bool:
    """Whether a convolution without padding has an output."""
    span = [(k - 1) * d + 1 for k, d in zip(kernel, places.get("dilations", (1, 1)), strict=True)]
    return places["padding"] == "SAME" or all(k <= n for k, n in zip(span, lengths, strict=True))


def draw_codes(seed: int, shape: tuple[int, ...], low: int = -128) -> np.ndarray:
    """Random codes; every third time only the two ends of the range, where sums are largest."""
    rng = np.random.default_rng(seed)
    if seed % 3 == 0:
        return rng.choice(np.array([low, 127], np.int8), shape)
    return rng.integers(low, 128, shape, dtype=np.int8)


@given(
    PLACES,
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.integers(1, 4),
    st.integers(-128, 127),
    SEEDS,
)
@settings(max_examples=60, deadline=None)
def test_sums_of_a_convolution_are_exact(places, lengths, kernel, channels, zero_point, seed):
    assume(fits(lengths, kernel, places))
    codes = draw_codes(seed, (2, *lengths, channels))
    weights, bias = draw_codes(seed + 1, (3, *kernel, channels)), np.array([1, -(2**20), 2**20], np.int32)
    found = convolution(codes, weights, bias, zero_point, **places)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, integer_convolution(codes, weights, bias, zero_point, **places))
    each = depthwise_convolution(codes, weights[:1], None, zero_point, **places)
    for c in range(channels):
        alone = integer_convolution(codes[..., [c]], weights[:1, ..., [c]], 0, zero_point, **places)
        np.testing.assert_array_equal(each[..., [c]], alone)


@pytest.mark.parametrize("length", [513, 514, 515, 516, 3000, 20_000])
def test_long_sums_are_exact_where_float32_would_not_be(length):
    """All ends of the range: the largest sums there are, and an odd one out that float32 would lose."""
    weights = np.full((2, length), -128, np.int8)
    weights[1] = 127
    codes = np.full((1, length), 127, np.int8)
    codes[0, 0] = 126
    found = fully_connected(codes, weights, np.array([5, -5], np.int32), -128)
    exact = (codes.astype(np.int64) + 128) @ weights.astype(np.int64).T + [5, -5]
    np.testing.assert_array_equal(found, exact)
    assert exact_dtype(weights, -128) == (np.float32 if length <= 514 else np.float64)


def test_float32_would_lose_a_bit():
    """What `exact_dtype` protects from: 2^24 + 1 has no code in float32."""
    weights, codes = np.full((1, 1100), 127, np.int8), np.full((1, 1100), 127, np.int8)
    weights[0, 0] = 2
    exact = (codes.astype(np.int64) + 128) @ weights.astype(np.int64).T
    assert exact[0, 0] > 2**24 and exact[0, 0] % 2 == 1
    assert float(np.float32(exact[0, 0])) != exact[0, 0]
    np.testing.assert_array_equal(fully_connected(codes, weights, None, -128), exact)


# --- one operator at a time, on the reference kernels -----------------------------------------------------------------


def same_bytes(content: bytes, codes: np.ndarray, folder) -> np.ndarray:
    """Run a model of one operator both ways, check that no byte differs, and return its output."""
    path = folder / "one.tflite"
    path.write_bytes(content)
    network = load_network(path)
    found = network.tensors(codes)[network.output.index]
    expected = run(content, codes)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    assert found.tobytes() == expected.tobytes(), f"{(found != expected).sum()} of {found.size} values differ"
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("one_operator")


ZERO_POINTS = st.integers(-128, 127)
SCALES = st.floats(1e-3, 1.0).map(lambda x: float(np.float32(x)))
ACTIVATIONS = st.sampled_from(["NONE", "RELU", "RELU6"])
EFFECTIVE = st.floats(-14.0, 1.5).map(lambda power: 2.0**power)  # input scale * weight scale / output scale
LENGTHS = st.tuples(st.integers(1, 12), st.integers(1, 12))
KERNELS = st.tuples(st.integers(1, 4), st.integers(1, 4))
EXAMPLES = settings(max_examples=120, deadline=None)


def weighed(operator, codes, weights, axis, output_shape, drawn, dtype="int8", **options) -> bytes:
    """Return a model of an operator with weights; `drawn` is one of `WEIGHED`."""
    scale, zero_point, output_zero_point, effective, activation, per_channel, has_bias, seed = drawn
    rng = np.random.default_rng(seed + 2)
    channels = weights.shape[axis]
    scales = rng.uniform(0.3, 1.0, channels if per_channel else 1).astype(np.float32) * np.float32(0.01)
    filters = Operand(weights.shape, dtype, scales, 0, axis, weights)
    inputs = [Operand(codes.shape, "int8", scale, zero_point), filters]
    if has_bias or operator == "CONV_2D":  # which TFLite does not take without
        bias = rng.integers(-20_000, 20_000, channels, dtype=np.int32)
        inputs.append(constant(bias, np.float32(scale) * scales))
    output = Operand(output_shape, "int8", scale * 0.01 / effective, output_zero_point)
    return build(operator, inputs, output, fusedActivationFunction=activation, **options)


WEIGHED = st.tuples(SCALES, ZERO_POINTS, ZERO_POINTS, EFFECTIVE, ACTIVATIONS, st.booleans(), st.booleans(), SEEDS)


def geometry(places: dict) -> dict:
    """Strides and dilations by their names in the schema."""
    named = {"strideH": places["strides"][0], "strideW": places["strides"][1], "padding": places["padding"]}
    if "dilations" in places:
        named |= {"dilationHFactor": places["dilations"][0], "dilationWFactor": places["dilations"][1]}
    return named


def places_of(lengths, kernel, places) -> tuple[int, int]:
    """Height and width of the output."""
    span = [(k - 1) * d + 1 for k, d in zip(kernel, places.get("dilations", (1, 1)), strict=True)]
    return tuple(
        -(-n // s) if places["padding"] == "SAME" else (n - k) // s + 1
        for n, s, k in zip(lengths, places["strides"], span, strict=True)
    )


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


POOLS = st.fixed_dictionaries(
    {"strides": st.tuples(st.integers(1, 3), st.integers(1, 3)), "padding": st.sampled_from(["SAME", "VALID"])}
)


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


RATIOS = st.floats(0.25, 8.0)  # output scale over input scale


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


@pytest.mark.parametrize("operator", ["ADD", "MUL"])
@given(
    shape=BROADCAST,
    first=st.booleans(),
    scales=st.tuples(SCALES, SCALES),
    ratio=st.floats(0.01, 4.0),
    zeros=st.tuples(ZERO_POINTS, ZERO_POINTS, ZERO_POINTS),
    activation=ACTIVATIONS,
    seed=SEEDS,
)
@EXAMPLES
def test_two_numbers_become_one(folder, operator, shape, first, scales, ratio, zeros, activation, seed):
    codes, other = draw_codes(seed, (4, 8, 6, 10)), draw_codes(seed + 1, shape)
    natural = max(scales) if operator == "ADD" else scales[0] * scales[1] * 100
    inputs = [
        Operand(codes.shape, "int8", scales[0], zeros[0]),
        Operand(shape, "int8", scales[1], zeros[1], 0, other),
    ]
    output = Operand(codes.shape, "int8", natural * ratio, zeros[2])
    content = build(operator, inputs if first else inputs[::-1], output, fusedActivationFunction=activation)
    same_bytes(content, codes, folder)


@pytest.mark.parametrize("operator", ["RELU", "RELU6", "QUANTIZE"])
@given(scale=SCALES, ratio=RATIOS, zero=ZERO_POINTS, output_zero=ZERO_POINTS)
@EXAMPLES
def test_from_one_scale_to_another(folder, operator, scale, ratio, zero, output_zero):
    codes = np.arange(-128, 128, dtype=np.int8)[None]
    output = Operand(codes.shape, "int8", scale * ratio, output_zero)
    same_bytes(build(operator, [Operand(codes.shape, "int8", scale, zero)], output), codes, folder)


@given(st.floats(2e-6, 2.0), st.floats(0.05, 2.0), st.integers(1, 300), SEEDS)
@EXAMPLES
def test_softmax(folder, scale, beta, classes, seed):
    assume(scale * beta * 2**26 > 2)  # below, TFLite ends the process
    codes = draw_codes(seed, (20, classes))
    output = Operand(codes.shape, "int8", 1 / 256, -128)
    content = build("SOFTMAX", [Operand(codes.shape, "int8", scale, 3)], output, beta=beta)
    same_bytes(content, codes, folder)


def test_softmax_of_every_pair_of_codes(folder):
    """All 65,536 inputs that a network with two classes can have."""
    codes = np.stack(np.meshgrid(*[np.arange(-128, 128, dtype=np.int8)] * 2), axis=-1).reshape(-1, 2)
    for scale in (0.01, 0.0625, 0.3):
        output = Operand(codes.shape, "int8", 1 / 256, -128)
        same_bytes(build("SOFTMAX", [Operand(codes.shape, "int8", scale, 0)], output, beta=1.0), codes, folder)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=3, max_size=3),
    ZERO_POINTS,
    st.one_of(st.none(), st.integers(-128, 127)),
    SEEDS,
)
@EXAMPLES
def test_pad(folder, widths, zero, fill, seed):
    codes = draw_codes(seed, (2, 3, 4, 2))
    widths = [(0, 0), *widths]
    shape = tuple(n + sum(w) for n, w in zip(codes.shape, widths, strict=True))
    inputs = [Operand(codes.shape, "int8", 0.1, zero), constant(np.array(widths, np.int32))]
    if fill is not None:
        inputs.append(Operand((1,), "int8", 0.1, zero, 0, np.array([fill], np.int8)))
    content = build("PAD" if fill is None else "PADV2", inputs, Operand(shape, "int8", 0.1, zero))
    same_bytes(content, codes, folder)


@pytest.mark.parametrize("shape", [(2, 24), (2, 4, 6), (2, 1, 1, 24), (2, 3, -1)])
def test_reshape(folder, shape):
    codes = draw_codes(1, (2, 2, 3, 4))
    final = tuple(24 // 3 if n == -1 else n for n in shape)
    inputs = [Operand(codes.shape, "int8", 0.1, 5), constant(np.array(shape, np.int32))]
    same_bytes(build("RESHAPE", inputs, Operand(final, "int8", 0.1, 5)), codes, folder)


@given(st.sampled_from([1, 2, 3, -1]), st.integers(1, 4), SEEDS)
@settings(max_examples=20, deadline=None)
def test_concatenation(folder, axis, more, seed):
    codes = draw_codes(seed, (2, 3, 3, 3))
    shape, total = list(codes.shape), list(codes.shape)
    shape[axis], total[axis] = more, 3 + more
    other = Operand(tuple(shape), "int8", 0.1, 7, 0, draw_codes(seed + 1, tuple(shape)))
    output = Operand(tuple(total), "int8", 0.1, 7)
    same_bytes(build("CONCATENATION", [Operand(codes.shape, "int8", 0.1, 7), other], output, axis=axis), codes, folder)


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


@given(ZERO_POINTS, SCALES, RATIOS)
@settings(max_examples=30, deadline=None)
def test_quantize_unsigned_codes(folder, zero, scale, ratio):
    codes = np.arange(256, dtype=np.uint8)[None]
    inputs = [Operand(codes.shape, "uint8", scale, zero + 128)]
    same_bytes(build("QUANTIZE", inputs, Operand(codes.shape, "int8", scale * ratio, zero)), codes, folder)


# --- whole networks, tensor by tensor, on the reference kernels -------------------------------------------------------


def codes_of(network: Network, images: np.ndarray) -> np.ndarray:
    return interpreter.quantize_input(normalise(images), details(network.input))


def reference_tensors(path, codes: np.ndarray, network: Network) -> dict[int, np.ndarray]:
    """Every tensor that TFLite's reference kernels compute for a batch; the file as it is, asked to keep them all."""
    options = {"experimental_op_resolver_type": OpResolverType.BUILTIN_REF, "num_threads": 2}
    with console.quiet():
        ready = Interpreter(str(path), experimental_preserve_all_tensors=True, **options)
        entry = ready.get_input_details()[0]["index"]
        ready.resize_tensor_input(entry, codes.shape)
        ready.allocate_tensors()
    ready.set_tensor(entry, codes)
    ready.invoke()
    return {operator.outputs[0]: ready.get_tensor(operator.outputs[0]) for operator, _ in network.steps}


def every_tensor_is_equal(path, images: np.ndarray) -> Network:
    network = load_network(path)
    for i in range(0, len(images), 20):
        codes = codes_of(network, images[i : i + 20])
        found, expected = network.tensors(codes), reference_tensors(path, codes, network)
        assert set(found) == {network.input.index, *expected}
        for index, values in expected.items():
            assert found[index].dtype == values.dtype and found[index].shape == values.shape
            assert found[index].tobytes() == values.tobytes(), f"tensor {index}: {network.known[index].name}"
    return network


def spread(network: Network, images: np.ndarray) -> list[int]:
    """How many different codes each activation has: a degenerate network would prove nothing."""
    tensors = network.tensors(codes_of(network, images))
    return [len(np.unique(v)) for v in tensors.values() if v.dtype == np.int8 and v[0].size > 500]


def every_picture(small) -> np.ndarray:
    return np.concatenate([small.pets.arrays(split)[0] for split in ("train", "validation", "test")])


def test_the_compact_network_is_equal_in_every_tensor_for_every_picture(small):
    images = every_picture(small)
    network = every_tensor_is_equal(small.files["int8"], images)
    assert len(images) == 140 and len(network.steps) == 11
    assert min(spread(network, images[:20])) > 100


def test_so_it_is_with_real_numbers_around_it(small):
    network = every_tensor_is_equal(small.files["int8, float in/out"], every_picture(small)[:20])
    assert [operator.name for operator, _ in network.steps][:: len(network.steps) - 1] == ["QUANTIZE", "DEQUANTIZE"]
    assert network.output.dtype == "float32"


def test_the_shipped_network_is_equal_in_every_tensor(small):
    network = every_tensor_is_equal(training.PRETRAINED_INT8, every_picture(small)[:40])
    assert {operator.name for operator, _ in network.steps} >= {"ADD", "MEAN", "MAX_POOL_2D"}
    assert min(spread(network, every_picture(small)[:20])) > 100


@pytest.mark.photographs
@pytest.mark.skipif(not photographs.prepared(), reason="the photographs are not prepared: make photos")
def test_the_shipped_network_is_equal_on_photographs():
    every_tensor_is_equal(training.PRETRAINED_INT8, datasets.load("photographs").arrays("test", 60)[0])


@pytest.fixture(scope="module")
def mobilenet(small, tmp_path_factory):
    """A MobileNetV1 (alpha 0.25, 48 x 48 pixels) with the statistics of some pictures, as int8; and these pictures."""
    images = small.pets.arrays("train")[0][:, ::2, ::2]
    inputs = normalise(images)
    network = published.network("MobileNet", inputs, alpha=0.25, classes=2)
    folder = tmp_path_factory.mktemp("mobilenet")
    network.export(folder / "saved_model", verbose=False)
    content = convert.convert("int8", folder / "saved_model", inputs)
    return convert.write(content, folder / "mobilenet.tflite"), images


def test_a_mobilenet_is_equal_in_every_tensor(mobilenet):
    path, images = mobilenet
    network = every_tensor_is_equal(path, images[:60])
    kinds = [operator.name for operator, _ in network.steps]
    assert kinds.count("DEPTHWISE_CONV_2D") == 13 and kinds.count("CONV_2D") == 15
    assert {"PAD", "SHAPE", "STRIDED_SLICE", "PACK", "RESHAPE", "SOFTMAX"} <= set(kinds)
    assert np.median(spread(network, images[:20])) > 50


def test_many_pictures_go_through_a_few_at_a_time(small):
    network, images = load_network(small.files["int8"]), every_picture(small)[:37]
    codes = codes_of(network, images)
    whole = network.tensors(codes)[network.output.index]
    np.testing.assert_array_equal(network.run(codes), whole)
    np.testing.assert_array_equal(network.run(codes[::-1], threads=5)[::-1], whole)


def test_the_probabilities_are_those_of_the_reference_kernels(small):
    network, images = load_network(small.files["int8"]), every_picture(small)[:30]
    expected = accuracy.predict(small.files["int8"], images, "reference")
    np.testing.assert_array_equal(network.predict(images), expected)


# --- against other kernels --------------------------------------------------------------------------------------------


def differing(found: list[comparison.Difference]) -> int:
    return sum(difference.differing for difference in found)


@pytest.mark.parametrize("alone", [False, True], ids=["together", "alone"])
def test_nothing_differs_from_the_reference(small, alone):
    network = load_network(small.files["int8"])
    codes = codes_of(network, every_picture(small)[:3])
    found = comparison.compare(small.files["int8"], codes, "reference", alone)
    assert differing(found) == 0
    assert [d.operator for d in found] == [operator.name for operator, _ in network.steps]
    expected = [v.size for i, v in network.tensors(codes).items() if i != network.input.index]
    assert [d.values for d in found] == expected


MEASURED_HERE = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="how optimised kernels round depends on the processor"
)


@MEASURED_HERE
@pytest.mark.parametrize("alone", [False, True], ids=["together", "alone"])
@pytest.mark.parametrize("kernels", ["built-in", "XNNPACK"])
def test_rounding_explains_what_differs(small, mobilenet, kernels, alone):
    """The residual network differs from both; with the kernels' own rounding, nothing does, in any of the networks."""
    images = every_picture(small)[:4]
    codes = codes_of(load_network(training.PRETRAINED_INT8), images)
    found = comparison.compare(training.PRETRAINED_INT8, codes, kernels, alone)
    assert differing(found) > 0
    assert differing(comparison.compare(training.PRETRAINED_INT8, codes, kernels, alone, rounding=kernels)) == 0
    if alone:
        assert max(d.largest for d in found) == 1
        guilty = {d.operator for d in found if d.differing}
        assert guilty <= set(ROUNDINGS[kernels])
    for path, pictures in ((small.files["int8"], images), (mobilenet[0], mobilenet[1][:4])):
        codes = codes_of(load_network(path), pictures)
        assert differing(comparison.compare(path, codes, kernels, alone, rounding=kernels)) == 0


@pytest.mark.skipif(not micro.installed(), reason="TensorFlow Lite Micro is not installed")
def test_tensorflow_lite_micro_computes_the_same(small):
    codes = codes_of(load_network(training.PRETRAINED_INT8), every_picture(small)[:3])
    found = comparison.compare(training.PRETRAINED_INT8, codes, MICRO, rounding=MICRO)
    assert len(found) == 29 and differing(found) == 0


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


@pytest.mark.skipif(not micro.installed(), reason="TensorFlow Lite Micro is not installed")
@pytest.mark.parametrize("per_channel", [False, True], ids=["per tensor", "per channel"])
def test_tensorflow_lite_micro_rounds_dense_layers_twice(folder, per_channel):
    drawn = (0.05, 3, -5, 2.0**-8, "NONE", per_channel, True, 7)
    codes, weights = draw_codes(1, (1, 64)), draw_codes(2, (20_000, 64), -127)
    path = folder / "dense.tflite"
    path.write_bytes(weighed("FULLY_CONNECTED", codes, weights, 0, (1, 20_000), drawn))
    (expected,) = micro.run(path, codes)
    assert (load_network(path, MICRO).run(codes) == expected[0]).all()
    assert (load_network(path).run(codes) != expected[0]).sum() > 3


def test_a_difference_is_counted(small, monkeypatch):
    """A network that is wrong by one code in each output of its softmax."""
    right = operators.OPERATORS["SOFTMAX"]
    monkeypatch.setitem(operators.OPERATORS, "SOFTMAX", lambda step: lambda codes: right(step)(codes) ^ np.int8(1))
    codes = codes_of(load_network(small.files["int8"]), every_picture(small)[:3])
    *others, last = comparison.compare(small.files["int8"], codes)
    assert differing(others) == 0
    assert (last.operator, last.values, last.differing, last.largest) == ("SOFTMAX", 6, 6, 1)


def test_the_table_of_differences(small, monkeypatch):
    """One line for each set of kernels, counted as `compare` does; without the package the last line is empty."""
    codes = codes_of(load_network(small.files["int8"]), every_picture(small)[:5])
    table = comparison.difference_table(small.files["int8"], codes)
    assert [row[0] for row in table.rows] == ["reference", "built-in", "XNNPACK", MICRO]
    for kernels, values, different, _, _, again in table.rows[:3]:
        found = comparison.compare(small.files["int8"], codes, kernels)
        assert values == f"{sum(d.values for d in found):,}"
        assert different == f"{differing(found):,}"
        if kernels == "reference" or platform.machine() in ("x86_64", "AMD64"):
            assert again == "0"
    assert table.rows[0][2] == "0" and table.rows[2][2] != "0"
    monkeypatch.setattr(micro, "run", lambda path, codes: (_ for _ in ()).throw(NotImplementedError))
    assert comparison.difference_table(small.files["int8"], codes[:1]).rows[-1] == [MICRO, *"–––––"]


def test_kernel_tensors_are_those_of_the_interpreter(small):
    network = load_network(small.files["int8"])
    codes = codes_of(network, every_picture(small)[:3])
    found = comparison.kernel_tensors(small.files["int8"], codes)
    expected = reference_tensors(small.files["int8"], codes, network)
    assert found.keys() == expected.keys()
    for index, values in expected.items():
        np.testing.assert_array_equal(found[index], values)


def test_kernels_that_do_not_exist(small):
    codes = codes_of(load_network(small.files["int8"]), every_picture(small)[:1])
    with pytest.raises(KeyError, match="Expected one of reference, built-in, XNNPACK, TensorFlow Lite Micro"):
        load_network(small.files["int8"], rounding="fast")
    with pytest.raises(KeyError, match="Expected one of XNNPACK, built-in, reference, TensorFlow Lite Micro"):
        comparison.compare(small.files["int8"], codes, "fast")


# --- what can go wrong ------------------------------------------------------------------------------------------------


def refused(folder, content: bytes, why: str) -> None:
    path = folder / "other.tflite"
    path.write_bytes(content)
    with pytest.raises(NotImplementedError, match=why):
        load_network(path)


@pytest.fixture(scope="module")
def four_bits(small, folder):
    """The small network with 4-bit weights and 8-bit activations, made with AI Edge Quantizer."""
    calibration = datasets.calibration_inputs(small.pets, 20)
    content = edge_quantizer.quantize(small.files["float32"], calibration, weights=4)
    return convert.write(content, folder / "four_bits.tflite")


@pytest.mark.parametrize("kernels", interpreter.KERNEL_SETS)
def test_weights_of_four_bits_in_a_whole_network(small, four_bits, kernels):
    """XNNPACK hands int4 convolutions to the built-in kernels, and so rounds as they do."""
    images = small.pets.arrays("test")[0][:3]
    codes = interpreter.quantize_input(normalise(images), details(load_network(four_bits).input))
    assert not any(found.differing for found in comparison.compare(four_bits, codes, kernels, rounding=kernels))
    assert {t.dtype for t in inspect.tensors(four_bits) if t.role == "weights"} == {"int4"}


def int8(*shape: int, scale: float = 0.1, zero_point: int = 0) -> Operand:
    return Operand(shape, "int8", scale, zero_point)


def test_an_unknown_operator_is_named(folder):
    refused(
        folder, build("TANH", [int8(1, 3)], int8(1, 3)), r"cannot do the TANH that makes tensor 1: it knows ADD, .*"
    )


@pytest.mark.parametrize("kind", ["float32", "dynamic range", "float16", "int16x8"])
def test_other_kinds_of_files_are_refused(small, kind):
    found = {"int16x8": "output should be int8 and is int16", "float16": "input 0 should be int8 and is float16"}
    why = found.get(kind, "input 0 should be int8 and is float32") + "; it takes full-int8 files"
    with pytest.raises(NotImplementedError, match=why):
        load_network(small.files[kind])


def test_settings_that_it_does_not_know(folder):
    weights, bias = constant(np.ones((4, 1, 1, 2), np.int8), 0.1), constant(np.zeros(4, np.int32), 0.01)
    with_weights = [int8(1, 3, 3, 4), weights, bias]
    refused(folder, build("CONV_2D", with_weights, int8(1, 3, 3, 4), strideH=1, strideW=1), "a grouped convolution")
    two = [int8(1, 3), Operand((1, 3), "int8", 0.1, 0, 0, np.zeros((1, 3), np.int8))]
    refused(
        folder, build("ADD", two, int8(1, 3), fusedActivationFunction="RELU_N1_TO_1"), "RELU_N1_TO_1 is not among NONE"
    )
    refused(folder, build("CONCATENATION", two, int8(2, 3), axis=0), "it mixes pictures")
    refused(folder, build("CONCATENATION", two, int8(1, 6, scale=0.2), axis=1), "differ in scale or zero point")
    mean = [int8(2, 3), constant(np.array([0], np.int32))]
    refused(folder, build("MEAN", mean, int8(3)), "the mean over pictures")
    refused(folder, build("MEAN", [int8(2, 3), Operand((1,), "int32")], int8(2)), "its input 1 should be a constant")
    pad = [int8(2, 3), constant(np.array([[1, 0], [0, 0]], np.int32))]
    refused(folder, build("PAD", pad, int8(3, 3)), "it adds pictures")
    reshape = [int8(2, 3), constant(np.array([3, 2], np.int32))]
    refused(folder, build("RESHAPE", reshape, int8(3, 2)), "it mixes pictures")


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


def test_several_inputs_are_refused(folder):
    refused(folder, build("ADD", [int8(1, 3), int8(1, 3)], int8(1, 3)), "one input and one output; .* has 2 and 1")


def test_a_file_that_is_missing_or_no_model(tmp_path):
    with pytest.raises(FileNotFoundError, match="no model file"):
        load_network(tmp_path / "none.tflite")
    (tmp_path / "some.tflite").write_bytes(b"no model at all")
    with pytest.raises(ValueError, match=r"some.tflite is no \.tflite file"):
        load_network(tmp_path / "some.tflite")


@pytest.mark.parametrize(
    "codes",
    [
        np.zeros((0, 96, 96, 3), np.int8),
        np.zeros((96, 96, 3), np.int8),
        np.zeros((1, 48, 48, 3), np.int8),
        np.zeros((1, 96, 96, 3), np.uint8),
        np.zeros((1, 96, 96, 3), np.float32),
    ],
    ids=["no pictures", "one without an axis for pictures", "too small", "pictures", "real numbers"],
)
def test_an_input_that_does_not_fit(small, codes):
    network = load_network(small.files["int8"])
    for call in (network.run, network.tensors, lambda codes: comparison.compare(small.files["int8"], codes)):
        with pytest.raises(
            ValueError, match=r"takes int8 \[n, 96, 96, 3\] with n of at least 1; found \w+ \[.*quantize"
        ):
            call(codes)
