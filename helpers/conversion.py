"""From a SavedModel to .tflite files: one small function for each kind of post-training quantization.

The converter's options are described at https://ai.google.dev/edge/litert/conversion/tensorflow/quantization.
"""

import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from helpers import artifacts, evaluation, inspection, quantization, training
from helpers.datasets import SIZE, Pets, normalise
from helpers.runtime import tf

CALIBRATION_PICTURES = 100
SAMPLE = 10_000  # values of a tensor that a search for its best range looks at
GRAPH = "saved_model.pb"  # the file of a SavedModel that holds its computation

RepresentativeDataset = Callable[[], Iterator[list[np.ndarray]]]


def representative_dataset(inputs: np.ndarray) -> RepresentativeDataset:
    """Return what the converter wants for calibration: a function that yields one input at a time.

    Args:
        inputs: float32 [n, 96, 96, 3], prepared exactly as in training.
    """

    def samples() -> Iterator[list[np.ndarray]]:
        for i in range(len(inputs)):
            yield [inputs[i : i + 1]]

    return samples


def calibration_inputs(pets: Pets, count: int = CALIBRATION_PICTURES, size: int = SIZE) -> np.ndarray:
    """Return training pictures for calibration, float32 [count, size, size, 3]; never those that are scored."""
    return normalise(pets.arrays("train", count, size)[0])


def _converter(saved_model: Path) -> tf.lite.TFLiteConverter:
    return tf.lite.TFLiteConverter.from_saved_model(str(saved_model))


