"""A trained network as a file: its weights, its codes and its answers are those of the training."""

import numpy as np
import pytest

from helpers.base.tf import keras, make_deterministic
from helpers.integer import comparison
from helpers.integer.network import load_network
from helpers.measure import accuracy
from helpers.methods import gptq, qat, qat_file, rounding
from helpers.methods.simulation import Simulation
from helpers.networks import folding, training
from helpers.networks.weights import channel_axis, weighted_layers
from helpers.numbers import quantization
from helpers.tflite import inspect, interpreter
from made_up import plain

layers = keras.layers


def layout(layer):
    """Return the order in which a .tflite file has the axes of a layer's weights in Keras."""
    if isinstance(layer, layers.DepthwiseConv2D):
        return 3, 0, 1, 2  # the multiplier, which is 1, goes first
    return (3, 0, 1, 2) if isinstance(layer, layers.Conv2D) else (1, 0)


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
    codes = interpreter.quantize_input(inputs[:8], network.input.details)
    found = comparison.compare(file, codes, "reference")
    assert sum(difference.values for difference in found) > 1000
    assert sum(difference.differing for difference in found) == 0


def test_the_file_computes_what_the_training_saw(tuned, file, inputs):
    """Rounded once, as XNNPACK does and the network in training, hardly any code differs, and none by more than 1."""
    network = load_network(file, rounding="XNNPACK")
    codes = network.tensors(interpreter.quantize_input(inputs, network.input.details))
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
    probabilities = interpreter.dequantize_output(codes[network.output.index], network.output.details)
    np.testing.assert_allclose(probabilities, tuned(inputs), atol=0.02)


def test_two_codes_in_a_byte(tuned, file, noise):
    images = noise.arrays("test", 8, size=32)[0]
    packed = qat_file.tflite(tuned, packed=True)
    assert len(packed) < len(file.read_bytes())
    for kernels in ("reference", "built-in"):
        for i in range(len(images)):  # one by one: Flatten has the number of pictures in it
            found = [accuracy.predict(model, images[i : i + 1], kernels) for model in (packed, file)]
            np.testing.assert_array_equal(*found)


def test_codes_and_scales_are_those_of_the_grids(network, inputs, tmp_path):
    """Rounded after the training, each layer with bits of its own; some channel does not use its largest code."""
    bits = {layer.name: (8, 4, 3, 5)[i % 4] for i, layer in enumerate(weighted_layers(network))}
    grids = rounding.grids(network, bits, per_channel=network.name == "residual", within="mse")
    rounded = rounding.by_rule(network, grids, inputs, gptq.rounded, catch_up=True)
    path = tmp_path / "mixed.tflite"
    path.write_bytes(qat_file.tflite(qat.aware(rounded, inputs, grids=grids), packed=True))
    known = inspect.tensors(path)
    weights = [known[step.inputs[1]] for step in inspect.operators(path) if step.name in inspect.WEIGHED]
    assert [t.dtype for t in weights] == [
        "int4" if bits[layer.name] <= 4 else "int8" for layer in weighted_layers(network)
    ]
    for tensor, layer in zip(weights, weighted_layers(rounded), strict=True):
        np.testing.assert_array_equal(tensor.scale, np.atleast_1d(grids[layer.name].scale))
        np.testing.assert_allclose(tensor.dequantized(), layer.kernel.numpy().transpose(layout(layer)), rtol=1e-6)
    found = comparison.compare(path, interpreter.quantize_input(inputs[:4], load_network(path).input.details))
    assert sum(difference.differing for difference in found) == 0


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


def test_an_average_over_windows_keeps_the_codes_of_its_input(noise, inputs, tmp_path):
    """As `placement.SAME_CODES` says for the simulation too: the operator has the scale of its input on both sides."""
    x = entry = keras.Input((32, 32, 3), name="picture")
    x = layers.AveragePooling2D(2, name="pool")(layers.Conv2D(4, 3, 2, activation="relu", name="conv")(x))
    x = layers.Dense(2, name="dense")(layers.Flatten(name="flatten")(x))
    pooling = keras.Model(entry, layers.Softmax(name="softmax")(x), name="pooling")
    make_deterministic(4)
    trained = training.fine_tune(pooling, noise, training.TrainingPlan(1, 1e-2, batch_size=16))
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
    images = noise.arrays("train", 10, size=32)[0]
    found = np.concatenate([accuracy.predict(path, image[None]) for image in images])  # Flatten takes one at a time
    np.testing.assert_allclose(found, model(inputs[:10]), atol=0.02)


# --- what a reader can do wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [(None, 8), (4, None), (4, 4), (4, 16)])
def test_a_file_needs_weights_and_activations_of_8_bits(network, inputs, bits):
    with pytest.raises(ValueError, match=r"quantized weights, and activations of 8 bits: qat.aware"):
        qat_file.tflite(qat.aware(network, inputs, *bits))


def test_too_many_bits_for_the_file(network, inputs):
    with pytest.raises(ValueError, match="weights of at most 8 bits; found 9"):
        qat_file.tflite(qat.aware(network, inputs, 9))
