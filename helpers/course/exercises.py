"""Checks for the exercises: each says *not attempted yet*, *right*, or what is wrong, with a hint.

A check never raises, so a student who runs all cells reaches the end.  What was attempted is kept, see `progress`.
"""

import inspect
import itertools
from collections.abc import Callable

import numpy as np

from helpers.course import grading, progress

CHECKS: dict[str, Callable] = {}


NOTEBOOKS: dict[str, str] = {}  # in which each exercise stands


def _exercise(notebook: str) -> Callable[[Callable], Callable]:
    """Register a check of a notebook: it takes the answer and returns None if it is right, else a hint."""

    def register(function: Callable) -> Callable:
        CHECKS[function.__name__], NOTEBOOKS[function.__name__] = function, notebook
        return function

    return register


TODO = "not attempted yet"


def hint(name: str, answer: object) -> str | None:
    """Return what is wrong with an answer; None if it is right, `TODO` if there is none.

    Args:
        name: of the exercise, as it stands in the notebook.
        answer: a value or a function; None, `...` and a function that returns them count as not attempted.

    Raises:
        KeyError: there is no such exercise.
    """
    if name not in CHECKS:
        raise KeyError(f"There is no exercise {name!r}; there are {', '.join(CHECKS)}.")
    try:
        found = TODO if answer is None or answer is ... else CHECKS[name](answer)
        if found is None and not grading.holds(name, answer):
            return "right for the numbers that were tried first, and wrong for others: is one of them written into it?"
    except (NotImplementedError, _NotAttempted):
        return TODO
    except Exception as error:
        return f"your code stopped with {type(error).__name__}: {error}"
    return found


def check(name: str, answer: object) -> None:
    """Print what is to be said about an answer, and keep the attempt.

    Args:
        name, answer: see `hint`.

    Raises:
        KeyError: there is no such exercise.
    """
    words = hint(name, answer)
    if words == TODO:
        print(f"… {name}: {TODO}")
        return
    print(f"✓ {name}: right" if words is None else f"✗ {name}: {words}")
    try:
        progress.attempted(name, words, _code(answer))
    except (OSError, ValueError) as problem:
        print(f"(This attempt is not kept. {problem})")


def _code(answer: object) -> str:
    """Return an answer as it was written: a function's lines, anything else as Python shows it."""
    try:
        return inspect.getsource(answer) if callable(answer) else str(answer)
    except (OSError, TypeError):  # a function without a file or a cell
        return repr(answer)


class _NotAttempted(Exception):
    """The student's function still returns nothing."""


def _call(function: Callable, *arguments: object) -> object:
    """Call a student's function; a stub that returns nothing is not a wrong answer."""
    result = function(*arguments)
    if result is None or result is ...:
        raise _NotAttempted
    return result


# --- 00_start_here ------------------------------------------------------------------------------------------------


@_exercise("00_start_here")
def codes_of_a_byte(answer: int) -> str | None:
    """How many different codes eight bits have: 2 to the power of 8."""
    hints = {
        8: "that is the number of bits; each of them doubles what can be told apart",
        16: "bits do not add to each other, they double: two bits have 4 codes, three have 8",
        127: "that is the largest code of int8; count the negative ones and zero as well",
        128: "that many are negative; count zero and the positive ones as well",
        255: "that is the number of steps between the codes, as four fence posts have three gaps; count the posts",
        512: "that is 2 to the power of 9",
    }
    smallest, largest = np.iinfo(np.int8).min, np.iinfo(np.int8).max
    if answer == sum(1 for _ in range(smallest, largest + 1)):
        return None
    return hints.get(answer, "one bit has 2 codes, two bits have 4, three have 8: go on doubling")


# --- 01_train -----------------------------------------------------------------------------------------------------


@_exercise("01_train")
def multiply_accumulates(answer: int) -> str | None:
    """conv2: 48 x 48 outputs, 32 filters, each over 3 x 3 x 16 inputs."""
    outputs, per_output = 48 * 48 * 32, 3 * 3 * 16
    if answer == outputs * per_output:
        return None
    if answer == outputs * 9:
        return "each output adds up 3 × 3 positions of all 16 input channels; the channels are missing"
    if answer in (96 * 96 * 32 * per_output, 24 * 24 * 32 * per_output):
        return "count at the size of this layer's own output, 48 × 48"
    if answer == 2 * outputs * per_output:
        return "that counts multiplications and additions apart; one multiply-accumulate is both"
    return "multiply the number of outputs (48 × 48 × 32) by the products that go into each one"


