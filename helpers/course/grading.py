"""Answers to exercises held against numbers that nobody has seen: drawn anew each time, judged by the suite's own code.

An exercise that asks for one number has none of these: its check says whether the number is right.
"""

import copy
import itertools
from collections.abc import Callable

import numpy as np

from helpers.numbers import quantization

Judge = Callable[[Callable, np.random.Generator], bool]  # whether a function is right about numbers drawn from here
JUDGES: dict[str, Judge] = {}
ROUNDS = 5  # drawings


def _exercise(judge: Judge) -> Judge:
    """Register a judge under the name of its exercise."""
    JUDGES[judge.__name__] = judge
    return judge


def holds(name: str, function: Callable, seed: int | None = None) -> bool:
    """Return whether a function is right about numbers that it has not seen; true where there is no such test.

    Args:
        name: of the exercise.
        function: the answer.
        seed: of the drawings; by default other numbers each time.

    Raises:
        Exception: whatever the function raises.
    """
    rng = np.random.default_rng(seed)

    def on_copies(*arguments: object) -> object:
        """Call it with copies: what it changes in place, the judge still needs."""
        return function(*copy.deepcopy(arguments))

    return name not in JUDGES or all(JUDGES[name](on_copies, rng) for _ in range(ROUNDS))


# --- 02_convert, 03_why_quantize ----------------------------------------------------------------------------------


@_exercise
def quantize(function: Callable, rng: np.random.Generator) -> bool:
    """As `quantization.quantize` does it."""
    values, scale = rng.normal(0, 3, 200).astype(np.float32), float(rng.uniform(0.01, 0.1))
    zero_point = int(rng.integers(-100, 100))
    codes = np.asarray(function(values, scale, zero_point))
    return codes.dtype == np.int8 and np.array_equal(codes, quantization.quantize(values, scale, zero_point))


@_exercise
def held_out(function: Callable, rng: np.random.Generator) -> bool:
    """So many training pictures calibrate, and all test pictures are scored."""
    count, train, test = int(rng.integers(1, 9)), [f"train {n}" for n in range(20)], [f"test {n}" for n in range(7)]
    calibration, scored = (list(part) for part in function(train, test, count))
    return len(set(calibration)) == count and set(calibration) <= set(train) and sorted(scored) == test


@_exercise
def weight_scale(function: Callable, rng: np.random.Generator) -> bool:
    """As `quantization.symmetric_parameters` does it, whether the weight farthest from zero is positive or negative."""
    weights = rng.normal(0, 1, (4, 3, 3, 5)).astype(np.float32)
    expected = quantization.symmetric_parameters(weights)[0]
    return all(np.isclose(function(values), expected, rtol=1e-5) for values in (weights, -weights))


@_exercise
def value_of_bits(function: Callable, rng: np.random.Generator) -> bool:
    """What NumPy makes of the same 32 bits."""
    sign, exponent, fraction = (int(rng.integers(*ends)) for ends in ((0, 2), (1, 255), (0, 2**23)))
    bits = np.uint32(sign << 31 | exponent << 23 | fraction)
    return float(function(sign, exponent, fraction)) == float(bits.view(np.float32))


# --- 04_how_to_quantize -------------------------------------------------------------------------------------------


@_exercise
def scale_and_zero_point(function: Callable, rng: np.random.Generator) -> bool:
    """As `quantization.affine_parameters` does it."""
    low, high = -float(rng.uniform(0.1, 9)), float(rng.uniform(0.1, 9))
    scale, zero_point = function(low, high)
    expected = quantization.affine_parameters(low, high)
    return bool(np.isclose(scale, expected[0], rtol=1e-5)) and int(zero_point) == expected[1] == zero_point


@_exercise
def back(function: Callable, rng: np.random.Generator) -> bool:
    """As `quantization.dequantize` does it."""
    codes, scale = rng.integers(-128, 128, 50, dtype=np.int8), float(rng.uniform(0.01, 2))
    zero_point = int(rng.integers(-128, 128))
    return np.allclose(function(codes, scale, zero_point), quantization.dequantize(codes, scale, zero_point), rtol=1e-4)


@_exercise
def to_the_nearest(function: Callable, rng: np.random.Generator) -> bool:
    """A whole number of steps, half a step away at most."""
    values, step = rng.normal(0, 5, 20).tolist(), float(rng.uniform(0.05, 2))
    found = np.array([float(function(x, step)) for x in values])
    steps = found / step
    return bool(np.all(np.abs(found - values) <= step / 2 + 1e-9) and np.all(np.abs(steps - np.round(steps)) < 1e-6))


@_exercise
def integer_dot(function: Callable, rng: np.random.Generator) -> bool:
    """As Python's own integers, which never overflow, add it up."""
    inputs, weights = (rng.integers(-128, 128, 300, dtype=np.int8) for _ in range(2))
    zero_point = int(rng.integers(-128, 128))
    expected = sum((int(q) - zero_point) * int(w) for q, w in zip(inputs, weights, strict=True))
    return int(function(inputs, zero_point, weights)) == expected


