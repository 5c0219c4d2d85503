"""Quantization-aware training: what goes forward, what comes back, and a file with the numbers of the training."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from helpers.base.tf import keras, make_deterministic, tf
from helpers.integer import comparison
from helpers.integer.network import details, load_network
from helpers.measure import accuracy
from helpers.methods import qat, qat_file
from helpers.methods.simulation import Simulation
from helpers.networks import folding, models, training
from helpers.networks.weights import WEIGHTED, channel_axis
from helpers.numbers import quantization
from helpers.pictures import conventions, datasets
from helpers.tflite import edit, inspect, interpreter

layers = keras.layers
PLAN = training.TrainingPlan(2, 3e-3, batch_size=16)
RANGES = st.tuples(st.floats(-50, 50, width=32, allow_subnormal=False), st.floats(0.125, 100, width=32))  # low, width


def residual():
    """Return a network with batch normalisation that has an addition, a pool and a depthwise convolution in it."""
    x = entry = keras.Input((32, 32, 3), name="picture")
    x = layers.Conv2D(8, 3, 2, padding="same", use_bias=False, name="conv1")(x)
    x = layers.ReLU(6.0, name="relu1")(models.FusedBatchNormalization(name="norm1")(x))
    x = y = layers.MaxPooling2D(name="pool")(x)
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(y)
    y = layers.ReLU(6.0, name="relu2")(models.FusedBatchNormalization(name="norm2")(y))
    y = models.FusedBatchNormalization(name="norm3")(layers.Conv2D(8, 1, use_bias=False, name="conv2")(y))
    x = layers.ReLU(6.0, name="relu3")(layers.Add(name="add")([x, y]))
    x = layers.Dense(2, name="dense")(layers.GlobalAveragePooling2D(name="average")(x))
    return keras.Model(entry, layers.Softmax(name="softmax")(x), name="residual")


def plain():
    """Return a network in which activations stand inside of layers, as in AlexNet."""
    x = entry = keras.Input((32, 32, 3), name="picture")
    x = layers.Conv2D(6, 5, 4, activation="relu", name="conv")(x)
    x = layers.Flatten(name="flatten")(layers.MaxPooling2D(2, name="pool")(x))
    x = layers.Dense(8, activation="relu", name="dense1")(x)
    x = layers.Dense(2, name="dense2")(layers.Dropout(0.1)(x))
    return keras.Model(entry, layers.Softmax(name="softmax")(x), name="plain")


@pytest.fixture(scope="module")
def few():
    """64 pictures of noise, the dogs a little brighter than the cats."""
    rng = np.random.default_rng(0)
    labels = np.arange(64) % 2
    images = (rng.integers(0, 200, (64, 96, 96, 3)) + 40 * labels[:, None, None, None]).astype(np.uint8)
    split = tf.data.Dataset.from_tensor_slices((images, labels))
    return datasets.Pets("few", "few pets", split, split, split, dict.fromkeys(conventions.SPLITS, 64))


@pytest.fixture(scope="module")
def inputs(few):
    """The same pictures as the networks take them."""
    return conventions.normalise(few.arrays("train", size=32)[0])


@pytest.fixture(scope="module", params=[residual, plain])
def network(request, few):
    """A trained network without batch normalisation."""
    make_deterministic(4)
    return folding.fold(training.fine_tune(request.param(), few, training.TrainingPlan(6, 1e-2, batch_size=16)))


@pytest.fixture(scope="module")
def aware(network, inputs):
    """The network with 3-bit weights, one of the two per channel, and 8-bit activations; not yet trained on."""
    return qat.aware(network, inputs, weight_bits=3, per_channel=network.name == "residual")


@pytest.fixture(scope="module")
def tuned(aware, few):
    """The same, trained on."""
    return qat.fine_tune(aware, few, PLAN)


@pytest.fixture(scope="module")
def file(tuned, tmp_path_factory):
    """The full-int8 file."""
    path = tmp_path_factory.mktemp("qat") / "tuned.tflite"
    path.write_bytes(qat_file.tflite(tuned))
    return path


def layout(layer):
    """Return the order in which a .tflite file has the axes of a layer's weights in Keras."""
    if isinstance(layer, layers.DepthwiseConv2D):
        return 3, 0, 1, 2  # the multiplier, which is 1, goes first
    return (3, 0, 1, 2) if isinstance(layer, layers.Conv2D) else (1, 0)


def loss(model, inputs):
    """Return the mean cross-entropy over the pictures, which are cat and dog in turn."""
    found = model(inputs).numpy()
    return float(-np.log(found[np.arange(len(found)), np.arange(len(found)) % 2] + 1e-7).mean())


