"""Numbers as bits: a number taken apart, and an addition carried out bit by bit.

Floating-point formats are those of IEEE Std 754-2019 (float32 is its binary32, float16 its binary16); bfloat16 is the
upper half of a float32.  The adder follows the block diagram that textbooks draw (Patterson and Hennessy, Computer
Organization and Design, chapter 3): compare exponents, shift, add, normalise, round.
"""

import dataclasses
import decimal
import math
import numbers
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from helpers.base import console
from helpers.base.tables import Table

DIGITS = 30  # decimal digits of a value that are shown
LARGEST_POWER = 400  # of ten, in what a reader may ask for; float32 ends at 3.4e38


# --- formats ------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Format:
    """A binary floating-point format: one sign bit, then the exponent, then the fraction."""

    name: str
    exponent_bits: int
    fraction_bits: int

    @property
    def bits(self) -> int:
        """All bits of a number."""
        return 1 + self.exponent_bits + self.fraction_bits

    @property
    def bias(self) -> int:
        """What is subtracted from the exponent field: 127 in float32."""
        return 2 ** (self.exponent_bits - 1) - 1

    @property
    def top(self) -> int:
        """The exponent field of infinities and NaN: all ones."""
        return 2**self.exponent_bits - 1


FLOAT32, FLOAT16, BFLOAT16 = Format("float32", 8, 23), Format("float16", 5, 10), Format("bfloat16", 8, 7)
FORMATS = {form.name: form for form in (FLOAT32, FLOAT16, BFLOAT16)}
NAMES = (*FORMATS, "int8")


# --- a number taken apart -----------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Part:
    """A group of bits: the letter that marks it in a figure, its name, its bits and what they stand for."""

    letter: str
    name: str
    bits: str
    stands_for: str


@dataclasses.dataclass(frozen=True)
class Number:
    """A number as one format stores it.

    Attributes:
        format: "float32", "float16", "bfloat16" or "int8".
        asked: the number that was to be stored; None for infinities and NaN.
        parts: its groups of bits, the leftmost first.
        kind: "normal", "subnormal", "zero", "infinite", "NaN" or, for int8, "in range" or "clipped".
        stored: the value of the bits, exactly; None for infinities and NaN.
        shown: the value in words.
    """

    format: str
    asked: Fraction | None
    parts: tuple[Part, ...]
    kind: str
    stored: Fraction | None
    shown: str

    @property
    def bits(self) -> str:
        """All bits, the leftmost first, such as '01000000010010001111010111000011'."""
        return "".join(part.bits for part in self.parts)

    @property
    def error(self) -> Fraction | None:
        """Stored value minus the number asked for, exactly; None where one of them is infinite or NaN."""
        return None if self.asked is None or self.stored is None else self.stored - self.asked

    @property
    def error_text(self) -> str:
        """The error in three digits, or '–' where there is none to give."""
        return "–" if self.error is None else "0" if self.error == 0 else f"{_float(self.error):+.2e}"

    def table(self) -> Table:
        """Return one row for each group of bits, and one for the whole."""
        rows = [[part.name, part.bits, part.stands_for] for part in self.parts]
        return Table(["part", "bits", "stands for"], [*rows, [f"{self.format}, {self.kind}", self.bits, self.shown]])


def take_apart(number: float | str, name: str = "float32", scale: float = 1.0) -> Number:
    """Store a number in a format, rounded to the nearest value (ties to even), and say what each bit stands for.

    Args:
        number: taken as it is written, so that 0.1 is one tenth; a string may have more digits than a Python number
            holds.  A NumPy number is taken as the value that it stores.
        name: one of `NAMES`.
        scale: for int8 only: the width of a step, value = code * scale; the code is clipped to -128..127.

    Raises:
        ValueError: not a number, a number outside 1e-400..1e400, an unknown format, or a scale that is not positive.
    """
    sign, asked, special = _read(number)
    if name == "int8":
        return _integer(asked, special, scale)
    if name not in FORMATS:
        raise ValueError(f"Expected a format out of {', '.join(NAMES)}; found {name!r}.")
    form = FORMATS[name]
    if special:
        exponent, fraction = form.top, 2 ** (form.fraction_bits - 1) if special == "NaN" else 0
    else:
        exponent, fraction = _nearest(abs(asked), form)
    return _number(form, sign, exponent, fraction, asked)


