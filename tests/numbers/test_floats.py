"""Bits held against NumPy's and the processor's: a third of all float16, random float32, and additions of all kinds."""

import decimal
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from helpers.numbers import floats
from helpers.numbers.floats import add_floats, add_integers, take_apart

TYPES = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
SINGLE = st.floats(width=32, allow_nan=False, allow_infinity=False)
PATTERN = st.integers(0, 2**32 - 1)
BIGGEST = float(np.finfo(np.float32).max)
TINIEST = float(np.finfo(np.float32).smallest_subnormal)
SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)


def pattern(number) -> str:
    """Return the bits of a NumPy number."""
    width = number.dtype.itemsize
    return f"{int.from_bytes(number.tobytes(), 'little'):0{8 * width}b}"


def from_pattern(bits: int) -> np.float32:
    return np.array(bits, np.uint32).view(np.float32)[()]


# --- a number taken apart --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_every_third_number_of_sixteen_bits(name):
    for number in np.arange(0, 2**16, 3, np.uint16).view(TYPES[name]):
        one = take_apart(number, name)
        value = float(number)
        if np.isnan(value):
            assert (one.kind, one.shown, one.stored, one.error) == ("NaN", "NaN", None, None)
            continue
        assert one.bits == pattern(number)
        if np.isinf(value):
            assert (one.kind, one.stored) == ("infinite", None)
        else:
            assert one.stored == Fraction(value) and one.error == 0
            tiny = float(ml_dtypes.finfo(TYPES[name]).smallest_normal)
            kind = "zero" if value == 0 else "subnormal" if abs(value) < tiny else "normal"
            assert one.kind == kind


@settings(deadline=None)
@given(st.floats(allow_nan=False))
@example(3.4028235677973366e38)  # half a step above the largest float32: to infinity
@example(np.nextafter(3.4028235677973366e38, 0))
@example(7.006492321624085e-46)  # half the smallest: to zero, which is even
@example(1e-320)
@example(-0.0)
def test_a_double_is_rounded_as_numpy_rounds_it(number):
    for name in ("float32", "float16"):
        with np.errstate(over="ignore"):
            expected = TYPES[name](number)
        assert take_apart(np.float64(number), name).bits == pattern(expected)


@settings(deadline=None)
@given(SINGLE)
def test_bfloat16_is_rounded_as_machine_learning_rounds_it(number):
    expected = np.float32(number).astype(ml_dtypes.bfloat16)
    assert take_apart(np.float32(number), "bfloat16").bits == pattern(expected)


def test_rounding_happens_once():
    """A little above the middle of two float32: by way of a double it would become the middle, and go down."""
    number = decimal.Decimal(1) + decimal.Decimal(2) ** -24 + decimal.Decimal(10) ** -25
    assert np.float32(float(number)) == 1
    assert take_apart(number).stored == 1 + Fraction(1, 2**23)
    assert take_apart(str(number)).stored == 1 + Fraction(1, 2**23)


def test_a_tenth_is_not_a_tenth():
    one = take_apart(0.1)
    assert one.shown == str(decimal.Decimal(float(np.float32(0.1)))) == "0.100000001490116119384765625"
    assert one.error == one.stored - Fraction(1, 10) and one.error_text == "+1.49e-09"
    assert take_apart(np.float32(0.1)).error == 0, "a NumPy number is what it stores"


@settings(deadline=None)
@given(SINGLE, st.sampled_from(list(TYPES)))
def test_the_parts_give_the_value(number, name):
    one = take_apart(np.float32(number), name)
    form = floats.FORMATS[name]
    sign, exponent, fraction = (int(part.bits, 2) for part in one.parts)
    assert [len(part.bits) for part in one.parts] == [1, form.exponent_bits, form.fraction_bits]
    assert [part.letter for part in one.parts] == ["S", "E", "F"]
    if one.kind in ("normal", "subnormal"):
        leading = 1 if one.kind == "normal" else 0
        power = max(exponent, 1) - {"float32": 127, "float16": 15, "bfloat16": 127}[name]
        assert one.stored == (-1) ** sign * (leading + Fraction(fraction, 2**form.fraction_bits)) * Fraction(2) ** power
        assert one.parts[1].stands_for.endswith(f"2^{power}")


@pytest.mark.parametrize(
    ("number", "shown", "kind"),
    [
        ("inf", "∞", "infinite"),
        ("-inf", "-∞", "infinite"),
        (float("nan"), "NaN", "NaN"),
        (-0.0, "-0", "zero"),
        ("1e39", "∞", "infinite"),
        ("1e-50", "0", "zero"),
        (1e-40, "9.999946101115…e-41", "subnormal"),
        (2**90, "1237940039285380274899124224", "normal"),
        (2**100, "1.267650600228…e30", "normal"),
        (-1500, "-1500", "normal"),
    ],
)
def test_special_large_and_small(number, shown, kind):
    one = take_apart(number)
    assert (one.shown, one.kind) == (shown, kind)
    with np.errstate(over="ignore"):
        assert one.bits == pattern(np.float32(float(number))) or kind == "NaN"


