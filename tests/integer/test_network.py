"""Whole networks in integers against TFLite's reference kernels, tensor by tensor and byte by byte."""

import numpy as np
import pytest

from helpers.integer import comparison
from helpers.integer.network import Network, load_network
from helpers.measure import accuracy
from helpers.networks import plans
from helpers.pictures import datasets, photographs
from helpers.pictures.conventions import normalise
from helpers.tflite import convert, edge_quantizer, inspect, interpreter
from one_operator import build, int8, refused
from whole_networks import codes_of, every_picture, reference_tensors

pytest_plugins = ["small"]


# --- whole networks, tensor by tensor, on the reference kernels -------------------------------------------------------


def every_tensor_is_equal(path, images: np.ndarray) -> Network:
    network = load_network(path)
    for i in range(0, len(images), 20):
        codes = codes_of(network, images[i : i + 20])
        found, expected = network.tensors(codes), reference_tensors(path, codes, network)
        assert set(found) == {network.input.index, *expected}
        for index, values in expected.items():
            assert found[index].dtype == values.dtype and found[index].shape == values.shape
            assert found[index].tobytes() == values.tobytes(), f"tensor {index}: {network.known[index].name}"
    return network


def spread(network: Network, images: np.ndarray) -> list[int]:
    """How many different codes each activation has: a degenerate network would prove nothing."""
    tensors = network.tensors(codes_of(network, images))
    return [len(np.unique(v)) for v in tensors.values() if v.dtype == np.int8 and v[0].size > 500]


def test_the_compact_network_is_equal_in_every_tensor_for_every_picture(small):
    images = every_picture(small)
    network = every_tensor_is_equal(small.files["int8"], images)
    assert len(images) == 140 and len(network.steps) == 11
    assert min(spread(network, images[:20])) > 100


def test_so_it_is_with_real_numbers_around_it(small):
    network = every_tensor_is_equal(small.files["int8, float in/out"], every_picture(small)[:20])
    assert [operator.name for operator, _ in network.steps][:: len(network.steps) - 1] == ["QUANTIZE", "DEQUANTIZE"]
    assert network.output.dtype == "float32"


def test_the_shipped_network_is_equal_in_every_tensor(small):
    network = every_tensor_is_equal(plans.PRETRAINED_INT8, every_picture(small)[:40])
    assert {operator.name for operator, _ in network.steps} >= {"ADD", "MEAN", "MAX_POOL_2D"}
    assert min(spread(network, every_picture(small)[:20])) > 100


@pytest.mark.photographs
@pytest.mark.skipif(not photographs.prepared(), reason="the photographs are not prepared: make photos")
def test_the_shipped_network_is_equal_on_photographs():
    every_tensor_is_equal(plans.PRETRAINED_INT8, datasets.load("photographs").arrays("test", 60)[0])


def test_a_mobilenet_is_equal_in_every_tensor(mobilenet):
    path, images = mobilenet
    network = every_tensor_is_equal(path, images[:60])
    kinds = [operator.name for operator, _ in network.steps]
    assert kinds.count("DEPTHWISE_CONV_2D") == 13 and kinds.count("CONV_2D") == 15
    assert {"PAD", "SHAPE", "STRIDED_SLICE", "PACK", "RESHAPE", "SOFTMAX"} <= set(kinds)
    assert np.median(spread(network, images[:20])) > 50


def test_many_pictures_go_through_a_few_at_a_time(small):
    network, images = load_network(small.files["int8"]), every_picture(small)[:37]
    codes = codes_of(network, images)
    whole = network.tensors(codes)[network.output.index]
    np.testing.assert_array_equal(network.run(codes), whole)
    np.testing.assert_array_equal(network.run(codes[::-1], threads=5)[::-1], whole)


def test_the_probabilities_are_those_of_the_reference_kernels(small):
    network, images = load_network(small.files["int8"]), every_picture(small)[:30]
    expected = accuracy.predict(small.files["int8"], images, "reference")
    np.testing.assert_array_equal(network.predict(images), expected)


# --- what can go wrong ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def four_bits(small, folder):
    """The small network with 4-bit weights and 8-bit activations, made with AI Edge Quantizer."""
    calibration = datasets.calibration_inputs(small.pets, 20)
    content = edge_quantizer.quantize(small.files["float32"], calibration, weights=4)
    return convert.write(content, folder / "four_bits.tflite")


@pytest.mark.parametrize("kernels", interpreter.KERNEL_SETS)
def test_weights_of_four_bits_in_a_whole_network(small, four_bits, kernels):
    """XNNPACK hands int4 convolutions to the built-in kernels, and so rounds as they do."""
    images = small.pets.arrays("test")[0][:3]
    codes = interpreter.quantize_input(normalise(images), load_network(four_bits).input.details)
    assert not any(found.differing for found in comparison.compare(four_bits, codes, kernels, rounding=kernels))
    assert {t.dtype for t in inspect.tensors(four_bits) if t.role == "weights"} == {"int4"}


def test_an_unknown_operator_is_named(folder):
    refused(
        folder, build("TANH", [int8(1, 3)], int8(1, 3)), r"cannot do the TANH that makes tensor 1: it knows ADD, .*"
    )


@pytest.mark.parametrize("kind", ["float32", "dynamic range", "float16", "int16x8"])
def test_other_kinds_of_files_are_refused(small, kind):
    found = {"int16x8": "output should be int8 and is int16", "float16": "input 0 should be int8 and is float16"}
    why = found.get(kind, "input 0 should be int8 and is float32") + "; it takes full-int8 files"
    with pytest.raises(NotImplementedError, match=why):
        load_network(small.files[kind])


def test_several_inputs_are_refused(folder):
    refused(folder, build("ADD", [int8(1, 3), int8(1, 3)], int8(1, 3)), "one input and one output; .* has 2 and 1")


def test_a_file_that_is_missing_or_no_model(tmp_path):
    with pytest.raises(FileNotFoundError, match="no model file"):
        load_network(tmp_path / "none.tflite")
    (tmp_path / "some.tflite").write_bytes(b"no model at all")
    with pytest.raises(ValueError, match=r"some.tflite is no \.tflite file"):
        load_network(tmp_path / "some.tflite")


@pytest.mark.parametrize(
    "codes",
    [
        np.zeros((0, 96, 96, 3), np.int8),
        np.zeros((96, 96, 3), np.int8),
        np.zeros((1, 48, 48, 3), np.int8),
        np.zeros((1, 96, 96, 3), np.uint8),
        np.zeros((1, 96, 96, 3), np.float32),
    ],
    ids=["no pictures", "one without an axis for pictures", "too small", "pictures", "real numbers"],
)
def test_an_input_that_does_not_fit(small, codes):
    network = load_network(small.files["int8"])
    for call in (network.run, network.tensors, lambda codes: comparison.compare(small.files["int8"], codes)):
        with pytest.raises(
            ValueError, match=r"takes int8 \[n, 96, 96, 3\] with n of at least 1; found \w+ \[.*quantize"
        ):
            call(codes)
