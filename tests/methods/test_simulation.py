"""The simulation against the converter's files, against `quantization`, and against Keras with other weights."""

import numpy as np
import pytest

from helpers.base.tf import make_deterministic
from helpers.measure import accuracy
from helpers.methods.simulation import Simulation
from helpers.networks import models, published, training
from helpers.networks.untrained import set_statistics
from helpers.networks.weights import WEIGHTED, channel_axis
from helpers.numbers import errors, quantization
from helpers.pictures import datasets
from helpers.pictures.conventions import normalise
from helpers.tflite import convert, from_keras, inspect


def untrained(network, pictures):
    """A network with the statistics of these pictures, so that its activations are neither flat nor wild."""
    make_deterministic(4)
    model = network()
    set_statistics(model, normalise(pictures))
    return model


@pytest.fixture(scope="module")
def pictures():
    return published.pictures(48, 24)


@pytest.fixture(scope="module")
def mobilenet(pictures):
    """The first five blocks of a MobileNet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "MOBILENET_BLOCKS", models.MOBILENET_BLOCKS[:5])
        return untrained(lambda: models.mobilenet_v1(48, 0.125), pictures)


@pytest.fixture(scope="module")
def network(mobilenet, pictures):
    return Simulation(mobilenet, normalise(pictures))


@pytest.fixture(scope="module")
def trained(pets):
    """The default network, simulated, with the calibration pictures of the converter."""
    return Simulation(training.trained(pets), datasets.calibration_inputs(pets))


# --- against the converter --------------------------------------------------------------------------------------------


def written(file):
    """The tensors that the operators of a file write, by the layer whose name they have, and its input."""
    known = {t.index: t for t in inspect.tensors(file)}
    steps = inspect.operators(file)
    named = {inspect.layer_name(known[step.outputs[0]].name): step for step in steps}
    return known, steps, named


def test_scales_and_zero_points_are_those_of_the_file(trained, files):
    known, steps, _ = written(files["int8"])
    made = [known[step.outputs[0]] for step in steps if step.name != "MAX_POOL_2D"]
    made = [known[steps[0].inputs[0]], *made]
    ours = [trained.activation_parameters(name) for name in trained.tensors]
    assert len(made) == len(ours) == 27
    theirs = sorted((int(t.zero_point[0]), float(t.scale[0])) for t in made)
    ours = sorted((zero_point, float(scale)) for scale, zero_point in ours)
    assert [zero for zero, _ in ours] == [zero for zero, _ in theirs]
    np.testing.assert_allclose([scale for _, scale in ours], [scale for _, scale in theirs], rtol=1e-5)
    for step in steps:  # and what has no codes of its own here has none there
        if step.name == "MAX_POOL_2D":
            before, after = known[step.inputs[0]], known[step.outputs[0]]
            assert (before.scale, before.zero_point) == (after.scale, after.zero_point)


def test_weights_are_those_of_the_file(trained, files):
    theirs = inspect.layer_weights(files["int8"])
    assert set(theirs) == set(trained.layers)
    scales = {
        inspect.layer_name(t.name): (t.scale, t.data) for t in inspect.tensors(files["int8"]) if t.role == "weights"
    }
    for name in trained.layers:
        scale, codes = scales[name]
        exact, ours = (
            np.moveaxis(trained.weights(name, bits), -1, 0).reshape(len(scale), -1) / scale[:, None]
            for bits in (None, 8)
        )
        apart = abs(ours - codes.reshape(len(scale), -1))
        assert apart.max() <= 1.001, name
        other = apart > 1e-3  # in the middle between two codes the last bit of the folded kernel decides
        assert other.mean() < 1e-3, name
        np.testing.assert_allclose(exact[other] % 1, 0.5, atol=1e-4, err_msg=name)


def test_answers_are_nearly_those_of_the_file(trained, files, pets):
    images, labels = pets.arrays("test", 300)
    theirs = accuracy.predict(files["int8"], images)
    ours = trained.predict(images, weight_bits=8, activation_bits=8)
    assert np.mean(ours.argmax(axis=1) == theirs.argmax(axis=1)) >= 0.99
    assert np.abs(ours - theirs).mean() < 0.003
    assert np.abs(ours - theirs).mean() < np.abs(trained.predict(images) - theirs).mean() / 2
    np.testing.assert_array_equal(ours * 256, np.round(ours * 256))


def test_a_network_of_depthwise_convolutions_is_that_of_the_file(mobilenet, network, pictures, tmp_path):
    """Its operators run one after the other, so everything can be compared in order."""
    from_keras.export(mobilenet, tmp_path / "saved_model")
    path = convert.write(convert.convert("int8", tmp_path / "saved_model", normalise(pictures)), tmp_path / "f")
    known, steps, _ = written(path)
    made = [known[steps[0].inputs[0]], *(known[step.outputs[0]] for step in steps)]
    ours = [network.activation_parameters(name) for name in network.tensors]
    assert [zero for _, zero in ours] == [int(t.zero_point[0]) for t in made]
    np.testing.assert_allclose([scale for scale, _ in ours], [t.scale[0] for t in made], rtol=1e-4)
    weights = [known[step.inputs[1]] for step in steps if step.name in inspect.WEIGHED]
    for name, tensor in zip(network.layers, weights, strict=True):
        ours, theirs = network.weights(name, 8), tensor.dequantized()
        ours = ours.transpose(3, 0, 1, 2) if ours.ndim == 4 else ours.T
        ours = ours.reshape(theirs.shape)
        differing = np.abs(ours - theirs) > 0.5 * tensor.scale.min()
        assert differing.mean() < 0.005, "one code apart where the folded weights differ in their last bit"
        assert np.abs(ours - theirs).max() < 1.01 * tensor.scale.max()


# --- against Keras ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "network",
    [lambda: models.residual_cnn(48), lambda: models.compact_cnn(48), lambda: models.alexnet(48)],
)
def test_without_a_setting_it_is_the_network(network, pictures):
    model = untrained(network, pictures)
    ours = Simulation(model, normalise(pictures[:2])).predict(pictures)
    np.testing.assert_allclose(ours, model.predict(normalise(pictures), verbose=0), atol=1e-4)


def with_weights(model, weights):
    """Return a copy with other kernels."""
    copied = training.copy(model)
    for name, kernel in weights.items():
        copied.get_layer(name).kernel.assign(kernel)
    return copied


@pytest.mark.parametrize("per_channel", [True, False])
def test_fewer_bits_are_other_weights(network, pictures, per_channel):
    """Weights by `quantization.fake_quantize`, put into the folded model of Keras."""
    kernels = {
        layer.name: quantization.fake_quantize(layer.kernel.numpy(), 4, channel_axis(layer) if per_channel else None)
        for layer in network.model.layers
        if isinstance(layer, WEIGHTED)
    }
    expected = with_weights(network.model, kernels).predict(normalise(pictures), verbose=0)
    found = network.predict(pictures, weight_bits=4, per_channel=per_channel)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    one = {"depthwise3": kernels["depthwise3"]}
    expected = with_weights(network.model, one).predict(normalise(pictures), verbose=0)
    for setting in ({"weight_bits": 4, "only": "depthwise3"}, {"weight_bits": {"depthwise3": 4}}):
        np.testing.assert_allclose(network.predict(pictures, per_channel=per_channel, **setting), expected, atol=1e-4)


def test_all_but_one(network, pictures):
    others = {name: 4 for name in network.layers if name != "conv2"}
    np.testing.assert_array_equal(
        network.predict(pictures, weight_bits=4, skip={"conv2"}), network.predict(pictures, weight_bits=others)
    )
    nothing = network.predict(pictures)
    np.testing.assert_array_equal(network.predict(pictures, weight_bits=4, activation_bits=4, only=()), nothing)
    np.testing.assert_array_equal(network.predict(pictures, activation_bits=4, skip=network.tensors), nothing)
    assert not np.array_equal(network.predict(pictures, activation_bits=4, only={"conv2"}), nothing)


# --- signal to noise --------------------------------------------------------------------------------------------------


def test_the_noise_of_one_tensor_alone_is_that_of_its_own_rounding(network, pictures):
    found, values = network.tensor_sqnr(pictures, activation_bits=5), network.activations(pictures)
    for name in network.tensors[:-1]:
        scale, zero_point = quantization.affine_parameters(*network.ranges[name], 5)
        restored = quantization.dequantize(quantization.quantize(values[name], scale, zero_point, 5), scale, zero_point)
        assert found[name][0] == pytest.approx(errors.sqnr(values[name], restored), abs=0.02), name
    assert found["picture"][0] == pytest.approx(found["picture"][1])
    assert found["conv6"][1] < found["conv6"][0] - 3


def test_accumulated_noise_is_the_difference_of_two_networks(network, pictures):
    found = network.tensor_sqnr(pictures, weight_bits=4)
    kernels = {name: network.weights(name, 4) for name in network.layers}
    other = Simulation(with_weights(network.model, kernels), normalise(pictures[:1])).activations(pictures)
    values = network.activations(pictures)
    for name in network.tensors[1:]:
        assert found[name][1] == pytest.approx(errors.sqnr(values[name], other[name]), abs=0.1), name
    assert found["picture"] == (np.inf, np.inf)
    assert found["average"][0] > 100, "it has no weights"


def test_each_bit_is_worth_six_decibels(network, pictures):
    found = [network.tensor_sqnr(pictures, activation_bits=bits)["conv3"][0] for bits in range(5, 11)]
    assert np.polyfit(range(5, 11), found, 1)[0] == pytest.approx(6.02, abs=0.3)


# --- ranges -----------------------------------------------------------------------------------------------------------


def test_ranges_of_activations(network, pictures):
    values = network.activations(pictures)["dense"]
    assert network.ranges["dense"] == pytest.approx((values.min(), values.max()), rel=1e-5)
    low, high = np.percentile(values, [10, 90])
    expected = quantization.affine_parameters(low, high)
    scale, zero_point = network.activation_parameters("dense", within=90)
    assert (scale, zero_point) == (pytest.approx(expected[0], rel=1e-4), expected[1])

    def error(name, within, bits=3):
        scale, zero_point = network.activation_parameters(name, bits, within)
        values = network.activations(pictures)[name]
        codes = quantization.quantize(values, scale, zero_point, bits)
        return errors.rmse(values, quantization.dequantize(codes, scale, zero_point))

    for name in ("conv1", "depthwise4", "average", "dense"):
        assert error(name, "mse") <= 1.01 * min(error(name, within) for within in ("min/max", 99.9, 99, 95))


def test_one_broken_calibration_picture_spoils_one_tensor(mobilenet, pictures):
    """A picture that nobody divided by 255 widens the range of the input; ReLU6 hides it from what comes after."""
    inputs = normalise(pictures)
    inputs[0] *= 255
    broken = Simulation(mobilenet, inputs)
    assert broken.ranges["picture"][1] > 100
    assert broken.ranges["conv1"][1] <= 6
    whole = broken.predict(pictures)

    def distance(**setting):
        return np.abs(broken.predict(pictures, activation_bits=8, **setting) - whole).mean()

    repairs = {"skip": "picture"}, {"activation_range": {"picture": 90.0}}
    assert max(distance(**repair) for repair in repairs) < distance() / 4
    bits = dict.fromkeys(broken.tensors, 8) | {"picture": 16}
    assert np.abs(broken.predict(pictures, activation_bits=bits) - whole).mean() < distance() / 4


# --- sweeps -----------------------------------------------------------------------------------------------------------


def test_a_sweep_scores_each_number_of_bits(network, pictures):
    labels = np.arange(len(pictures)) % 2
    found = network.sweep(pictures, labels, "weight_bits", (8, 2), per_channel=False)
    assert list(found) == [8, 2]
    expected = network.predict(pictures, weight_bits=2, per_channel=False)
    np.testing.assert_array_equal(found[2].probabilities, expected)
    assert list(network.sweep(pictures, labels, "activation_bits", [3])) == [3]


def test_sensitivity_is_sorted_and_made_of_the_two_settings(network, pictures):
    labels = np.arange(len(pictures)) % 2
    parts = {"conv1", "depthwise1", "conv6", "average"}
    found = network.sensitivity(pictures, labels, weight_bits=3, only=parts)
    assert set(found) == parts - {"average"}, "an average has no weights"
    left = [(part.only.accuracy, -part.shift) for part in found.values()]
    assert left == sorted(left)
    one = found["conv1"]
    np.testing.assert_array_equal(one.only.probabilities, network.predict(pictures, weight_bits=3, only="conv1"))
    rest = network.predict(pictures, weight_bits={"depthwise1": 3, "conv6": 3})
    np.testing.assert_array_equal(one.rest.probabilities, rest)
    assert one.shift == pytest.approx(np.abs(one.only.probabilities - network.predict(pictures)).mean())
    both = network.sensitivity(pictures[:4], labels[:4], activation_bits=3, only={"average", "conv2"})
    assert set(both) == {"average", "conv2"}


# --- what a reader can do wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"weight_bits": 1}, "from 2 to 16; found 1"),
        ({"activation_bits": 17}, "from 2 to 16; found 17"),
        ({"weight_bits": {"conv1": 4.5}}, "from 2 to 16; found 4.5"),
        ({"weight_bits": 4, "only": {"conv99"}}, "has no conv99; it has picture, conv1"),
        ({"weight_bits": 4, "skip": "norm1"}, "has no norm1"),
        ({"weight_bits": {"average": 4}}, "has no average; it has conv1"),
        ({"activation_bits": {"pool": 4}}, "has no pool"),
        ({"activation_bits": 8, "activation_range": {"conv99": "mse"}}, "has no conv99"),
        ({"weight_bits": 8, "weight_range": {"conv1": "all"}}, "found 'all'"),
        ({"activation_bits": 8, "activation_range": "max"}, "percentile above 50, such as 99.9; found 'max'"),
        ({"weight_bits": 8, "weight_range": 0.999}, "found 0.999"),
    ],
)
def test_settings_that_do_not_exist(network, pictures, setting, words):
    with pytest.raises(ValueError, match=words):
        network.predict(pictures, **setting)


def test_a_misspelt_setting(network, pictures):
    with pytest.raises(TypeError, match="weights_bits"):
        network.predict(pictures, weights_bits=4)
    with pytest.raises(ValueError, match="weight_bits or activation_bits to vary; found 'bits'"):
        network.sweep(pictures, np.zeros(len(pictures)), "bits")
    with pytest.raises(ValueError, match="quantizes something"):
        network.sensitivity(pictures, np.zeros(len(pictures)))
    with pytest.raises(ValueError, match="has no conv99"):
        network.weights("conv99", 8)
    with pytest.raises(ValueError, match="has no pool1"):
        network.activation_parameters("pool1")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda p: p[:0], r"found uint8 \[0, 48, 48, 3\]"),
        (lambda p: p[0], r"found uint8 \[48, 48, 3\]"),
        (lambda p: p[:, :32, :32], r"uint8 \[n, 48, 48, 3\], 0 to 255; found uint8 \[24, 32, 32, 3\]"),
        (normalise, r"found float32 \[24, 48, 48, 3\]"),
    ],
)
def test_pictures_that_do_not_fit(network, pictures, change, found):
    with pytest.raises(ValueError, match=found):
        network.predict(change(pictures))


def test_labels_that_do_not_fit(network, pictures):
    with pytest.raises(ValueError, match="one label for each picture; found 3 for 24"):
        network.score(pictures, np.zeros(3))


@pytest.mark.parametrize(
    ("calibration", "found"),
    [
        (np.zeros((0, 48, 48, 3), np.float32), r"at least one picture, float32 .* found float32 \[0, 48, 48, 3\]"),
        (np.zeros((4, 96, 96, 3), np.float32), r"found float32 \[4, 96, 96, 3\]"),
        (np.zeros((4, 48, 48, 3), np.uint8), r"0 to 1, as from conventions.normalise; found uint8"),
    ],
)
def test_calibration_pictures_that_do_not_fit(mobilenet, calibration, found):
    with pytest.raises(ValueError, match=found):
        Simulation(mobilenet, calibration)
