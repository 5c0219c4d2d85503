"""The checks: what is right is told right, the typical mistakes get their hint, and nothing ever raises."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.board import building, emulator, race, routines
from helpers.course import exercises
from helpers.methods import mixed_precision
from helpers.numbers import quantization

RACING = emulator.installed() and building.compilers(race.CORE)  # C can be compiled and counted here
WITHOUT_ZERO_POINT = race.STARTER.replace("layer->bias[f]", "layer->folded_bias[f]").replace(
    "(x[c] - zero_point)", "x[c]"
)


@pytest.fixture
def verdict(capsys):
    """A function that returns what a check says about an answer."""

    def say(name, answer):
        exercises.check(name, answer)
        printed = capsys.readouterr().out
        assert printed.count("\n") == 1
        return printed.strip()

    return say


def clipped(codes):
    return np.clip(codes, -128, 127).astype(np.int8)


def without_numpy(x, scale, zero_point):
    return np.array([max(-128, min(127, round(float(v) / scale) + zero_point)) for v in x], np.int8)


def best_of_all(weights, inputs):
    every = [np.floor(weights) + np.array(up) for up in itertools.product((0, 1), repeat=len(weights))]
    return min(every, key=lambda codes: np.sum((inputs @ (weights - codes)) ** 2))


def products_scale(b, s, w):
    return b / (s * w)


RIGHT = [
    ("codes_of_a_byte", 256),
    ("codes_of_a_byte", 2.0**8),
    ("held_out", lambda train, test, n: (train[:n], test)),
    ("held_out", lambda train, test, n: (train[-n:], list(reversed(test)))),
    ("bias_codes", lambda b, s, w: np.round(products_scale(b, s, w)).astype(np.int32)),
    ("bias_codes", lambda b, s, w: np.array([round(float(x) / (s * float(y))) for x, y in zip(b, w)], np.int32)),  # noqa: B905
    ("multiply_accumulates", (48 * 48 * 32) * (3 * 3 * 16)),
    ("multiply_accumulates", float(48 * 48 * 32 * 3 * 3 * 16)),
    ("multiply_accumulates", np.int64(48 * 48 * 32 * 3 * 3 * 16)),
    ("quantize", lambda x, s, z: clipped(np.round(x / s) + z)),
    ("quantize", lambda x, s, z: clipped(np.round(x / s + z))),
    ("quantize", lambda x, s, z: clipped(np.floor(x / s + z + 0.5))),
    ("quantize", without_numpy),
    ("weight_scale", lambda w: np.abs(w).max() / 127),
    ("weight_scale", lambda w: max(-w.min(), w.max()) / 127),
    ("value_of_bits", lambda s, e, f: (-1) ** s * 2.0 ** (e - 127) * (1 + f / 2**23)),
    ("value_of_bits", lambda s, e, f: np.uint32(s << 31 | e << 23 | f).view(np.float32)),
    ("scale_and_zero_point", lambda a, b: ((b - a) / 255, round(-128 - a / ((b - a) / 255)))),
    ("scale_and_zero_point", lambda a, b: [np.float32(b - a) / 255, 127 - np.round(b * 255 / (b - a))]),
    ("scale_and_zero_point", lambda a, b: quantization.affine_parameters(a, b)),
    ("back", lambda q, s, z: s * (q.astype(np.int32) - z)),
    ("back", lambda q, s, z: [s * (int(code) - z) for code in q]),
    ("back", quantization.dequantize),
    ("to_the_nearest", lambda x, step: np.round(x / step) * step),
    ("to_the_nearest", lambda x, step: round(x / step) * step),
    ("integer_dot", lambda x, z, w: (x.astype(np.int32) - z) @ w.astype(np.int32)),
    ("integer_dot", lambda x, z, w: sum((int(a) - z) * int(b) for a, b in zip(x, w, strict=True))),
    ("integer_dot", lambda x, z, w: int(x.astype(int) @ w.astype(int)) - z * int(w.astype(int).sum())),
    ("only_one_right", lambda a, b: (np.sum(a & ~b), np.sum(b & ~a))),
    ("only_one_right", lambda a, b: [sum(x and not y for x, y in zip(a, b, strict=True)), int((b > a).sum())]),
    ("on_the_front", lambda t, a: np.array([not np.any((t < x) & (a >= y)) for x, y in zip(t, a, strict=True)])),
    ("on_the_front", lambda t, a: [not any(u < x and b > y for u, b in zip(t, a)) for x, y in zip(t, a)]),  # noqa: B905
    ("channel_scales", lambda w: np.abs(w).max(axis=(1, 2)) / 127),
    ("channel_scales", lambda w: [np.abs(channel).max() / 127 for channel in w]),
    ("channel_scales", lambda w: quantization.symmetric_parameters(w, axis=0)[0]),
    ("straight_through", lambda x, g, a, b: np.where((x >= a) & (x <= b), g, 0)),
    ("straight_through", lambda x, g, a, b: g * (np.clip(x, a, b) == x)),
    ("equalization_factor", lambda w, r: np.sqrt(w / r)),
    ("equalization_factor", lambda w, r: [(a / b) ** 0.5 for a, b in zip(w, r)]),  # noqa: B905
    ("corrected_bias", lambda b, e, r: b + e - r),
    ("corrected_bias", lambda b, e, r: b - (r - e)),
    ("best_codes", best_of_all),
    ("stored_bytes", mixed_precision.stored_bytes),
    ("stored_bytes", lambda w, c, b: int(np.ceil(w * b / 8)) + c * 4),
    ("bytes_alive", 3 * 24 * 24 * 32 * 4),
    ("smlad", lambda a, b, t: t + a[0] * b[0] + a[1] * b[1]),
    ("smlad", lambda a, b, t: t + np.dot(a, b)),
    *[
        (f"race_level_{level}", routines.source(name).replace(name, "race"))
        for level, name in ((1, "pointwise_i8_2x2"), (2, "pointwise_i8_2x2"), (3, "pointwise_i8_smlad"))
    ],
    ("parameters_that_fit", 256_000 - 15_000),
    ("parameters_that_fit", 241_000.0),
]
TYPICAL = [
    ("codes_of_a_byte", 255, "steps between the codes"),
    ("codes_of_a_byte", 128, "count zero and the positive ones"),
    ("codes_of_a_byte", 127, "the negative ones"),
    ("codes_of_a_byte", 8, "number of bits"),
    ("codes_of_a_byte", 64, "go on doubling"),
    ("held_out", lambda train, test, n: (test[:n], test), "calibrated is scored as well"),
    ("held_out", lambda train, test, n: (train[:n], train[n:]), "trained on the pictures"),
    ("held_out", lambda train, test, n: (test[:n], test[n:]), "calibrate with training pictures"),
    ("held_out", lambda train, test, n: (test, train), "trained on the pictures"),
    ("held_out", lambda train, test, n: (train, test), "3 here, found 8"),
    ("held_out", lambda train, test, n: (train[:n], test[:n]), "score all 5"),
    ("bias_codes", lambda b, s, w: np.round(b / w).astype(np.int32), "weights alone"),
    ("bias_codes", lambda b, s, w: np.round(b / s).astype(np.int32), "inputs alone"),
    ("bias_codes", lambda b, s, w: np.round(b / np.abs(b).max() * 127).astype(np.int32), "a scale of its own"),
    ("bias_codes", lambda b, s, w: clipped(np.round(products_scale(b, s, w))), "not clipped to eight bits"),
    ("bias_codes", lambda b, s, w: products_scale(b, s, w).astype(np.int32), "truncates"),
    ("bias_codes", lambda b, s, w: np.round(products_scale(b, s, w)), "now return them as int32"),
    ("bias_codes", lambda b, s, w: np.round(b / (s + w)).astype(np.int32), "2500, -2500 and 258 here"),
    ("bias_codes", lambda b, s, w: 2500, "three codes"),
    ("multiply_accumulates", 48 * 48 * 32 * 9, "the channels are missing"),
    ("multiply_accumulates", 96 * 96 * 32 * 144, "this layer's own output"),
    ("multiply_accumulates", 24 * 24 * 32 * 144, "this layer's own output"),
    ("multiply_accumulates", 2 * 48 * 48 * 32 * 144, "one multiply-accumulate is both"),
    ("multiply_accumulates", 48 * 48 * 32, "number of outputs"),
    ("multiply_accumulates", -1, "number of outputs"),
    ("quantize", lambda x, s, z: clipped(np.round(x * s) + z), "divide by the scale"),
    ("quantize", lambda x, s, z: np.full(x.shape, z), "divide by the scale"),
    ("quantize", lambda x, s, z: (x / s + z).astype(np.int8), "truncates"),
    ("quantize", lambda x, s, z: (x / s).astype(np.int8) + z, "truncates"),
    ("quantize", lambda x, s, z: np.clip(x / s + z, -128, 127).astype(np.int8), "truncates"),
    ("quantize", lambda x, s, z: clipped(np.round(x / s)), "give 10, 11, 11, 12, 9, 8; found [0, 1, 1, 2, -1, -2]"),
    ("quantize", lambda x, s, z: clipped(np.round(x / s) - z), "found [-10, "),
    ("quantize", lambda x, s, z: np.round(x / s) + z, "must stop at 127 and -128"),
    ("quantize", lambda x, s, z: (np.round(x / s) + z).astype(np.int64).astype(np.int8), "clip first, then cast"),
    ("quantize", lambda x, s, z: np.clip(np.round(x / s) + z, 0, 255).astype(np.uint8), "found [255, 0]"),
    ("quantize", lambda x, s, z: np.clip(np.round(x / s) + z, -128, 127), "return them as int8, found float"),
    ("quantize", lambda x, s, z: np.clip(np.round(x / s) + z, -127, 127), "found [127.0, -127.0]"),
    ("weight_scale", lambda w: w.max() / 127, "take absolute values first"),
    ("weight_scale", lambda w: np.abs(w).max() / 128, "-128 is left out"),
    ("weight_scale", lambda w: (w.max() - w.min()) / 255, "zero is in the middle of the codes"),
    ("weight_scale", lambda w: np.abs(w).max() / 255, "to get code 127"),
    ("weight_scale", lambda w: 127 / np.abs(w).max(), "codes for each unit"),
    ("weight_scale", lambda w: 3 * w.std() / 127, "only the weight farthest from zero decides"),
    ("weight_scale", lambda w: np.abs(w).mean() / 127, "only the weight farthest from zero decides"),
    ("value_of_bits", lambda s, e, f: (-1) ** s * 2.0 ** (e - 127) * (f / 2**23), "a 1 that is not stored"),
    ("value_of_bits", lambda s, e, f: (-1) ** s * 2.0**e * (1 + f / 2**23), "subtract 127"),
    ("value_of_bits", lambda s, e, f: 2.0 ** (e - 127) * (1 + f / 2**23), "means minus"),
    ("value_of_bits", lambda s, e, f: (-1) ** s * 2.0 ** (e - 127) * (1 + f), "integer of 23 bits"),
    ("value_of_bits", lambda s, e, f: (-1) ** s * 2.0 ** (e - 127) * (1 + f / 2**24), "23 fraction bits"),
    ("value_of_bits", lambda s, e, f: s * 2.0 ** (e - 127) * (1 + f / 2**23), "1 that is not stored"),
    ("value_of_bits", lambda s, e, f: 2.0 ** (e - 126) * (1 + f / 2**23), "are 1, 3 and -0.5; found [2.0"),
    ("scale_and_zero_point", lambda a, b: ((b - a) / 256, 11), "four fence posts have three gaps"),
    ("scale_and_zero_point", lambda a, b: (255 / (b - a), 11), "the other way round"),
    ("scale_and_zero_point", lambda a, b: (max(-a, b) / 127, 0), "divided by 255 steps"),
    ("scale_and_zero_point", lambda a, b: ((b - a) / 255, round(-a * 255 / (b - a))), "they start at -128"),
    ("scale_and_zero_point", lambda a, b: ((b - a) / 255, -a * 255 / (b - a)), "they start at -128"),
    ("scale_and_zero_point", lambda a, b: ((b - a) / 255, -128 - a * 255 / (b - a)), "whole numbers: round"),
    ("scale_and_zero_point", lambda a, b: ((b - a) / 255, round(-128 - a)), "before you count codes"),
    ("scale_and_zero_point", lambda a, b: ((b - a) / 255, 0), "codes above it: 11; found 0"),
    ("scale_and_zero_point", lambda a, b: ((b - a) / 255, 11), "for 0 to 6 the zero point is -128"),
    ("back", lambda q, s, z: s * (q - np.int8(z)), "wraps around"),
    ("back", lambda q, s, z: s * q.astype(float) - z, "subtract it before you multiply"),
    ("back", lambda q, s, z: s * (q.astype(float) + z), "so subtract it"),
    ("back", lambda q, s, z: s * q.astype(float), "stands for 0.0 here"),
    ("back", lambda q, s, z: (q.astype(float) - z) / s, "give -69.5"),
    ("back", lambda q, s, z: 3.0, "four codes give four numbers"),
    ("to_the_nearest", lambda x, step: round(x * step) / step, "the slide's formula"),
    ("to_the_nearest", lambda x, step: round(x / step), "number of steps"),
    ("to_the_nearest", lambda x, step: int(x / step) * step, "truncates"),
    ("to_the_nearest", lambda x, step: x, "are 3, 3.1 and -0.5"),
    ("integer_dot", lambda x, z, w: x.astype(np.int32) @ w.astype(np.int32), "stands for zero"),
    ("integer_dot", lambda x, z, w: x @ w, "does not fit into 8 bits"),
    ("integer_dot", lambda x, z, w: (x - np.int8(z)).astype(np.int32) @ w.astype(np.int32), "before you subtract"),
    ("integer_dot", lambda x, z, w: (x.astype(np.int32) + z) @ w.astype(np.int32), "the small example gives"),
    ("only_one_right", lambda a, b: (np.sum(b & ~a), np.sum(a & ~b)), "the wrong way round"),
    ("only_one_right", lambda a, b: (a.sum(), b.sum()), "leave out the pictures that both get right"),
    ("only_one_right", lambda a, b: (np.sum(a & b), np.sum(~a & ~b)), "expected (3, 1)"),
    ("only_one_right", lambda a, b: np.sum(a != b), "stopped with TypeError"),
    ("on_the_front", lambda t, a: a == a.max(), "one best network"),
    ("on_the_front", lambda t, a: a == np.maximum.accumulate(a), "in another order"),
    ("on_the_front", lambda t, a: a != np.maximum.accumulate(a), "turn it round"),
    ("on_the_front", lambda t, a: np.array([not any((t <= x) & (a >= y)) for x, y in zip(t, a)]), "beats itself"),  # noqa: B905
    ("on_the_front", lambda t, a: np.flatnonzero(a > 0.8), "five booleans"),
    ("on_the_front", lambda t, a: a > 0.82, "only the third and the fifth are beaten"),
    ("channel_scales", lambda w: np.abs(w).max() / 127, "one scale for the whole layer"),
    ("channel_scales", lambda w: w.max(axis=(1, 2)) / 127, "take absolute values first"),
    ("channel_scales", lambda w: np.abs(w).max(axis=(1, 2)) / 128, "divide by 127"),
    ("channel_scales", lambda w: np.abs(w).max(axis=0) / 127, "along the first axis"),
    ("channel_scales", lambda w: w.std(axis=(1, 2)), "is 0.01, 0.001 and 0.02"),
    ("straight_through", lambda x, g, a, b: g, "moving them a little changes nothing"),
    ("straight_through", lambda x, g, a, b: 0 * g, "the gradient of the staircase itself"),
    ("straight_through", lambda x, g, a, b: 1.0 * ((x >= a) & (x <= b)), "that is the slope"),
    ("straight_through", lambda x, g, a, b: g * ((x > a) & (x < b)), "the ends of the range"),
    ("straight_through", lambda x, g, a, b: np.clip(g, a, b), "0, 2, 3, 4, 0; found"),
    ("straight_through", lambda x, g, a, b: 3.0, "five values have five gradients"),
    ("equalization_factor", lambda w, r: w / r, "meet in the middle"),
    ("equalization_factor", lambda w, r: np.sqrt(r / w), "the other way round"),
    ("equalization_factor", lambda w, r: r, "the reach of the second layer alone"),
    ("equalization_factor", lambda w, r: w, "has all of the difference"),
    ("equalization_factor", lambda w, r: np.sqrt(w * r), "where both sides end"),
    ("equalization_factor", lambda w, r: w.max(), "its own factor"),
    ("equalization_factor", lambda w, r: w + r, "4 / s = 1"),
    ("corrected_bias", lambda b, e, r: b - (e - r), "the wrong sign"),
    ("corrected_bias", lambda b, e, r: e - r, "still needed"),
    ("corrected_bias", lambda b, e, r: e, "the mean of the output"),
    ("corrected_bias", lambda b, e, r: np.mean(b + e - r), "two biases"),
    ("corrected_bias", lambda b, e, r: b * e / r, "so 0.5 is missing"),
    ("best_codes", lambda w, x: np.round(w), "those are the nearest codes"),
    ("best_codes", lambda w, x: np.ceil(w), "have a smaller one"),
    ("best_codes", lambda w, x: w, "goes down or up"),
    ("best_codes", lambda w, x: 1.0, "three codes"),
    ("best_codes", lambda w, x: np.array([1.0, 0.0, 1.0]), "nothing to do with each other"),
    ("stored_bytes", lambda w, c, b: -(-w * b // 8), "counts the codes and not the scales"),
    ("stored_bytes", lambda w, c, b: -(-w * b // 8) + c, "four bytes"),
    ("stored_bytes", lambda w, c, b: -(-w * b // 8) + 4, "a scale of its own"),
    ("stored_bytes", lambda w, c, b: w * b + 4 * c, "not three bytes"),
    ("stored_bytes", lambda w, c, b: 4 * w + 4 * c, "that is float32"),
    ("stored_bytes", lambda w, c, b: w * b // 8 + 4 * c, "round up"),
    ("stored_bytes", lambda w, c, b: 0, "455 together"),
    ("bytes_alive", 55_296, "one byte a number"),
    ("bytes_alive", 147_456, "pool1 is still needed"),
    ("bytes_alive", 73_728, "one of the tensors"),
    ("bytes_alive", 294_912, "not there yet"),
    ("bytes_alive", 18_432, "add up the three tensors"),
    ("smlad", lambda a, b, t: a[0] * b[0] + a[1] * b[1], "accumulates"),
    ("smlad", lambda a, b, t: t + a[0] * b[1] + a[1] * b[0], "SMLADX"),
    ("smlad", lambda a, b, t: t + a[0] * b[0], "adds two"),
    ("smlad", lambda a, b, t: t + a[0] * b[0] - a[1] * b[1], "is negative"),
    ("smlad", lambda a, b, t: t + int((np.int8(a) * np.int8(b)).sum(dtype=np.int32)), "no int8 can hold"),
    ("smlad", lambda a, b, t: a[0] + b[0], "= 91; found 8"),
    *[(f"race_level_{level}", "int answer = 42;", "Expected C source with the function") for level in (1, 2, 3)],
    *[(f"race_level_{level}", WITHOUT_ZERO_POINT, hint) for level, hint in ((2, "four sums"), (3, "`two_products`"))],
    ("race_level_1", race.STARTER.replace("c++", "c += 1"), "`folded_bias` has"),
    *[(f"race_level_{level}", race.STARTER.replace("f++", "f += 2"), "otherwise than expected") for level in (2, 3)],
    ("race_level_1", WITHOUT_ZERO_POINT.replace("folded_bias", "bias"), "otherwise than expected"),
    ("race_level_1", race.STARTER.replace("int32_t sum", "int32 sum"), "did not compile it: your code:"),
    ("parameters_that_fit", 241, "in kB"),
    ("parameters_that_fit", 256_000, "has to fit as well"),
    ("parameters_that_fit", 60_250, "float32"),
    ("parameters_that_fit", 1_000_000, "take the rest of the file off"),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_right(verdict, name, answer):
    if name.startswith("race") and not RACING:
        pytest.skip("no compiler, or no emulator")
    assert verdict(name, answer) == f"✓ {name}: right"


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
@pytest.mark.parametrize(("name", "answer", "hint"), TYPICAL)
def test_a_typical_mistake_gets_its_hint(verdict, name, answer, hint):
    if name.startswith("race") and not RACING and "Expected" not in hint:
        pytest.skip("no compiler, or no emulator")
    printed = verdict(name, answer)
    assert printed.startswith(f"✗ {name}: ")
    assert hint in printed


def test_every_exercise_is_tried():
    assert {name for name, _ in RIGHT} == {name for name, _, _ in TYPICAL} == set(exercises.CHECKS)


@pytest.mark.parametrize("name", exercises.CHECKS)
@pytest.mark.parametrize("stub", [None, ...])
def test_a_stub_is_not_attempted(verdict, name, stub):
    assert verdict(name, stub) == f"… {name}: not attempted yet"


def test_the_loop_of_the_notebook_is_not_attempted(verdict):
    assert verdict("race_level_1", race.STARTER.replace("    ", "\t")) == "… race_level_1: not attempted yet"


def test_without_a_compiler_a_race_is_not_judged(verdict, monkeypatch):
    monkeypatch.setattr(building, "compilers", lambda core: [])
    assert verdict("race_level_2", WITHOUT_ZERO_POINT).startswith(
        "✗ race_level_2: this cannot be checked here. There is no "
    )


def raises(error):
    def function(*_):
        raise error

    return function


@pytest.mark.parametrize("name", ["quantize", "only_one_right"])
@pytest.mark.parametrize("stub", [lambda *_: None, lambda *_: ..., raises(NotImplementedError)])
def test_a_function_that_returns_nothing_is_not_attempted(verdict, name, stub):
    assert verdict(name, stub) == f"… {name}: not attempted yet"


@pytest.mark.parametrize("name", ["quantize", "only_one_right"])
@pytest.mark.parametrize("error", [NameError("name 'x' is not defined"), ZeroDivisionError("division by zero")])
def test_a_function_that_raises(verdict, name, error):
    assert verdict(name, raises(error)) == f"✗ {name}: your code stopped with {type(error).__name__}: {error}"


@pytest.mark.parametrize("name", ["quantize", "only_one_right"])
def test_a_function_of_other_arguments(verdict, name):
    assert "your code stopped with TypeError" in verdict(name, lambda: 1)


def test_a_function_may_not_spoil_the_check(verdict):
    """An answer that writes into its argument is judged by what it returns."""

    def in_place(x, scale, zero_point):
        x /= scale
        return clipped(np.round(x) + zero_point)

    assert verdict("quantize", in_place) == "✓ quantize: right"


ODD = st.one_of(
    st.none(),
    st.just(...),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(),
    st.binary(),
    st.lists(st.one_of(st.integers(), st.text(), st.none())),
    st.tuples(st.integers(), st.integers()),
    st.dictionaries(st.text(), st.integers()),
    st.sampled_from([np.array([1, 2]), np.array("a"), np.float32("nan"), object(), int, Exception, range(3)]),
)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(exercises.CHECKS)), ODD, st.booleans())
def test_no_answer_makes_a_check_raise_or_is_right_by_chance(name, answer, as_function):
    printed = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("builtins.print", lambda text: printed.append(text))
        exercises.check(name, (lambda *_: answer) if as_function else answer)
    (line,) = printed
    assert (
        line[0] in "…✗" or (name, answer) == ("only_one_right", (3, 1)) or answer in (256, 48 * 48 * 32 * 144, 241_000)
    )


def test_an_unknown_exercise():
    with pytest.raises(KeyError, match="no exercise 'quantise'; there are codes_of_a_byte, multiply_accumulates"):
        exercises.check("quantise", 1)


def test_there_are_enough_exercises_and_enough_mistakes():
    """At least three typical wrong answers to each exercise are told apart, and each is answered rightly once."""
    hints = {name: {hint for other, _, hint in TYPICAL if other == name} for name in exercises.CHECKS}
    assert len(exercises.CHECKS) >= 15
    assert {name: different for name, different in hints.items() if len(different) < 3} == {}
    assert {name for name, _ in RIGHT} == set(exercises.CHECKS)