# --- 02_convert ---------------------------------------------------------------------------------------------------


@_exercise("02_convert")
def quantize(function: Callable) -> str | None:
    """Round, add the zero point, clip, int8: held against the values the definition gives."""
    scale, zero_point = 0.5, 10
    values = np.array([0.0, 0.5, 0.7, 0.8, -0.7, -0.8], np.float32)
    codes = np.asarray(_call(function, values, scale, zero_point))
    if np.array_equal(codes, [10, 10, 10, 10, 10, 10]):
        return "every value became the zero point: divide by the scale, the width of one step, and round after that"
    truncated = np.trunc(values / scale + zero_point), np.trunc(values / scale) + zero_point
    if any(np.array_equal(codes, wrong) for wrong in truncated):
        return "that truncates: 0.8 / 0.5 = 1.6 lies nearer to 2 than to 1, so use np.round first"
    if not np.array_equal(codes, [10, 11, 11, 12, 9, 8]):
        example = "0, 0.5, 0.7, 0.8, -0.7, -0.8 with scale 0.5 and zero point 10 give 10, 11, 11, 12, 9, 8"
        return f"{example}; found {codes.tolist()}"
    ends = np.asarray(_call(function, np.array([1e3, -1e3], np.float32), scale, zero_point))
    if not np.array_equal(ends, [127, -128]):
        return f"values outside the range must stop at 127 and -128, found {ends.tolist()}: clip first, then cast"
    if codes.dtype != np.int8:
        return f"the values are right; now return them as int8, found {codes.dtype}"
    return None


@_exercise("02_convert")
def held_out(function: Callable) -> str | None:
    """Which pictures calibrate and which are scored: no picture may do both, and none that was trained on is scored."""
    train, test = [f"train {n}" for n in range(8)], [f"test {n}" for n in range(5)]
    calibration, scored = (list(part) for part in _call(function, train, test, 3))
    if set(calibration) & set(scored):
        return "a picture that calibrated is scored as well: the file was fitted to it, so its score says too much"
    if set(scored) & set(train):
        return "the network was trained on the pictures that you score; only test pictures are new to it"
    if set(calibration) & set(test):
        return "test pictures are for the score only; calibrate with training pictures, which the network knows anyway"
    if len(calibration) != 3:
        return f"`count` pictures are to calibrate: 3 here, found {len(calibration)}"
    if sorted(scored) != test:
        return f"the more pictures, the smaller the error bar: score all 5 test pictures, found {len(scored)}"
    return None


# --- 03_why_quantize ----------------------------------------------------------------------------------------------


@_exercise("03_why_quantize")
def weight_scale(function: Callable) -> str | None:
    """The scale of symmetric int8 weights: only the one farthest from zero decides."""
    weights = np.array([0.01, -0.02, 0.0, 1.27, -2.54, 0.03], np.float32)
    scale = float(_call(function, weights))
    wrong = {
        1.27 / 127: "the weight farthest from zero is negative here: take absolute values first",
        2.54 / 128: "the largest code of symmetric weights is 127, since -128 is left out",
        2.54 / 255: "255 steps lie between -127.5 and 127.5; the largest weight is to get code 127",
        3.81 / 255: "that range is not symmetric: with zero point 0, zero is in the middle of the codes",
        3.81 / 254: "that range is not symmetric: with zero point 0, zero is in the middle of the codes",
        127 / 2.54: "that is codes for each unit; the scale is the width of one code",
    }
    for value, hint in wrong.items():
        if np.isclose(scale, value, rtol=1e-4):
            return hint
    if not np.isclose(scale, 0.02, rtol=1e-4):
        example = "0.01, -0.02, 0, 1.27, -2.54 and 0.03 have scale 0.02"
        return f"{example}, found {scale:.4g}: only the weight farthest from zero decides, and it gets code 127 or -127"
    return None


