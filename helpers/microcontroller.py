"""What a microcontroller would execute: the inner loops of two layers in C, run in an emulator and counted.

`data/microcontroller/kernels.c` has a 1×1 convolution and a 3×3 depthwise one, in float32 and in int8, as plain loops,
in blocks, and with the instructions that some processors have for int8.  Compiled for six processors, the programs lie
beside their source.  Unicorn (https://www.unicorn-engine.org), an emulator made from QEMU, executes them here on this
computer; every result is compared with `integer_inference` before its count is shown.

The counts are exact, and the same in every run.  They are instructions, not time: how many cycles an instruction takes
depends on the processor, and `cycles` says what its manual says.

From the command line, `python -m helpers.microcontroller` prints the counts; `--build` compiles all programs again, and
`--record` counts and writes `counts.csv`, which is shown where there is no emulator.
"""

import argparse
import csv
import dataclasses
import functools
import importlib.util
import json
import re
import shutil
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import numpy as np

from helpers import artifacts, board, inspection, integer_inference, roofline
from helpers.tables import Table

FOLDER = artifacts.project() / "data" / "microcontroller"
MANIFEST, RECORDED, SOURCES = "manifest.json", "counts.csv", ("kernels.c", "kernels.h", "link.ld")
POINTWISE, DEPTHWISE = "1×1 convolution", "3×3 depthwise convolution"
MAX_CHANNELS = 512  # kernels.h: room in the kernels' own buffers
OWN_INSTRUCTIONS = ("SMLAD", "SDOT")  # made for small integers
SECONDS = 60  # the time that an emulated kernel may take; on the example layers the slowest takes about one second


# --- processors and kernels ---------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Core:
    """A processor and how a program for it is made and run.

    Attributes:
        name: as its maker calls it, or its instruction set.
        file: the program for it.
        gcc: what tells GCC about it.
        zig: the same for `zig cc`: target and processor.
        unicorn: the emulator's model, a name in unicorn.arm_const or arm64_const without its beginning.
        wide: whether it is AArch64, with pointers of 8 bytes.
    """

    name: str
    file: str
    gcc: tuple[str, ...]
    zig: tuple[str, str]
    unicorn: str
    wide: bool = False


