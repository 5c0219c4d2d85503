"""The engine of the web pages against the integer network: every value of every tensor, in Node."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import made_up
import one_operator
from helpers.base.data import project
from helpers.integer.network import load_network
from helpers.networks.plans import PRETRAINED_INT8 as SHIPPED
from one_operator import Operand
from random_layers import (
    ACTIVATIONS,
    KERNELS,
    LENGTHS,
    PLACES,
    POOLS,
    RATIOS,
    SCALES,
    SEEDS,
    WEIGHED,
    ZERO_POINTS,
    draw_codes,
    fits,
    geometry,
    places_of,
)

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
ENGINE = project() / "web" / "network.js"
SCRIPT = project() / "tests" / "web" / "tensors.mjs"


def run_all(jobs, folder):
    """Run several files in one process of Node; return for each its tensors, uint8 [pictures, bytes], or its refusal.

    Args:
        jobs: [(file, codes)].
        folder: for files on the way.
    """
    listed = []
    for number, (path, codes) in enumerate(jobs):
        (folder / f"{number}.codes").write_bytes(codes.tobytes())
        names = {"codes": f"{number}.codes", "tensors": f"{number}.tensors"}
        listed.append({"model": str(path)} | {key: str(folder / name) for key, name in names.items()})
    (folder / "jobs.json").write_text(json.dumps(listed))
    done = subprocess.run([NODE, SCRIPT, ENGINE, folder / "jobs.json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [
        answer if isinstance(answer, str) else np.fromfile(job["tensors"], np.uint8).reshape(len(codes), -1)
        for answer, job, (_, codes) in zip(json.loads(done.stdout), listed, jobs, strict=True)
    ]


def tensors(path, codes, folder):
    """Run pictures in Node; return all tensors of each as bytes in a row, uint8 [pictures, bytes]."""
    (found,) = run_all([(path, codes)], folder)
    assert not isinstance(found, str), found
    return found


def expected(path, codes):
    """Return what the integer network computes, in the same form."""
    network, rows = load_network(path), []
    for one in codes:
        found = network.tensors(one[np.newaxis])
        rows.append(b"".join(found[step.outputs[0]].tobytes() for step, _ in network.steps))
    return np.array([np.frombuffer(row, np.uint8) for row in rows])


def test_the_shipped_network_is_right_in_every_value(tmp_path):
    codes = np.random.default_rng(0).integers(-128, 128, (6, 96, 96, 3), np.int8)
    codes[4], codes[5] = -128, 127
    found = tensors(SHIPPED, codes, tmp_path)
    np.testing.assert_array_equal(found, expected(SHIPPED, codes))
    assert found.size > 2_000_000


def test_small_networks_with_few_bits(tmp_path):
    codes = np.random.default_rng(5).integers(-128, 128, (4, 32, 32, 3), np.int8)
    operators = set()
    for path in made_up.small_int8_files(tmp_path):
        found = tensors(path, codes, tmp_path)
        np.testing.assert_array_equal(found, expected(path, codes), err_msg=path.name)
        operators |= {step.name for step, _ in load_network(path).steps}
    assert {"ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D", "MEAN", "SOFTMAX"} <= operators


# --- single operators -------------------------------------------------------------------------------------------------

MANY = 40  # operators in one process of Node
TWICE = settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))


def lists(*strategies):
    return st.lists(st.tuples(*strategies), min_size=MANY, max_size=MANY)


def check(folder, contents):
    """Run models of one operator each, and compare what they give with TensorFlow Lite's reference kernels.

    Args:
        folder: for files.
        contents: [(model, codes of one picture)].
    """
    jobs = []
    for number, (content, codes) in enumerate(contents):
        path = folder / f"{number}.tflite"
        path.write_bytes(content)
        jobs.append((path, codes))
    for (path, codes), found in zip(jobs, run_all(jobs, folder), strict=True):
        assert not isinstance(found, str), f"{path.name}: {found}"
        assert found.tobytes() == one_operator.run(path.read_bytes(), codes).tobytes(), path.name


@given(
    lists(WEIGHED, PLACES, LENGTHS, KERNELS, st.integers(1, 5), st.integers(1, 20), st.sampled_from(["int8", "int4"]))
)
@TWICE
def test_conv_2d(drawn_many):
    contents = []
    for drawn, places, lengths, kernel, channels, filters, dtype in drawn_many:
        if fits(lengths, kernel, places):
            codes = draw_codes(drawn[-1], (1, *lengths, channels))
            weights = draw_codes(drawn[-1] + 1, (filters, *kernel, channels), -127)
            weights = np.clip(weights // 16, -7, 7) if dtype == "int4" else weights
            shape = (1, *places_of(lengths, kernel, places), filters)
            content = one_operator.weighed("CONV_2D", codes, weights, 0, shape, drawn, dtype, **geometry(places))
            contents.append((content, codes))
    with tempfile.TemporaryDirectory() as folder:
        check(Path(folder), contents)


@given(lists(WEIGHED, PLACES, LENGTHS, KERNELS, st.integers(1, 12), st.integers(1, 3)))
@TWICE
def test_depthwise_conv_2d(drawn_many):
    contents = []
    for drawn, places, lengths, kernel, channels, multiplier in drawn_many:
        if fits(lengths, kernel, places):
            codes = draw_codes(drawn[-1], (1, *lengths, channels))
            weights = draw_codes(drawn[-1] + 1, (1, *kernel, channels * multiplier), -127)
            shape = (1, *places_of(lengths, kernel, places), channels * multiplier)
            options = {"depthMultiplier": multiplier, **geometry(places)}
            contents.append(
                (one_operator.weighed("DEPTHWISE_CONV_2D", codes, weights, 3, shape, drawn, **options), codes)
            )
    with tempfile.TemporaryDirectory() as folder:
        check(Path(folder), contents)


@given(lists(WEIGHED, st.integers(1, 700), st.integers(1, 60)))
@TWICE
def test_fully_connected(drawn_many):
    contents = []
    for drawn, length, units in drawn_many:
        codes, weights = draw_codes(drawn[-1], (1, length)), draw_codes(drawn[-1] + 1, (units, length), -127)
        contents.append((one_operator.weighed("FULLY_CONNECTED", codes, weights, 0, (1, units), drawn), codes))
    with tempfile.TemporaryDirectory() as folder:
        check(Path(folder), contents)


@given(
    lists(
        st.sampled_from(["MAX_POOL_2D", "AVERAGE_POOL_2D"]),
        POOLS,
        LENGTHS,
        KERNELS,
        SCALES,
        ZERO_POINTS,
        ACTIVATIONS,
        SEEDS,
    )
)
@TWICE
def test_pools(drawn_many):
    contents = []
    for operator, places, lengths, kernel, scale, zero, activation, seed in drawn_many:
        if fits(lengths, kernel, places):
            codes = draw_codes(seed, (1, *lengths, 5))
            form = {"filterHeight": kernel[0], "filterWidth": kernel[1], "fusedActivationFunction": activation}
            output = Operand((1, *places_of(lengths, kernel, places), 5), "int8", scale, zero)
            entry = Operand(codes.shape, "int8", scale, zero)
            contents.append((one_operator.build(operator, [entry], output, **form, **geometry(places)), codes))
    with tempfile.TemporaryDirectory() as folder:
        check(Path(folder), contents)


@given(lists(LENGTHS, SCALES, RATIOS, ZERO_POINTS, ZERO_POINTS, st.booleans(), SEEDS))
@TWICE
def test_mean_and_softmax(drawn_many):
    contents = []
    for lengths, scale, ratio, zero, output_zero, softmax, seed in drawn_many:
        codes = draw_codes(seed, (1, *lengths, 40))
        if softmax:
            entry, output = Operand((1, 40), "int8", scale, zero), Operand((1, 40), "int8", 1 / 256, -128)
            codes = codes[:, 0, 0]
            contents.append((one_operator.build("SOFTMAX", [entry], output, beta=1.0), codes))
        else:
            inputs = [Operand(codes.shape, "int8", scale, zero), one_operator.constant(np.array([1, 2], np.int32))]
            output = Operand((1, 40), "int8", scale * ratio, output_zero)
            contents.append((one_operator.build("MEAN", inputs, output), codes))
    with tempfile.TemporaryDirectory() as folder:
        check(Path(folder), contents)
