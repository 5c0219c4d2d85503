"""The operators of a full-int8 file: a function for each, in the module whose name says what it does.

A function is called once, when the file is loaded: it checks that the operator is one that it can do exactly, turns
scales into multipliers, and returns what computes the output from the inputs.  Which types, ranges and scales each
operator has is the LiteRT 8-bit quantization specification
(https://ai.google.dev/edge/litert/models/quantization_spec).
"""

from collections.abc import Callable

from helpers.integer import activations, arithmetic, layers, pooling, quantizing, reductions, resizing, shapes
from helpers.integer.activations import softmax_constants as softmax_constants
from helpers.integer.arithmetic import addition_ratios as addition_ratios
from helpers.integer.layers import WEIGHTS as WEIGHTS
from helpers.integer.layers import effective_scales as effective_scales
from helpers.integer.reductions import mean_multiplier as mean_multiplier
from helpers.integer.step import Compute, Step
from helpers.integer.step import parameters as parameters

OPERATORS: dict[str, Callable[[Step], Compute]] = {
    "ADD": arithmetic.add,
    "AVERAGE_POOL_2D": pooling.average_pool,
    "BATCH_MATMUL": layers.batch_matmul,
    "CONCATENATION": shapes.concatenation,
    "CONV_2D": layers.conv_2d,
    "DENSIFY": shapes.densify,
    "DEPTHWISE_CONV_2D": layers.depthwise_conv_2d,
    "DEQUANTIZE": quantizing.dequantize,
    "EXPAND_DIMS": shapes.reshape,
    "FULLY_CONNECTED": layers.fully_connected,
    "GATHER": shapes.gather,
    "HARD_SWISH": activations.hard_swish,
    "LEAKY_RELU": activations.leaky_relu,
    "LOGISTIC": activations.logistic,
    "MAXIMUM": arithmetic.maximum,
    "MAX_POOL_2D": pooling.max_pool,
    "MEAN": reductions.mean,
    "MINIMUM": arithmetic.minimum,
    "MUL": arithmetic.multiply,
    "PACK": shapes.pack,
    "PAD": shapes.pad,
    "PADV2": shapes.pad,
    "PRELU": activations.prelu,
    "QUANTIZE": quantizing.quantize,
    "REDUCE_MAX": reductions.largest,
    "REDUCE_MIN": reductions.smallest,
    "RELU": activations.relu,
    "RELU6": activations.relu,
    "RELU_0_TO_1": activations.relu,
    "RELU_N1_TO_1": activations.relu,
    "RESHAPE": shapes.reshape,
    "RESIZE_BILINEAR": resizing.bilinear,
    "RESIZE_NEAREST_NEIGHBOR": resizing.nearest,
    "SHAPE": shapes.shape,
    "SLICE": shapes.cut,
    "SOFTMAX": activations.softmax_of_codes,
    "SPLIT": shapes.split,
    "SPLIT_V": shapes.split,
    "SQUEEZE": shapes.reshape,
    "STRIDED_SLICE": shapes.cut,
    "SUB": arithmetic.subtract,
    "SUM": reductions.add_up,
    "TANH": activations.tanh,
    "TRANSPOSE": shapes.transpose,
    "TRANSPOSE_CONV": layers.transpose_conv,
    "UNPACK": shapes.unpack,
}