# --- forward and backward -----------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(bounds=RANGES, bits=st.integers(2, 16), seed=st.integers(0, 2**32 - 1))
def test_activations_go_forward_as_in_numpy_and_back_inside_the_range_only(bounds, bits, seed):
    low, high = bounds[0], bounds[0] + bounds[1]
    x = np.random.default_rng(seed).uniform(low - bounds[1], high + bounds[1], 200).astype(np.float32)
    x = np.append(x, np.float32([0, low, high]))
    scale, zero_point = quantization.affine_parameters(low, high, bits)
    y, slope = qat.response(qat.FakeQuantize(low, high, bits), x)
    codes = quantization.quantize(x, scale, zero_point, bits)
    np.testing.assert_array_equal(y, quantization.dequantize(codes, scale, zero_point))
    ends = [scale * np.float32(code - zero_point) for code in quantization.code_range(bits)]
    np.testing.assert_array_equal(slope, ((x >= ends[0]) & (x <= ends[1])).astype(np.float32))


@settings(max_examples=40, deadline=None)
@given(bits=st.integers(2, 8), axis=st.sampled_from([None, 0, 2, 3, -1]), seed=st.integers(0, 2**32 - 1))
@example(bits=4, axis=None, seed=0)
def test_weights_go_forward_as_in_numpy_and_back_unchanged(bits, axis, seed):
    rng = np.random.default_rng(seed)
    weights = rng.normal(0, rng.uniform(1e-4, 1e2), (3, 3, 4, 5)).astype(np.float32)
    weights[0] *= rng.random() > 0.2  # a channel of nothing but zeros has scale 1
    quantizer = lambda w: qat.fake_quantize(w, qat.weight_scale(w, bits, axis))  # noqa: E731
    y, slope = qat.response(quantizer, weights)
    np.testing.assert_array_equal(y, quantization.fake_quantize(weights, bits, axis))
    np.testing.assert_array_equal(slope, np.ones_like(weights))


@given(st.integers(-(2**15), 2**15), st.sampled_from([0.0, 0.5, 0.25]), st.sampled_from([-np.inf, 0, np.inf]))
def test_halves_go_away_from_zero_and_their_neighbours_do_not(whole, fraction, towards):
    x = np.float32(whole + fraction)
    x = np.nextafter(x, np.float32(towards)) if towards else x
    assert qat.round_half_away(tf.constant(x)).numpy() == quantization.round_half_away(x)


