"""Keras's published networks as int8 files, in integers and on the reference kernels: every value of every tensor.

One of them runs always, on pictures of 64 pixels.  All eight at 224 pixels, from both converters, take about three
minutes; they run if asked for:

    PTQ_ARCHITECTURES=1 pytest -rP tests/integer/test_architectures.py

The networks are not trained, but normalised by some drawn pets, so that their activations are spread as in trained ones
(see `networks.untrained`).
"""

import os

import numpy as np
import pytest

from helpers.integer import comparison
from helpers.integer.network import load_network
from helpers.networks import published
from helpers.pictures.conventions import normalise
from helpers.tflite import interpreter

WANTED = pytest.mark.skipif(not os.environ.get("PTQ_ARCHITECTURES"), reason="takes minutes: set PTQ_ARCHITECTURES=1")


def network(name: str, size: int):
    """Return a network with the statistics of four drawn pets, and these as it takes them."""
    from helpers.base.tf import keras
    from helpers.networks import untrained

    keras.backend.clear_session()
    inputs = normalise(published.pictures(size))
    return untrained.network(name, inputs, classes=100), inputs


def edge_quantized(model, inputs: np.ndarray, folder):
    """Return the int8 file that AI Edge Quantizer makes of a network."""
    from helpers.tflite import edge_quantizer, from_keras

    path = folder / "float32.tflite"
    path.write_bytes(from_keras.float32(model))
    (folder / "int8.tflite").write_bytes(edge_quantizer.int8(path, inputs[:1]))
    return folder / "int8.tflite"


def converted(model, inputs: np.ndarray, folder):
    """Return the int8 file that TensorFlow's converter makes of a network."""
    from helpers.tflite import convert, from_keras

    from_keras.export(model, folder / "saved_model")
    return convert.write(convert.convert("int8", folder / "saved_model", inputs), folder / "converted.tflite")


def every_value_is_equal(path, inputs: np.ndarray) -> set[str]:
    """Hold the network against the reference kernels; return the kinds of its operators."""
    integers = load_network(path)
    codes = interpreter.quantize_input(inputs, integers.input.details)
    found = comparison.compare(path, codes)
    differing = [(one.operator, one.name, one.differing) for one in found if one.differing]
    assert not differing and len(found) == len(integers.steps)
    print(f"\n{len(found)} operators, {sum(one.values for one in found):,} values, 0 differ")
    several = integers.tensors(codes)  # in one pass; `compare` gives it one picture after the other
    one_by_one = np.concatenate([integers.run(codes[i : i + 1]) for i in range(len(codes))])
    np.testing.assert_array_equal(several[integers.output.index], one_by_one)
    used = [len(np.unique(codes)) for codes in several.values() if codes.dtype == np.int8 and codes[0].size > 500]
    assert np.median(used) > 50  # a degenerate network would prove nothing
    return {one.operator for one in found}


def test_small_pictures(tmp_path):
    model, inputs = network("MobileNetV3Small", 64)
    assert "HARD_SWISH" in every_value_is_equal(edge_quantized(model, inputs, tmp_path), inputs)
    every_value_is_equal(converted(model, inputs, tmp_path), inputs)


@WANTED
@pytest.mark.slow
@pytest.mark.parametrize("name", published.ZOO)
def test_whole_networks(name, tmp_path):
    model, inputs = network(name, 224)
    for make in (edge_quantized, converted):
        every_value_is_equal(make(model, inputs, tmp_path), inputs)
