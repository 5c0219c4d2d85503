"""Answers held against numbers that nobody has seen: the solutions pass, and answers that know the example do not."""

import nbformat
import numpy as np
import pytest

from helpers.base.data import project
from helpers.course import exercises, grading, progress

SOLUTIONS = project() / "notebooks" / "solutions" / "solutions.ipynb"


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv(progress.ELSEWHERE, str(tmp_path / "progress.json"))


@pytest.fixture(scope="module")
def solutions():
    """The functions of the solutions, {exercise: function}."""
    found = {}
    for cell in nbformat.read(SOLUTIONS, as_version=4).cells:
        for name in grading.JUDGES:
            if f'exercises.check("{name}"' in cell.source:
                scope = {"np": np}
                exec(cell.source.rsplit("exercises.check", 1)[0], scope)
                found[name] = scope[name]
    return found


def test_every_function_that_is_asked_for_has_a_judge(solutions):
    assert set(solutions) == set(grading.JUDGES) <= set(exercises.CHECKS)
    numbers = {"codes_of_a_byte", "multiply_accumulates", "bytes_alive", "parameters_that_fit"}
    races = {name for name in exercises.CHECKS if name.startswith("race_")}
    assert set(exercises.CHECKS) - set(grading.JUDGES) == numbers | races


@pytest.mark.parametrize("seed", range(20))
def test_the_solutions_hold_whatever_is_drawn(solutions, seed):
    assert [name for name, function in solutions.items() if not grading.holds(name, function, seed)] == []


def test_an_answer_with_the_example_written_into_it_does_not_pass(capsys):
    """It is right about what the check tries first, and the check says so."""
    exercises.check("weight_scale", lambda weights: 0.02)
    assert "right for the numbers that were tried first, and wrong for others" in capsys.readouterr().out
    exercises.check("stored_bytes", lambda weights, channels, bits: 455 if weights == 1000 else 6)
    assert "wrong for others" in capsys.readouterr().out


SLIPS = {  # what a hurried student forgets; right often enough to look right
    "quantize": lambda x, s, z: np.clip(np.trunc(x / s) + z, -128, 127).astype(np.int8),
    "held_out": lambda train, test, n: (train[:n], test[:5]),
    "weight_scale": lambda w: w.max() / 127,
    "value_of_bits": lambda s, e, f: (-1) ** s * 2.0 ** (e - 127) * (1 + f / 2**24),
    "scale_and_zero_point": lambda low, high: ((high - low) / 255, round(-128 - high / ((high - low) / 255))),
    "back": lambda q, s, z: s * (q - np.int8(z)),
    "to_the_nearest": lambda x, step: int(x / step) * step,
    "integer_dot": lambda q, z, w: int(np.sum(q.astype(np.int16) * w)),
    "bias_codes": lambda b, s, w: np.trunc(b / (s * w)).astype(np.int32),
    "only_one_right": lambda a, b: (a.sum(), b.sum()),
    "on_the_front": lambda t, a: a >= np.median(a),
    "channel_scales": lambda w: w.max(axis=(1, 2)) / 127,
    "smlad": lambda a, b, t: t + a[0] * b[1] + a[1] * b[0],
    "equalization_factor": lambda w, r: np.sqrt(r / w),
    "corrected_bias": lambda b, e, r: b + (r - e),
    "best_codes": lambda w, x: np.round(w),
    "stored_bytes": lambda w, c, b: w * b // 8 + 4 * c,
    "straight_through": lambda v, g, low, high: np.where(np.abs(v) < 1, g, 0),
}


@pytest.mark.parametrize("name", grading.JUDGES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_slip_is_found(name, seed):
    assert not grading.holds(name, SLIPS[name], seed)


def test_a_function_that_changes_what_it_gets_is_judged_fairly():
    def in_place(x, scale, zero_point):
        x /= scale
        return np.clip(np.round(x) + zero_point, -128, 127).astype(np.int8)

    assert grading.holds("quantize", in_place, 0)


def test_numbers_have_no_judge():
    assert grading.holds("codes_of_a_byte", 256)
