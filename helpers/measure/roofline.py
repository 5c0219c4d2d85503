"""How fast a network could be: the roofline model (Williams, Waterman and Patterson 2009, doi:10.1145/1498765.1498785).

A layer has to do its multiply-accumulates, and it has to fetch its weights and its input and store its output.  A
processor does both at the same time, each at a limited rate, so a layer takes at least as long as the slower one:

    seconds = max(multiply-accumulates / peak, bytes / bandwidth)

Which one it is depends on the layer's arithmetic intensity, multiply-accumulates for each byte moved.  A convolution
uses a weight at every pixel and waits for the arithmetic; a dense layer at batch 1 uses a weight once and waits for
memory.  int8 moves a quarter of the bytes, so it helps the second kind whatever the instructions are.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from helpers.base.tables import Table
from helpers.tflite import inspect
from helpers.tflite.inspect import Operator, Tensor

if TYPE_CHECKING:
    from helpers.measure.ceilings import Ceilings, Speeds

FREE = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")  # operators that move no byte
FEW_CHANNELS = 4  # an input with no more fills a small part of a vector register


@dataclasses.dataclass(frozen=True)
class LayerWork:
    """What one operator of a .tflite file asks for, for one picture.

    Attributes:
        name: its output's name.
        operator: such as "CONV_2D".
        kind: "float32" or "int8", the type of its output.
        macs: multiply-accumulates.
        channels: of its input.
        constant_bytes: of weights and biases.
        moved_bytes: of activations, read and written.
        outputs: numbers that it writes.
    """

    name: str
    operator: str
    kind: str
    macs: int
    channels: int
    constant_bytes: int
    moved_bytes: int
    outputs: int

    @property
    def bytes(self) -> int:
        """Everything that is read or written, once."""
        return self.constant_bytes + self.moved_bytes

    @property
    def intensity(self) -> float:
        """Multiply-accumulates for each byte."""
        return self.macs / self.bytes if self.bytes else 0.0


def layers(path: Path) -> list[LayerWork]:
    """Return what each operator of a .tflite file asks for, in the order in which they run.

    Raises:
        ValueError: the file mixes float32 and int8 in one operator, as dynamic-range files do.
    """
    tensors = inspect.tensors(path)
    return [_layer(step, tensors, Path(path).name) for step in inspect.operators(path)]


def _layer(step: Operator, tensors: Sequence[Tensor], file: str) -> LayerWork:
    """Return what one operator asks for."""
    read, written = [tensors[i] for i in step.inputs if i >= 0], [tensors[i] for i in step.outputs]
    constant = sum(t.data.nbytes for t in read if t.data is not None)
    moved = sum(_bytes(t) for t in (*read, *written) if t.data is None)
    if step.name in inspect.WEIGHED:
        types = {t.dtype for t in (read[0], read[1], written[0])}
        if types not in ({"float32"}, {"int8"}):
            raise ValueError(
                f"{file} has a {step.name} of {' and '.join(sorted(types))}: "
                "the roofline needs a file that is all float32 or all int8."
            )
    if step.name in FREE:
        constant = moved = 0
    channels = read[0].shape[-1] if read[0].shape else 1
    outputs, macs = int(np.prod(written[0].shape, dtype=np.int64)), _macs(step, read, written)
    return LayerWork(written[0].name, step.name, written[0].dtype, macs, channels, constant, moved, outputs)


def _bytes(tensor: Tensor) -> int:
    return int(np.prod(tensor.shape, dtype=np.int64)) * np.dtype(tensor.dtype).itemsize


def _macs(step: Operator, read: Sequence[Tensor], written: Sequence[Tensor]) -> int:
    """Return the multiply-accumulates of one operator; additions and multiplications alone are not counted.

    The shapes of weights are [filters, height, width, channels] of CONV_2D, [1, height, width, filters] of
    DEPTHWISE_CONV_2D and [units, inputs] of FULLY_CONNECTED.
    """
    if step.name not in inspect.WEIGHED:
        return 0
    weights = read[1].shape
    for_each_output = weights[1] * weights[2] if step.name == "DEPTHWISE_CONV_2D" else np.prod(weights[1:])
    return int(np.prod(written[0].shape, dtype=np.int64) * for_each_output)


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What the roofline says about a file.

    Attributes:
        layers: what its operators ask for.
        arithmetic: seconds that the arithmetic of each takes at the peak, float64 [layers].
        memory: seconds that its bytes take, float64 [layers].
        bandwidth: bytes a second that were assumed.
    """

    layers: list[LayerWork]
    arithmetic: np.ndarray
    memory: np.ndarray
    bandwidth: float

    @property
    def seconds(self) -> np.ndarray:
        """The longer of the two for each layer, float64 [layers]."""
        return np.maximum(self.arithmetic, self.memory)

    @property
    def total(self) -> float:
        """Seconds for the whole network: its layers run one after another."""
        return float(self.seconds.sum())

    @property
    def waiting(self) -> float:
        """The share of the total that is spent in layers that wait for memory, 0 to 1."""
        return float(self.seconds[self.memory > self.arithmetic].sum() / self.total)