@settings(deadline=None)
@given(SINGLE)
def test_the_decimal_number_that_is_shown_is_the_one_stored(number):
    one = take_apart(np.float32(number))
    exact = decimal.Decimal(float(np.float32(number)))
    if "…" in one.shown:
        assert abs(decimal.Decimal(one.shown.replace("…", "")) / exact - 1) < decimal.Decimal("1e-11")
    else:
        assert decimal.Decimal(one.shown) == exact


# --- int8 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", range(-128, 128))
def test_int8_is_twos_complement(code):
    one = take_apart(code, "int8")
    assert one.bits == pattern(np.int8(code)) and one.error == 0
    assert sum(int(part.stands_for) for part in one.parts) == code


@settings(deadline=None)
@given(st.floats(-1000, 1000), st.sampled_from([1.0, 0.05, 0.5, 9.9 / 255]))
def test_int8_rounds_and_clips(number, scale):
    one = take_apart(number, "int8", scale)
    exact = Fraction(str(number)) / Fraction(str(scale))
    code = int(np.int8(int(one.bits, 2) - (256 if one.bits[0] == "1" else 0)))
    assert one.stored == code * Fraction(str(scale))
    if one.kind == "clipped":
        assert code in (-128, 127) and abs(exact) > 127
    else:
        assert abs(code - exact) <= Fraction(1, 2)


def test_int8_has_no_infinity():
    with pytest.raises(ValueError, match="int8 has no bits for a number that is infinite"):
        take_apart("inf", "int8")
    assert [one.format for one in floats.in_formats("inf")] == ["float32", "float16", "bfloat16"]
    assert len(floats.in_formats(1.5)) == 4 and len(floats.in_formats("nan")) == 3


@pytest.mark.parametrize("scale", [0, -1.0, float("nan"), float("inf"), "1"])
def test_a_scale_is_positive(scale):
    with pytest.raises(ValueError, match="scale must be a positive number; found"):
        take_apart(1, "int8", scale)


@pytest.mark.parametrize("number", ["", "three", None, [1.0], "1e"])
def test_what_is_no_number_is_shown(number):
    with pytest.raises(ValueError, match="Expected a number such as"):
        take_apart(number)


def test_absurd_numbers_are_refused_at_once():
    with pytest.raises(ValueError, match="between 1e-400 and 1e400; found '1e999999999'"):
        take_apart("1e999999999")


def test_an_unknown_format_is_named():
    with pytest.raises(ValueError, match="float32, float16, bfloat16, int8; found 'double'"):
        take_apart(1, "double")


def test_the_tables_say_what_the_parts_are():
    rows = take_apart(3.14).table().rows
    assert rows[1] == ["exponent", "10000000", "128 - 127: 2^1"]
    assert rows[3][0] == "float32, normal" and len(rows[3][1]) == 32
    (one,) = floats.in_formats(3.14, ["int8"], scale=0.05)
    assert [part.bits for part in one.parts] == ["0", "0111111"]
    assert (one.kind, one.shown, one.error_text) == ("in range", "63 × 0.05 = 3.15", "+1.00e-02")


# --- additions -------------------------------------------------------------------------------------------------------


def agrees(a: float, b: float) -> None:
    """Hold an addition against the processor's."""
    with np.errstate(over="ignore", invalid="ignore"):
        expected = np.float32(a) + np.float32(b)
    result = add_floats(a, b).result
    assert isinstance(result, np.float32)
    assert pattern(result) == pattern(expected) or (np.isnan(result) and np.isnan(expected)), (a, b)


@settings(max_examples=1000, deadline=None)
@given(SINGLE, SINGLE)
@example(0.0, -0.0)
@example(-0.0, -0.0)
@example(1.0, -1.0)
@example(BIGGEST, BIGGEST)
@example(BIGGEST, 2.0**103)  # half a step: to infinity
@example(BIGGEST, float(np.nextafter(np.float32(2.0**103), np.float32(0))))
@example(TINIEST, TINIEST)
@example(SMALLEST_NORMAL, -TINIEST)  # normal minus subnormal is subnormal
@example(1.0, 2.0**-24)  # exactly half: to the even neighbour, down
@example(1.0 + 2.0**-23, 2.0**-24)  # and up
@example(2.0 - 2.0**-23, 2.0**-24)  # rounding carries into the exponent
@example(1.0, -(2.0**-25))
@example(1.0, -(2.0**-149))
def test_additions_are_those_of_the_processor(a, b):
    agrees(a, b)


@settings(max_examples=1000, deadline=None)
@given(PATTERN, st.integers(-8, 8), st.integers(0, 2**23 - 1), st.booleans())
def test_neighbouring_exponents(bits, apart, fraction, other_sign):
    """Where carries, cancellation and rounding happen: exponents of equal size or nearly so."""
    exponent = (bits >> 23 & 255) + apart
    assume(0 <= exponent < 255 and (bits >> 23 & 255) < 255)
    agrees(from_pattern(bits), from_pattern(((bits >> 31) ^ other_sign) << 31 | exponent << 23 | fraction))


