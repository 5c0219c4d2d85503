"""Whole networks in integers and in TFLite, for tests that hold one against the other tensor by tensor."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from helpers.base import console
from helpers.integer.network import Network
from helpers.pictures.conventions import normalise
from helpers.tflite import interpreter


def every_picture(small) -> np.ndarray:
    """Return all pictures of the small data set: uint8 [140, 96, 96, 3]."""
    return np.concatenate([small.pets.arrays(split)[0] for split in ("train", "validation", "test")])


def codes_of(network: Network, images: np.ndarray) -> np.ndarray:
    """Return pictures as a full-int8 network takes them."""
    return interpreter.quantize_input(normalise(images), network.input.details)


def reference_tensors(path, codes: np.ndarray, network: Network) -> dict[int, np.ndarray]:
    """Every tensor that TFLite's reference kernels compute for a batch; the file as it is, asked to keep them all."""
    options = {"experimental_op_resolver_type": OpResolverType.BUILTIN_REF, "num_threads": 2}
    with console.quiet():
        ready = Interpreter(str(path), experimental_preserve_all_tensors=True, **options)
        entry = ready.get_input_details()[0]["index"]
        ready.resize_tensor_input(entry, codes.shape)
        ready.allocate_tensors()
    ready.set_tensor(entry, codes)
    ready.invoke()
    return {operator.outputs[0]: ready.get_tensor(operator.outputs[0]) for operator, _ in network.steps}