@_exercise
def bias_codes(function: Callable, rng: np.random.Generator) -> bool:
    """Codes in 32 bits that stand for the biases to within half a step."""
    scales, input_scale = rng.uniform(0.001, 0.01, 20).astype(np.float32), float(rng.uniform(0.01, 0.05))
    bias = rng.normal(0, 1, 20).astype(np.float32)
    codes = np.asarray(function(bias, input_scale, scales))
    steps = input_scale * scales.astype(np.float64)
    return codes.dtype == np.int32 and bool(np.all(np.abs(codes * steps - bias) <= 0.51 * steps))


# --- 05_tradeoffs, 06_other_parts, 07_on_the_board ----------------------------------------------------------------


@_exercise
def only_one_right(function: Callable, rng: np.random.Generator) -> bool:
    """Counted one by one."""
    first, second = (rng.random(100) < 0.7 for _ in range(2))
    pairs = list(zip(first.tolist(), second.tolist(), strict=True))
    return tuple(int(n) for n in function(first, second)) == (pairs.count((True, False)), pairs.count((False, True)))


@_exercise
def on_the_front(function: Callable, rng: np.random.Generator) -> bool:
    """The networks that no other one beats in both."""
    times, accuracies = rng.permutation(12) + 1.0, rng.permutation(12) / 20 + 0.4
    networks = list(zip(times.tolist(), accuracies.tolist(), strict=True))
    best = [not any(t < time and a > accuracy for t, a in networks) for time, accuracy in networks]
    return np.asarray(function(times, accuracies)).tolist() == best


@_exercise
def channel_scales(function: Callable, rng: np.random.Generator) -> bool:
    """As `quantization.symmetric_parameters` does it along the first axis."""
    weights = rng.normal(0, 1, (6, 3, 4))
    return np.allclose(function(weights), quantization.symmetric_parameters(weights, axis=0)[0], rtol=1e-5)


@_exercise
def smlad(function: Callable, rng: np.random.Generator) -> bool:
    """Two products and a total."""
    first, second = (tuple(map(int, rng.integers(-128, 128, 2))) for _ in range(2))
    total = int(rng.integers(-(10**6), 10**6))
    return int(function(first, second, total)) == total + int(np.dot(first, second))


# --- 09_fewer_bits ------------------------------------------------------------------------------------------------


@_exercise
def equalization_factor(function: Callable, rng: np.random.Generator) -> bool:
    """Afterwards both sides reach equally far."""
    written, read = rng.uniform(0.1, 5, (2, 8))
    factor = np.asarray(function(written, read), np.float64)
    return bool(np.all(factor > 0)) and np.allclose(written / factor, read * factor)


@_exercise
def corrected_bias(function: Callable, rng: np.random.Generator) -> bool:
    """A larger bias makes the mean larger by as much: afterwards it is what it was."""
    bias, exact, rounded = rng.normal(0, 1, (3, 8))
    return np.allclose(rounded + (np.asarray(function(bias, exact, rounded)) - bias), exact)


@_exercise
def best_codes(function: Callable, rng: np.random.Generator) -> bool:
    """None of the eight ways has a smaller error."""
    weights, inputs = rng.uniform(-2, 2, 3), rng.normal(0, 1, (10, 3)) + rng.normal(0, 2, (10, 1))
    codes, down = np.asarray(function(weights, inputs), np.float64), np.floor(weights)
    errors = [float(np.sum((inputs @ (weights - down - up)) ** 2)) for up in itertools.product((0, 1), repeat=3)]
    own = float(np.sum((inputs @ (weights - codes)) ** 2))
    return bool(np.isin(codes - down, (0, 1)).all()) and own <= min(errors) + 1e-9


@_exercise
def stored_bytes(function: Callable, rng: np.random.Generator) -> bool:
    """What NumPy needs for so many bits, packed, and for the scales."""
    weights, channels, bits = (int(rng.integers(*ends)) for ends in ((1, 5000), (1, 100), (2, 9)))
    packed, scales = np.packbits(np.zeros(weights * bits, bool)), np.zeros(channels, np.float32)
    return function(weights, channels, bits) == packed.nbytes + scales.nbytes


@_exercise
def straight_through(function: Callable, rng: np.random.Generator) -> bool:
    """The slope of clipping, measured with a small step to both sides, times the gradient that comes from behind."""
    low, high, step = -float(rng.uniform(0.5, 2)), float(rng.uniform(0.5, 2)), 1e-6
    values, gradient = rng.uniform(-4, 4, 50), rng.normal(0, 1, 50)
    slope = (np.clip(values + step, low, high) - np.clip(values - step, low, high)) / (2 * step)
    return np.allclose(function(values, gradient, low, high), gradient * slope, atol=1e-6)