@settings(max_examples=500, deadline=None)
@given(SINGLE, st.integers(-5, 5))
def test_cancellation(number, steps):
    bits = int(np.float32(number).view(np.uint32))
    assume(0 <= (bits & (2**31 - 1)) + steps < 0x7F800000)
    agrees(number, -from_pattern(bits + steps))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**24 - 1), st.integers(0, 2**24 - 1), st.booleans(), st.booleans())
def test_subnormal_numbers(a, b, first, second):
    agrees(from_pattern(first << 31 | a), from_pattern(second << 31 | b))


def test_many_random_patterns():
    for a, b in np.random.default_rng(0).integers(0, 2**32, (3000, 2), np.uint32):
        agrees(from_pattern(a), from_pattern(b))


@pytest.mark.parametrize("a", [np.inf, -np.inf, np.nan, 1.0])
@pytest.mark.parametrize("b", [np.inf, -np.inf, np.nan])
def test_special_numbers_have_a_path_of_their_own(a, b):
    agrees(a, b)
    assert add_floats(a, b).steps[-1][0] == "special numbers"


def test_the_steps_of_an_addition():
    steps = {row[0]: row[1:] for row in add_floats(1.5, -0.40625).steps}
    assert steps["compare exponents"] == ("01111111 01111101", "exponents 127 and 125: 2 apart")
    assert steps["larger significand"][0] == "1.10000000000000000000000 000"
    assert steps["shift"][0] == "0.01101000000000000000000 000"
    assert steps["subtract"][0] == "1.00011000000000000000000 000"
    assert steps["normalise"][1] == "already in place"
    assert steps["round"][1] == "nothing to round: exact"
    assert steps["pack"] == (
        "0 01111111 00011000000000000000000",
        "sign, exponent and fraction side by side: 1.09375",
    )


@pytest.mark.parametrize(
    ("a", "b", "step", "words"),
    [
        (1.0, 2.0**-24, "round", "100 is exactly half: down, to the even neighbour"),
        (1.0 + 2.0**-23, 2.0**-24, "round", "100 is exactly half: up, to the even neighbour"),
        (1.0, 2.0**-26, "round", "001 is below half: down"),
        (1.0, 1.5 * 2.0**-24, "round", "110 is above half: up"),
        (2.0 - 2.0**-23, 2.0**-24, "round", "100 is exactly half: up, to the even neighbour, and the carry"),
        (1.5, 1.5, "normalise", "a carry: 1 place to the right, exponent plus 1"),
        (1.0, -0.99999994, "normalise", "24 places to the left, exponent minus 24"),
        (2.5, -2.5, "normalise", "nothing is left: zero"),
        (SMALLEST_NORMAL, -TINIEST, "normalise", "already in place; the exponent ends here: subnormal"),
        (BIGGEST, BIGGEST, "pack", "the exponent does not fit into its field: infinite: inf"),
        (1e20, 1.0, "shift", "the smaller significand goes 66 places to the right"),
    ],
)
def test_what_happens_is_said(a, b, step, words):
    table = add_floats(a, b).table()
    assert {row[0]: row[2] for row in table.rows}[step].startswith(words)


@pytest.mark.parametrize("number", [None, "three", [1.0, 2.0], 10**400])
def test_what_cannot_be_added(number):
    with pytest.raises(ValueError, match="Expected a number such as 3.14; found"):
        add_floats(1.0, number)


def test_every_sum_of_two_int8():
    """A sum for every pair, and its steps for some: carries are those that adding place by place leaves."""
    rng = np.random.default_rng(1)
    for a, b in rng.integers(-128, 128, (2000, 2)):
        addition = add_integers(a, b)
        assert isinstance(addition.result, np.int32) and addition.result == int(a) + int(b)
        first, second, carries, total = (int(row[1], 2) for row in addition.steps)
        carry = 0
        for place in range(32):
            column = (first >> place & 1) + (second >> place & 1) + carry
            assert carries >> place & 1 == carry and total >> place & 1 == column & 1
            carry = column >> 1


@pytest.mark.parametrize("number", [128, -129, 1.0, True, "1", None])
def test_what_int8_does_not_hold(number):
    with pytest.raises(ValueError, match="whole numbers from -128 to 127, which int8 holds; found"):
        add_integers(1, number)


def test_an_integer_addition_has_one_step_where_a_float_one_has_six():
    """Beside the two numbers, the rows of an int8 addition are its carries and the sum."""
    assert [row[0] for row in add_integers(100, -3).steps][2:] == ["carries", "add"]
    work = [row[0] for row in add_floats(100, -3).steps][2:]
    assert work == ["compare exponents", "larger significand", "shift", "subtract", "normalise", "round", "pack"]
