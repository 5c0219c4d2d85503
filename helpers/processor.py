"""What this computer's processor can do: its vector instructions, and the ceilings measured on one core.

A vector instruction does the same arithmetic on many numbers at once.  A register of 256 bits holds 8 float32 numbers
or 32 bytes, so eight bits could be four times as fast; whether they are depends on the instructions that exist.
"""

import csv
import dataclasses
import platform
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from helpers import artifacts, conversion, evaluation, latency
from helpers.architectures import float32
from helpers.runtime import SEED, keras
from helpers.tables import Table

PIXELS, CHANNELS = 32, 512  # of the 1x1 convolution whose speed is the ceiling: 268 million multiply-accumulates
LARGEST = 128 * 2**20  # bytes of the largest array that is read: four times a large cache
SIZES = tuple(2**20 * 2**i for i in range(8))  # bytes: 1 MiB to 128 MiB
ROUNDS = 60  # for ceilings: enough that the best one is undisturbed, on a computer that does other things too
READS = 15


# --- vector instructions ------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Instructions:
    """What a kind of vector instruction does at once: a line of `data/vector_instructions.csv`.

    Attributes:
        name: of the instruction set.
        system: "x86" or "Arm".
        bits: of a register.
        float32_instruction, float32_macs: one instruction, and the multiply-accumulates it does.
        int8_instructions, int8_macs, int8_slots: the instructions of XNNPACK's innermost loop, the multiply-accumulates
            they do together, and how many instructions that is (cycles, where one takes several).
        linux_flags, macos_flags, numpy_flags: how each says that the processor has them; all must be there.
        source, year: where this comes from.
    """

    name: str
    system: str
    bits: int
    float32_instruction: str
    float32_macs: int
    int8_instructions: str
    int8_macs: int
    int8_slots: int
    linux_flags: tuple[str, ...]
    macos_flags: tuple[str, ...]
    numpy_flags: tuple[str, ...]
    source: str
    year: int

    @property
    def ratio(self) -> float:
        """How many int8 multiply-accumulates are done in the time of one float32 one, if each instruction takes equally
        long and nothing else has to be done."""
        return self.int8_macs / self.int8_slots / self.float32_macs


def instructions() -> dict[str, Instructions]:
    """Return the table of vector instructions, {name: line}, the more capable ones of each system later."""
    with (artifacts.project() / "data" / "vector_instructions.csv").open(encoding="utf-8", newline="") as table:
        return {row["name"]: _instructions(row) for row in csv.DictReader(table)}


def _instructions(row: dict[str, str]) -> Instructions:
    numbers = ("bits", "float32_macs", "int8_macs", "int8_slots", "year")
    flags = ("linux_flags", "macos_flags", "numpy_flags")
    return Instructions(
        **(row | {name: int(row[name]) for name in numbers} | {name: tuple(row[name].split()) for name in flags})
    )


@dataclasses.dataclass(frozen=True)
class Features:
    """The vector instructions of a processor.

    Attributes:
        names: those of `instructions()` that it has.
        known: False if this system does not tell; `names` is empty then.
        note: how this was found out, or why not, in a sentence.
    """

    names: tuple[str, ...]
    known: bool
    note: str

    @property
    def best(self) -> Instructions | None:
        """The instructions with the most int8 multiply-accumulates in a slot, or None."""
        table = instructions()
        return max((table[n] for n in self.names), key=lambda line: line.int8_macs / line.int8_slots, default=None)

    def __str__(self) -> str:
        return f"{', '.join(self.names) or 'none that is known'}. {self.note}"


def features() -> Features:
    """Return the vector instructions of this computer's processor; never raises."""
    read = {"Linux": _linux, "Darwin": _macos}.get(platform.system(), _numpy)
    try:
        return read()
    except (OSError, subprocess.SubprocessError, ImportError, AttributeError) as problem:
        return Features((), False, f"Unknown: {platform.system()} does not tell ({type(problem).__name__}).")


def _found(flags: set[str], column: str) -> tuple[str, ...]:
    """Return the names of the instructions all of whose flags are there."""
    return tuple(
        name for name, line in instructions().items() if getattr(line, column) and flags >= set(getattr(line, column))
    )


def from_cpuinfo(text: str) -> Features:
    """Return what the text of Linux's /proc/cpuinfo says: a line "flags" on x86, "Features" on Arm.

    With cores of different kinds, as in phones, only what every core has counts.
    """
    lines = [line.split(":", 1) for line in text.splitlines() if ":" in line]
    cores = [set(value.split()) for key, value in lines if key.strip() in ("flags", "Features")]
    if not cores:
        return Features((), False, "Unknown: /proc/cpuinfo has no line that lists the processor's features.")
    return Features(_found(set.intersection(*cores), "linux_flags"), True, "Read from /proc/cpuinfo.")


def from_sysctl(text: str) -> Features:
    """Return what macOS's `sysctl hw.optional` prints: lines such as "hw.optional.arm.FEAT_DotProd: 1"."""
    pairs = [line.split(":", 1) for line in text.splitlines() if ":" in line]
    flags = {key.strip() for key, value in pairs if value.strip() == "1"}
    if not pairs:
        return Features((), False, "Unknown: sysctl lists no hw.optional features.")
    return Features(_found(flags, "macos_flags"), True, "Read with sysctl hw.optional.")


