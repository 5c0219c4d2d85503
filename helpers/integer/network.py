"""The full-int8 network in NumPy integers, bit for bit what TFLite's reference kernels compute.

A quantized layer adds up products of codes in 32-bit integers and brings the sum back to 8 bits by one multiplication
with a fixed-point number.  That idea is Jacob et al. 2018 (arXiv:1712.05877); which types, ranges and scales each
operator has is the LiteRT 8-bit quantization specification (https://ai.google.dev/edge/litert/models/quantization_spec);
how products are rounded is gemmlowp's fixedpoint.h (https://github.com/google/gemmlowp).  Real numbers appear once,
when a file is loaded and its scales become multipliers, and curves become tables of 256 codes.  (With two exceptions,
which are TFLite's own: it multiplies the finished sums of dense layers by a float64, and those of SUM by a float32.)

The one thing done differently from the kernels is *how* sums of products are added up: by floating-point matrix
products, which NumPy hands to a fast library.  That is exact, see `sums.exact_dtype`.
"""

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from helpers.base import console
from helpers.base.machine import THREADS
from helpers.integer import batches
from helpers.integer.loading import Ready, load_steps
from helpers.integer.rounding import ROUNDINGS
from helpers.pictures.conventions import normalise
from helpers.tflite import inspect, interpreter
from helpers.tflite.inspect import Operator, Tensor

PICTURES = 8  # pictures in one pass: more fall out of the cache and only cost memory
Codes = np.ndarray | Sequence[np.ndarray]  # the input; of a network with several inputs, all of them in their order


