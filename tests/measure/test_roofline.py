"""The roofline: counts against numbers worked out by hand and against Keras, predictions against the formula."""

import numpy as np
import pytest

from helpers.base.tf import keras
from helpers.measure import roofline
from helpers.measure.ceilings import Ceilings, layer_files
from helpers.measure.roofline import LayerWork, Prediction
from helpers.networks import costs, models
from helpers.tflite import convert, inspect
from helpers.tflite.inspect import Operator, Tensor

pytest_plugins = ["small", "tiny"]

CEILINGS = Ceilings({"float32": 10e9, "int8": 40e9}, {2**20: 20e9, 2**26: 20e9})


@pytest.fixture(scope="module")
def layers_of():
    """A function that returns the operators of a network of one layer, {kind: layers}, and the paths stay."""

    def count(layer, shape, folder):
        paths = {}
        for kind, content in layer_files(layer, shape).items():
            paths[kind] = folder / convert.filename(kind)
            paths[kind].write_bytes(content)
        return {kind: roofline.layers(path) for kind, path in paths.items()}

    return count


def layer(macs=0, constant=0, moved=0, operator="CONV_2D", kind="float32", channels=16):
    return LayerWork("a", operator, kind, macs, channels, constant, moved, 1)


# --- counts --------------------------------------------------------------------------------------------------


def test_a_convolution_counted_by_hand(layers_of, tmp_path):
    """8 filters of 3 x 3 x 4 over a 10 x 10 x 4 picture with stride 2: 5 x 5 x 8 outputs of 36 products each."""
    found = layers_of(keras.layers.Conv2D(8, 3, strides=2, padding="same"), (10, 10, 4), tmp_path)
    for kind, size in (("float32", 4), ("int8", 1)):
        (it,) = [one for one in found[kind] if one.macs]
        assert (it.operator, it.kind, it.macs, it.channels) == ("CONV_2D", kind, 5 * 5 * 8 * 36, 4)
        assert it.constant_bytes == 8 * 36 * size + 8 * 4  # the bias is float32 or int32
        assert it.moved_bytes == (10 * 10 * 4 + 5 * 5 * 8) * size
        assert it.intensity == pytest.approx(7200 / (it.constant_bytes + it.moved_bytes))


def test_a_depthwise_convolution_counted_by_hand(layers_of, tmp_path):
    """3 x 3 products for each of 6 x 6 x 5 outputs; a channel sees no other."""
    found = layers_of(keras.layers.DepthwiseConv2D(3), (8, 8, 5), tmp_path)
    for kind, size in (("float32", 4), ("int8", 1)):
        (it,) = [one for one in found[kind] if one.macs]
        assert (it.operator, it.macs) == ("DEPTHWISE_CONV_2D", 6 * 6 * 5 * 9)
        assert it.moved_bytes == (8 * 8 * 5 + 6 * 6 * 5) * size


def test_a_dense_layer_uses_each_weight_once(layers_of, tmp_path):
    found = layers_of(keras.layers.Dense(32), (64,), tmp_path)
    for kind, size in (("float32", 4), ("int8", 1)):
        (it,) = [one for one in found[kind] if one.macs]
        assert (it.operator, it.macs) == ("FULLY_CONNECTED", 64 * 32)
        assert 64 * 32 * size <= it.constant_bytes <= 64 * 32 * size + 32 * 4
        assert it.intensity < 1 / size, "never more than one multiply-accumulate for each weight"


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_a_whole_network_agrees_with_keras(small, kind):
    """Two independent counts: the shapes in the file, and the layers of the Keras model."""
    counted = [one.macs for one in roofline.layers(small.files[kind]) if one.macs]
    expected = [cost.macs for cost in costs.layer_costs(models.compact_cnn()) if cost.macs]
    assert counted == expected


def test_constants_are_those_of_the_file(small):
    found = roofline.layers(small.files["int8"])
    parts = inspect.bytes_by_purpose(small.files["int8"])
    assert 0 <= sum(it.constant_bytes for it in found) - parts["weights"] - parts["biases"] <= 64  # axes of a mean


def test_reshaping_moves_nothing():
    tensor = Tensor(0, "t", (1, 8), "float32", np.array([]), np.array([]), 0, "activation", None)
    shape = Tensor(1, "s", (2,), "int32", np.array([]), np.array([]), 0, "constant", np.array([1, 8], np.int32))
    it = roofline._layer(Operator("RESHAPE", (0, 1), (0,)), [tensor, shape], "f")
    assert (it.bytes, it.macs, it.intensity) == (0, 0, 0.0)