@_exercise("03_why_quantize")
def value_of_bits(function: Callable) -> str | None:
    """A normal float32 from sign, biased exponent and the integer of its 23 fraction bits."""
    values = [float(_call(function, *parts)) for parts in ((0, 127, 0), (0, 128, 4194304), (1, 126, 0))]
    if values == [1.0, 3.0, -0.5]:
        return None
    if values[0] == 0:
        return "the fraction counts behind a 1 that is not stored: use 1 + fraction / 2**23"
    if values[0] > 1e30:
        return "the stored exponent is 127 too large, so that small numbers need no sign of their own: subtract 127"
    if values[:2] == [1.0, 3.0]:
        return "the sign bit 1 means minus"
    if values[0] == 1 and values[1] > 1e6:
        return "the fraction is an integer of 23 bits: divide it by 2**23"
    if values[0] == 1 and values[1] == 2.5:
        return "there are 23 fraction bits, so divide by 2**23"
    return f"(0, 127, 0), (0, 128, 4194304) and (1, 126, 0) are 1, 3 and -0.5; found {values}"


# --- 04_how_to_quantize -------------------------------------------------------------------------------------------


@_exercise("04_how_to_quantize")
def scale_and_zero_point(function: Callable) -> str | None:
    """Scale and zero point of the lecture's range, for the codes -128 to 127."""
    scale, zero_point = (float(value) for value in _call(function, -5.4, 4.5))
    if np.isclose(scale, 9.9 / 256, rtol=1e-6):
        return "256 levels have 255 steps between them, as four fence posts have three gaps"
    if np.isclose(scale, 255 / 9.9, rtol=1e-6):
        return "that is codes for each unit; the scale is the width of one code, the other way round"
    if not np.isclose(scale, 9.9 / 255, rtol=1e-6):
        return f"the scale is the whole range divided by 255 steps, 0.0388 for -5.4 to 4.5; found {scale:.4g}"
    if zero_point in (139, 139.0909090909091):
        return "that is the code of zero if the codes go from 0 to 255; here they start at -128"
    if np.isclose(zero_point, 11 + 1 / 11):
        return "zero must be a code, and codes are whole numbers: round"
    if np.isclose(abs(zero_point), abs(-128 + 5.4), atol=0.7):
        return "divide `low` by the scale before you count codes from -128"
    if zero_point != 11:
        return f"`low` gets code -128, and zero lies -low / scale codes above it: 11; found {zero_point:g}"
    if [float(value) for value in _call(function, 0.0, 6.0)][1] != -128:
        return "right for -5.4 to 4.5; for 0 to 6 the zero point is -128"
    return None


@_exercise("04_how_to_quantize")
def back(function: Callable) -> str | None:
    """From int8 codes back to numbers."""
    codes = np.array([-128, 11, 12, 127], np.int8)
    values = np.asarray(_call(function, codes, 0.5, 11), np.float64)
    if values.shape != codes.shape:
        return f"four codes give four numbers; found the shape {values.shape}"
    if np.allclose(values, [-69.5, 0, 0.5, 58]):
        return None
    if np.allclose(values[1:], [0, 0.5, 58]):
        return "-128 - 11 does not fit into int8 and wraps around: turn the codes into a wider type first"
    if np.allclose(values, 0.5 * codes.astype(float) - 11):
        return "the zero point is a code: subtract it before you multiply with the scale"
    if np.allclose(values, 0.5 * (codes.astype(float) + 11)):
        return "the zero point is the code of 0.0, so subtract it"
    if np.allclose(values, 0.5 * codes.astype(float)):
        return "the code 11 stands for 0.0 here, so subtract the zero point first"
    return f"-128, 11, 12, 127 with scale 0.5 and zero point 11 give -69.5, 0, 0.5, 58; found {values.tolist()}"


