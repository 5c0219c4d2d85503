"""How fast this processor can calculate and read at best, measured."""

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from helpers.base.seed import SEED
from helpers.base.tf import keras
from helpers.measure import latency
from helpers.tflite import convert, edge_quantizer, interpreter
from helpers.tflite.from_keras import float32_of_large

PIXELS, CHANNELS = 32, 512  # of the 1x1 convolution whose speed is the ceiling: 268 million multiply-accumulates
SIZES = tuple(2**20 * 2**i for i in range(8))  # bytes: 1 MiB to 128 MiB, four times a large cache
ROUNDS = 60  # for ceilings: enough that the best one is undisturbed, on a computer that does other things too
READS = 15

Speeds = dict[str, dict[str, float]]  # {kind of layer: {"float32": multiply-accumulates a second, "int8": ...}}


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

    def raised(self, speeds: Speeds) -> "Ceilings":
        """Return the ceilings with those that a layer has exceeded raised to its speed: a ceiling is above all.

        Args:
            speeds: from `measured_speeds`.
        """
        macs = {kind: max(rate, *(speed[kind] for speed in speeds.values())) for kind, rate in self.macs.items()}
        return dataclasses.replace(self, macs=macs)

    def bandwidth_for(self, size: float) -> float:
        """Return the bytes a second from an array of `size` bytes, interpolated on a logarithmic scale of sizes."""
        sizes = sorted(self.bandwidth)
        return float(np.interp(np.log(size), np.log(sizes), [self.bandwidth[s] for s in sizes]))


def measure() -> Ceilings:
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
    calls: dict[str, Callable] = {kind: interpreter.load(content).invoke for kind, content in files.items()}
    return latency.interleave(calls, rounds, "Timing a layer").seconds


def layer_files(layer: keras.layers.Layer, shape: tuple[int, ...]) -> dict[str, bytes]:
    """Return a network of one layer as a float32 and an int8 .tflite file, {kind: content}.

    It is calibrated with one input of normally distributed numbers from a fixed seed.
    """
    keras.utils.set_random_seed(SEED)
    inputs = keras.Input(shape)
    float_file = float32_of_large(keras.Model(inputs, layer(inputs)))
    example = np.random.default_rng(SEED).normal(size=(1, *shape)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / convert.filename("float32")
        path.write_bytes(float_file)
        return {"float32": float_file, "int8": edge_quantizer.int8(path, example)}


# --- the speed of one sort of layer --------------------------------------------------------------------------------


def _typical() -> dict[str, tuple[keras.layers.Layer, tuple[int, ...]]]:
    """Return a layer of each sort, not yet built, and the shape of its input."""
    return {
        "convolution": (keras.layers.Conv2D(128, 3, padding="same"), (28, 28, 128)),
        "first convolution": (keras.layers.Conv2D(32, 3, strides=2, padding="same"), (224, 224, 3)),
        "depthwise convolution": (keras.layers.DepthwiseConv2D(3, padding="same"), (28, 28, 256)),
    }


def measured_speeds() -> Speeds:
    """Measure a typical layer of each sort by itself, {sort: {kind: multiply-accumulates a second}}; a few seconds.

    As for the ceilings, the best round counts.
    """
    speeds = {}
    for name, (layer, shape) in _typical().items():
        seconds = layer_seconds(layer, shape)
        taps = int(np.prod(layer.kernel_size)) * (1 if name.startswith("depthwise") else shape[-1])
        macs = int(np.prod(layer.compute_output_shape((1, *shape)))) * taps
        speeds[name] = {kind: macs / float(times.min()) for kind, times in seconds.items()}
    return speeds
