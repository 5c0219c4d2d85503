"""AI Edge Quantizer: from a float32 .tflite file to a quantized one, layer by layer as one asks for it."""

import re
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from helpers.base import console
from helpers.numbers import quantization
from helpers.tflite import edit, inspect, interpreter
from helpers.tflite.kinds import SIGNATURE

SAMPLE = 10_000  # values of a tensor that a search for its best range looks at

# AI Edge Quantizer succeeds the converter's quantizer.  Its default_policy.py says which operators it takes in which
# form: int4 weights for convolutions and dense layers, block-wise scales for dense layers that quantize their input
# while they run.
FOUR_BITS = ("CONV_2D", "FULLY_CONNECTED")
BLOCKS = (32, 64, 128, 256)  # how many weights of a dense layer may share a scale
GRANULARITIES = {"tensor": "TENSORWISE", "channel": "CHANNELWISE"} | {size: f"BLOCKWISE_{size}" for size in BLOCKS}
ACTIVATIONS = (8, 16, "dynamic", "float")
WEIGHT_RANGES = {"min/max": "min_max_uniform_quantize", "mse": "MSE", "octav": "OCTAV"}


def int8(float_file: Path, calibration: np.ndarray) -> bytes:
    """Quantize a float32 .tflite file to int8 with AI Edge Quantizer, weights per channel.

    Input and output are int8 too, as in `convert.int8`.

    Args:
        float_file: a float32 .tflite file.
        calibration: float32 [n, size, size, 3].
    """
    return quantize(float_file, calibration)


def quantize(
    float_file: Path,
    calibration: np.ndarray | None = None,
    *,
    weights: int = 8,
    activations: int | str = 8,
    granularity: str | int = "channel",
    weight_range: str = "min/max",
    keep_float: Collection[str] = (),
    ranges: Mapping[str, tuple[float, float]] | None = None,
) -> bytes:
    """Quantize a float32 .tflite file with AI Edge Quantizer, in the form that is asked for.

    Input and output have the type of the layers beside them.

    Args:
        float_file: a float32 .tflite file.
        calibration: float32 [n, size, size, 3]; the ranges of 8- and 16-bit activations are moving averages of the
            smallest and the largest values of one picture after the other.
        weights: bits of a weight, 8 or 4.  Convolutions and dense layers can have 4; the weights of a depthwise
            convolution stay int8.
        activations: bits of an activation, 8 or 16; "dynamic" leaves activations in float32 and lets the kernels
            quantize them while they run, "float" turns the weights back into float32 and calculates with these.
        granularity: what shares a scale: all weights of a layer ("tensor"), those of an output channel ("channel"),
            or so many neighbours in an output channel of a dense layer (one of `BLOCKS`).  Layers that cannot have
            blocks, convolutions among them, have one scale a channel then.  Of LiteRT's kernels only XNNPACK reads
            blocks rightly; the others give wrong answers without a word (version 2.3.0).
        weight_range: "min/max" gives the weight farthest from zero the last code; "mse" clips the weights of
            convolutions and dense layers where the squared error is smallest for bell-shaped weights: the tool takes
            a fixed multiple of their root mean square.  "octav" does so for the weights as they are (`ranges.octav`
            in `helpers/methods`).
        keep_float: layers that stay in float32, by the names that `inspect.layer_of` gives: "conv1".
        ranges: {tensor: (low, high)} of the activations instead of a calibration; see the function `ranges`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no .tflite file, a setting is none that AI Edge Quantizer has, there is no such layer,
            or activations are to be quantized without calibration pictures and without ranges.
    """
    rules = _rules(inspect.graph(float_file), weights, activations, granularity, weight_range, keep_float)
    if activations in (8, 16) and ranges is None and (calibration is None or len(calibration) == 0):
        raise ValueError(f"Activations of {activations} bits need calibration pictures or ranges; found neither.")
    with console.quiet():
        from ai_edge_quantizer import quantizer

        edge = quantizer.Quantizer(str(float_file), rules)
        calibration_result = {
            name: {"min": np.array([low]), "max": np.array([high])} for name, (low, high) in (ranges or {}).items()
        }
        if edge.need_calibration and not calibration_result:
            runner = Interpreter(str(float_file)).get_signature_runner(SIGNATURE)
            input_name = next(iter(runner.get_input_details()))
            # A list, for the samples are read several times.
            samples = [{input_name: calibration[i : i + 1]} for i in range(len(calibration))]
            calibration_result = edge.calibrate({SIGNATURE: samples})
        content = bytes(edge.quantize(calibration_result, enable_progress_report=False).quantized_model)
    return _scales_above_zero(content) if granularity in BLOCKS else content


