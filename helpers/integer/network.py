"""The full-int8 network in NumPy integers, bit for bit what TFLite's reference kernels compute.

A quantized layer adds up products of codes in 32-bit integers and brings the sum back to 8 bits by one multiplication
with a fixed-point number.  That idea is Jacob et al. 2018 (arXiv:1712.05877); which types, ranges and scales each
operator has is the LiteRT 8-bit quantization specification (https://ai.google.dev/edge/litert/models/quantization_spec);
how products are rounded is gemmlowp's fixedpoint.h (https://github.com/google/gemmlowp).  Real numbers appear once,
when a file is loaded and its scales become multipliers.  (With one exception, which is the reference's own: its kernel
for dense layers multiplies the finished sums by a float64.)

The one thing done differently from the kernels is *how* sums of products are added up: by floating-point matrix
products, which NumPy hands to a fast library.  That is exact, see `sums.exact_dtype`.
"""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from helpers.base import console
from helpers.base.machine import THREADS
from helpers.integer.operators import OPERATORS, Compute, Step
from helpers.integer.rounding import ROUNDINGS, twice
from helpers.pictures.conventions import normalise
from helpers.tflite import inspect, interpreter
from helpers.tflite.inspect import Operator, Tensor

PICTURES = 8  # pictures in one pass: more fall out of the cache and only cost memory


@dataclasses.dataclass(frozen=True)
class Network:
    """A full-int8 network, ready to run in integers.

    Attributes:
        name: of its file.
        known: every tensor of the file, with scale, zero point and, if it is constant, values.
        steps: its operators in the order in which they run, each with the function that computes it.
        input, output: the tensors that the network takes and gives.
    """

    name: str
    known: tuple[Tensor, ...]
    steps: tuple[tuple[Operator, Compute], ...]
    input: Tensor
    output: Tensor

    def tensors(self, codes: np.ndarray) -> dict[int, np.ndarray]:
        """Run the network in one pass and return every tensor it computes, {index: array [n, ...]}, the input first.

        All of them are in memory at once, so a few dozen pictures are enough for one call.

        Args:
            codes: the input in the file's own type, int8 [n, h, w, channels]; see `interpreter.quantize_input`.

        Raises:
            ValueError: the input has another shape or type, or there are no pictures.
        """
        self.check(codes)
        values = {t.index: t.data for t in self.known if t.data is not None} | {self.input.index: codes, -1: None}
        computed = [self.input.index]
        for operator, compute in self.steps:
            values[operator.outputs[0]] = compute(*(values[i] for i in operator.inputs))
            computed.append(operator.outputs[0])
        return {index: values[index] for index in computed}

    def run(self, codes: np.ndarray, threads: int = THREADS) -> np.ndarray:
        """Run any number of pictures, a few at a time on each thread, and return the output: int8 [n, classes].

        NumPy's matrix products may use several threads of their own, which get in each other's way on matrices as small
        as these; here they use one.

        Args:
            codes: see `tensors`.
            threads: how many share the pictures, each on a core.

        Raises:
            ValueError: see `tensors`.
        """
        self.check(codes)
        batches = [codes[i : i + PICTURES] for i in range(0, len(codes), PICTURES)]
        with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
            answers = pool.map(lambda batch: self.tensors(batch)[self.output.index], batches)
            return np.concatenate(list(console.progress(answers, "Running in integers", "batch", len(batches))))

    def predict(self, images: np.ndarray, threads: int = THREADS) -> np.ndarray:
        """Return the probabilities for pictures, float32 [n, classes], as `accuracy.predict` does with TFLite.

        Args:
            images: uint8 [n, h, w, 3].
            threads: see `run`.
        """
        codes = interpreter.quantize_input(normalise(images), self.input.details)
        return interpreter.dequantize_output(self.run(codes, threads), self.output.details)

    def check(self, codes: np.ndarray) -> None:
        """Raise a ValueError if codes are no input for this network: another shape, another type, no pictures."""
        expected, shape = self.input.shape[1:], np.shape(codes)
        if len(codes) == 0 or shape[1:] != expected or codes.dtype != self.input.dtype:
            sizes = ", ".join(map(str, expected))
            raise ValueError(
                f"{self.name} takes {self.input.dtype} [n, {sizes}] with n of at least 1; found {codes.dtype} "
                f"{list(shape)}. interpreter.quantize_input turns pictures into codes."
            )


def load_network(path: Path, rounding: str = "reference") -> Network:
    """Read a full-int8 .tflite file and prepare it for integers.

    Args:
        path: a .tflite file with one input and one output.
        rounding: the kernels whose way of rounding to follow, one of `ROUNDINGS`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no .tflite model.
        NotImplementedError: it has an operator, or a number type, that cannot be done in integers here.
        KeyError: there is no such rounding.
    """
    if rounding not in ROUNDINGS:
        raise KeyError(f"Expected one of {', '.join(ROUNDINGS)}; found {rounding!r}.")
    known, steps = tuple(inspect.tensors(path)), []
    for operator in inspect.operators(path):
        inputs = tuple(known[i] if i >= 0 else None for i in operator.inputs)
        # XNNPACK has no convolution with 4-bit weights and leaves it to the built-in kernels.
        left = rounding == "XNNPACK" and operator.name == "CONV_2D" and inputs[1].dtype == "int4"
        how = ROUNDINGS["built-in" if left else rounding].get(operator.name, twice)
        step = Step(operator, inputs, known[operator.outputs[0]], how)
        if operator.name not in OPERATORS:
            raise step.refuse(f"it knows {', '.join(OPERATORS)}")
        steps.append((operator, OPERATORS[operator.name](step)))
    file_inputs, file_outputs = ([t for t in known if t.role == role] for role in ("input", "output"))
    if len(file_inputs) != 1 or len(file_outputs) != 1:
        raise NotImplementedError(
            f"The integer network takes files with one input and one output; {Path(path).name} has "
            f"{len(file_inputs)} and {len(file_outputs)}."
        )
    return Network(Path(path).name, known, tuple(steps), file_inputs[0], file_outputs[0])
