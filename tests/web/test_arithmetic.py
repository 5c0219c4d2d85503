"""The arithmetic of the web pages against that of `helpers/numbers` and `helpers/integer`: the same numbers."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from helpers.base.data import project
from helpers.integer import fixed_point
from helpers.integer.network import load_network
from helpers.measure.accuracy import wilson
from helpers.networks.plans import PRETRAINED_INT8 as SHIPPED
from helpers.numbers import quantization
from helpers.pictures import conventions
from helpers.tflite import interpreter

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="Node.js is not installed")


def drawn(rng, count):
    """Return numbers of very different sizes, some of them zero or halfway between two codes."""
    values = rng.normal(0, 10.0 ** rng.uniform(-4, 3), count).astype(np.float32)
    values[rng.random(count) < 0.1] = 0
    return values


@pytest.fixture(scope="module")
def cases():
    rng = np.random.default_rng(0)
    bits = lambda: int(rng.integers(2, 9))  # noqa: E731
    ends = lambda: sorted(rng.normal(0, 10.0 ** rng.uniform(-3, 3), 2).tolist())  # noqa: E731
    shapes = [(4, 3, 3, 2), (1, 3, 3, 6), (5, 8)]
    return {
        "affine": [[*ends(), bits()] for _ in range(500)] + [[0, 0, 8], [-1, 0, 2], [0, 6, 8]],
        "symmetric": [[drawn(rng, 30).tolist(), bits()] for _ in range(200)] + [[[0, 0], 4]],
        "weights": [
            [drawn(rng, int(np.prod(shape))).tolist(), shape, bits(), axis]
            for shape in shapes
            for axis in (None, 0, len(shape) - 1)
            for _ in range(20)
        ],
        "activations": [[drawn(rng, 50).tolist(), ends(), bits()] for _ in range(200)],
        "multipliers": (2.0 ** rng.uniform(-36, 6, 500)).tolist() + [0, 1, 0.5, 2.0**-32, 2.0**-33, 1 - 2.0**-53],
        "sums": [[int(rng.integers(-(2**26), 2**26)), float(2.0 ** rng.uniform(-20, 4))] for _ in range(2000)],
        "wilson": [[right, count] for count in (1, 7, 200) for right in range(0, count + 1, max(1, count // 10))],
    }


@pytest.fixture(scope="module")
def found(cases, tmp_path_factory):
    path = tmp_path_factory.mktemp("arithmetic") / "cases.json"
    path.write_text(json.dumps(cases))
    command = [NODE, project() / "tests" / "web" / "arithmetic.mjs", project() / "web", path, SHIPPED]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_scales_and_zero_points(cases, found):
    for case, (scale, zero_point) in zip(cases["affine"], found["affine"], strict=True):
        assert (np.float32(scale), zero_point) == quantization.affine_parameters(*case), case
    for (values, bits), scale in zip(cases["symmetric"], found["symmetric"], strict=True):
        assert np.float32(scale) == quantization.symmetric_parameters(np.array(values, np.float32), bits)[0]


def test_weights_and_activations_are_rounded_alike(cases, found):
    for (values, shape, bits, axis), rounded in zip(cases["weights"], found["weights"], strict=True):
        expected = quantization.fake_quantize(np.array(values, np.float32).reshape(shape), bits, axis)
        np.testing.assert_array_equal(np.array(rounded, np.float32).reshape(shape), expected)
    for (values, ends, bits), rounded in zip(cases["activations"], found["activations"], strict=True):
        parameters = quantization.affine_parameters(*ends, bits)
        codes = quantization.quantize(np.array(values, np.float32), *parameters, bits)
        np.testing.assert_array_equal(np.array(rounded, np.float32), quantization.dequantize(codes, *parameters))


def test_fixed_point(cases, found):
    for real, pair in zip(cases["multipliers"], found["multipliers"], strict=True):
        assert tuple(pair) == fixed_point.quantize_multiplier(real), real
    for (total, ratio), code in zip(cases["sums"], found["sums"], strict=True):
        multiplier, shift = fixed_point.quantize_multiplier(ratio)
        assert code == int(fixed_point.requantize(np.array([total], np.int32), multiplier, shift)[0]), (total, ratio)


def test_intervals(cases, found):
    for case, interval in zip(cases["wilson"], found["wilson"], strict=True):
        np.testing.assert_allclose(interval, wilson(*case), atol=1e-9)


def test_pictures_become_codes_and_codes_probabilities(found):
    """What the front page of `web/README.md` calls: every byte, and a picture that is no picture."""
    picture = np.resize(np.arange(256, dtype=np.uint8), (1, 96, 96, 3))
    network = load_network(SHIPPED)
    codes = interpreter.quantize_input(conventions.normalise(picture), network.input.details)
    assert found["codes"] == codes.ravel()[:256].tolist()
    np.testing.assert_array_equal(np.array(found["probabilities"], np.float32), network.predict(picture)[0])