def working_set(known: Sequence[LayerWork]) -> int:
    """Return the bytes that one picture after another touches: all constants, and the activations of the largest layer.

    What fits a cache stays there from picture to picture; what does not comes from main memory every time.
    """
    return sum(layer.constant_bytes for layer in known) + max(layer.moved_bytes for layer in known)


def predict(path: Path, ceilings: "Ceilings", speeds: "Speeds | None" = None) -> Prediction:
    """Predict how long a file takes at least, from its shapes and the ceilings of this computer.

    The bandwidth is that of an array as large as the network's working set.

    Args:
        path: a float32 or an int8 file.
        ceilings: of this computer.
        speeds: from `ceilings.measured_speeds`; if given, convolutions of each sort run at their own speed and not at
            the peak.
    """
    known = layers(path)
    bandwidth = ceilings.bandwidth_for(working_set(known))
    rates = [ceilings.macs.get(layer.kind, np.inf) for layer in known]
    if speeds is not None:
        rates = [speeds.get(kind_of(layer), {}).get(layer.kind, rate) for layer, rate in zip(known, rates, strict=True)]
    arithmetic = np.array([layer.macs / rate for layer, rate in zip(known, rates, strict=True)])
    return Prediction(known, arithmetic, np.array([layer.bytes / bandwidth for layer in known]), bandwidth)


def predicted_ratio(files: dict[str, Path], ceilings: "Ceilings", speeds: "Speeds | None" = None) -> float:
    """Return how many times as fast as float32 int8 should be, for the two files of a network."""
    return predict(files["float32"], ceilings, speeds).total / predict(files["int8"], ceilings, speeds).total


# --- why a prediction misses --------------------------------------------------------------------------------------


def kind_of(layer: LayerWork) -> str:
    """Return which sort of layer this is, as far as speed goes: a name from `ceilings.measured_speeds`, or "other"."""
    match layer.operator:
        case "DEPTHWISE_CONV_2D":
            return "depthwise convolution"
        case "CONV_2D":
            return "first convolution" if layer.channels <= FEW_CHANNELS else "convolution"
        case _:
            return "other"


def speed_table(speeds: "Speeds", ceilings: "Ceilings") -> Table:
    """Return how near each sort of layer comes to the ceiling, in float32 and in int8.

    Args:
        speeds: from `ceilings.measured_speeds`.
        ceilings: of this computer.
    """
    rows = [
        [name, *(f"{s[kind] / 1e9:.1f} ({s[kind] / ceilings.macs[kind]:.0%})" for kind in ("float32", "int8"))]
        + [f"{s['int8'] / s['float32']:.2f}"]
        for name, s in speeds.items()
    ]
    return Table(["layer", "float32 GMAC/s (of the peak)", "int8 GMAC/s (of the peak)", "ratio"], rows)
