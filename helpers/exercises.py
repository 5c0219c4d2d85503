"""Checks for the exercises: each says *not attempted yet*, *right*, or what is wrong, with a hint.

A check never raises, so a student who runs all cells reaches the end.
"""

from collections.abc import Callable

import numpy as np

CHECKS: dict[str, Callable] = {}


def _exercise(function: Callable) -> Callable:
    """Register a check: it takes the answer and returns None if it is right, else a hint."""
    CHECKS[function.__name__] = function
    return function


def check(name: str, answer: object) -> None:
    """Print what is to be said about an answer.

    Args:
        name: of the exercise, as it stands in the notebook.
        answer: a value or a function; None, `...` and a function that returns them count as not attempted.

    Raises:
        KeyError: there is no such exercise.
    """
    if name not in CHECKS:
        raise KeyError(f"There is no exercise {name!r}; there are {', '.join(CHECKS)}.")
    try:
        hint = "todo" if answer is None or answer is ... else CHECKS[name](answer)
    except (NotImplementedError, _NotAttempted):
        hint = "todo"
    except Exception as error:
        hint = f"your code stopped with {type(error).__name__}: {error}"
    if hint is None:
        print(f"✓ {name}: right")
    elif hint == "todo":
        print(f"… {name}: not attempted yet")
    else:
        print(f"✗ {name}: {hint}")


class _NotAttempted(Exception):
    """The student's function still returns nothing."""


def _call(function: Callable, *arguments: object) -> object:
    """Call a student's function; a stub that returns nothing is not a wrong answer."""
    result = function(*arguments)
    if result is None or result is ...:
        raise _NotAttempted
    return result


# --- 01_train -----------------------------------------------------------------------------------------------------


@_exercise
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


@_exercise
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


# --- 05_tradeoffs -------------------------------------------------------------------------------------------------


@_exercise
def only_one_right(function: Callable) -> str | None:
    """Count the pictures that just one of two models gets right."""
    first = np.array([True, True, True, False, False, True, False])
    second = np.array([True, False, False, True, False, False, False])
    found = tuple(int(n) for n in _call(function, first, second))
    if found == (3, 1):
        return None
    if found == (1, 3):
        return "the two numbers are the wrong way round: the first counts where only the first model is right"
    if found == (4, 2):
        return "those are all right answers of each model; leave out the pictures that both get right"
    return f"expected (3, 1) for the small example, found {found}: combine the two with & and ~"


# --- 08_summary ---------------------------------------------------------------------------------------------------


@_exercise
def parameters_that_fit(answer: int) -> str | None:
    """256 kB of flash, 15 kB for everything but the weights, one byte a weight."""
    if answer == 241_000:
        return None
    if answer == 241:
        return "that is in kB; how many weights of one byte each are in it?"
    if answer == 256_000:
        return "the rest of the file, 15 kB, has to fit as well"
    if answer in (60_250, 241_000 / 4):
        return "that is for float32, with four bytes a weight; int8 takes one"
    return "take the rest of the file off the flash, and divide by the bytes of one weight"