def _read(number) -> tuple[int, Fraction | None, str]:
    """Return sign bit, exact value and what is special: '', 'infinite' or 'NaN'."""
    try:
        written = type(number) in (int, float, str, decimal.Decimal)
        exact = decimal.Decimal(str(number).strip() if written else float(number))
    except (decimal.InvalidOperation, TypeError, ValueError):
        raise ValueError(f"Expected a number such as 3.14 or '0.1'; found {number!r}.") from None
    sign = int(exact.is_signed())
    if not exact.is_finite():
        return sign, None, "NaN" if exact.is_nan() else "infinite"
    if exact and abs(exact.adjusted()) > LARGEST_POWER:
        raise ValueError(f"Expected 0 or a number between 1e-{LARGEST_POWER} and 1e{LARGEST_POWER}; found {number!r}.")
    return sign, Fraction(exact), ""


def _nearest(size: Fraction, form: Format) -> tuple[int, int]:
    """Return the fields (exponent, fraction) of the value nearest to `size`, which is not negative."""
    lowest = 1 - form.bias
    power = lowest
    if size:
        power = max(lowest, size.numerator.bit_length() - size.denominator.bit_length())
        power -= size < Fraction(2) ** power and power > lowest  # now 2^power <= size, unless size is subnormal
    count = round(size / Fraction(2) ** (power - form.fraction_bits))  # Python rounds ties to even
    if count == 2 ** (form.fraction_bits + 1):  # rounded up to the next power of two
        power, count = power + 1, count // 2
    if count < 2**form.fraction_bits:
        return 0, count  # zero or subnormal
    if power > form.bias:
        return form.top, 0  # too large: infinite
    return power + form.bias, count - 2**form.fraction_bits


def _number(form: Format, sign: int, exponent: int, fraction: int, asked: Fraction | None) -> Number:
    """Say what the three fields of a floating-point number stand for."""
    kind = _kind(form, exponent, fraction)
    power, leading = max(exponent, 1) - form.bias, int(exponent > 0)
    significand = leading + Fraction(fraction, 2**form.fraction_bits)
    special, stored = kind in ("infinite", "NaN"), None
    if special:
        scale, steps = "infinite or NaN", "0: infinite" if kind == "infinite" else "not 0: NaN"
        shown = "NaN" if kind == "NaN" else "-∞" if sign else "∞"
    else:
        stored = (-1) ** sign * significand * Fraction(2) ** power
        small = "0: as 1, without the leading 1, " if exponent == 0 else f"{exponent} - {form.bias}: "
        scale, steps = f"{small}2^{power}", f"{leading} + {fraction}/2^{form.fraction_bits} = {_text(significand)}"
        shown = "-0" if sign and not stored else _text(stored)
    parts = (
        Part("S", "sign", str(sign), "-" if sign else "+"),
        Part("E", "exponent", f"{exponent:0{form.exponent_bits}b}", scale),
        Part("F", "fraction", f"{fraction:0{form.fraction_bits}b}", steps),
    )
    return Number(form.name, asked, parts, kind, stored, shown)


def _kind(form: Format, exponent: int, fraction: int) -> str:
    if exponent == form.top:
        return "NaN" if fraction else "infinite"
    return "normal" if exponent else "subnormal" if fraction else "zero"


def _integer(asked: Fraction | None, special: str, scale: float) -> Number:
    """Store a number as an int8 code: round(number / scale), clipped, in two's complement."""
    if special:
        raise ValueError(f"int8 has no bits for a number that is {special}: its 256 codes are all whole numbers.")
    if not isinstance(scale, numbers.Real) or not 0 < scale < math.inf:
        raise ValueError(f"The scale must be a positive number; found {scale!r}.")
    step = Fraction(str(scale)) if type(scale) is float else Fraction(float(scale))
    rounded = round(asked / step)
    code = min(max(rounded, -128), 127)
    bits = f"{code % 256:08b}"
    low = f"{code % 128}"
    parts = (Part("S", "sign", bits[0], "-128" if code < 0 else "0"), Part("I", "integer", bits[1:], low))
    kind = "in range" if code == rounded else "clipped"
    shown = f"{code}" if step == 1 else f"{code} × {float(scale):.6g} = {float(code * step):.9g}"
    return Number("int8", asked, parts, kind, code * step, shown)