def _linux() -> Features:
    return from_cpuinfo(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"))


def _macos() -> Features:
    said = subprocess.run(["sysctl", "hw.optional"], capture_output=True, text=True, timeout=10, check=True)  # noqa: S607
    return from_sysctl(said.stdout)


def _numpy() -> Features:
    """Return what NumPy found out for its own use: all there is on Windows without a further package."""
    from numpy._core._multiarray_umath import __cpu_features__ as has

    found = _found({name for name, there in has.items() if there}, "numpy_flags")
    return Features(found, True, "As far as NumPy knows, which does not look for AVX-VNNI, AMX and i8mm.")


def instruction_table(found: Features | None = None) -> Table:
    """Return the instructions of this processor's family: multiply-accumulates at once in float32 and in int8."""
    found = found or features()
    lines = [line for line in instructions().values() if line.system == _system()]
    rows = [
        [line.name, "unknown" if not found.known else "yes" if line.name in found.names else "no", line.bits]
        + [f"{line.float32_macs} in 1", f"{line.int8_macs:,} in {line.int8_slots}", f"{line.ratio:.2g}"]
        for line in lines
    ]
    return Table(["instructions", "here", "bits", "float32", "int8", "ratio"], rows)


def _system() -> str:
    return "Arm" if platform.machine().lower().startswith(("arm", "aarch")) else "x86"


# --- ceilings -----------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Ceilings:
    """What one core of this computer reaches at best.

    Attributes:
        macs: {"float32": multiply-accumulates a second, "int8": ...}.
        bandwidth: {bytes of an array: bytes read from it a second}, by size; a small array stays in a cache.
    """

    macs: dict[str, float]
    bandwidth: dict[int, float]

    @property
    def memory(self) -> float:
        """Bytes a second from main memory: from the largest array that was read."""
        return self.bandwidth[max(self.bandwidth)]

    def bandwidth_for(self, size: float) -> float:
        """Return the bytes a second from an array of `size` bytes, interpolated on a logarithmic scale of sizes."""
        sizes = sorted(self.bandwidth)
        return float(np.interp(np.log(size), np.log(sizes), [self.bandwidth[s] for s in sizes]))


def ceilings() -> Ceilings:
    """Measure the ceilings of this computer, with one thread; takes a few seconds.

    The multiply-accumulates are those of XNNPACK in a 1x1 convolution of 32 x 32 pixels from 512 to 512 channels: a
    matrix product of 1024 x 512 by 512 x 512, large enough to keep the arithmetic busy and small enough for the cache.
    A ceiling is the best of many rounds, not the median: whatever else the computer does only slows it down.  Half of
    the rounds come before the memory is measured and half after it, so that a short disturbance does not hit all.
    """
    before = layer_seconds(keras.layers.Conv2D(CHANNELS, 1), (PIXELS, PIXELS, CHANNELS))
    bandwidth = read_bandwidth()
    after = layer_seconds(keras.layers.Conv2D(CHANNELS, 1), (PIXELS, PIXELS, CHANNELS))
    macs = PIXELS * PIXELS * CHANNELS * CHANNELS
    fastest = {kind: min(float(before[kind].min()), float(after[kind].min())) for kind in before}
    return Ceilings({kind: macs / seconds for kind, seconds in fastest.items()}, bandwidth)


def read_bandwidth(sizes: tuple[int, ...] = SIZES, rounds: int = READS) -> dict[int, float]:
    """Measure how many bytes a second one thread reads from arrays of several sizes, {bytes: bytes a second}.

    NumPy looks for the largest of many float32 numbers, which takes one vector instruction for each register it reads.
    The best of `rounds` counts, and a small array is taken to be read at least as fast as a larger one: where it is
    not, the time of the call itself was measured.
    """
    array, fastest = np.ones(max(sizes) // 4, np.float32), {}
    for size in sizes:  # one after another: taking turns, the large arrays would drive the small ones out of the cache
        timings = latency.interleave({"read": array[: size // 4].max}, rounds, "Reading memory", warm_up=1)
        fastest[size] = float(timings.seconds["read"].min())
    speeds = [size / fastest[size] for size in sorted(sizes, reverse=True)]
    return dict(zip(sorted(sizes), np.maximum.accumulate(speeds)[::-1].tolist(), strict=True))


def layer_seconds(layer: keras.layers.Layer, shape: tuple[int, ...], rounds: int = ROUNDS) -> dict[str, np.ndarray]:
    """Time a network of one layer with XNNPACK and one thread, in float32 and in int8: {kind: seconds [rounds]}.

    Args:
        layer: a new Keras layer; its weights are its initialiser's.
        shape: of one input, without the batch.
        rounds: counted rounds; the two files take turns.
    """
    files = layer_files(layer, shape)
    calls: dict[str, Callable] = {kind: evaluation.interpreter(content).invoke for kind, content in files.items()}
    return latency.interleave(calls, rounds, "Timing a layer").seconds


def layer_files(layer: keras.layers.Layer, shape: tuple[int, ...]) -> dict[str, bytes]:
    """Return a network of one layer as a float32 and an int8 .tflite file, {kind: content}.

    It is calibrated with one input of normally distributed numbers from a fixed seed.
    """
    keras.utils.set_random_seed(SEED)
    entry = keras.Input(shape)
    whole = float32(keras.Model(entry, layer(entry)))
    example = np.random.default_rng(SEED).normal(size=(1, *shape)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / conversion.filename("float32")
        path.write_bytes(whole)
        return {"float32": whole, "int8": conversion.edge_quantizer_int8(path, example)}
