"""Which layer quantization hurts: TensorFlow's QuantizationDebugger, and our own measure beside it.

The debugger is described at https://www.tensorflow.org/lite/performance/quantization_debugger.  It converts a network
so that every quantized operator has its float32 twin beside it, both fed with the *same* input: what the quantized
operators before them give.  So it shows what a layer adds by itself, not what it has inherited.  A special operator,
NumericVerify, hands out the difference.

Evenly spread rounding errors have a root mean square of step / √12, 0.29 steps.  An operator well above that rounds
more than its output: its weights, or a network input whose range is wrong.
"""

import csv
import dataclasses
import io
from collections.abc import Collection
from pathlib import Path

import numpy as np

from helpers.base import console
from helpers.base.tables import Table
from helpers.base.tf import tf
from helpers.numbers import errors, quantization
from helpers.tflite import convert, inspect, interpreter

PICTURES = 30  # that the debugger runs, one after the other
VERIFY = "NumericVerify"


@dataclasses.dataclass(frozen=True)
class LayerError:
    """How a quantized operator differs from its float32 twin on the same input.

    Attributes:
        layer: as in Keras, "conv1".
        operator: its kind, as in schema.fbs.
        tensor: the name of its output in the file.
        values: in the output for one picture.
        scale: of the output, the width of one step.
        steps: the root mean square of the difference, in steps, as TensorFlow's debugger has it.
        own_steps: the same, computed by `errors.rmse` from the two tensors.
        sqnr: signal-to-quantization-noise ratio in decibels, by `errors.sqnr` from the two tensors.
    """

    layer: str
    operator: str
    tensor: str
    values: int
    scale: float
    steps: float
    own_steps: float
    sqnr: float


class Debugger:
    """The int8 form of a network with its float32 twin beside it, and ways to leave layers in float32.

    Attributes:
        layers: `LayerError` of each operator, in the order in which they run.
    """

    def __init__(
        self, saved_model: Path, calibration: np.ndarray, inputs: np.ndarray | None = None, float_ends: bool = True
    ):
        """Convert the network and run it, twins and all.

        Args:
            saved_model: the exported model.
            calibration: float32 [n, size, size, 3], for the ranges of the activations.
            inputs: float32 [n, size, size, 3], prepared as in use; by default the first of `calibration`.
            float_ends: input and output stay float32, as in "int8, float in/out".  Otherwise the float32 twin of the
                first layer gets the quantized picture too, and what goes wrong before it cannot be seen.

        Raises:
            FileNotFoundError: there is no SavedModel.
            ValueError: there are no calibration pictures.
        """
        convert.check(saved_model, calibration, "The debugger")
        inputs = calibration[:PICTURES] if inputs is None else inputs
        self._float_ends = float_ends
        with console.quiet():
            self._debugger = tf.lite.experimental.QuantizationDebugger(
                converter=convert.calibrated(saved_model, calibration, tf.lite.OpsSet.TFLITE_BUILTINS_INT8),
                debug_dataset=convert.representative_dataset(inputs),
                debug_options=self._options(),
            )
            self._debugger.run()
        self.layers = tuple(self._layers(inputs))

    def quantized(self, keep_float: Collection[str] = ()) -> bytes:
        """Return the network as an int8 .tflite file in which some layers stay float32.

        Args:
            keep_float: names of layers.

        Raises:
            ValueError: there is no such layer.
        """
        tensors = {error.layer: error.tensor for error in self.layers}
        if unknown := sorted(set(keep_float) - set(tensors)):
            raise ValueError(f"There is no layer {', '.join(unknown)}; the network has {', '.join(tensors)}.")
        with console.quiet():
            self._debugger.options = self._options([tensors[layer] for layer in keep_float])
            return self._debugger.get_nondebug_quantized_model()

    def table(self, count: int | None = None) -> Table:
        """Return what was found for each operator; with `count` for so many only, those with the most steps first."""
        shown = self.layers if count is None else sorted(self.layers, key=lambda e: -e.steps)[:count]
        columns = ["layer", "operator", "values", "scale", "error (steps)", "our error (steps)", "SQNR (dB)"]
        return Table(columns, [_row(error) for error in shown])

    def _options(self, nodes: Collection[str] = ()) -> tf.lite.experimental.QuantizationDebugOptions:
        return tf.lite.experimental.QuantizationDebugOptions(
            denylisted_nodes=list(nodes) or None, fully_quantize=not self._float_ends
        )

    def _layers(self, inputs: np.ndarray) -> list[LayerError]:
        """Return TensorFlow's statistics with our own beside them."""
        dump = io.StringIO()
        self._debugger.layer_statistics_dump(dump)
        rows = {int(row["tensor_idx"]): row for row in csv.DictReader(dump.getvalue().splitlines())}
        twins = compare_twins(self._debugger.quant_model, inputs)
        return [_error(rows[index], *twins[index]) for index in twins]


def _error(row: dict[str, str], exact: np.ndarray, restored: np.ndarray, scale: float) -> LayerError:
    name = row["tensor_name"]
    return LayerError(
        layer=inspect.layer_of(name),
        operator=row["op_name"],
        tensor=name,
        values=exact[0].size,
        scale=scale,
        steps=float(row["mean_squared_error"]) ** 0.5 / scale,
        own_steps=errors.rmse(exact, restored) / scale,
        sqnr=errors.sqnr(exact, restored),
    )


def _row(error: LayerError) -> list[str]:
    steps = [f"{error.steps:.2f}", f"{error.own_steps:.2f}"]
    return [error.layer, error.operator, f"{error.values:,}", f"{error.scale:.4f}", *steps, f"{error.sqnr:.1f}"]


def compare_twins(content: bytes, inputs: np.ndarray) -> dict[int, tuple[np.ndarray, np.ndarray, float]]:
    """Run a file with NumericVerify operators and return what each of them compares.

    Args:
        content: of the debugger's .tflite file.
        inputs: float32 [n, size, size, 3].

    Returns:
        {index of the quantized tensor: (float32 twin, quantized tensor turned back into float32, scale)}, arrays
        [n, ...], in the order in which the operators run.
    """
    with console.quiet():
        runner = tf.lite.Interpreter(model_content=content, experimental_preserve_all_tensors=True)
        runner.allocate_tensors()
    pairs = [tuple(map(int, step["inputs"])) for step in runner._get_ops_details() if step["op_name"] == VERIFY]
    details = {tensor["index"]: tensor for tensor in runner.get_tensor_details()}
    input_details, values_of = runner.get_input_details()[0], {pair: ([], []) for pair in pairs}
    for i in console.progress(range(len(inputs)), "Comparing twins", "pic"):
        runner.set_tensor(input_details["index"], interpreter.quantize_input(inputs[i : i + 1], input_details))
        runner.invoke()
        for pair, values in values_of.items():
            for index, batches in zip(pair, values, strict=True):
                batches.append(runner.get_tensor(index))
    twins = {}
    for (quantized, _), (codes, values) in values_of.items():
        scale, zero_point = details[quantized]["quantization"]
        restored = quantization.dequantize(np.concatenate(codes), scale, zero_point)
        twins[quantized] = np.concatenate(values), restored, float(scale)
    return twins
