"""What each tensor of a graph is for: input, output, weights, bias, a constant of its structure, or an activation."""

from collections.abc import Mapping

from ai_edge_litert import schema_py_generated as schema

from helpers.tflite.dtypes import DTYPES, NO_NUMBERS
from helpers.tflite.objects import length, operator_name, stored

WEIGHED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")  # operators whose inputs are (data, weights, bias)
_LSTM = (12, 13, 14, 15, 17)  # one for each gate, and that of the projection

# Which inputs of an operator are biases, from the constants k...BiasTensor in tensorflow/lite/kernels.
BIASES = dict.fromkeys(WEIGHED, (2,)) | {
    "CONV_3D": (2,),
    "TRANSPOSE_CONV": (3,),  # output shape, weights, data, bias
    "CONV_3D_TRANSPOSE": (3,),
    "SVDF": (3,),
    "RNN": (3,),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (3,),
    "BIDIRECTIONAL_SEQUENCE_RNN": (3, 7),
    "LSTM": _LSTM,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _LSTM,
    "BIDIRECTIONAL_SEQUENCE_LSTM": (*_LSTM, *(17 + place for place in _LSTM)),
}
UNFOLDING = ("DEQUANTIZE", "DENSIFY")  # what stands between weights in a smaller form and the operator that uses them
COUNTING = ("int32", "int64", "uint32", "uint64", "bool", *NO_NUMBERS)  # without a scale: shapes, axes, indices


def roles(model: schema.ModelT, graph: schema.SubGraphT) -> dict[int, str]:
    """Return what the tensors of a graph are for, {index: role}, as far as the operators tell.

    A constant that an operator reads is "weights", or "bias" if it stands where the operator expects one.  Shapes,
    axes, paddings and indices are neither: they are the whole numbers without a scale.  Weights in a smaller form
    (float16, sparse) are what they become.
    """
    steps = [(operator_name(model, step), step) for step in graph.operators]
    source = {step.outputs[0]: step.inputs[0] for name, step in steps if name in UNFOLDING and _joined(step)}
    found: dict[int, str] = {}
    for name, step in steps:
        for place, index in enumerate(map(int, step.inputs)):
            origin = _origin(index, source)
            if origin < 0 or name in UNFOLDING or stored(model, graph.tensors[origin]) is None:
                continue
            if place in BIASES.get(name, ()):
                found[origin] = "bias"
            elif _enters(graph.tensors[origin]):
                found.setdefault(origin, "weights")
    found |= {int(i): "input" for i in graph.inputs} | {int(i): "output" for i in graph.outputs}
    for tensor in graph.tensors:
        if (blocks := blocks_of(tensor)) is not None:
            found[blocks.scales] = "scales"
    return found


def _joined(step: schema.OperatorT) -> bool:
    return length(step.inputs) > 0 and length(step.outputs) > 0


def _origin(index: int, source: Mapping[int, int]) -> int:
    """Return the tensor in the file that a tensor is unfolded from, itself if from none."""
    for _ in source:  # no more often, for a file may go in circles
        if index not in source:
            break
        index = int(source[index])
    return index


def _enters(tensor: schema.TensorT) -> bool:
    """Whether a constant enters the arithmetic."""
    scaled = tensor.quantization is not None and length(tensor.quantization.scale) > 0
    return scaled or DTYPES[tensor.type] not in COUNTING


def blocks_of(tensor: schema.TensorT) -> schema.BlockwiseQuantizationT | None:
    """Return how a tensor is quantized block-wise, None if it is not."""
    details = None if tensor.quantization is None else tensor.quantization.details
    return details if isinstance(details, schema.BlockwiseQuantizationT) else None