@_exercise("04_how_to_quantize")
def to_the_nearest(function: Callable) -> str | None:
    """Round to a multiple of a step."""
    rounded = [float(_call(function, x, step)) for x, step in ((3.14, 1.0), (3.14, 0.1), (-0.38, 0.25))]
    if np.allclose(rounded, [3.0, 3.1, -0.5]):
        return None
    if np.allclose(rounded[:2], [3.0, 0.0]):
        return "that is the slide's formula: 3.14 with step 0.1 gives 0.0. How many steps of 0.1 fit into 3.14?"
    if np.allclose(rounded[:2], [3, 31]):
        return "that is the number of steps; multiply it by the step to get a value again"
    if np.allclose(rounded, [3.0, 3.1, -0.25]):
        return "that truncates: -0.38 lies nearer to -0.5 than to -0.25, so round"
    return f"3.14 to the nearest 1 and 0.1, and -0.38 to the nearest 0.25, are 3, 3.1 and -0.5; found {rounded}"


@_exercise("04_how_to_quantize")
def integer_dot(function: Callable) -> str | None:
    """The sum of products of codes, with the zero point of the inputs taken off, in 32 bits."""
    inputs, weights = np.array([127, -128, 100, 11], np.int8), np.array([127, 127, -127, 5], np.int8)
    total = int(_call(function, inputs, 11, weights))
    exact = int((inputs.astype(int) - 11) @ weights.astype(int))
    if total == exact:
        return None
    if total == int(inputs.astype(int) @ weights.astype(int)):
        return "the code 11 stands for zero: subtract the zero point from the inputs first"
    if -128 <= total <= 127:
        return "the sum does not fit into 8 bits and wrapped around: turn both into int32 before you multiply"
    if total == int(((inputs - np.int8(11)).astype(int)) @ weights.astype(int)):
        return "-128 - 11 does not fit into int8: turn the codes into int32 before you subtract"
    return f"the small example gives {exact}, found {total}: add up (input - zero_point) * weight in int32"


@_exercise("04_how_to_quantize")
def bias_codes(function: Callable) -> str | None:
    """Biases have the scale of the products that they are added to: input scale times weight scale, in int32."""
    bias, weight_scale = np.array([0.5, -0.25, 0.010307], np.float32), np.array([0.01, 0.005, 0.002], np.float32)
    codes = np.asarray(_call(function, bias, 0.02, weight_scale))
    exact = bias.astype(float) / (0.02 * weight_scale.astype(float))  # 2500, -2500, 257.7
    if codes.shape != bias.shape:
        return f"three biases have three codes; found the shape {codes.shape}"
    own = np.abs(bias).max() / 127
    wrong = {
        "that is the scale of the weights alone; the bias is added to products of inputs and weights": weight_scale,
        "that is the scale of the inputs alone; the bias is added to products of inputs and weights": 0.02,
        "a scale of its own would not fit: sums can only be added in the same scale, that of the products": own,
    }
    for hint, scale in wrong.items():
        if np.all(np.abs(codes - bias / scale) < 1):
            return hint
    if np.allclose(codes, np.clip(np.round(exact), -128, 127)):
        return "a bias is not clipped to eight bits: it is added to a sum of 32 bits and has 32 bits itself"
    if np.array_equal(codes, np.trunc(exact)):
        return "that truncates: 257.7 lies nearer to 258 than to 257, so round"
    if not np.array_equal(codes, np.round(exact)):
        return f"0.5, -0.25 and 0.010307 have the codes 2500, -2500 and 258 here; found {codes.tolist()}"
    if codes.dtype != np.int32:
        return f"the values are right; now return them as int32, found {codes.dtype}"
    return None


# --- 05_tradeoffs -------------------------------------------------------------------------------------------------


@_exercise("05_tradeoffs")
def only_one_right(function: Callable) -> str | None:
    """Count the pictures that just one of two models gets right."""
    first = np.array([True, True, True, False, False, True, False])
    second = np.array([True, False, False, True, False, False, False])
    counts = tuple(int(n) for n in _call(function, first, second))
    if counts == (3, 1):
        return None
    if counts == (1, 3):
        return "the two numbers are the wrong way round: the first counts where only the first model is right"
    if counts == (4, 2):
        return "those are all right answers of each model; leave out the pictures that both get right"
    return f"expected (3, 1) for the small example, found {counts}: combine the two with & and ~"