def _text(value: Fraction) -> str:
    """Return an exact value as a decimal number, in full if `DIGITS` digits hold it; a value cut short ends in '…'.

    Values of a binary format always end; one that does not fit is rounded.
    """
    with decimal.localcontext(prec=DIGITS) as context:
        context.clear_flags()
        number = decimal.Decimal(value.numerator) / decimal.Decimal(value.denominator)
        cut = "…" if context.flags[decimal.Inexact] else ""
    if number and not -7 <= number.adjusted() < DIGITS:
        digits = f"{number:.{12 if cut else DIGITS}e}"
        mantissa, power = digits.split("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{mantissa}{cut}e{int(power)}"
    plain = f"{number:f}"
    return (plain.rstrip("0").rstrip(".") if "." in plain else plain) + cut


def _float(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def in_formats(number: float | str, names: Sequence[str] = NAMES, scale: float = 1.0) -> list[Number]:
    """Return a number in several formats; of infinities and NaN those that have them, so not int8."""
    special = _read(number)[2]
    return [take_apart(number, name, scale) for name in names if not (special and name == "int8")]


# --- additions, step by step --------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Addition:
    """An addition and its steps: rows of (step, bits, what happens)."""

    result: np.float32 | np.int32
    steps: tuple[tuple[str, str, str], ...]

    def table(self) -> Table:
        """Return the steps as a table; the bits of a number stay on one line."""
        rows = [(step, bits.replace(" ", "\N{NO-BREAK SPACE}"), what) for step, bits, what in self.steps]
        return Table(["step", "bits", "what happens"], rows)


FORM = FLOAT32
EXTRA = 3  # bits kept below the last one while adding: guard, round and sticky
HIDDEN = FORM.fraction_bits + EXTRA  # where the leading 1 of a significand stands


def add_floats(a: float, b: float) -> Addition:
    """Add two float32 numbers on their bits, as an adder does it; the result is that of the hardware, bit for bit.

    Significands are carried with three bits more than float32 stores: guard and round are the next two bits, sticky
    says whether any 1 was shifted out below them.  With these, one rounding at the end is exact (round to nearest,
    ties to even).  Infinities and NaN do not take this path: a circuit beside it sets the result.

    Raises:
        ValueError: not a number.
    """
    a, b = _float32(a), _float32(b)
    rows = [("first number", _grouped(_bits(a)), _describe(a)), ("second number", _grouped(_bits(b)), _describe(b))]
    if not (np.isfinite(a) and np.isfinite(b)):
        with np.errstate(invalid="ignore"):
            result = np.float32(a + b)
        rule = "infinities of opposite sign, or NaN, give NaN; otherwise an infinity stays"
        return Addition(result, (*rows, ("special numbers", _grouped(_bits(result)), rule)))
    large, small = sorted((_fields(a), _fields(b)), key=lambda fields: fields[1:], reverse=True)
    distance = large[1] - small[1]
    words = f"exponents {large[1]} and {small[1]}: {distance} apart"
    rows.append(("compare exponents", f"{large[1]:08b} {small[1]:08b}", words))

    aligned = _shift_right(small[2], distance)
    words = f"the smaller significand goes {console.counted(distance, 'place')} to the right"
    rows += [("larger significand", _significand(large[2]), "leading bit, 23 bits of fraction, guard, round, sticky")]
    rows += [("shift", _significand(aligned), words)]

    subtract = large[0] != small[0]
    total, exponent = large[2] - aligned if subtract else large[2] + aligned, large[1]
    words = "unlike signs: subtract the significands" if subtract else "like signs: add the significands"
    rows.append(("subtract" if subtract else "add", _significand(total), words))

    total, exponent, words = _normalise(total, exponent)
    rows.append(("normalise", _significand(total), words))
    total, exponent, words = _round(total, exponent)
    rows.append(("round", _significand(total), words))

    sign = large[0] if total else large[0] & small[0]  # x - x is +0, and only -0 + -0 is -0
    result, words = _pack(sign, total, exponent)
    rows.append(("pack", _grouped(_bits(result)), words))
    return Addition(result, tuple(rows))


def _float32(number) -> np.float32:
    try:
        with np.errstate(over="ignore"):
            return np.float32(float(number))
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"Expected a number such as 3.14; found {number!r}.") from None


def _bits(number: np.float32) -> int:
    return int(number.view(np.uint32))


def _grouped(bits: int) -> str:
    """Return 32 bits with spaces between sign, exponent and fraction."""
    text = f"{bits:032b}"
    return f"{text[0]} {text[1:9]} {text[9:]}"


def _describe(number: np.float32) -> str:
    if not np.isfinite(number):
        return str(number)
    one, power = take_apart(number), _fields(number)[1] - FORM.bias
    return f"{number:.9g}, {one.kind}: {one.parts[0].stands_for}({one.parts[2].stands_for}) × 2^{power}"


def _fields(number: np.float32) -> tuple[int, int, int]:
    """Return sign, exponent and significand with its leading bit and three zeros below.

    Zero and subnormal numbers have no leading 1, and their exponent field of 0 counts as 1.
    """
    bits = _bits(number)
    exponent, fraction = bits >> 23 & FORM.top, bits & (2**23 - 1)
    return bits >> 31, max(exponent, 1), (fraction | (exponent > 0) << 23) << EXTRA


def _significand(value: int) -> str:
    """Return a significand as leading bits, fraction, and the three extra bits."""
    text = f"{value:0{HIDDEN + 1}b}"
    return f"{text[:-HIDDEN]}.{text[-HIDDEN:-EXTRA]} {text[-EXTRA:]}"


def _shift_right(significand: int, places: int) -> int:
    """Shift to the right; the last bit becomes 1 if any 1 is lost (the sticky bit)."""
    lost = significand & ((1 << places) - 1)
    return significand >> places | (lost != 0)


def _normalise(total: int, exponent: int) -> tuple[int, int, str]:
    """Bring the leading 1 to its place, as far as the exponent allows (its field ends at 1)."""
    if total >> HIDDEN > 1:
        return _shift_right(total, 1), exponent + 1, "a carry: 1 place to the right, exponent plus 1"
    places = min(HIDDEN + 1 - total.bit_length(), exponent - 1) if total else 0
    words = f"{console.counted(places, 'place')} to the left, exponent minus {places}" if places else "already in place"
    if not total:
        words = "nothing is left: zero"
    elif not total << places >> HIDDEN:
        words += "; the exponent ends here: subnormal"
    return total << places, exponent - places, words


def _round(total: int, exponent: int) -> tuple[int, int, str]:
    """Round to 24 bits by guard, round and sticky; exactly half goes to the even neighbour."""
    extra, half = total & (2**EXTRA - 1), 2 ** (EXTRA - 1)
    odd = total >> EXTRA & 1
    up = int(extra > half or (extra == half and odd))
    total += (up << EXTRA) - extra
    if extra == 0:
        words = "nothing to round: exact"
    elif extra == half:
        words = f"{extra:03b} is exactly half: {'up' if up else 'down'}, to the even neighbour"
    else:
        words = f"{extra:03b} is {'above half: up' if up else 'below half: down'}"
    if total >> HIDDEN > 1:
        return total >> 1, exponent + 1, words + ", and the carry raises the exponent"
    return total, exponent, words


def _pack(sign: int, total: int, exponent: int) -> tuple[np.float32, str]:
    """Put sign, exponent and fraction together."""
    fraction = total >> EXTRA & (2**23 - 1)
    field, words = (exponent if total >> HIDDEN else 0), "sign, exponent and fraction side by side"
    if exponent >= FORM.top:
        field, fraction, words = FORM.top, 0, "the exponent does not fit into its field: infinite"
    result = np.array(sign << 31 | field << 23 | fraction, np.uint32).view(np.float32)[()]
    return result, f"{words}: {result:.9g}"


def add_integers(a: int, b: int) -> Addition:
    """Add two int8 numbers into an int32, as an adder does it: one addition, whatever the numbers are.

    Raises:
        ValueError: not whole numbers in -128..127.
    """
    for number in (a, b):
        if not isinstance(number, int | np.integer) or isinstance(number, bool) or not -128 <= number <= 127:
            raise ValueError(f"Expected whole numbers from -128 to 127, which int8 holds; found {number!r}.")
    first, second = int(a) % 2**32, int(b) % 2**32
    total = (first + second) % 2**32
    carries = first ^ second ^ total  # the carry that came into each place
    result = np.array(total, np.uint32).view(np.int32)[()]
    rows = (
        ("first number", f"{first:032b}", f"{a}, its sign bit repeated to the left"),
        ("second number", f"{second:032b}", f"{b}, its sign bit repeated to the left"),
        ("carries", f"{carries:032b}", "into each place, from the one to its right"),
        ("add", f"{total:032b}", f"one addition, always exact: {result}"),
    )
    return Addition(result, rows)