def calibrated(saved_model: Path, calibration: np.ndarray, operators: tf.lite.OpsSet) -> tf.lite.TFLiteConverter:
    """Return a converter that quantizes activations too, with ranges from calibration, to these operators only."""
    converter = _converter(saved_model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative_dataset(calibration)
    converter.target_spec.supported_ops = [operators]
    return converter


def float32(saved_model: Path, calibration: np.ndarray | None = None) -> bytes:
    """Convert without quantization: float32 weights, float32 arithmetic."""
    return _converter(saved_model).convert()


def dynamic_range(saved_model: Path, calibration: np.ndarray | None = None) -> bytes:
    """Quantize the weights to int8; activations stay float32 and get their range while the model runs."""
    converter = _converter(saved_model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()


def float16(saved_model: Path, calibration: np.ndarray | None = None) -> bytes:
    """Store the weights as float16; the arithmetic stays float32."""
    converter = _converter(saved_model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def int8_float_io(saved_model: Path, calibration: np.ndarray) -> bytes:
    """Quantize weights and activations to int8; input and output stay float32."""
    return calibrated(saved_model, calibration, tf.lite.OpsSet.TFLITE_BUILTINS_INT8).convert()


def int8(saved_model: Path, calibration: np.ndarray, per_channel: bool = True) -> bytes:
    """Quantize everything to int8, input and output too: the form a microcontroller wants.

    Without `per_channel`, all weights of a layer share one scale.  The converter has no public setting for that.
    """
    converter = calibrated(saved_model, calibration, tf.lite.OpsSet.TFLITE_BUILTINS_INT8)
    converter._experimental_disable_per_channel = not per_channel
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def int16x8(saved_model: Path, calibration: np.ndarray) -> bytes:
    """Quantize activations to int16 and weights to int8; input and output stay float32."""
    operators = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    return calibrated(saved_model, calibration, operators).convert()


KINDS: dict[str, Callable[..., bytes]] = {
    "float32": float32,
    "dynamic range": dynamic_range,
    "float16": float16,
    "int8, float in/out": int8_float_io,
    "int8": int8,
    "int16x8": int16x8,
}


def convert(kind: str, saved_model: Path, calibration: np.ndarray | None = None) -> bytes:
    """Convert a SavedModel to one of `KINDS`, without the converter's log lines.

    Args:
        kind: a name out of `KINDS`.
        saved_model: the exported model.
        calibration: float32 [n, 96, 96, 3]; the kinds with quantized activations need it.

    Raises:
        KeyError: there is no such kind.
        FileNotFoundError: there is no SavedModel.
        ValueError: the kind needs calibration pictures and got none.
    """
    if kind not in KINDS:
        raise KeyError(f"Expected one of {', '.join(KINDS)}; found {kind!r}.")
    check(saved_model, calibration if kind.startswith("int") else (0,), kind)
    with artifacts.quiet():
        return KINDS[kind](saved_model, calibration)


def check(saved_model: Path, calibration: np.ndarray | None, what: str) -> None:
    """Raise an error if there is no SavedModel, or no picture to calibrate with; see `convert`."""
    if not (Path(saved_model) / GRAPH).exists():
        raise FileNotFoundError(
            f"There is no SavedModel in {saved_model}: run 01_train, or training.saved_model(pets)."
        )
    if calibration is None or len(calibration) == 0:
        raise ValueError(f"{what} quantizes activations, so it needs calibration pictures; found none.")


def filename(kind: str) -> str:
    """Return the file name of a kind: 'int8, float in/out' becomes 'int8_float_in_out.tflite'."""
    return kind.replace(", ", "_").replace(" ", "_").replace("/", "_") + ".tflite"


def write(content: bytes, path: Path) -> Path:
    """Write a .tflite file whole or not at all."""
    with artifacts.atomic(path) as part:
        part.write_bytes(content)
    return path


def file(pets: Pets, kind: str) -> Path:
    """Return the .tflite file of one kind for the model trained on this data.

    It is converted first if it is missing, or older than the model.
    """
    path, model = pets.folder / filename(kind), training.saved_model(pets)
    if not path.exists() or path.stat().st_mtime < (model / GRAPH).stat().st_mtime:
        write(convert(kind, model, calibration_inputs(pets)), path)
    return path


def files(pets: Pets) -> dict[str, Path]:
    """Return the files of all `KINDS`, {kind: path}, making those that are missing."""
    return {kind: file(pets, kind) for kind in artifacts.progress(KINDS, "Converting", "file")}


def pretrained_files() -> dict[str, Path]:
    """Return the float32 and the int8 file of the network that comes with the suite, which knows real photographs.

    The int8 file comes with the suite as well: calibrating it takes photographs.  The float32 file is converted from
    the weights when it is first needed.
    """

    def build(part: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            training.export(training.pretrained(), Path(folder) / training.SAVED_MODEL)
            part.write_bytes(convert("float32", Path(folder) / training.SAVED_MODEL))

    path = artifacts.root() / "pretrained" / filename("float32")
    what = "The float32 file of the network that comes with the suite"
    return {"float32": artifacts.build_if_missing(path, build, what, 10), "int8": training.PRETRAINED_INT8}


def replace_weights(path: Path, change: Callable[[inspection.Tensor], np.ndarray]) -> bytes:
    """Return a .tflite file with other values in its weights; shapes, types and everything else stay as they are.

    Args:
        path: a .tflite file.
        change: gets a tensor of weights and returns its new values, in the same shape; they are stored in the type of
            the old ones.

    Raises:
        ValueError: the new values have another shape.
    """
    return _with_values(path, change, "weights")


def _with_values(path: Path, change: Callable[[inspection.Tensor], np.ndarray], role: str) -> bytes:
    """Return a .tflite file with other values in the constant tensors of a role; see `replace_weights`."""
    known = {tensor.index: tensor for tensor in inspection.tensors(path) if tensor.role == role}
    content = bytearray(Path(path).read_bytes())
    model = schema.Model.GetRootAs(content)
    for index, tensor in known.items():
        values = np.asarray(change(tensor))
        if values.shape != tensor.shape:
            raise ValueError(f"{tensor.name} has the shape {tensor.shape}; found new values of shape {values.shape}.")
        buffer = model.Buffers(model.Subgraphs(0).Tensors(index).Buffer())
        if buffer.Size():  # behind the FlatBuffer
            place = np.frombuffer(content, np.uint8, buffer.Size(), buffer.Offset())
        else:
            place = buffer.DataAsNumpy()  # a view into `content`, as is the other
        packed = inspection.pack if tensor.dtype in inspection.PACKED else lambda v, dtype: v.astype(dtype).tobytes()
        place[:] = np.frombuffer(packed(values, tensor.dtype), np.uint8)
    return bytes(content)


# --- AI Edge Quantizer ------------------------------------------------------------------------------------------------
#
# The tool that succeeds the converter's quantizer.  Its default_policy.py says which operators it takes in which form:
# int4 weights for convolutions and dense layers, block-wise scales for dense layers that quantize their input while
# they run.

FOUR_BITS = ("CONV_2D", "FULLY_CONNECTED")
BLOCKS = (32, 64, 128, 256)  # how many weights of a dense layer may share a scale
GRANULARITIES = {"tensor": "TENSORWISE", "channel": "CHANNELWISE"} | {size: f"BLOCKWISE_{size}" for size in BLOCKS}
ACTIVATIONS = (8, 16, "dynamic", "float")
WEIGHT_RANGES = {"min/max": "min_max_uniform_quantize", "mse": "MSE"}


def edge_quantizer_int8(float_file: Path, calibration: np.ndarray) -> bytes:
    """Quantize a float32 .tflite file to int8 with AI Edge Quantizer, weights per channel.

    Input and output are int8 too, as in `int8`.

    Args:
        float_file: a float32 .tflite file.
        calibration: float32 [n, size, size, 3].
    """
    return edge_quantizer(float_file, calibration)


def edge_quantizer(
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
            a fixed multiple of their root mean square.
        keep_float: layers that stay in float32, by the names that `inspection.layer_of` gives: "conv1".
        ranges: {tensor: (low, high)} of the activations instead of a calibration; see the function `ranges`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no .tflite file, a setting is none that AI Edge Quantizer has, there is no such layer,
            or activations are to be quantized without calibration pictures and without ranges.
    """
    rules = _rules(inspection.graph(float_file), weights, activations, granularity, weight_range, keep_float)
    if activations in (8, 16) and ranges is None and (calibration is None or len(calibration) == 0):
        raise ValueError(f"Activations of {activations} bits need calibration pictures or ranges; found neither.")
    with artifacts.quiet():
        from ai_edge_quantizer import quantizer

        edge = quantizer.Quantizer(str(float_file), rules)
        found = {
            name: {"min": np.array([low]), "max": np.array([high])} for name, (low, high) in (ranges or {}).items()
        }
        if edge.need_calibration and not found:
            runner = Interpreter(str(float_file)).get_signature_runner(training.SIGNATURE)
            entry = next(iter(runner.get_input_details()))
            samples = [{entry: calibration[i : i + 1]} for i in range(len(calibration))]  # they are read several times
            found = edge.calibrate({training.SIGNATURE: samples})
        content = bytes(edge.quantize(found, enable_progress_report=False).quantized_model)
    return _scales_above_zero(content) if granularity in BLOCKS else content


def _scales_above_zero(content: bytes) -> bytes:
    """Return a file with block-wise scales in which blocks of zeros have the smallest float16 for a scale.

    AI Edge Quantizer gives them one that float16 rounds to zero, and XNNPACK refuses the file.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "blocks.tflite"
        path.write_bytes(content)
        return _with_values(path, lambda t: np.maximum(t.data, np.finfo(np.float16).smallest_subnormal), "scales")


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
    if weight_range not in WEIGHT_RANGES or (weight_range == "mse" and granularity in BLOCKS):
        raise ValueError(
            f"Expected a weight_range {_or(WEIGHT_RANGES)}, blocks 'min/max' only; found {weight_range!r}."
        )
    shared = "channel" if granularity in BLOCKS else granularity
    algorithm = WEIGHT_RANGES[weight_range]
    rules = [_rule(".*", "*", 8, activations, shared)]
    if weights == 4 or weight_range == "mse":
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
    """Return the names of the tensors that layers make, with the network's own input if they alone take it.

    Raises:
        ValueError: there is no such layer.
    """
    makes = {inspection.layer_of(tensors[-1].name): tensors[-1].name for _, tensors in steps}
    if unknown := sorted(set(layers) - set(makes)):
        raise ValueError(f"There is no layer {', '.join(unknown)}; the file has {', '.join(makes)}.")
    names = [makes[layer] for layer in layers]
    takers = {}
    for _, (*inputs, output) in steps:
        for tensor in inputs:
            if tensor is not None and tensor.role == "input":
                takers.setdefault(tensor.name, []).append(output.name)
    return names + [name for name, others in takers.items() if set(others) <= set(names)]


def ranges(
    float_file: Path, inputs: np.ndarray, within: str | float = "min/max", bits: int = 8
) -> dict[str, tuple[float, float]]:
    """Return the range of every activation of a float32 file for `edge_quantizer`, {tensor: (low, high)}.

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
    found = {}
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
        found[name] = float(low), float(high)
    return found


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
    ready = evaluation.interpreter(float_file, experimental_preserve_all_tensors=True)
    shown = [t for t in inspection.tensors(float_file) if t.data is None and t.dtype == "float32"]
    parts = {t.name: [] for t in sorted(shown, key=lambda t: t.role != "input")}
    for i in artifacts.progress(range(len(inputs)), "Looking at activations", "pic"):
        ready.set_tensor(ready.get_input_details()[0]["index"], inputs[i : i + 1])
        ready.invoke()
        for tensor in shown:
            parts[tensor.name].append(ready.get_tensor(tensor.index))
    return {name: np.concatenate(values) for name, values in parts.items()}