@_exercise("05_tradeoffs")
def on_the_front(function: Callable) -> str | None:
    """Which of five networks no other one beats in both time and accuracy."""
    times, accuracies = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([0.80, 0.90, 0.85, 0.95, 0.94])
    on_front = np.asarray(_call(function, times, accuracies))
    if on_front.shape != times.shape or on_front.dtype != bool:
        return f"five networks give five booleans; found {on_front.dtype} of shape {on_front.shape}"
    if on_front.tolist() == [True, True, False, True, False]:
        turned = np.asarray(_call(function, times[::-1].copy(), accuracies[::-1].copy()))
        if turned.tolist() == [False, True, False, True, True]:
            return None
        return "right for networks in order of time; the same five in another order give another answer"
    if on_front.tolist() == [False, False, True, False, True]:
        return "those are the ones that another network beats: turn it round with ~"
    if on_front.sum() == 1:
        return "that is one best network; on the front are all that no other one beats in both"
    if not on_front.any():
        return "no network beats itself: it must be faster, or more accurate, than the other"
    return f"of the small example, only the third and the fifth are beaten; found {on_front.tolist()}"


# --- 06_other_parts -----------------------------------------------------------------------------------------------


@_exercise("06_other_parts")
def channel_scales(function: Callable) -> str | None:
    """One scale for each output channel, which lie along the first axis."""
    weights = np.array([[[0.5, -1.27], [0.1, 0.0]], [[0.127, 0.0], [-0.1, 0.02]], [[-2.54, 1.0], [0.3, 2.0]]])
    scales = np.asarray(_call(function, weights), np.float64)
    if scales.size == 1:
        return "that is one scale for the whole layer; give each of the three channels its own"
    if scales.shape != (3,):
        return f"three output channels, along the first axis, have three scales; found the shape {scales.shape}"
    if np.allclose(scales, [0.01, 0.001, 0.02]):
        return None
    if np.allclose(scales, [0.5 / 127, 0.001, 2 / 127]):
        return "a channel's weight farthest from zero may be negative: take absolute values first"
    if np.allclose(scales * 128 / 127, [0.01, 0.001, 0.02]):
        return "weights have codes from -127 to 127: divide by 127"
    return f"the largest |weight| of each channel divided by 127 is 0.01, 0.001 and 0.02; found {scales.tolist()}"


# --- 07_on_the_board ----------------------------------------------------------------------------------------------


@_exercise("07_on_the_board")
def bytes_alive(answer: int) -> str | None:
    """While conv4 runs in float32: its input and its output, and what waits at the other end of the shortcut."""
    numbers = 24 * 24 * 32
    if answer == 3 * numbers * 4:
        return None
    if answer == 3 * numbers:
        return "that is int8, with one byte a number; a float32 has four"
    if answer == 2 * numbers * 4:
        return "pool1 is still needed as well: the addition after conv4 reads it"
    if answer == numbers * 4:
        return "that is one of the tensors; a layer needs its input and its output at the same time"
    if answer == 4 * numbers * 4:
        return "add1 is written by the next operator; while conv4 runs, it is not there yet"
    return "add up the three tensors that are in memory, 24 × 24 × 32 numbers each, and four bytes for a number"


@_exercise("07_on_the_board")
def smlad(function: Callable) -> str | None:
    """The sum of two products and a total, from 16-bit numbers in pairs."""
    total = int(_call(function, (3, -4), (5, 6), 100))
    wrong = {
        15 - 24: "what was in the total before is lost: the instruction accumulates",
        100 + 18 - 20: "the halves are crossed: the first goes with the first (crossed is another instruction, SMLADX)",
        100 + 15: "that is one product; the instruction adds two",
        100 - 24: "that is one product; the instruction adds two",
        100 + 15 + 24: "the second product is negative, and is added as it is",
        (100 + 15) * -24: "both products are added to the total",
    }
    if total in wrong:
        return wrong[total]
    if total != 91:
        return f"3 × 5 + (-4) × 6 + 100 = 91; found {total}"
    if int(_call(function, (-128, -128), (-128, -128), 0)) != 2 * 128**2:
        return "(-128) × (-128) is 16,384, which no int8 can hold: multiply as integers of 32 bits"
    return None


