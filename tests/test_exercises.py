"""The checks: what is right is told right, the typical mistakes get their hint, and nothing ever raises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import exercises


@pytest.fixture
def verdict(capsys):
    """A function that returns what a check says about an answer."""

    def say(name, answer):
        exercises.check(name, answer)
        said = capsys.readouterr().out
        assert said.count("\n") == 1
        return said.strip()

    return say


def clipped(codes):
    return np.clip(codes, -128, 127).astype(np.int8)


def without_numpy(x, scale, zero_point):
    return np.array([max(-128, min(127, round(float(v) / scale) + zero_point)) for v in x], np.int8)


RIGHT = [
    ("multiply_accumulates", (48 * 48 * 32) * (3 * 3 * 16)),
    ("multiply_accumulates", float(48 * 48 * 32 * 3 * 3 * 16)),
    ("multiply_accumulates", np.int64(48 * 48 * 32 * 3 * 3 * 16)),
    ("quantize", lambda x, s, z: clipped(np.round(x / s) + z)),
    ("quantize", lambda x, s, z: clipped(np.round(x / s + z))),
    ("quantize", lambda x, s, z: clipped(np.floor(x / s + z + 0.5))),
    ("quantize", without_numpy),
    ("only_one_right", lambda a, b: (np.sum(a & ~b), np.sum(b & ~a))),
    ("only_one_right", lambda a, b: [sum(x and not y for x, y in zip(a, b, strict=True)), int((b > a).sum())]),
    ("parameters_that_fit", 256_000 - 15_000),
    ("parameters_that_fit", 241_000.0),
]
TYPICAL = [
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
    ("only_one_right", lambda a, b: (np.sum(b & ~a), np.sum(a & ~b)), "the wrong way round"),
    ("only_one_right", lambda a, b: (a.sum(), b.sum()), "leave out the pictures that both get right"),
    ("only_one_right", lambda a, b: (np.sum(a & b), np.sum(~a & ~b)), "expected (3, 1)"),
    ("only_one_right", lambda a, b: np.sum(a != b), "stopped with TypeError"),
    ("parameters_that_fit", 241, "in kB"),
    ("parameters_that_fit", 256_000, "has to fit as well"),
    ("parameters_that_fit", 60_250, "float32"),
    ("parameters_that_fit", 1_000_000, "take the rest of the file off"),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_right(verdict, name, answer):
    assert verdict(name, answer) == f"✓ {name}: right"


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
@pytest.mark.parametrize(("name", "answer", "hint"), TYPICAL)
def test_a_typical_mistake_gets_its_hint(verdict, name, answer, hint):
    said = verdict(name, answer)
    assert said.startswith(f"✗ {name}: ")
    assert hint in said


def test_every_exercise_is_tried():
    assert {name for name, _ in RIGHT} == {name for name, _, _ in TYPICAL} == set(exercises.CHECKS)


@pytest.mark.parametrize("name", exercises.CHECKS)
@pytest.mark.parametrize("stub", [None, ...])
def test_a_stub_is_not_attempted(verdict, name, stub):
    assert verdict(name, stub) == f"… {name}: not attempted yet"


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
    shown = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("builtins.print", lambda text: shown.append(text))
        exercises.check(name, (lambda *_: answer) if as_function else answer)
    (said,) = shown
    assert said[0] in "…✗" or (name, answer) == ("only_one_right", (3, 1)) or answer in (48 * 48 * 32 * 144, 241_000)


def test_an_unknown_exercise():
    with pytest.raises(KeyError, match="no exercise 'quantise'; there are multiply_accumulates, quantize"):
        exercises.check("quantise", 1)
