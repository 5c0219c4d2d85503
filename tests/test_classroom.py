"""The exam of docs/classroom.md: each number of its answers is computed here, and no question is from a notebook."""

import re

import numpy as np
import pytest

from helpers.base.data import project
from helpers.integer import fixed_point
from helpers.measure import accuracy
from helpers.numbers import quantization

GUIDE = (project() / "docs" / "classroom.md").read_text("utf-8")
QUESTIONS, ANSWERS = (
    dict(re.findall(r"^(\d+)\. (.+)$", part, re.M)) for part in GUIDE.partition("## An exam")[2].split("### Answers")
)


def test_twelve_questions_have_twelve_answers():
    assert list(QUESTIONS) == list(ANSWERS) == [str(n) for n in range(1, 13)]


def says(number, *words):
    missing = [word for word in words if word not in ANSWERS[str(number)]]
    assert missing == [], ANSWERS[str(number)]


def test_scale_zero_point_and_code():
    scale, zero_point = quantization.affine_parameters(-3.2, 4.8)
    says(1, f"scale {scale:.5f}", f"zero point {zero_point}")
    code = int(quantization.quantize(np.array([1.0]), scale, zero_point)[0])
    back = float(quantization.dequantize(np.array([code]), scale, zero_point)[0])
    says(2, f"code {code}", f"{back:.4f} comes back", f"{scale / 2:.4f}")


def test_symmetric_codes():
    weights = np.array([0.4, -1.016, 0.008])
    for values, scale in ((weights, None), (np.append(weights, 8.128), None)):
        scale, _ = quantization.symmetric_parameters(values)
        codes = quantization.quantize(weights, scale, narrow=True)
        says(3, f"{float(scale):.3f}", "{}, {} and {}".format(*codes))


def test_requantization():
    ratio = 0.02 * 0.005 / 0.1
    multiplier, shift = fixed_point.quantize_multiplier(ratio)
    code = fixed_point.to_codes(np.array([13_000], np.int32), multiplier, shift, -128)[0]
    power = str(-shift).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    says(4, f"code {code}", f"{multiplier:,} / 2³¹ · 2⁻{power}")


def test_sizes():
    int8, float32 = 500_000 + 1280 * (4 + 8 + 4), 4 * (500_000 + 1280)
    says(5, f"{int8:,} bytes", f"{float32:,}", f"{float32 / int8:.2f} times")
    alive = 48 * 48 * 16 + 2 * 24 * 24 * 32
    says(8, f"{alive:,} bytes", f"do not fit into {64 * 1024:,}")
    assert alive > 64 * 1024
    says(11, f"{10_000 + 4:,} and {10_000 + 4 * 64:,} bytes", f"{4 * 63} bytes more")


def test_mcnemar():
    first = np.array([True] * 12 + [False] * 4 + [True] * 1984)
    second = np.array([False] * 12 + [True] * 4 + [True] * 1984)
    says(6, f"p = {accuracy.mcnemar(first, second).p_value:.3f}", "1,984")


def test_the_clip_of_relu6():
    low, high = fixed_point.activation_range("RELU6", 8 / 255, -128)
    says(10, f"{low} and {high}:")


def test_the_time_without_a_floating_point_unit():
    says(12, *(f"{instructions * 10e6 / 48e6:.1f} s" for instructions in (195, 9.9)))


@pytest.mark.parametrize("number", [str(n) for n in range(1, 13)])
def test_no_question_stands_in_a_notebook(number):
    """Not even a run of eight of its words."""
    texts = " ".join(path.read_text("utf-8") for path in (project() / "notebooks").rglob("*.ipynb"))
    texts, words = " ".join(re.findall(r"\w+", texts)).lower(), re.findall(r"\w+", QUESTIONS[number].lower())
    assert [run for i in range(len(words) - 7) if (run := " ".join(words[i : i + 8])) in texts] == []