def _race(source: str, level: int) -> str | None:
    """A C function that is right, and short enough for a level; the one that the notebook begins with is no attempt."""
    from helpers.board import race  # here, for nothing else in this file needs C

    if "".join(source.split()) == "".join(race.STARTER.split()):
        raise _NotAttempted
    try:
        found = race.run(source)
    except NotImplementedError as reason:
        return f"this cannot be checked here. {reason}"
    except (RuntimeError, TimeoutError, ValueError) as reason:
        return str(reason)
    if race.levels(found)[level - 1]:
        return None
    yours, bar = (f"{number:.2f}" for number in (found[race.YOURS.name].per_mac, race.bars(found)[level - 1]))
    hint = {
        1: "`folded_bias` has the zero point's share of each sum in it, so the innermost loop need not take it off",
        2: "keep four sums, of two pixels and two filters: every number that is loaded then serves two products",
        3: "widen the pixels once for all filters, as `pointwise_i8_smlad` does, and use `two_products`",
    }[level]
    return f"it is correct and takes {yours} instructions for one product; this level asks for {bar} at most: {hint}"


@_exercise("07_on_the_board")
def race_level_1(source: str) -> str | None:
    """The plain loop without the zero point in it."""
    return _race(source, 1)


@_exercise("07_on_the_board")
def race_level_2(source: str) -> str | None:
    """Two pixels times two filters at a time."""
    return _race(source, 2)


@_exercise("07_on_the_board")
def race_level_3(source: str) -> str | None:
    """Two products in one instruction."""
    return _race(source, 3)


# --- 08_summary ---------------------------------------------------------------------------------------------------


@_exercise("08_summary")
def parameters_that_fit(answer: int) -> str | None:
    """256 kB of flash, 15 kB for everything but the weights, one byte a weight."""
    flash, rest, bytes_a_weight = 256_000, 15_000, np.dtype(np.int8).itemsize
    if answer == (flash - rest) / bytes_a_weight:
        return None
    if answer == 241:
        return "that is in kB; how many weights of one byte each are in it?"
    if answer == 256_000:
        return "the rest of the file, 15 kB, has to fit as well"
    if answer in (60_250, 241_000 / 4):
        return "that is for float32, with four bytes a weight; int8 takes one"
    return "take the rest of the file off the flash, and divide by the bytes of one weight"


# --- 09_fewer_bits ------------------------------------------------------------------------------------------------


@_exercise("09_fewer_bits")
def equalization_factor(function: Callable) -> str | None:
    """What a channel is divided by, so that its weights reach equally far on both sides: sqrt(written / read)."""
    written, read = np.array([4.0, 0.5, 1.0]), np.array([1.0, 2.0, 1.0])
    factor = np.asarray(_call(function, written, read), np.float64)
    if factor.shape != written.shape:
        return f"each of the three channels has its own factor; found the shape {factor.shape}"
    wrong = {
        "divided by that, a channel reaches to 1 in the first layer, and the second has all of the difference": written,
        "that is the reach of the second layer alone; both sides are to end at the same": read,
        "that makes the first layer as small as the second was, and the second as large: meet in the middle, at a "
        "square root": written / read,
        "the other way round: the first layer is divided by the factor, so it must be large where the first one "
        "reaches far": np.sqrt(read / written),
        "that is where both sides end; the factor is by what the first one has to be divided to get there": np.sqrt(
            written * read
        ),
    }
    for hint, values in wrong.items():
        if np.allclose(factor, values):
            return hint
    if not np.allclose(factor, [2, 0.5, 1]):
        return f"4 / s = 1 · s for the first channel, so s = 2, then 0.5 and 1; found {factor.tolist()}"
    return None