def test_the_textbook_form_has_the_same_gradient():
    """The sum x + stop_gradient(quantized - x), as most write it, may differ in the last bit of what goes forward."""
    x = tf.constant(np.linspace(-1, 1, 101), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        quantized = 0.3 * tf.round(x / 0.3)
        ours, textbook = qat.straight_through(x, quantized), x + tf.stop_gradient(quantized - x)
    np.testing.assert_array_equal(ours, quantized)
    np.testing.assert_allclose(textbook, quantized, atol=1e-7)
    np.testing.assert_array_equal(tape.gradient(ours, x), tape.gradient(textbook, x))
    assert tape.gradient(quantized, x) is None, "without the trick nothing comes back"


# --- the network --------------------------------------------------------------------------------------------------


def test_without_quantization_it_is_the_same_network(network, inputs):
    copied = qat.aware(network, inputs, weight_bits=None, activation_bits=None)
    np.testing.assert_array_equal(copied(inputs), network(inputs))


@pytest.mark.parametrize("per_channel", [True, False])
def test_with_quantized_weights_it_is_the_network_with_other_weights(network, inputs, per_channel):
    copied = qat.aware(network, inputs, 4, None, per_channel)
    other = training.copy(network)
    for layer in other.layers:
        if isinstance(layer, WEIGHTED):
            kernel, bias = layer.get_weights()
            axis = channel_axis(layer) if per_channel else None
            layer.set_weights([quantization.fake_quantize(kernel, 4, axis), bias])
    np.testing.assert_array_equal(copied(inputs), other(inputs))


def test_sixteen_bits_change_next_to_nothing(network, inputs):
    np.testing.assert_allclose(qat.aware(network, inputs, 16, 16)(inputs), network(inputs), atol=2e-3)


def test_codes_stand_where_an_integer_network_stores_them(network, aware):
    found = [layer.name.removesuffix("_codes") for layer in aware.layers if isinstance(layer, qat.FakeQuantize)]
    expected = {
        "residual": ["picture", "relu1", "relu2", "conv2", "relu3", "average", "dense"],
        "plain": ["picture", "conv", "dense1", "dense2"],
    }
    assert found == expected[network.name]
    bits = [layer.bits for layer in aware.layers if isinstance(layer, qat.FakeQuantizedWeights)]
    assert bits == [3] * sum(isinstance(layer, WEIGHTED) for layer in network.layers)


def test_training_with_the_rounding_helps(aware, tuned, network, inputs):
    assert loss(tuned, inputs) < loss(aware, inputs)
    for layer in network.layers:
        if layer.weights:
            kernel = layer.get_weights()[0]
            np.testing.assert_array_equal(aware.get_layer(layer.name).get_weights()[0], kernel)  # a copy was trained
            assert not np.array_equal(tuned.get_layer(layer.name).get_weights()[0], kernel)


@pytest.mark.parametrize("network", [plain], indirect=True)
def test_training_twice_gives_the_same(aware, tuned, few):
    again = qat.fine_tune(aware, few, PLAN)
    for one, other in zip(tuned.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_ranges_stay_as_calibrated(aware, tuned):
    for one, other in zip(aware.layers, tuned.layers, strict=True):
        if isinstance(one, qat.FakeQuantize):
            assert (one.low, one.high) == (other.low, other.high)
            np.testing.assert_array_equal(one.get_weights(), other.get_weights())


def test_it_can_be_saved(tuned, inputs, tmp_path):
    tuned.save(tmp_path / "tuned.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "tuned.keras")(inputs), tuned(inputs))


# --- the file -----------------------------------------------------------------------------------------------------


def test_the_weights_of_the_file_are_those_of_the_training(tuned, file):
    known = inspect.tensors(file)
    weights = [known[step.inputs[1]] for step in inspect.operators(file) if step.name in inspect.WEIGHED]
    trained = [x for x in tuned.layers if isinstance(x, qat.FakeQuantizedWeights)]
    assert len(weights) == len(trained)
    for tensor, layer in zip(weights, trained, strict=True):
        kernel, axis = layer.get_weights()[0], channel_axis(layer.layer) if layer.per_channel else None
        assert tensor.dtype == "int8"
        assert np.abs(tensor.data).max() == 3
        others = tuple(i for i in range(tensor.data.ndim) if i != tensor.axis)
        if layer.per_channel:
            assert np.all(np.abs(tensor.data).max(axis=others) == 3), "every channel uses its largest code"
        scale, _ = quantization.symmetric_parameters(kernel, 3, axis)
        np.testing.assert_array_equal(tensor.scale, np.atleast_1d(scale))
        inside = quantization.fake_quantize(kernel, 3, axis)
        np.testing.assert_array_equal(tensor.dequantized(), inside.transpose(layout(layer.layer)))


def test_the_integer_network_is_the_file_bit_for_bit(file, inputs):
    network = load_network(file)
    codes = interpreter.quantize_input(inputs[:8], details(network.input))
    found = comparison.compare(file, codes, "reference")
    assert sum(difference.values for difference in found) > 1000
    assert sum(difference.differing for difference in found) == 0


def test_the_file_computes_what_the_training_saw(tuned, file, inputs):
    """Rounded once, as XNNPACK does and the network in training, hardly any code differs, and none by more than 1."""
    network = load_network(file, rounding="XNNPACK")
    codes = network.tensors(interpreter.quantize_input(inputs, details(network.input)))
    quantizers = [layer for layer in tuned.layers if isinstance(layer, qat.FakeQuantize)]
    kept = ("MAX_POOL_2D", "RESHAPE", "SOFTMAX")
    steps = [network.input.index, *(o.outputs[0] for o, _ in network.steps if o.name not in kept)]
    outputs = keras.Model(tuned.input, [layer.output for layer in quantizers])(inputs)
    for quantizer, index, output in zip(quantizers, steps, outputs, strict=True):
        scale, zero_point = quantization.affine_parameters(quantizer.low, quantizer.high)
        known = network.known[index]
        assert (known.scale[0], known.zero_point[0]) == (scale, zero_point)
        theirs = quantization.quantize(output.numpy(), scale, zero_point)
        apart = np.abs(codes[index].astype(int) - theirs)
        assert apart.max() <= 1
        assert (apart > 0).mean() < 0.02
    probabilities = interpreter.dequantize_output(codes[network.output.index], details(network.output))
    np.testing.assert_allclose(probabilities, tuned(inputs), atol=0.02)


def test_two_codes_in_a_byte(tuned, file, few):
    images = few.arrays("test", 8, size=32)[0]
    packed = qat_file.tflite(tuned, packed=True)
    assert len(packed) < len(file.read_bytes())
    for kernels in ("reference", "built-in"):
        for i in range(len(images)):  # one by one: Flatten has the number of pictures in it
            found = [accuracy.predict(model, images[i : i + 1], kernels) for model in (packed, file)]
            np.testing.assert_array_equal(*found)


def test_an_odd_number_of_codes_is_packed():
    assert list(edit.pack(np.int8([1, -1, -7]), "int4")) == [0xF1, 0x09]


def test_a_channel_that_has_died_keeps_its_bias(inputs, tmp_path):
    model = folding.fold(plain())
    kernel, _ = model.get_layer("conv").get_weights()
    kernel[..., 0] *= 1e-20
    model.get_layer("conv").set_weights([kernel, np.linspace(0.5, 1, 6)])
    path = tmp_path / "dead.tflite"
    path.write_bytes(qat_file.tflite(qat.aware(model, inputs)))
    known = inspect.tensors(path)
    bias = known[inspect.operators(path)[0].inputs[2]]  # dense layers with a bias of zero have none in the file
    np.testing.assert_allclose(bias.dequantized()[0], 0.5, rtol=1e-6)


def test_an_average_over_windows_keeps_the_codes_of_its_input(few, inputs, tmp_path):
    """As `placement.SAME_CODES` says for the simulation too: the operator has the scale of its input on both sides."""
    x = entry = keras.Input((32, 32, 3), name="picture")
    x = layers.AveragePooling2D(2, name="pool")(layers.Conv2D(4, 3, 2, activation="relu", name="conv")(x))
    x = layers.Dense(2, name="dense")(layers.Flatten(name="flatten")(x))
    pooling = keras.Model(entry, layers.Softmax(name="softmax")(x), name="pooling")
    make_deterministic(4)
    trained = training.fine_tune(pooling, few, training.TrainingPlan(1, 1e-2, batch_size=16))
    model = qat.aware(trained, inputs, weight_bits=8)
    assert [x.name for x in model.layers if isinstance(x, qat.FakeQuantize)] == [
        f"{name}_codes" for name in ("picture", "conv", "dense")
    ]
    assert Simulation(trained, inputs).tensors == ("picture", "conv", "dense", "softmax")
    path = tmp_path / "pooling.tflite"
    path.write_bytes(qat_file.tflite(model))
    (step,) = (step for step in inspect.operators(path) if step.name == "AVERAGE_POOL_2D")
    known = inspect.tensors(path)
    assert known[step.inputs[0]].scale == known[step.outputs[0]].scale
    images = few.arrays("train", 10, size=32)[0]
    found = np.concatenate([accuracy.predict(path, image[None]) for image in images])  # Flatten takes one at a time
    np.testing.assert_allclose(found, model(inputs[:10]), atol=0.02)


# --- what a reader can do wrong -----------------------------------------------------------------------------------


def test_batch_normalisation_must_be_folded(inputs):
    with pytest.raises(ValueError, match=r"folded \(folding.fold\); found norm1, norm2, norm3"):
        qat.aware(residual(), inputs)


def test_a_softmax_inside_a_layer(inputs):
    entry = keras.Input((32, 32, 3))
    output = layers.Dense(2, activation="softmax", name="both")(layers.Flatten()(entry))
    with pytest.raises(ValueError, match="a Softmax layer at its end .* found both"):
        qat.aware(keras.Model(entry, output), inputs)


@pytest.mark.parametrize("shape", [(0, 32, 32, 3), (4, 48, 48, 3), (32, 32, 3)])
def test_pictures_that_do_not_fit(network, shape):
    with pytest.raises(ValueError, match=r"pictures of shape \[n, 32, 32, 3\] .*; found \["):
        qat.aware(network, np.zeros(shape, np.float32))


@pytest.mark.parametrize("bits", [1, 17, 2.5])
def test_bits_that_no_code_has(network, inputs, bits):
    for options in ({"weight_bits": bits}, {"activation_bits": bits}):
        with pytest.raises(ValueError, match=f"whole number of bits from 2 to 16; found {bits}"):
            qat.aware(network, inputs, **options)


def test_a_network_that_is_not_quantized(network, few):
    for wrong in (lambda: qat.fine_tune(network, few), lambda: qat_file.tflite(network)):
        with pytest.raises(ValueError, match=f"Expected a network from qat.aware; nothing in {network.name}"):
            wrong()


@pytest.mark.parametrize("bits", [(None, 8), (4, None), (4, 4), (4, 16)])
def test_a_file_needs_weights_and_activations_of_8_bits(network, inputs, bits):
    with pytest.raises(ValueError, match=r"quantized weights, and activations of 8 bits: qat.aware"):
        qat_file.tflite(qat.aware(network, inputs, *bits))


def test_too_many_bits_for_the_file(network, inputs):
    with pytest.raises(ValueError, match="weights of at most 8 bits; found 9"):
        qat_file.tflite(qat.aware(network, inputs, 9))
    with pytest.raises(ValueError, match="weights of at most 4 bits; found 5"):
        qat_file.tflite(qat.aware(network, inputs, 5), packed=True)
