"""A network with quantized weights as a full-int8 .tflite file, with its very codes, however they were chosen.

model = qat.aware(rounded, pictures, grids=grids)     # rounded after the training: places the activations' quantizers
content = qat_file.tflite(model, packed=True)         # or trained on with the rounding: qat.fine_tune(model, pets)
"""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from helpers.base.tf import keras
from helpers.methods import qat
from helpers.methods.qat import FakeQuantize, FakeQuantizedWeights
from helpers.numbers import quantization
from helpers.tflite import edit, from_keras, inspect

layers = keras.layers
INT8_BITS, PACKED_BITS = 8, 4
KEEP_CODES = ("MAX_POOL_2D", "AVERAGE_POOL_2D", "RESHAPE")  # as `placement.SAME_CODES`
PROBABILITIES = (np.float32(1 / 256), -128)  # scale and zero point that TFLite wants of a softmax
LARGEST_BIAS = 2**30  # as a code, with a bit to spare


def tflite(model: keras.Model, packed: bool = False) -> bytes:
    """Return a full-int8 .tflite file with the very scales, zero points and weight codes of a network from `qat.aware`.

    TensorFlow's converter makes the float32 file, and every tensor in it gets its codes here: it is the same network,
    written down in integers.  A tool that quantized the float32 weights again, to 8 bits, would lose what the training
    has won.  Weights of 4 bits have codes from -7 to 7, and their scale in the file is that of 4 bits.  Biases get 32
    bits and the scale input scale * weight scale; the probabilities get 1/256 and -128.

    Args:
        model: from `qat.aware` or `qat.fine_tune`, with at most 8 bits for weights and 8 for activations.
        packed: store weights of at most 4 bits two to a byte, in tensors of type INT4; other layers keep INT8.

    Raises:
        ValueError: nothing in the model is quantized, or with other bits, or the converter made operators of it that
            are not known here.
    """
    activations, weighted = qat.quantizers(model)
    if not activations or any(q.bits != INT8_BITS for q in activations) or not 0 < len(weighted) <= len(activations):
        raise ValueError("A full-int8 file needs quantized weights, and activations of 8 bits: qat.aware(..., 4, 8).")
    if (bits := max(layer.bits for layer in weighted)) > INT8_BITS:
        raise ValueError(f"Expected weights of at most {INT8_BITS} bits; found {bits}.")
    file = schema.ModelT.InitFromPackedBuf(from_keras.float32(_float32(model)), 0)
    graph = file.subgraphs[0]
    activations, weighted = iter(activations), iter(weighted)
    _describe(graph.tensors[graph.inputs[0]], *qat.parameters(next(activations)))
    for step in graph.operators:
        kind = inspect.OPERATORS[file.operatorCodes[step.opcodeIndex].builtinCode]
        data, output = graph.tensors[step.inputs[0]], graph.tensors[step.outputs[0]]
        if kind in inspect.WEIGHED:
            layer = next(weighted)
            _write_constants(file, step, kind, layer, packed and layer.bits <= PACKED_BITS)
        if kind in KEEP_CODES:
            output.type, output.quantization = data.type, data.quantization
        elif kind == "SOFTMAX":
            _describe(output, *PROBABILITIES)
        else:
            _describe(output, *qat.parameters(_matching(next(activations, None), output, kind)))
    used = {tensor.buffer for tensor in graph.tensors}
    for i, buffer in enumerate(file.buffers):
        buffer.data = buffer.data if i in used else None  # what was float32
    return edit.packed(file)


def _float32(model: keras.Model) -> keras.Model:
    """Return the network with its float32 weights and without quantization."""

    def plain(layer: keras.Layer) -> keras.Layer:
        if isinstance(layer, FakeQuantize):
            return layers.Identity(name=layer.name)
        layer = layer.layer if isinstance(layer, FakeQuantizedWeights) else layer
        return type(layer).from_config(layer.get_config())

    copied = keras.models.clone_model(model, clone_function=plain)
    for layer in model.layers:
        if not isinstance(layer, FakeQuantize):
            copied.get_layer(layer.name).set_weights(layer.get_weights())
    return copied


def _matching(quantizer: FakeQuantize | None, output: schema.TensorT, kind: str) -> FakeQuantize:
    """Return the quantizer if it makes what an operator makes.

    Raises:
        ValueError: it does not.
    """
    expected, shape = None if quantizer is None else list(quantizer.output.shape[1:]), list(output.shape[1:])
    if expected != shape:
        raise ValueError(
            f"The converter made a {kind} with an output of {shape}, where the network has one of {expected}: "
            "only networks whose layers become one operator each, in their order, can be written down."
        )
    return quantizer


def _describe(
    tensor: schema.TensorT, scale: np.ndarray, zero_point: int = 0, axis: int = 0, kind: str = "INT8"
) -> None:
    """Give a tensor of a file a type, scales and a zero point."""
    tensor.type = getattr(schema.TensorType, kind)
    tensor.quantization = described = schema.QuantizationParametersT()
    described.scale = np.atleast_1d(scale).astype(np.float32)
    described.zeroPoint = np.full(described.scale.shape, zero_point, np.int64)
    described.quantizedDimension = axis


def _write_constants(
    file: schema.ModelT, step: schema.OperatorT, kind: str, layer: FakeQuantizedWeights, packed: bool
) -> None:
    """Put codes in the place of an operator's float32 weights and biases.

    A channel whose weights have all but vanished would have a scale too small for its bias to fit into 32 bits, and
    gets a larger one.
    """
    data, weights, *bias = (file.subgraphs[0].tensors[i] for i in step.inputs if i >= 0)
    kernel, input_scale = _values(file, weights), data.quantization.scale[0]
    offsets = _values(file, bias[0]) if bias else np.zeros(1, np.float32)
    axis = (len(kernel.shape) - 1 if kind == "DEPTHWISE_CONV_2D" else 0) if layer.per_channel else None
    scale, _ = quantization.symmetric_parameters(kernel, layer.bits, axis)
    scale = scale if layer.scale is None else np.float32(layer.scale)
    least = np.abs(offsets) / (input_scale * np.float32(LARGEST_BIAS))
    scale = np.maximum(scale, least if layer.per_channel else least.max())
    codes = quantization.quantize(kernel, scale, 0, layer.bits, narrow=True, axis=axis)
    _describe(weights, scale, axis=axis or 0, kind="INT4" if packed else "INT8")
    _store(file, weights, edit.pack(codes, "int4") if packed else codes.tobytes())
    for tensor in bias:
        steps = offsets / (input_scale * scale).astype(np.float64)
        _describe(tensor, input_scale * scale, kind="INT32")
        _store(file, tensor, quantization.round_half_away(steps).astype(np.int32).tobytes())


def _values(file: schema.ModelT, tensor: schema.TensorT) -> np.ndarray:
    """Return a constant of a float32 file.

    Raises:
        ValueError: another operator has been given it in codes.
    """
    if tensor.type != schema.TensorType.FLOAT32:
        raise ValueError(f"Two operators share the constant {tensor.name!r}: train the network before it is converted.")
    return np.frombuffer(bytes(file.buffers[tensor.buffer].data), np.float32).reshape(tensor.shape)


def _store(file: schema.ModelT, tensor: schema.TensorT, content: bytes) -> None:
    """Give a tensor a buffer of its own."""
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(content, np.uint8)
    file.buffers.append(buffer)
    tensor.buffer = len(file.buffers) - 1