_CORES = (
    Core(
        "Cortex-M0+",  # the emulator has the M0, which executes the same instructions
        "cortex-m0plus.elf",
        ("-mthumb", "-mcpu=cortex-m0plus", "-mfloat-abi=soft"),
        ("thumb-freestanding-eabi", "cortex_m0plus"),
        "CORTEX_M0",
    ),
    Core(
        "Cortex-M3",
        "cortex-m3.elf",
        ("-mthumb", "-mcpu=cortex-m3", "-mfloat-abi=soft"),
        ("thumb-freestanding-eabi", "cortex_m3"),
        "CORTEX_M3",
    ),
    Core(
        "Cortex-M4",
        "cortex-m4.elf",
        ("-mthumb", "-mcpu=cortex-m4", "-mfloat-abi=soft"),
        ("thumb-freestanding-eabi", "cortex_m4"),
        "CORTEX_M4",
    ),
    Core(
        "Cortex-M4F",
        "cortex-m4f.elf",
        ("-mthumb", "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
        ("thumb-freestanding-eabihf", "cortex_m4+vfp4d16sp"),
        "CORTEX_M4",
    ),
    Core("AArch64", "aarch64.elf", ("-march=armv8-a",), ("aarch64-freestanding-none", "generic"), "A72", wide=True),
    Core(
        "AArch64 with SDOT",
        "aarch64-sdot.elf",
        ("-march=armv8.2-a+dotprod",),
        ("aarch64-freestanding-none", "generic+dotprod"),
        "MAX",
        wide=True,
    ),
)
CORES = {core.name: core for core in _CORES}


@dataclasses.dataclass(frozen=True)
class Kernel:
    """One function of kernels.c.

    Attributes:
        name: of the function.
        layer: what it computes, POINTWISE or DEPTHWISE.
        kind: "float32" or "int8".
        how: what is special about it, in a few words.
        blocks: (pixels, filters, channels): it takes layers whose numbers of these are multiples.
    """

    name: str
    layer: str
    kind: str
    how: str
    blocks: tuple[int, int, int] = (1, 1, 1)

    @property
    def label(self) -> str:
        """The name for figures and tables: 'int8, SMLAD'."""
        return f"{self.kind}, {self.how}"


_KERNELS = (
    Kernel("pointwise_f32", POINTWISE, "float32", "plain loop"),
    Kernel("pointwise_f32_blocked", POINTWISE, "float32", "blocks of 2 × 2", (2, 2, 1)),
    Kernel("pointwise_f32_neon", POINTWISE, "float32", "vectors", (4, 4, 4)),
    Kernel("pointwise_i8", POINTWISE, "int8", "plain loop"),
    Kernel("pointwise_i8_blocked", POINTWISE, "int8", "blocks of 2 × 2", (2, 2, 1)),
    Kernel("pointwise_i8_smlad", POINTWISE, "int8", "SMLAD", (2, 2, 4)),
    Kernel("pointwise_i8_neon", POINTWISE, "int8", "vectors", (2, 4, 16)),
    Kernel("pointwise_i8_sdot", POINTWISE, "int8", "SDOT", (4, 4, 16)),
    Kernel("depthwise_f32", DEPTHWISE, "float32", "plain loop"),
    Kernel("depthwise_i8", DEPTHWISE, "int8", "plain loop"),
    Kernel("depthwise_i8_smlad", DEPTHWISE, "int8", "SMLAD", (1, 1, 4)),
)
KERNELS = {kernel.name: kernel for kernel in _KERNELS}


def kernels_of(core: str) -> list[str]:
    """Return the kernels that a processor has the instructions for, in the order of `KERNELS`.

    Raises:
        KeyError: there is no such processor.
    """
    vectors = {"pointwise_f32_neon", "pointwise_i8_neon"} | ({"pointwise_i8_sdot"} if "SDOT" in core else set())
    plain = set(KERNELS) - vectors - {"pointwise_i8_sdot"}
    if not _core(core).file.startswith("cortex-m4"):
        plain = {name for name in plain if not name.endswith("smlad")}
    return [name for name in KERNELS if name in (vectors if CORES[core].wide else plain)]


def source(kernel: str) -> str:
    """Return the lines of kernels.c that define a kernel: a function, or a macro and the line that makes one of it.

    Raises:
        KeyError: there is no such kernel.
    """
    if kernel not in KERNELS:
        raise KeyError(f"Expected one of {', '.join(KERNELS)}; found {kernel!r}.")
    text = (FOLDER / "kernels.c").read_text(encoding="utf-8")
    if found := re.search(rf"^void {kernel}\(.*?^}}$", text, re.MULTILINE | re.DOTALL):
        return found[0]
    use, macro = re.search(rf"^(\w+)\({kernel},.*$", text, re.MULTILINE).group(0, 1)
    definition = re.search(rf"^#define {macro}\((?:.*\\\n)*.*$", text, re.MULTILINE)[0]
    return f"{definition}\n{use}"


def _core(name: str) -> Core:
    if name not in CORES:
        raise KeyError(f"Expected one of {', '.join(CORES)}; found {name!r}.")
    return CORES[name]


def _kernel(core: str, name: str) -> Kernel:
    if name not in kernels_of(core):
        raise KeyError(f"{core} has the kernels {', '.join(kernels_of(core))}; found {name!r}.")
    return KERNELS[name]


# --- layers -------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Layer:
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
        return [integer_inference.output_length(length, kernel, stride, self.padding) for length, stride in lengths]

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
        return integer_inference.activation_range(self.activation, self.output_scale, self.output_zero_point)

    @property
    def real_limits(self) -> tuple[float, float]:
        """The numbers that it lets through."""
        return {"NONE": (-np.inf, np.inf), "RELU": (0.0, np.inf), "RELU6": (0.0, 6.0)}[self.activation]

    def multipliers(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the multiplier and the shift of each filter, int32 [filters] each; see `quantize_multiplier`."""
        wide = float(np.float32(self.input_scale)) * np.float32(self.weight_scales).astype(np.float64)
        ratios = np.broadcast_to(wide / float(np.float32(self.output_scale)), self.filters)
        pairs = np.array([integer_inference.quantize_multiplier(float(ratio)) for ratio in ratios], np.int32)
        return pairs[:, 0], pairs[:, 1]

    def expected(self) -> np.ndarray:
        """Return the output that the integer network computes, int8 [height, width, filters]."""
        add_up = integer_inference.convolution if self.kind == POINTWISE else integer_inference.depthwise_convolution
        sums = add_up(self.codes[None], self.weights, self.bias, self.input_zero_point, self.strides, self.padding)[0]
        return integer_inference.to_codes(sums, *self.multipliers(), self.output_zero_point, self.limits)

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
        seen = integer_inference.windows(inputs[None], self.weights.shape[1:3], self.strides, self.padding)[0]
        rows = "hwyxc,fyxc->hwf" if self.kind == POINTWISE else "hwyxc,ayxc->hwc"
        sums, sizes = (np.einsum(rows, x, w) for x, w in ((seen, weights), (np.abs(seen), np.abs(weights))))
        length = seen.shape[-1] if self.kind == POINTWISE else 9
        return np.clip(sums + bias, *self.real_limits), 1.1 * (length + 2) * 2**-24 * (sizes + np.abs(bias))


@functools.cache
def example(kind: str, seed: int = 0) -> Layer:
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
    return Layer(
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


def layers_of(path: Path, codes: np.ndarray) -> dict[int, Layer]:
    """Return the layers of a full-int8 .tflite file that the kernels compute, {number of the operator: layer}.

    These are its 1×1 convolutions with stride 1 and its 3×3 depthwise ones, with the inputs that they get for one
    picture.

    Args:
        path: a file that `integer_inference.load` takes.
        codes: the picture, int8 [1, h, w, channels].
    """
    values, found = integer_inference.load(path).tensors(codes), {}
    for step, (operator, tensors) in enumerate(inspection.graph(path)):
        if operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            layer = _layer(operator, tensors, values[tensors[0].index][0])
            pointwise = operator.name == "CONV_2D" and layer.weights.shape[1:3] == (1, 1) and layer.strides == (1, 1)
            depthwise = operator.name == "DEPTHWISE_CONV_2D" and layer.weights.shape == (1, 3, 3, layer.codes.shape[2])
            if (pointwise or depthwise) and operator.options.get("dilation_h_factor", 1) == 1:
                found[step] = layer
    return found


def _layer(operator: inspection.Operator, tensors: list[inspection.Tensor | None], codes: np.ndarray) -> Layer:
    """Return a convolution of a file with an input, int8 [h, w, channels]; tensors as `inspection.graph` has them."""
    data, weights, *bias, output = tensors
    step = integer_inference.Step(operator, (data, weights), output)
    (scale, zero_point), (output_scale, output_zero_point) = map(integer_inference.parameters, (data, output))
    filters = weights.shape[0 if operator.name == "CONV_2D" else 3]
    return Layer(
        codes,
        weights.data,
        bias[0].data if any(bias) else np.zeros(filters, np.int32),
        float(scale),
        zero_point,
        weights.scale,
        float(output_scale),
        output_zero_point,
        step.option("fused_activation_function", "NONE"),
        step.pair("stride_{}"),
        step.option("padding", "SAME"),
    )


def _check(kernel: Kernel, layer: Layer) -> None:
    """Raise a ValueError if a kernel does not take a layer."""
    if layer.kind != kernel.layer:
        raise ValueError(f"{kernel.name} computes a {kernel.layer}; found a {layer.kind}.")
    if layer.kind == POINTWISE and (layer.strides != (1, 1)):
        raise ValueError(f"{kernel.name} takes stride 1; found {layer.strides}.")
    height, width, filters = layer.out_shape
    found = (height * width, filters, layer.codes.shape[2])
    if any(number % block for number, block in zip(found, kernel.blocks, strict=True)):
        raise ValueError(
            f"{kernel.name} takes layers whose pixels, filters and channels are multiples of "
            f"{', '.join(map(str, kernel.blocks))}; found {', '.join(map(str, found))}."
        )
    if max(found[1:]) > MAX_CHANNELS:
        raise ValueError(f"The kernels take layers of up to {MAX_CHANNELS} channels; found {max(found[1:])}.")


# --- counts -------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Count:
    """What one kernel executes for one layer.

    Attributes:
        core, kernel: names in `CORES` and `KERNELS`.
        macs: multiply-accumulates of the layer.
        instructions: executed, from the first of the function to its return.  One whose condition is not met (after
            IT) counts too: the processor fetches it, and it takes a cycle.
        cycles: the fewest and the most that they take by the processor's manual; None where it has no such table.
        mix: {instruction: how often it was executed}; empty if the count was read from a table.
        loop: the innermost loop, one instruction a line: what lies between the conditional jump back that was taken
            most often and where it goes; empty likewise.
    """

    core: str
    kernel: str
    macs: int
    instructions: int
    cycles: tuple[int, int] | None
    mix: dict[str, int] = dataclasses.field(default_factory=dict, compare=False)
    loop: str = dataclasses.field(default="", compare=False)

    @property
    def per_mac(self) -> float:
        """Instructions for one multiply-accumulate."""
        return self.instructions / self.macs

    @property
    def cycles_per_mac(self) -> tuple[float, float] | None:
        """Cycles for one multiply-accumulate, the fewest and the most."""
        return self.cycles and (self.cycles[0] / self.macs, self.cycles[1] / self.macs)


@dataclasses.dataclass(frozen=True)
class Counts:
    """Counts of several kernels on several processors.

    Attributes:
        found: {(core, kernel): count}.
        source: "measured" if they were counted here, "recorded" if they were read from `counts.csv`.
    """

    found: dict[tuple[str, str], Count]
    source: str

    def __getitem__(self, key: tuple[str, str]) -> Count:
        """Return one count: counts["Cortex-M4F", "pointwise_i8"]."""
        if key not in self.found:
            raise KeyError(f"There is no count for {' and '.join(key)}; there are {len(self.found)} others.")
        return self.found[key]

    def per_mac(self, core: str, kernel: str) -> float:
        """Return the instructions for one multiply-accumulate."""
        return self[core, kernel].per_mac

    def cores(self) -> list[str]:
        """Return the processors, in the order of `CORES`."""
        return [name for name in CORES if any(core == name for core, _ in self.found)]

    def best(self, core: str, layer: str, kind: str) -> Count:
        """Return the count of the kernel with the fewest instructions for a layer and a kind of number."""
        chosen = [
            count
            for (where, name), count in self.found.items()
            if where == core and (KERNELS[name].layer, KERNELS[name].kind) == (layer, kind)
        ]
        if not chosen:
            raise KeyError(f"There is no count of a {layer} in {kind} for {core}.")
        return min(chosen, key=lambda count: count.per_mac)

    def fewest(self, core: str, layer: str = POINTWISE) -> dict[str, Count]:
        """Return the best counts of a processor for a layer, {"float32", "int8", and "SMLAD" or "SDOT": count}.

        Kernels with instructions of their own stand apart from the int8 kernels that need none.
        """
        found = {}
        for (where, name), one in self.found.items():
            kernel = KERNELS[name]
            if (where, kernel.layer) == (core, layer):
                kind = kernel.how if kernel.how in OWN_INSTRUCTIONS else kernel.kind
                found[kind] = min(found.get(kind, one), one, key=lambda count: count.per_mac)
        return found

    def ratio(self, core: str, layer: str = POINTWISE) -> float:
        """Return the instructions of the best float32 kernel over those of the best int8 one."""
        return self.best(core, layer, "float32").per_mac / self.best(core, layer, "int8").per_mac


def installed() -> bool:
    """Return whether the emulator and the disassembler are installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("unicorn", "capstone"))


def count(core: str, kernel: str, layer: Layer | None = None, folder: Path | None = None) -> Count:
    """Run a kernel in the emulator, check its result, and count what it executed.

    Args:
        core, kernel: names in `CORES` and `KERNELS`.
        layer: what to compute; if left out, `example`.
        folder: where the programs lie, if not those that come with the suite.

    Raises:
        KeyError: there is no such processor, or it has no such kernel.
        ValueError: the kernel does not take this layer, or the program is not the one that was built.
        FileNotFoundError: the program is missing.
        NotImplementedError: the emulator is not installed.
        RuntimeError: the emulated program broke off, or its result is not that of the integer network.
        TimeoutError: it took longer than `SECONDS`.
    """
    chosen = _kernel(core, kernel)
    layer = layer or example(chosen.layer)
    output, tally = _executed(core, kernel, layer, folder)
    _verify(core, chosen, layer, output)
    return Count(core, kernel, layer.macs, tally.instructions, tally.cycles, tally.mix, tally.loop)


def run(core: str, kernel: str, layer: Layer) -> np.ndarray:
    """Return what a kernel computes in the emulator, int8 or float32 [height, width, filters]; errors: see `count`."""
    return _executed(core, kernel, layer, None)[0]


def _verify(core: str, kernel: Kernel, layer: Layer, output: np.ndarray) -> None:
    """Raise a RuntimeError if a kernel's result is not as expected: equal codes, or within the bound of float32."""
    if kernel.kind == "int8":
        wrong = int(np.count_nonzero(output != layer.expected()))
    else:
        expected, bound = layer.expected_real()
        wrong = int(np.count_nonzero(~(np.abs(output - expected) <= bound)))
    if wrong:
        raise RuntimeError(
            f"{kernel.name} on {core} computed {wrong:,} of {output.size:,} values otherwise than expected, so its "
            "instructions are not counted: change kernels.c back, or build it again with --build."
        )


def measured(
    cores: Iterable[str] | None = None, kernels: Collection[str] | None = None, folder: Path | None = None
) -> Counts:
    """Count all kernels on some processors (all of them: about five seconds), with a progress bar.

    Args:
        cores: names in `CORES`; all if left out.
        kernels: names in `KERNELS`; all that the processors have if left out.
        folder: see `count`.

    Raises:
        the errors of `count`.
    """
    pairs = [
        (core, kernel)
        for core in (CORES if cores is None else cores)
        for kernel in kernels_of(core)
        if kernels is None or kernel in kernels
    ]
    bar = artifacts.progress(pairs, "Counting instructions", "kernel")
    return Counts({pair: count(*pair, folder=folder) for pair in bar}, "measured")


def recorded() -> Counts:
    """Return the counts of `data/microcontroller/counts.csv`, of the programs that lie beside it.

    Raises:
        ValueError: a line of the table is incomplete, or a number in it is none.
    """
    with (FOLDER / RECORDED).open(encoding="utf-8", newline="") as table:
        found = map(_recorded, csv.DictReader(table))
        return Counts({(count.core, count.kernel): count for count in found}, "recorded")


FIELDS = ("core", "kernel", "macs", "instructions", "fewest_cycles", "most_cycles")


def _recorded(row: dict[str, str]) -> Count:
    try:
        cycles = (int(row["fewest_cycles"]), int(row["most_cycles"])) if row["most_cycles"] else None
        if row["kernel"] not in kernels_of(row["core"]):
            raise ValueError
        return Count(row["core"], row["kernel"], int(row["macs"]), int(row["instructions"]), cycles)
    except (KeyError, TypeError, ValueError):
        raise ValueError(
            f"A line of {RECORDED} needs {', '.join(FIELDS)} (a known core and kernel, whole numbers); found {row}."
        ) from None


def record(counts: Counts) -> None:
    """Write counts to `counts.csv`."""
    with artifacts.atomic(FOLDER / RECORDED) as part, part.open("w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(FIELDS)
        for one in counts.found.values():
            writer.writerow([one.core, one.kernel, one.macs, one.instructions, *(one.cycles or ("", ""))])


def counts(cores: Iterable[str] | None = None) -> Counts:
    """Return measured counts where the emulator is installed, and the recorded ones elsewhere, saying so."""
    if installed():
        return measured(cores)
    print("Unicorn is not installed here: these counts were recorded with the same programs on another computer.")
    everything, chosen = recorded(), set(CORES if cores is None else cores)
    return Counts({pair: one for pair, one in everything.found.items() if pair[0] in chosen}, everything.source)


def table(counts: Counts, layer: str = POINTWISE) -> Table:
    """Return instructions for one multiply-accumulate, one line for each kernel and one column for each processor.

    Raises:
        ValueError: there are no counts of that layer.
    """
    names = [name for name in KERNELS if KERNELS[name].layer == layer and any(k == name for _, k in counts.found)]
    cores = [core for core in counts.cores() if any((core, name) in counts.found for name in names)]
    if not names:
        raise ValueError(f"There are no counts of a {layer}: expected at least one.")
    rows = [
        [
            KERNELS[name].label,
            *(f"{counts.per_mac(core, name):.3g}" if (core, name) in counts.found else "–" for core in cores),
        ]
        for name in names
    ]
    return Table(["kernel", *cores], rows, f"{layer}: instructions per multiply-accumulate, {counts.source}")


# --- cycles -------------------------------------------------------------------------------------------------------
#
# What the manuals say about instructions, for memory without wait states:
#   Cortex-M0+: Cortex-M0+ Technical Reference Manual (Arm DDI 0484C), table 3-1; the multiplier of one cycle
#   Cortex-M4:  Cortex-M4 Processor Technical Reference Manual (Arm 100166), tables 3-1 and 7-1

MANUALS = {"Cortex-M0+": "Arm DDI 0484C", "Cortex-M4": "Arm 100166", "Cortex-M4F": "Arm 100166"}
MULTIPLE = ("push", "pop", "ldm", "stm", "vpush", "vpop", "vldm", "vstm")  # 1 cycle, and 1 for each register
REFILL = (1, 3)  # cycles by which a jump of the Cortex-M4 takes longer, depending on the alignment of where it goes


def cycles(core: str, name: str, operands: str, jumped: bool = False) -> tuple[int, int] | None:
    """Return the fewest and the most cycles of one instruction, from the processor's manual.

    Args:
        core: a name in `CORES`.
        name, operands: as the disassembler writes them: "ldrsb.w", "r5, [r1], #1".
        jumped: whether the next instruction came from another place.

    Returns:
        None for a processor whose manual has no such table.
    """
    if core not in MANUALS:
        return None
    registers = re.findall(r"\b(?:[rsd]\d+|lr|pc|ip|fp|sb|sl)\b", operands)
    words = sum(2 if register.startswith("d") else 1 for register in registers)
    if name.startswith(("ldm", "stm", "vldm", "vstm")):
        words -= 1  # the register of the address
    if core == "Cortex-M0+":
        fixed = _cycles_m0plus(name, words, jumped)
        return fixed, fixed
    low, high = _cycles_m4(name, words)
    return (low + REFILL[0], high + REFILL[1]) if jumped else (low, high)


def _cycles_m0plus(name: str, words: int, jumped: bool) -> int:
    """Return the cycles of an instruction of the Cortex-M0+, with the faster of its two multipliers."""
    if name.startswith(MULTIPLE):
        return 1 + words + 2 * jumped
    if name == "bl":
        return 3
    return 2 if jumped or name.startswith(("ldr", "str")) else 1


def _cycles_m4(name: str, words: int) -> tuple[int, int]:
    """Return the fewest and the most cycles of an instruction of the Cortex-M4 that does not jump.

    A load or a store right behind another one can take 1 cycle instead of 2.  A result of the floating-point unit that
    the next instruction needs costs one more.
    """
    if name.startswith(("ldrd", "strd")):
        return 3, 3
    if name.startswith(MULTIPLE):
        return 1 + words, 1 + words
    if name.startswith(("ldr", "str", "vldr", "vstr")):
        return 1, 2
    if name.startswith(("vfma", "vmla", "vfms", "vmls")):
        return 3, 4
    if name.startswith(("vadd", "vsub", "vmul")):
        return 1, 2
    return 1, 1


# --- the emulator -------------------------------------------------------------------------------------------------

FLASH, FLASH_BYTES = 0x00000000, 1 << 20  # link.ld puts code and constants there
RAM, RAM_BYTES, STACK_BYTES = 0x20000000, 1 << 23, 1 << 16  # and the kernels' own buffers here; the stack is at the end
DATA = RAM + (1 << 16)  # layer, weights, input and output, behind those buffers
STOP, PAGE = 0x3FF00000, 4096  # where kernels return to; there is nothing


@dataclasses.dataclass(frozen=True)
class _Tally:
    """What was executed; see `Count`."""

    instructions: int
    cycles: tuple[int, int] | None
    mix: dict[str, int]
    loop: str


def _executed(core: str, kernel: str, layer: Layer, folder: Path | None) -> tuple[np.ndarray, _Tally]:
    """Run a kernel on a layer: its output, and what was executed."""
    chosen = _kernel(core, kernel)
    _check(chosen, layer)
    program = _program(core, folder)
    if not installed():
        raise NotImplementedError(
            "Instructions cannot be counted here: the packages unicorn and capstone are not installed "
            "(python -m pip install -r requirements.txt); microcontroller.recorded() has counts made elsewhere."
        )
    machine = _Machine(CORES[core], program)
    return machine.call(chosen, layer)


@dataclasses.dataclass(frozen=True)
class _Program:
    """The parts of an ELF file that matter: what lies where, and where the functions begin."""

    segments: tuple[tuple[int, bytes], ...]
    functions: dict[str, int]


def read_program(path: Path) -> _Program:
    """Read an ELF file of 32 or 64 bits, little endian (System V ABI, "Object Files").

    Raises:
        ValueError: it is no ELF file, or a broken one.
    """
    content = Path(path).read_bytes()
    if content[:4] != b"\x7fELF":
        raise ValueError(f"{Path(path).name} is no ELF file: it should begin with b'\\x7fELF', found {content[:4]!r}.")
    try:
        return _parsed(content, wide=content[4] == 2)
    except (struct.error, IndexError, ValueError):
        raise ValueError(f"{Path(path).name} is a broken ELF file of {len(content):,} bytes: build it again.") from None


def _parsed(content: bytes, wide: bool) -> _Program:
    header, segment, section, symbol = (
        ("<32xQQ6xHHHHH", "<I4xQQ8xQ16x", "<4xI16xQQI12x", "<IB3xQ8x")
        if wide
        else ("<28xII6xHHHHH", "<III4xI12x", "<4xI8xIII12x", "<II4xB3x")
    )
    segments_at, sections_at, segment_bytes, segments, section_bytes, sections, _ = struct.unpack_from(header, content)
    loaded = []
    for i in range(segments):
        kind, offset, address, size = struct.unpack_from(segment, content, segments_at + i * segment_bytes)
        if kind == 1 and size:  # PT_LOAD
            loaded.append((address, content[offset : offset + size]))
    places = [struct.unpack_from(section, content, sections_at + i * section_bytes) for i in range(sections)]
    functions = {}
    for kind, offset, size, link in places:
        if kind == 2:  # SHT_SYMTAB
            for at in range(offset, offset + size, struct.calcsize(symbol)):
                name, *rest = struct.unpack_from(symbol, content, at)
                info, value = rest if wide else rest[::-1]
                if info & 15 == 2:  # STT_FUNC
                    start = places[link][1] + name
                    functions[content[start : content.index(b"\0", start)].decode()] = value & (~0 if wide else ~1)
    return _Program(tuple(loaded), functions)


class _Machine:
    """One emulated processor with a program in its memory."""

    def __init__(self, core: Core, program: _Program):
        import capstone
        import unicorn
        from unicorn import arm64_const, arm_const

        self.core, self.program, self.unicorn = core, program, unicorn
        if core.wide:
            names, prefix = arm64_const, "UC_ARM64_REG_"
            self.uc = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
            self.uc.ctl_set_cpu_model(getattr(arm64_const, f"UC_CPU_ARM64_{core.unicorn}"))
            self.decoder = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
        else:
            names, prefix = arm_const, "UC_ARM_REG_"
            # not UC_MODE_MCLASS, with which Unicorn takes a Cortex-M33 whatever model is asked for
            self.uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
            self.uc.ctl_set_cpu_model(getattr(arm_const, f"UC_CPU_ARM_{core.unicorn}"))
            self.decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
        self.decoder.skipdata = True  # an instruction newer than the disassembler still counts as one
        self.register = lambda name: getattr(names, prefix + name)
        for start, size in ((FLASH, FLASH_BYTES), (RAM, RAM_BYTES), (STOP, PAGE)):
            self.uc.mem_map(start, size)
        for address, content in program.segments:
            self.uc.mem_write(address, content)
        if core.wide:  # let it use its vectors
            self.uc.reg_write(self.register("CPACR_EL1"), 3 << 20)
        self.free = DATA

    def place(self, values: np.ndarray | bytes) -> int:
        """Write something into the memory and return where it begins."""
        content = values if isinstance(values, bytes) else np.ascontiguousarray(values).tobytes()
        start, self.free = self.free, -(-(self.free + len(content)) // 64) * 64
        if self.free > RAM + RAM_BYTES - STACK_BYTES:
            raise ValueError(f"The layer does not fit into the {RAM_BYTES >> 20} MiB of the emulated memory.")
        self.uc.mem_write(start, content)
        return start

    def call(self, kernel: Kernel, layer: Layer) -> tuple[np.ndarray, _Tally]:
        """Call a kernel as a C program would: arguments in registers, a stack, a place to return to."""
        dtype = np.dtype(kernel.kind)
        inputs, weights, bias = layer.real()
        data = (layer.codes, layer.weights) if kernel.kind == "int8" else (inputs, weights)
        size = int(np.prod(layer.out_shape))
        described = self.place(self.describe(layer, bias))
        arguments = (described, *map(self.place, data), self.place(bytes(size * dtype.itemsize)))
        for number, argument in enumerate(arguments):
            self.uc.reg_write(self.register(f"{'X' if self.core.wide else 'R'}{number}"), argument)
        thumb = 0 if self.core.wide else 1  # the lowest bit of an address says: Thumb instructions
        self.uc.reg_write(self.register("SP"), RAM + RAM_BYTES)
        self.uc.reg_write(self.register("X30" if self.core.wide else "LR"), STOP | thumb)
        edges = self.listen(lambda: self.start(kernel.name, thumb))
        found = np.frombuffer(self.uc.mem_read(arguments[3], size * dtype.itemsize), dtype)
        return found.reshape(layer.out_shape), self.tally(edges)

    def describe(self, layer: Layer, bias: np.ndarray) -> bytes:
        """Return the `struct layer` of kernels.h."""
        (_, top, _), (_, left, _) = layer.edges
        axes = (1, 2, 3) if layer.kind == POINTWISE else (0, 1, 2)
        folded = layer.bias - layer.input_zero_point * layer.weights.astype(np.int64).sum(axis=axes)
        multiplier, shift = layer.multipliers()
        tables = [bias, *(np.asarray(v).astype(np.int32) for v in (layer.bias, folded, multiplier, shift))]
        return struct.pack(
            f"<14i2f5{'Q' if self.core.wide else 'I'}",
            *layer.codes.shape,
            *layer.out_shape,
            *layer.strides,
            top,
            left,
            layer.input_zero_point,
            layer.output_zero_point,
            *layer.limits,
            *layer.real_limits,
            *map(self.place, tables),
        )

    def start(self, function: str, thumb: int) -> None:
        """Emulate a function until it returns."""
        counter = self.register("PC")
        try:
            self.uc.emu_start(self.program.functions[function] | thumb, STOP, timeout=int(SECONDS * 1_000_000))
        except KeyError:
            raise RuntimeError(
                f"The program for {self.core.name} has no function {function}: build it again."
            ) from None
        except self.unicorn.UcError as error:
            raise RuntimeError(
                f"{function} broke off in the emulated {self.core.name} at address "
                f"{self.uc.reg_read(counter):#x}: {error}. Its program was made for another processor, or is broken."
            ) from None
        if self.uc.reg_read(counter) != STOP:
            raise TimeoutError(f"{function} on the emulated {self.core.name} did not return within {SECONDS} seconds.")

    def listen(self, emulate: Callable[[], None]) -> Counter:
        """Emulate something and note each basic block as it is entered.

        A basic block has one way in and one way out: whoever enters it executes all of it.  (The emulator also ends one
        where a page of its memory ends.)

        Returns:
            How often each block was followed by each address, {((address, bytes), address of the next): times}.
        """
        edges, last = Counter(), (0, 0)

        def enter(_, address: int, size: int, __) -> None:
            nonlocal last
            edges[last, address] += 1
            last = (address, size)

        hook = self.uc.hook_add(self.unicorn.UC_HOOK_BLOCK, enter)
        try:
            emulate()
        finally:
            self.uc.hook_del(hook)
        edges[last, STOP] += 1
        return Counter({edge: times for edge, times in edges.items() if edge[0] != (0, 0)})  # without the way in

    def tally(self, edges: Counter) -> _Tally:
        """Add up the instructions of all blocks."""
        blocks, jumps = Counter(), Counter()
        for (block, following), times in edges.items():
            blocks[block] += times
            jumps[block] += times if sum(block) != following else 0
        mix, fewest, most = Counter(), 0, 0
        for block, times in blocks.items():
            instructions = self.disassemble(*block)
            for number, (name, operands) in enumerate(instructions, 1):
                mix[name] += times
                jumped = jumps[block] if number == len(instructions) else 0
                for often, jump in ((times - jumped, False), (jumped, True)):
                    low, high = cycles(self.core.name, name, operands, jump) or (0, 0)
                    fewest, most = fewest + often * low, most + often * high
        known = (fewest, most) if self.core.name in MANUALS else None
        return _Tally(mix.total(), known, dict(mix.most_common()), self.loop(edges))

    def disassemble(self, address: int, size: int) -> list[tuple[str, str]]:
        """Return the instructions in a part of the memory, each with its operands."""
        code = bytes(self.uc.mem_read(address, size))
        return [(one.mnemonic, one.op_str) for one in self.decoder.disasm(code, address)]

    def loop(self, edges: Counter) -> str:
        """Return the innermost loop; see `Count.loop`."""
        for ((address, size), following), _ in edges.most_common():
            if following <= address:
                instructions = self.disassemble(following, address + size - following)
                if re.fullmatch(r"(b\.?(eq|ne|hs|lo|mi|pl|hi|ls|ge|lt|gt|le)(\.w)?)|cbn?z", instructions[-1][0]):
                    return "\n".join(f"{name:<9} {operands}" for name, operands in instructions)
        return ""


# --- the programs -------------------------------------------------------------------------------------------------


def _manifest() -> dict:
    return json.loads((FOLDER / MANIFEST).read_text(encoding="utf-8"))


def _program(core: str, folder: Path | None) -> _Program:
    """Return the program for a processor; one that comes with the suite must have the bytes that were recorded."""
    chosen, path = _core(core), (folder or FOLDER) / CORES[core].file
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no program {path.name} for {core} in {path.parent}: fetch data/microcontroller/ again, or build "
            "it with python -m helpers.microcontroller --build."
        )
    if folder is None:
        wanted, found = _manifest()["programs"][chosen.name]["sha256"], artifacts.sha256(path)
        if found != wanted:
            raise ValueError(
                f"{path.name} is not the program that was recorded: its SHA-256 should begin with {wanted[:12]} and "
                f"begins with {found[:12]}. Fetch it again, or build it with python -m helpers.microcontroller --build."
            )
    return read_program(path)


@dataclasses.dataclass(frozen=True)
class Compiler:
    """A C compiler for some of the processors.

    Attributes:
        name: "GCC" or "Zig".
        command: how it is called.
        version: what it says of itself.
    """

    name: str
    command: tuple[str, ...]
    version: str


LINKER = "-Wl,--build-id=none,--entry=0,--no-gc-sections,-z,max-page-size=16"
FLAGS = ("-std=gnu11", "-O2", "-ffreestanding", "-fwrapv", "-Wall", "-Wextra", LINKER)
GCC_FLAGS = ("-static", "-nostdlib", "-fno-tree-loop-distribute-patterns")  # the last: there is no memset to call
ZIG_FLAGS = ("-fno-sanitize=undefined",)


def compilers(core: str) -> list[Compiler]:
    """Return the compilers found here for a processor: GCC on the path, and PyPI's ziglang."""
    gcc = shutil.which("aarch64-linux-gnu-gcc" if _core(core).wide else "arm-none-eabi-gcc")
    found = [_compiler("GCC", gcc)] if gcc else []
    if importlib.util.find_spec("ziglang") is not None:
        found.append(_compiler("Zig", sys.executable, "-m", "ziglang"))
    return found


@functools.cache
def _compiler(name: str, *command: str) -> Compiler:
    asked = [*command, "version" if name == "Zig" else "--version"]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    version = done.stdout.splitlines()[0]
    return Compiler(name, command, f"ziglang {version}" if name == "Zig" else version)


def command(compiler: Compiler, core: str, output: str) -> list[str]:
    """Return the command that compiles kernels.c for a processor, to be run in the folder of the sources."""
    chosen = _core(core)
    if compiler.name == "Zig":
        target, processor = chosen.zig
        return [*compiler.command, "cc", "-target", target, f"-mcpu={processor}", *FLAGS, *ZIG_FLAGS,
                "-T", "link.ld", "kernels.c", "-o", output]  # fmt: skip
    return [*compiler.command, *chosen.gcc, *FLAGS, *GCC_FLAGS, "-T", "link.ld", "kernels.c", "-lgcc", "-o", output]


def build(core: str, path: Path, compiler: Compiler) -> None:
    """Compile kernels.c for a processor; write the program beside `path`, then rename it.

    Raises:
        RuntimeError: the compiler refused.
    """
    with artifacts.atomic(Path(path).resolve()) as part:
        done = subprocess.run(
            command(compiler, core, str(part)), cwd=FOLDER, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            said = (done.stderr.strip() or "without a word").splitlines()
            reason = next((line for line in said if "error" in line), said[0])
            raise RuntimeError(f"{compiler.version} did not compile kernels.c for {core}: {reason}")
        part.chmod(0o644)  # nothing in it can be started by itself


def rebuilt(folder: Path, name: str | None = None) -> dict[str, Compiler]:
    """Compile the programs again, for all processors that a compiler is found for, into a folder.

    `measured(cores, folder=folder)` counts them then.

    Args:
        folder: is made if it is missing.
        name: "GCC" or "Zig"; if left out, the first one found for each processor.

    Returns:
        The compiler of each processor.

    Raises:
        NotImplementedError: there is no compiler.
        RuntimeError: it refused.
    """
    found = {core: [c for c in compilers(core) if name in (None, c.name)] for core in CORES}
    chosen = {core: known[0] for core, known in found.items() if known}
    if not chosen:
        raise NotImplementedError(
            "The programs cannot be built here: neither arm-none-eabi-gcc, nor aarch64-linux-gnu-gcc, nor the package "
            "ziglang was found. Those that come with the suite need no compiler."
        )
    for core in artifacts.progress(chosen, "Compiling", "program"):
        build(core, folder / CORES[core].file, chosen[core])
    return chosen


def ratio_table(shipped: Counts, again: Counts) -> Table:
    """Return float32 over int8, best kernel over best kernel, for the shipped programs and for others.

    Compilers differ in single instructions, so counts are not compared.  With GCC the ratios stay within 25 %.  Zig
    multiplies and adds in two instructions where GCC takes one (VFMA) on the Cortex-M4F, and brings another library for
    float32 without an FPU, so that its ratios there are up to half as large again.
    """
    rows = [
        [
            core,
            f"{shipped.ratio(core):.2f}",
            f"{again.ratio(core):.2f}",
            f"{again.ratio(core) / shipped.ratio(core):.2f}",
        ]
        for core in again.cores()
    ]
    return Table(["processor", "float32 / int8, shipped", "built here", "of the shipped"], rows)


def build_and_compare(shipped: Counts, folder: Path) -> Table:
    """Compile the programs again into a folder, count them, and hold their ratios against the shipped ones.

    Raises:
        NotImplementedError: there is no compiler, or no emulator.
        RuntimeError: a compiler refused.
    """
    return ratio_table(shipped, measured(rebuilt(folder), folder=folder))


def build_all() -> None:
    """Compile all programs with GCC, where they belong, and write down their SHA-256 and how they were built."""
    used = rebuilt(FOLDER, "GCC")
    missing = [core for core in CORES if core not in used]
    if missing:
        raise NotImplementedError(f"There is no GCC here for {', '.join(missing)}: their programs stay as they were.")
    programs = {
        core: {
            "file": CORES[core].file,
            "sha256": artifacts.sha256(FOLDER / CORES[core].file),
            "compiler": compiler.version,
            "command": " ".join([Path(compiler.command[0]).name, *command(compiler, core, CORES[core].file)[1:]]),
        }
        for core, compiler in used.items()
    }
    sources = {name: artifacts.sha256(FOLDER / name) for name in SOURCES}
    with artifacts.atomic(FOLDER / MANIFEST) as part:
        part.write_text(json.dumps({"sources": sources, "programs": programs}, indent=2) + "\n", encoding="utf-8")


# --- milliseconds, estimated --------------------------------------------------------------------------------------

BOARDS = (board.KIT, "Raspberry Pi Pico")  # with an FPU, and without
WAYS = {  # {name: kernels for convolutions and dense layers, and for depthwise convolutions}
    "float32": ("pointwise_f32_blocked", "depthwise_f32"),
    "int8": ("pointwise_i8_blocked", "depthwise_i8"),
    "int8, SMLAD": ("pointwise_i8_smlad", "depthwise_i8_smlad"),
}


@dataclasses.dataclass(frozen=True)
class Estimate:
    """How long a network might take on a board for one picture.

    Attributes:
        board, core: names.
        mhz: clock.
        way: which kernels, a name in `WAYS`.
        instructions: for all multiply-accumulates.
        cycles: the fewest and the most by the processor's manual.
    """

    board: str
    core: str
    mhz: int
    way: str
    instructions: float
    cycles: tuple[float, float]

    @property
    def milliseconds(self) -> tuple[float, float]:
        """The least and the most."""
        return self.cycles[0] / self.mhz / 1e3, self.cycles[1] / self.mhz / 1e3


def macs(path: Path) -> dict[str, int]:
    """Return the multiply-accumulates of a .tflite file for one picture, by kind of layer."""
    found = dict.fromkeys((POINTWISE, "other convolution", "depthwise convolution", "dense layer"), 0)
    for (operator, tensors), layer in zip(inspection.graph(path), roofline.layers(path), strict=True):
        match operator.name:
            case "CONV_2D":
                found[POINTWISE if tensors[1].shape[1:3] == (1, 1) else "other convolution"] += layer.macs
            case "DEPTHWISE_CONV_2D":
                found["depthwise convolution"] += layer.macs
            case "FULLY_CONNECTED":
                found["dense layer"] += layer.macs
    return found


def core_and_clock(board: board.Board) -> tuple[str, int]:
    """Return the processor and the clock in MHz of a board: ("Cortex-M4F", 64).

    Raises:
        NotImplementedError: no instructions are counted for its processor.
    """
    found = re.search(r"(Cortex-\S+) at", board.cpu)
    if not found or found[1] not in MANUALS:
        raise NotImplementedError(
            f"The time on the {board.name} ({board.cpu}) cannot be estimated: cycles are known for "
            f"{', '.join(MANUALS)}."
        )
    return found[1], board.mhz


def estimates(path: Path, counts: Counts, boards: Iterable[str] = BOARDS) -> list[Estimate]:
    """Estimate how long a network takes on boards, from what was counted.  An estimate, not a measurement.

    What it assumes:

    - every convolution that is not depthwise, and every dense layer, costs for each multiply-accumulate what the 1×1
      convolution of 64 channels does; to gather the inputs of a 3×3 kernel costs nothing;
    - pooling, additions of two branches, softmax and the interpreter cost nothing;
    - an instruction takes the cycles of the processor's manual, and no time is spent waiting for flash;
    - one processor works, and does nothing else.

    All but the first flatter every way alike.

    Args:
        path: a float32 or a full-int8 file; its shapes matter only.
        counts: from `counts`.
        boards: names in `board.boards()`.

    Raises:
        NotImplementedError: a board has a processor whose cycles are not known.
        KeyError: there is no such board, or there are no counts for its processor.
    """
    asked, known, found = macs(path), board.boards(), []
    depthwise = asked["depthwise convolution"]
    others = sum(asked.values()) - depthwise
    for name in boards:
        core, mhz = core_and_clock(known[name])
        for way, kernels in WAYS.items():
            if not set(kernels) <= set(kernels_of(core)):
                continue
            parts = list(zip((others, depthwise), (counts[core, kernel] for kernel in kernels), strict=True))
            instructions = sum(number * one.per_mac for number, one in parts)
            low, high = (sum(number * one.cycles_per_mac[end] for number, one in parts) for end in (0, 1))
            found.append(Estimate(name, core, mhz, way, instructions, (low, high)))
    return found


def estimate_table(found: Iterable[Estimate]) -> Table:
    """Return the estimates, one line each; see `estimates` for what they assume."""
    rows = [
        [
            one.board,
            f"{one.core} at {one.mhz:g} MHz",
            one.way,
            f"{one.instructions / 1e6:,.0f}",
            f"{one.instructions / one.mhz / 1e3:,.0f}",
            " to ".join(dict.fromkeys(f"{end:,.0f}" for end in one.milliseconds)),
        ]
        for one in found
    ]
    columns = ["board", "processor", "kernels", "million instructions", "ms if each takes 1 cycle", "ms by the manual"]
    return Table(columns, rows, "Estimated, not measured: one picture")


# --- the command line ---------------------------------------------------------------------------------------------


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m helpers.microcontroller",
        description="Count the instructions of small C kernels in emulated processors, and print them.",
    )
    parser.add_argument("--build", action="store_true", help="first compile all programs again (GCC for both targets)")
    parser.add_argument("--record", action="store_true", help=f"write the counts to {RECORDED}")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    wanted = _arguments(words)
    try:
        if wanted.build:
            build_all()
        found = measured() if wanted.record else counts()
        if wanted.record:
            record(found)
    except (NotImplementedError, RuntimeError, FileNotFoundError, ValueError, TimeoutError) as error:
        print(error, file=sys.stderr)
        return 1
    print(table(found), table(found, DEPTHWISE), sep="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