def _scales_above_zero(content: bytes) -> bytes:
    """Return a file with block-wise scales in which blocks of zeros have the smallest float16 for a scale.

    AI Edge Quantizer gives them one that float16 rounds to zero, and XNNPACK refuses the file.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "blocks.tflite"
        path.write_bytes(content)
        return edit.with_values(path, lambda t: np.maximum(t.data, np.finfo(np.float16).smallest_subnormal), "scales")


def _rules(
    steps: list,
    weights: int,
    activations: int | str,
    granularity: str | int,
    weight_range: str,
    keep_float: Collection[str],
) -> list[dict]:
    """Return a recipe for AI Edge Quantizer: its rules, of which the last one that fits an operator counts.

    Raises:
        ValueError: it has no such setting, or there is no such layer.
    """
    if weights not in (8, 4) or activations not in ACTIVATIONS or granularity not in GRANULARITIES:
        raise ValueError(
            f"Expected weights of 8 or 4 bits, activations {_or(ACTIVATIONS)} and granularity {_or(GRANULARITIES)}; "
            f"found {weights!r}, {activations!r} and {granularity!r}."
        )
    if granularity in BLOCKS and (weights, activations) != (4, "dynamic"):
        raise ValueError(
            "Blocks of weights exist for 4-bit weights with activations='dynamic' only; found "
            f"{weights} bits and {activations!r}."
        )
    if weight_range not in WEIGHT_RANGES or (weight_range != "min/max" and granularity in BLOCKS):
        raise ValueError(
            f"Expected a weight_range {_or(WEIGHT_RANGES)}, blocks 'min/max' only; found {weight_range!r}."
        )
    shared = "channel" if granularity in BLOCKS else granularity
    algorithm = WEIGHT_RANGES[weight_range]
    rules = [_rule(".*", "*", 8, activations, shared)]
    if weights == 4 or weight_range != "min/max":
        rules += [_rule(".*", operator, weights, activations, shared, algorithm) for operator in FOUR_BITS]
    for step, tensors in steps if granularity in BLOCKS else ():
        if step.name == "FULLY_CONNECTED" and tensors[1].shape[-1] % granularity == 0:
            rules.append(_rule(_pattern(tensors[-1].name), step.name, 4, activations, granularity))
    return rules + [_rule(_pattern(name), "*", algorithm="no_quantize") for name in _kept(steps, keep_float)]


def _or(options: Collection) -> str:
    return ", ".join(map(repr, options))


def _pattern(name: str) -> str:
    """Return a regular expression for the operator that makes a tensor of this name."""
    return f"^{re.escape(name)};?$"


def _rule(
    pattern: str,
    operator: str,
    weights: int = 8,
    activations: int | str = "float",
    granularity: str | int = "channel",
    algorithm: str = WEIGHT_RANGES["min/max"],
) -> dict:
    """Return one rule: how to quantize operators of a kind ("*" for all) whose outputs have names like the pattern."""
    form = {"symmetric": True, "dtype": "INT"}
    config = {
        "weight_tensor_config": form | {"num_bits": weights, "granularity": GRANULARITIES[granularity]},
        "compute_precision": "FLOAT" if activations == "float" else "INTEGER",
        "explicit_dequantize": activations == "float",
    }
    if activations in (8, 16):
        of_a_tensor = {"num_bits": activations, "symmetric": activations == 16, "granularity": "TENSORWISE"}
        config["activation_tensor_config"] = form | of_a_tensor
    return {"regex": pattern, "operation": operator, "algorithm_key": algorithm, "op_config": config}


def _kept(steps: list, layers: Collection[str]) -> list[str]:
    """Return the names of the tensors that layers make, with the network's own input if no other layer reads it.

    Raises:
        ValueError: there is no such layer.
    """
    output_of = {inspect.layer_of(tensors[-1].name): tensors[-1].name for _, tensors in steps}
    if unknown := sorted(set(layers) - set(output_of)):
        raise ValueError(f"There is no layer {', '.join(unknown)}; the file has {', '.join(output_of)}.")
    names = [output_of[layer] for layer in layers]
    consumers = {}
    for _, (*inputs, output) in steps:
        for tensor in inputs:
            if tensor is not None and tensor.role == "input":
                consumers.setdefault(tensor.name, []).append(output.name)
    return names + [name for name, others in consumers.items() if set(others) <= set(names)]


def ranges(
    float_file: Path, inputs: np.ndarray, within: str | float = "min/max", bits: int = 8
) -> dict[str, tuple[float, float]]:
    """Return the range of every activation of a float32 file for `quantize`, {tensor: (low, high)}.

    Args:
        float_file: a float32 .tflite file.
        inputs: float32 [n, size, size, 3]; all activations of all of them are in memory at once.
        within: "min/max" takes the smallest and the largest value of all pictures, as the converter does; "median" the
            median over the pictures of the smallest and the largest value in one picture; a percentile such as 99.9
            cuts off 100 - 99.9 percent of the values at either end; "mse" takes the range in which rounding and
            clipping leave the smallest mean squared error (`quantization.best_range`, on `SAMPLE` of the values).
        bits: of the codes, for "mse".

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no .tflite file, there are no inputs, or `within` is none of these.
    """
    if within not in ("min/max", "median", "mse") and not (isinstance(within, int | float) and 50 < within <= 100):
        raise ValueError(
            f"Expected 'min/max', 'median', 'mse' or a percentile above 50, at most 100; found {within!r}."
        )
    if len(inputs) == 0:
        raise ValueError("Expected at least one picture to find ranges with; found none.")
    limits = {}
    for name, values in activations(float_file, inputs).items():
        by_picture = values.reshape(len(values), -1)
        if within == "min/max":
            low, high = values.min(), values.max()
        elif within == "median":
            low, high = np.median(by_picture.min(axis=1)), np.median(by_picture.max(axis=1))
        elif within == "mse":
            low, high = quantization.best_range(_sample(values), bits)
        else:
            low, high = np.percentile(values, [100 - within, within])
        limits[name] = float(low), float(high)
    return limits


def _sample(values: np.ndarray) -> np.ndarray:
    """Return at most about `SAMPLE` of the values, evenly spread over the array, and the smallest and the largest."""
    values = np.ravel(values)
    return np.concatenate([values[:: max(1, values.size // SAMPLE)], [values.min(), values.max()]])


def activations(float_file: Path, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Return what flows between the operators of a float32 file, {tensor: float32 [n, ...]}, the input first.

    Args:
        float_file: a float32 .tflite file for one picture at a time.
        inputs: float32 [n, size, size, 3].
    """
    ready = interpreter.load(float_file, experimental_preserve_all_tensors=True)
    computed = [t for t in inspect.tensors(float_file) if t.data is None and t.dtype == "float32"]
    parts = {t.name: [] for t in sorted(computed, key=lambda t: t.role != "input")}
    for i in console.progress(range(len(inputs)), "Looking at activations", "pic"):
        ready.set_tensor(ready.get_input_details()[0]["index"], inputs[i : i + 1])
        ready.invoke()
        for tensor in computed:
            parts[tensor.name].append(ready.get_tensor(tensor.index))
    return {name: np.concatenate(values) for name, values in parts.items()}