@dataclasses.dataclass(frozen=True)
class Network:
    """A full-int8 network, ready to run in integers.

    Attributes:
        name: of its file.
        known: every tensor of the file, with scale, zero point and, if it is constant, values.
        steps: its operators in the order in which they run, each with the function that computes it.
        inputs, outputs: the tensors that the network takes and gives.
        counted: the tensors whose first axis counts pictures, so that several can go through in one pass; empty if
            the network runs its inputs one at a time, see `batches`.
    """

    name: str
    known: tuple[Tensor, ...]
    steps: tuple[tuple[Operator, Ready], ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    counted: frozenset[int]

    @property
    def input(self) -> Tensor:
        """The tensor that the network takes; of several, the first."""
        return self.inputs[0]

    @property
    def output(self) -> Tensor:
        """The tensor that the network gives; of several, the first."""
        return self.outputs[0]

    def tensors(self, codes: Codes) -> dict[int, np.ndarray]:
        """Run the network and return every tensor it computes, {index: array [n, ...]}, the inputs first.

        All of them are in memory at once, so a few dozen pictures are enough for one call.

        Args:
            codes: the input in the file's own type, int8 [n, h, w, channels]; see `interpreter.quantize_input`.  If
                the file's input has no axis for pictures, as [16000], they have one more: [n, 16000].

        Raises:
            ValueError: the input has another shape or type, or there are no pictures.
            Refused, inspect.Unreadable: an operator failed on these numbers.
        """
        self.check(codes)
        arrays = self._arrays(codes)
        if self.counted:
            return self._pass(arrays)
        shapes = [tensor.shape for tensor in self.inputs]
        passes = [
            self._pass([values[i].reshape(shape) for values, shape in zip(arrays, shapes, strict=True)])
            for i in range(len(arrays[0]))
        ]
        return {index: batches.joined([one[index] for one in passes]) for index in passes[0]}

    def _arrays(self, codes: Codes) -> Sequence[np.ndarray]:
        """Return the codes of every input."""
        return [codes] if isinstance(codes, np.ndarray) else codes

    def _pass(self, arrays: Sequence[np.ndarray]) -> dict[int, np.ndarray]:
        """Run every operator once, in the shapes of the file (but for the first axis, if it counts pictures)."""
        computed = {tensor.index: values for tensor, values in zip(self.inputs, arrays, strict=True)}
        values = {tensor.index: tensor.data for tensor in self.known if tensor.data is not None} | computed | {-1: None}
        for operator, compute in self.steps:
            made = dict(zip(operator.outputs, compute(*(values[i] for i in operator.inputs)), strict=True))
            values |= made
            computed |= made
        return computed

    def run(self, codes: Codes, threads: int = THREADS) -> np.ndarray | tuple[np.ndarray, ...]:
        """Run any number of pictures, a few at a time on each thread, and return the output: int8 [n, classes].

        NumPy's matrix products may use several threads of their own, which get in each other's way on matrices as small
        as these; here they use one.

        Args:
            codes: see `tensors`.
            threads: how many share the pictures, each on a core.

        Returns:
            of a network with several outputs, all of them in their order.

        Raises:
            ValueError, Refused, inspect.Unreadable: see `tensors`.
        """
        self.check(codes)
        arrays = self._arrays(codes)
        parts = [[a[i : i + PICTURES] for a in arrays] for i in range(0, len(arrays[0]), PICTURES)]

        def answer(part: list[np.ndarray]) -> list[np.ndarray]:
            tensors = self.tensors(part)
            return [tensors[output.index] for output in self.outputs]

        with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
            answers = list(console.progress(pool.map(answer, parts), "Running in integers", "batch", len(parts)))
        outputs = tuple(np.concatenate(of_parts) for of_parts in zip(*answers, strict=True))
        return outputs[0] if len(outputs) == 1 else outputs

    def predict(self, images: np.ndarray, threads: int = THREADS) -> np.ndarray:
        """Return the probabilities for pictures, float32 [n, classes], as `accuracy.predict` does with TFLite.

        Args:
            images: uint8 [n, h, w, 3].
            threads: see `run`.

        Raises:
            ValueError: the network has several inputs or outputs, or takes other pictures.
        """
        if len(self.inputs) != 1 or len(self.outputs) != 1:
            raise ValueError(
                f"Expected a network with one input and one output; {self.name} has {len(self.inputs)} and "
                f"{len(self.outputs)}. Its method run takes and gives all of them."
            )
        codes = interpreter.quantize_input(normalise(images), self.input.details)
        return interpreter.dequantize_output(self.run(codes, threads), self.output.details)

    def check(self, codes: Codes) -> None:
        """Raise a ValueError if codes are no input for this network: another shape, another type, no pictures."""
        arrays = self._arrays(codes)
        if len(arrays) != len(self.inputs):
            raise ValueError(f"{self.name} takes {len(self.inputs)} inputs; found {len(arrays)}.")
        for tensor, values in zip(self.inputs, arrays, strict=True):
            expected = tensor.shape[1:] if self.counted else batches.with_pictures(tensor.shape)
            shape, count = np.shape(values), len(arrays[0])
            if not shape or count == 0 or shape != (count, *expected) or values.dtype.name != tensor.dtype:
                sizes = ", ".join(map(str, ("n", *expected)))
                raise ValueError(
                    f"{self.name} takes {tensor.dtype} [{sizes}] with n of at least 1; found {values.dtype} "
                    f"{list(shape)}. interpreter.quantize_input turns pictures into codes."
                )

    def one_by_one(self, codes: Codes) -> list[Codes]:
        """Return inputs apart, each as `tensors` takes it."""
        self.check(codes)
        if isinstance(codes, np.ndarray):
            return [codes[i : i + 1] for i in range(len(codes))]
        return [[values[i : i + 1] for values in codes] for i in range(len(codes[0]))]


def load_network(path: Path, rounding: str = "reference") -> Network:
    """Read a full-int8 .tflite file and prepare it for integers.

    Args:
        path: a .tflite file.
        rounding: the kernels whose way of rounding to follow, one of `ROUNDINGS`.

    Raises:
        FileNotFoundError: there is no such file.
        inspect.Unreadable: the file is no .tflite model, or its contents cannot be right.
        Refused: it has an operator, or a number type, that cannot be done in integers here.
        KeyError: there is no such rounding.
    """
    if rounding not in ROUNDINGS:
        raise KeyError(f"Expected one of {', '.join(ROUNDINGS)}; found {rounding!r}.")
    graph = inspect.graphs(path)[0]
    known, name = tuple(graph.tensors), Path(path).name
    if not graph.inputs or not graph.outputs:
        raise inspect.Unreadable(f"{name} has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs.")
    steps = load_steps(graph, rounding)
    inputs, outputs = (tuple(known[i] for i in indices) for indices in (graph.inputs, graph.outputs))
    counted = batches.counted_tensors(inputs, outputs, [step for step, _ in steps])
    return Network(name, known, tuple((step.operator, compute) for step, compute in steps), inputs, outputs, counted)
