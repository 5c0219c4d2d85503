"""One operator of a file with its tensors, and the questions that every operator asks of them.

What an operator cannot do ends in one of two exceptions: `Refused` if the file is fine and this integer network is not
made for it, `inspect.Unreadable` if its contents cannot be right.  Both name the operator and the tensor that it makes.
"""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator

import numpy as np

from helpers.integer import fixed_point
from helpers.integer.rounding import Rescale, twice
from helpers.tflite.inspect import Operator, Tensor, Unreadable

Compute = Callable[..., np.ndarray | tuple[np.ndarray, ...]]  # arrays of all inputs (None for one left out) -> outputs

LARGEST = 2**28  # values in one array: larger ones are refused before memory is asked for
CODES = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}  # the smallest and the largest of a type
NUMBERS = (*CODES, "int32", "int64", "float16", "float32", "bool")  # types of values that can be moved
FULL_INT8 = 'the integer network takes full-int8 files, such as convert.convert("int8", ...) makes'
UNEXPECTED = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


class Refused(NotImplementedError):
    """A file that the integer network is not made for; the message names the operator and the tensor."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One operator with its tensors (an input left out is None), and how it rounds.

    `output` is the first of its outputs; the few operators that make several have the rest in `others`.
    """

    operator: Operator
    inputs: tuple[Tensor | None, ...]
    output: Tensor
    rounding: Callable[[np.ndarray], Rescale] = twice
    others: tuple[Tensor, ...] = ()

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """All tensors that the operator makes."""
        return self.output, *self.others

    def option(self, name: str, default=0):
        """Return a setting of the operator; files leave out what has its default value."""
        return self.operator.options.get(name, default)

    def pair(self, name: str) -> tuple[int, int]:
        """Return a setting for height and width: "stride_{}" stands for stride_h and stride_w."""
        return self.option(name.format("h"), 1), self.option(name.format("w"), 1)

    def axis(self, rank: int, axis: int | None = None) -> int:
        """Return an axis counted from the front; by default the one that the settings name."""
        axis = int(self.option("axis") if axis is None else axis)
        if not -rank <= axis < rank:
            raise self.broken(f"it names axis {axis} of {rank}")
        return axis % rank

    # --- what it says when it cannot ----------------------------------------------------------------------------------

    def refuse(self, why: str) -> Refused:
        """Return the error that this operator cannot be done."""
        return Refused(
            f"The integer network cannot do the {self.operator.name} that makes tensor {self.output.index}: {why}."
        )

    def broken(self, why: str) -> Unreadable:
        """Return the error that what the file says about this operator cannot be right."""
        return Unreadable(
            f"The {self.operator.name} that makes tensor {self.output.index} cannot be right: {why}. The file is "
            "damaged, or was made by a faulty tool; convert it again."
        )

    @contextlib.contextmanager
    def answerable(self) -> Iterator[None]:
        """Turn what nobody expected in the block into one sentence that names the operator."""
        try:
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                yield
        except (Refused, Unreadable):
            raise
        except MemoryError:
            raise self.refuse("it needs more memory than there is") from None
        except UNEXPECTED as error:
            raise self.broken(
                f"its settings and its tensors do not fit together ({type(error).__name__}: {error})"
            ) from error

    # --- what it asks of its tensors ----------------------------------------------------------------------------------

    def expect(self, *dtypes: str) -> None:
        """Check the types: of the inputs in their order (the last one also for all that follow), then of the outputs.

        Two types that will both do have " or " between them.

        Raises:
            Refused: a tensor has another type.
            Unreadable: there is no input.
        """
        *inputs, output = dtypes
        self.needs(1)
        for i, tensor in enumerate(self.inputs):
            expected = inputs[min(i, len(inputs) - 1)]
            if tensor is not None and tensor.dtype not in expected.split(" or "):
                raise self.refuse(f"its input {i} should be {expected} and is {tensor.dtype}; {self._kind()}")
        for tensor in self.outputs:
            if tensor.dtype not in output.split(" or "):
                raise self.refuse(f"its output should be {output} and is {tensor.dtype}; {self._kind()}")

    def _kind(self) -> str:
        """Say what kind of file this operator comes from, if it is no full-int8 one."""
        data, *others = (tensor for tensor in self.inputs if tensor is not None)
        dtypes = {data.dtype, self.output.dtype}
        weights = others[0].dtype if others else ""
        if "float32" in dtypes and weights in ("int8", "int4", "int2"):
            return f"the file has integers for weights only, not for what flows between the operators; {FULL_INT8}"
        if dtypes & {"float32", "float16"}:
            return (
                f"it is the first operator with real numbers, made from tensor {data.index} ({data.name}); {FULL_INT8}"
            )
        if "uint8" in dtypes:
            return f"the file is quantized to uint8, as TensorFlow did until 2019; {FULL_INT8}"
        if "int16" in dtypes:
            return f"the file has activations of 16 bits; {FULL_INT8}"
        return FULL_INT8

    def needs(self, count: int) -> None:
        """Check that the operator has at least so many inputs, and none of these left out."""
        if len(self.inputs) < count or any(tensor is None for tensor in self.inputs[:count]):
            found = sum(tensor is not None for tensor in self.inputs[:count])
            raise self.broken(f"it should have {count} inputs and has {found}")

    def rank(self, *ranks: int) -> None:
        """Check how many axes the first input and the output have."""
        for tensor, rank in zip((self.inputs[0], self.output), ranks, strict=False):
            if len(tensor.shape) != rank:
                raise self.broken(f"tensor {tensor.index} should have {rank} axes and has {len(tensor.shape)}")

    def makes(self, shape: tuple[int, ...], output: Tensor | None = None) -> None:
        """Check the shape of an output (by default the first) against what follows from the inputs and settings."""
        output = output or self.output
        if tuple(map(int, shape)) != output.shape:
            made = " x ".join(map(str, shape)) or "a single number"
            raise self.broken(
                f"its inputs and settings make {made}, and the file says {list(output.shape)} for tensor {output.index}"
            )

    def broadcast(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape that shapes make together, by default those of the first two inputs, as NumPy has it."""
        self.needs(2)
        shapes = shapes or tuple(tensor.shape for tensor in self.inputs[:2])
        try:
            return np.broadcast_shapes(*shapes)
        except ValueError:
            raise self.broken(
                f"its inputs have shapes that do not go together: {', '.join(map(str, shapes))}"
            ) from None

    def bounded(self, what: str, *lengths: int) -> None:
        """Check that an array that the operator needs on the way is not too large."""
        if math.prod(lengths) > LARGEST:
            raise self.refuse(f"{what} would hold {math.prod(lengths):,} values, more than {LARGEST:,}")

    def constant(self, number: int) -> np.ndarray:
        """Return the values of an input that must be known when the file is loaded."""
        self.needs(number + 1)
        if self.inputs[number].data is None:
            raise self.refuse(f"its input {number} should be a constant")
        return self.inputs[number].data

    def same_scale(self) -> None:
        """Check that codes can be copied as they are: scale and zero point of all inputs are those of the outputs."""
        data = [tensor for tensor in self.inputs if tensor is not None and tensor.dtype == self.output.dtype]
        if self.output.dtype in CODES and len({parameters(tensor) for tensor in (*data, *self.outputs)}) > 1:
            raise self.refuse("its inputs differ in scale or zero point from its output")

    @property
    def limits(self) -> tuple[int, int]:
        """The codes that the fused activation lets through."""
        try:
            return fixed_point.activation_range(
                self.option("fused_activation_function", "NONE"), *parameters(self.output)
            )
        except NotImplementedError as error:
            raise self.refuse(f"{error}".rstrip(".")) from None

    @property
    def geometry(self) -> dict[str, object]:
        """Strides, padding and dilations, as `convolution` takes them."""
        strides, padding, dilations = (
            self.pair("stride_{}"),
            self.option("padding", "SAME"),
            self.pair("dilation_{}_factor"),
        )
        if min(*strides, *dilations) < 1 or padding not in ("SAME", "VALID"):
            raise self.broken(f"strides {strides}, dilations {dilations} and the padding {padding} make no convolution")
        return {"strides": strides, "padding": padding, "dilations": dilations}


def parameters(tensor: Tensor) -> tuple[np.float32, int]:
    """Return scale and zero point of a tensor that has one of each.

    Raises:
        Unreadable: it has none, or several, or they are no scale and no zero point.
    """
    if len(tensor.scale) != 1 or len(tensor.zero_point) != 1:
        raise Unreadable(
            f"Tensor {tensor.index} ({tensor.name}) should have one scale and one zero point; found "
            f"{len(tensor.scale)} and {len(tensor.zero_point)}. The file is damaged, or its activations are no codes."
        )
    scale, zero_point = tensor.scale[0], int(tensor.zero_point[0])
    low, high = CODES.get(tensor.dtype, (-(2**31), 2**31 - 1))
    if not (0 < scale < math.inf and low <= zero_point <= high):
        raise Unreadable(
            f"Tensor {tensor.index} ({tensor.name}) should have a scale above 0 and a zero point from {low} to {high}; "
            f"found {scale} and {zero_point}. The file is damaged; convert it again."
        )
    return scale, zero_point
