"""Whole networks in integers against TFLite's reference kernels, tensor by tensor and byte by byte."""

import numpy as np
import pytest

import odd_files
from helpers.integer import comparison
from helpers.integer.network import Network, load_network
from helpers.integer.step import Refused
from helpers.measure import accuracy
from helpers.networks import plans
from helpers.pictures import datasets, photographs
from helpers.pictures.conventions import normalise
from helpers.tflite import convert, edge_quantizer, inspect, interpreter
from one_operator import build, constant, int8, refused
from random_layers import draw_codes
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


# --- what lies along the first axis, and at the ends ------------------------------------------------------------------


def test_a_network_that_mixes_pictures_runs_them_one_at_a_time(folder):
    """It joins the axis of the pictures with the next, so that the file's shapes are the only ones."""
    path, codes = folder / "mixed.tflite", draw_codes(1, (5, 6, 4))
    path.write_bytes(build("RESHAPE", [int8(1, 6, 4), constant(np.array([24], np.int32))], int8(24)))
    network = load_network(path)
    assert not network.counted and network.run(codes).shape == (5, 24)
    np.testing.assert_array_equal(network.run(codes, threads=2), codes.reshape(5, 24))
    assert all(found.differing == 0 for found in comparison.compare(path, codes))


def test_one_number_for_each_picture(folder):
    """A softmax along the last axis goes along that of the pictures, if they have no other one left."""
    parts = [odd_files.int8(1, 5), odd_files.tensor([1], "int32", np.int32([1])), odd_files.int8(1)]
    parts.append(odd_files.tensor([1], "int8", scale=1 / 256, zero_point=-128))
    steps = [odd_files.step("MEAN", [0, 1], [2], "Reducer"), odd_files.step("SOFTMAX", [2], [3], "Softmax", beta=1.0)]
    path, codes = folder / "number.tflite", draw_codes(1, (3, 5))
    path.write_bytes(odd_files.content(lambda: odd_files.model(odd_files.graph(parts, steps, [0], [3]))))
    assert load_network(path).run(codes).tolist() == [127, 127, 127]
    assert not any(found.differing for found in comparison.compare(path, codes))


def test_a_file_for_several_pictures_at_a_time(folder):
    """No operator mixes them, so it takes any number; the kernels are asked to do so as well."""
    path, codes = folder / "four.tflite", draw_codes(1, (7, 3))
    path.write_bytes(build("LEAKY_RELU", [int8(4, 3)], int8(4, 3), alpha=0.1))
    assert load_network(path).run(codes).shape == (7, 3)
    (found,) = comparison.compare(path, codes)
    assert (found.values, found.differing) == (21, 0)


def test_an_input_without_an_axis_for_pictures(folder):
    """The samples of a sound: several sounds have one axis more than the file says."""
    path, codes = folder / "sound.tflite", draw_codes(1, (3, 160))
    path.write_bytes(build("LEAKY_RELU", [int8(160)], int8(160), alpha=0.1))
    network = load_network(path)
    assert network.run(codes).shape == (3, 160)
    (found,) = comparison.compare(path, codes)
    assert (found.values, found.differing) == (480, 0)
    assert comparison.kernel_tensors(path, codes)[1].tobytes() == network.run(codes).tobytes()
    with pytest.raises(ValueError, match=r"takes int8 \[n, 160\] with n of at least 1; found int8 \[160\]"):
        network.run(codes[0])


def test_several_inputs_and_outputs(folder):
    """Both are lists, in the order of the file."""
    path, (a, b) = folder / "several.tflite", (draw_codes(1, (20, 3)), draw_codes(2, (20, 3)))
    path.write_bytes(build("ADD", [int8(1, 3), int8(1, 3, scale=0.2)], int8(1, 3)))
    network = load_network(path)
    assert network.run([a, b]).shape == (20, 3)
    assert (network.run([a, b])[7:8] == network.run([a[7:8], b[7:8]])).all()
    assert comparison.compare(path, [a, b])[0].differing == 0
    path.write_bytes(build("SPLIT", [constant(np.array(1, np.int32)), int8(1, 4)], [int8(1, 2)] * 2, numSplits=2))
    codes = draw_codes(3, (20, 4))
    first, second = load_network(path).run(codes)
    np.testing.assert_array_equal(np.concatenate([first, second], axis=1), codes)
    assert [found.tensor for found in comparison.compare(path, codes)] == [2, 3]
    with pytest.raises(ValueError, match="one input and one output; several.tflite has 1 and 2"):
        load_network(path).predict(np.zeros((1, 4), np.uint8))
    path.write_bytes(build("ADD", [int8(1, 3), int8(1, 3)], int8(1, 3)))
    for wrong in (a, [a], [a, b[:5]], [a, b.astype(np.uint8)]):
        with pytest.raises(ValueError, match="several.tflite takes"):
            load_network(path).run(wrong)


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
    why = (
        r"cannot do the ELU that makes tensor 1 \(tensor 1\): of the operators in this file it lacks ELU; it knows ADD"
    )
    refused(folder, build("ELU", [int8(1, 3)], int8(1, 3)), why)


@pytest.mark.parametrize("kind", ["float32", "dynamic range", "float16", "int16x8"])
def test_other_kinds_of_files_are_refused(small, kind):
    """Each is told from the first operator that the integer network cannot do."""
    why = "is float32; it is the first operator with real numbers, made from tensor 0 .*takes full-int8 files"
    why = {"int16x8": "input 0 should be int8 and is int16; the file has activations of 16 bits"}.get(kind, why)
    with pytest.raises(Refused, match=why):
        load_network(small.files[kind])


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
