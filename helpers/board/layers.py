"""Quantized layers for the C functions: 1×1 and 3×3 depthwise convolutions, with an input and the right answer."""

import dataclasses
import functools

import numpy as np

from helpers.board.routines import DEPTHWISE, POINTWISE, Routine
from helpers.integer import fixed_point
from helpers.integer.sums import convolution, depthwise_convolution, output_length, windows

MAX_CHANNELS = 512  # kernels.h: room in the kernels' own buffers


@dataclasses.dataclass(frozen=True)
class ConvolutionLayer:
    """A quantized 1×1 convolution, or a 3×3 depthwise one, and an input for it.

    Attributes:
        codes: the input, int8 [height, width, channels].
        weights: int8 [filters, 1, 1, channels] or [1, 3, 3, channels].
        bias: int32 [filters].
        input_scale, input_zero_point, output_scale, output_zero_point: of input and output.
        weight_scales: float [filters], or [1] for one scale for all.
        activation: "NONE", "RELU" or "RELU6".
        strides: (height, width), of the depthwise convolution.
        padding: "SAME" or "VALID".
    """

    codes: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    input_scale: float
    input_zero_point: int
    weight_scales: np.ndarray
    output_scale: float
    output_zero_point: int
    activation: str = "NONE"
    strides: tuple[int, int] = (1, 1)
    padding: str = "SAME"

    @property
    def kind(self) -> str:
        """POINTWISE or DEPTHWISE."""
        return POINTWISE if self.weights.shape[1:3] == (1, 1) else DEPTHWISE

    @property
    def filters(self) -> int:
        """How many channels the output has."""
        return self.weights.shape[0] if self.kind == POINTWISE else self.weights.shape[3]

    @property
    def edges(self) -> list[tuple[int, int, int]]:
        """For height and width: the output's length, the padding before and after; see `output_length`."""
        kernel = self.weights.shape[1]
        lengths = zip(self.codes.shape[:2], self.strides, strict=True)
        return [output_length(length, kernel, stride, self.padding) for length, stride in lengths]

    @property
    def out_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the output."""
        (height, *_), (width, *_) = self.edges
        return height, width, self.filters

    @property
    def macs(self) -> int:
        """Multiply-accumulates, those of the padding included, as `roofline.layers` counts them."""
        for_each_output = self.weights.shape[3] if self.kind == POINTWISE else 9
        return int(np.prod(self.out_shape)) * for_each_output

    @property
    def limits(self) -> tuple[int, int]:
        """The codes that the fused activation lets through."""
        return fixed_point.activation_range(self.activation, self.output_scale, self.output_zero_point)

    @property
    def real_limits(self) -> tuple[float, float]:
        """The numbers that it lets through."""
        return {"NONE": (-np.inf, np.inf), "RELU": (0.0, np.inf), "RELU6": (0.0, 6.0)}[self.activation]

    def multipliers(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the multiplier and the shift of each filter, int32 [filters] each; see `quantize_multiplier`."""
        wide = float(np.float32(self.input_scale)) * np.float32(self.weight_scales).astype(np.float64)
        ratios = np.broadcast_to(wide / float(np.float32(self.output_scale)), self.filters)
        pairs = np.array([fixed_point.quantize_multiplier(float(ratio)) for ratio in ratios], np.int32)
        return pairs[:, 0], pairs[:, 1]

    def expected(self) -> np.ndarray:
        """Return the output that the integer network computes, int8 [height, width, filters]."""
        add_up = convolution if self.kind == POINTWISE else depthwise_convolution
        sums = add_up(self.codes[None], self.weights, self.bias, self.input_zero_point, self.strides, self.padding)[0]
        return fixed_point.to_codes(sums, *self.multipliers(), self.output_zero_point, self.limits)

    def real(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return input, weights and bias as the numbers that they stand for, float32."""
        scales = np.broadcast_to(np.float32(self.weight_scales), self.filters)
        shape = (-1, 1, 1, 1) if self.kind == POINTWISE else (1, 1, 1, -1)
        inputs = (self.codes.astype(np.float32) - np.float32(self.input_zero_point)) * np.float32(self.input_scale)
        bias = self.bias * (np.float64(np.float32(self.input_scale)) * scales)
        return inputs, self.weights * scales.reshape(shape), bias.astype(np.float32)

    def expected_real(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the output in float64, and a bound for the error of any order of additions in float32.

        The bound is n u (|bias| + sum |x w|) with n additions and u = 2^-24, a little enlarged (Higham, Accuracy and
        Stability of Numerical Algorithms, 2nd edition 2002, section 3.1).  Both have the shape of the output.
        """
        inputs, weights, bias = (values.astype(np.float64) for values in self.real())
        seen = windows(inputs[None], self.weights.shape[1:3], self.strides, self.padding)[0]
        rows = "hwyxc,fyxc->hwf" if self.kind == POINTWISE else "hwyxc,ayxc->hwc"
        sums, sizes = (np.einsum(rows, x, w) for x, w in ((seen, weights), (np.abs(seen), np.abs(weights))))
        length = seen.shape[-1] if self.kind == POINTWISE else 9
        return np.clip(sums + bias, *self.real_limits), 1.1 * (length + 2) * 2**-24 * (sizes + np.abs(bias))


@functools.cache
def example(kind: str, seed: int = 0) -> ConvolutionLayer:
    """Return the layer that is counted: 64 channels, RELU6, drawn at random with a fixed seed.

    A 1×1 convolution has 64 filters and 2 × 2 pixels, a depthwise one 4 × 4 pixels: the counts for one
    multiply-accumulate depend little on how many pixels there are, and emulating few takes less time.

    Raises:
        ValueError: it is neither POINTWISE nor DEPTHWISE.
    """
    if kind not in (POINTWISE, DEPTHWISE):
        raise ValueError(f"Expected {POINTWISE!r} or {DEPTHWISE!r}; found {kind!r}.")
    rng = np.random.default_rng(seed)
    size, shape = (2, (64, 1, 1, 64)) if kind == POINTWISE else (4, (1, 3, 3, 64))
    scales = rng.uniform(0.001, 0.004, 64).astype(np.float32)
    return ConvolutionLayer(
        codes=rng.integers(-128, 128, (size, size, 64), np.int8),
        weights=np.clip(rng.normal(0, 40, shape).round(), -127, 127).astype(np.int8),
        bias=rng.integers(-2000, 2000, 64, np.int32),
        input_scale=6 / 255,
        input_zero_point=-128,
        weight_scales=scales,
        output_scale=6 / 255,
        output_zero_point=-128,
        activation="RELU6",
    )


def check(kernel: Routine, layer: ConvolutionLayer) -> None:
    """Raise a ValueError if a kernel does not take a layer."""
    if layer.kind != kernel.layer:
        raise ValueError(f"{kernel.name} computes a {kernel.layer}; found a {layer.kind}.")
    if layer.kind == POINTWISE and (layer.strides != (1, 1)):
        raise ValueError(f"{kernel.name} takes stride 1; found {layer.strides}.")
    height, width, filters = layer.out_shape
    numbers = (height * width, filters, layer.codes.shape[2])
    if any(number % block for number, block in zip(numbers, kernel.blocks, strict=True)):
        raise ValueError(
            f"{kernel.name} takes layers whose pixels, filters and channels are multiples of "
            f"{', '.join(map(str, kernel.blocks))}; found {', '.join(map(str, numbers))}."
        )
    if max(numbers[1:]) > MAX_CHANNELS:
        raise ValueError(f"The kernels take layers of up to {MAX_CHANNELS} channels; found {max(numbers[1:])}.")