@_exercise("09_fewer_bits")
def corrected_bias(function: Callable) -> str | None:
    """The bias with which the mean of a channel is again what it was: add what the mean lacks."""
    bias, exact, rounded = np.array([0.5, -1.0]), np.array([2.0, 0.25]), np.array([1.5, 1.0])
    found = np.asarray(_call(function, bias, exact, rounded), np.float64)
    if found.shape != bias.shape:
        return f"two channels have two biases; found the shape {found.shape}"
    if np.allclose(found, [1.0, -1.75]):
        return None
    if np.allclose(found, [0.0, -0.25]):
        return "the wrong sign: a channel whose mean is too small needs a larger bias, and yours moves it further away"
    if np.allclose(found, exact - rounded):
        return "that is what the mean lacks; the bias that was there before is still needed"
    if np.allclose(found, exact):
        return "that is the mean of the output; the weights make most of it, and the bias only what is missing"
    return f"1.5 should be 2, so 0.5 is missing, and 0.5 + 0.5 = 1; found {found.tolist()}"


@_exercise("09_fewer_bits")
def best_codes(function: Callable) -> str | None:
    """Of all ways to round three weights up or down, the one with the smallest error of the output."""
    weights, inputs = np.array([0.4, 0.4, 1.3]), np.array([[1.0, 1.0, 0.0], [2.0, 2.0, 1.0], [1.0, 1.0, 1.0]])
    codes = np.asarray(_call(function, weights, inputs), np.float64)
    if codes.shape != weights.shape:
        return f"three weights have three codes; found the shape {codes.shape}"
    if np.allclose(codes, np.round(weights)):
        return "those are the nearest codes: each weight has its smallest error, but in the output two of them add up"
    down = np.floor(weights)
    if not np.isin(codes - down, (0, 1)).all():
        return f"each weight goes down or up, to 0 or 1, 0 or 1, 1 or 2; found {codes.tolist()}"
    every = [down + np.array(up) for up in itertools.product((0, 1), repeat=3)]
    errors = [float(np.sum((inputs @ (weights - one)) ** 2)) for one in every]
    own = float(np.sum((inputs @ (weights - codes)) ** 2))
    if own > min(errors) + 1e-9:
        better = sum(error < own - 1e-9 for error in errors)
        return f"the squared error of the output is {own:.2f}, and {better} of the eight ways have a smaller one"
    second = np.asarray(_call(function, np.array([0.7, 0.2, 0.1]), np.eye(3)), np.float64)
    if not np.allclose(second, [1, 0, 0]):
        return (
            "right for inputs that go together; if they have nothing to do with each other, the nearest codes are best"
        )
    return None


@_exercise("09_fewer_bits")
def stored_bytes(function: Callable) -> str | None:
    """The bytes of a layer: packed codes, rounded up, and a float32 scale for each channel."""
    found = _call(function, 1000, 20, 3)
    wrong = {
        375: "that counts the codes and not the scales: each channel has one, a float32 of four bytes",
        395: "a scale is a float32, and takes four bytes",
        379: "each of the 20 channels has a scale of its own",
        3080: "three bits are not three bytes: eight of them make one",
        4080: "that is float32, with four bytes a weight",
    }
    if found in wrong:
        return wrong[found]
    if found != 455:
        return f"1,000 codes of 3 bits are 375 bytes, and 20 scales 80: 455 together; found {found}"
    if _call(function, 3, 1, 3) != 6:
        return "right where the bits fill their bytes; nine bits need two bytes, so round up"
    return None


@_exercise("09_fewer_bits")
def straight_through(function: Callable) -> str | None:
    """The gradient that the straight-through estimator passes back, with the range from -1 to 2."""
    values, gradient = np.array([-1.5, -1.0, 0.3, 2.0, 2.5]), np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    passed = np.asarray(_call(function, values, gradient, -1.0, 2.0), np.float64)
    if passed.shape != values.shape:
        return f"five values have five gradients; found the shape {passed.shape}"
    if np.allclose(passed, [0, 2, 3, 4, 0]):
        return None
    if np.allclose(passed, gradient):
        return "values outside the range are clipped: moving them a little changes nothing, so their gradient is 0"
    if not passed.any():
        return "that is the gradient of the staircase itself; the estimator treats rounding as if it were not there"
    if np.allclose(passed, [0, 1, 1, 1, 0]):
        return "that is the slope; multiply it by the gradient that comes from behind"
    if np.allclose(passed, [0, 0, 3, 0, 0]):
        return "right inside; the ends of the range still belong to it"
    return f"the gradient passes unchanged from -1 to 2, and not outside: 0, 2, 3, 4, 0; found {passed.tolist()}"