def test_a_file_of_two_types_is_refused(tiny):
    with pytest.raises(
        ValueError, match=r"dynamic_range.tflite has a CONV_2D of float32 and int8: .* all float32 or all"
    ):
        roofline.layers(tiny["dynamic range"])


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no model file"):
        roofline.layers(tmp_path / "none.tflite")


# --- predictions ---------------------------------------------------------------------------------------------


def test_a_prediction_is_the_longer_of_arithmetic_and_memory(small):
    told = roofline.predict(small.files["float32"], CEILINGS)
    for it, seconds in zip(told.layers, told.seconds, strict=True):
        assert seconds == pytest.approx(max(it.macs / 10e9, (it.constant_bytes + it.moved_bytes) / 20e9))
    assert told.total == pytest.approx(told.seconds.sum())
    assert told.bandwidth == 20e9


def test_the_share_that_waits():
    known = [layer(), layer()]
    assert Prediction(known, np.array([3.0, 1.0]), np.array([1.0, 2.0]), 1.0).waiting == pytest.approx(2 / 5)
    assert Prediction(known, np.array([3.0, 1.0]), np.array([1.0, 0.5]), 1.0).waiting == 0


def test_bound_by_arithmetic_the_ratio_is_that_of_the_peaks_and_bound_by_memory_that_of_the_bytes(small):
    files = {kind: small.files[kind] for kind in ("float32", "int8")}
    everywhere = {2**20: 1.0, 2**26: 1.0}
    fast_memory = Ceilings(CEILINGS.macs, dict.fromkeys(everywhere, 1e30))
    assert roofline.predicted_ratio(files, fast_memory) == pytest.approx(4)
    slow_memory = Ceilings({"float32": 1e30, "int8": 1e30}, everywhere)
    assert 3.5 < roofline.predicted_ratio(files, slow_memory) < 4  # biases and the type of the mean's axes stay


def test_the_working_set_is_all_weights_and_the_largest_layer():
    known = [layer(constant=100, moved=7), layer(constant=10, moved=30), layer(moved=20)]
    assert roofline.working_set(known) == 110 + 30


def test_a_network_larger_than_the_cache_is_read_from_main_memory(small):
    """The same network, with bandwidths such that only its size decides."""
    size = roofline.working_set(roofline.layers(small.files["float32"]))
    cache_is_large = Ceilings(CEILINGS.macs, {size: 80e9, 2 * size: 10e9})
    cache_is_small = Ceilings(CEILINGS.macs, {size // 4: 80e9, size: 10e9})
    assert roofline.predict(small.files["float32"], cache_is_large).bandwidth == pytest.approx(80e9)
    assert roofline.predict(small.files["float32"], cache_is_small).bandwidth == pytest.approx(10e9)


@pytest.mark.parametrize(
    ("operator", "channels", "expected"),
    [
        ("CONV_2D", 64, "convolution"),
        ("CONV_2D", 3, "first convolution"),
        ("DEPTHWISE_CONV_2D", 3, "depthwise convolution"),
        ("FULLY_CONNECTED", 3, "other"),
        ("ADD", 64, "other"),
    ],
)
def test_sorts_of_layers(operator, channels, expected):
    assert roofline.kind_of(layer(operator=operator, channels=channels)) == expected


def test_speeds_of_its_own_for_each_sort(small):
    """The first convolution at a tenth of the peak takes ten times as long, the others as before."""
    speeds = {"first convolution": {"float32": 1e9}}
    path = small.files["float32"]
    slower, plain = roofline.predict(path, CEILINGS, speeds), roofline.predict(path, CEILINGS)
    assert slower.arithmetic[0] == pytest.approx(10 * plain.arithmetic[0])
    np.testing.assert_array_equal(slower.arithmetic[1:], plain.arithmetic[1:])


# --- tables --------------------------------------------------------------------------------------------------


def test_speeds_beside_the_ceiling():
    table = roofline.speed_table({"convolution": {"float32": 5e9, "int8": 10e9}}, CEILINGS)
    assert table.rows == [["convolution", "5.0 (50%)", "10.0 (25%)", "2.00"]]
