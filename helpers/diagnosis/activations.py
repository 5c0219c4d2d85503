"""What activations do with their codes on pictures, and how far they are from those of the float32 file.

The file runs on each picture with every activation as an output, and the float32 file on the same picture beside it.
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from helpers.base import console
from helpers.base.console import counted
from helpers.base.tables import Table
from helpers.diagnosis.contents import FLOATS, Contents, Step
from helpers.diagnosis.finding import Finding, places
from helpers.diagnosis.inputs import Inputs
from helpers.integer import comparison
from helpers.tflite import inspect, interpreter
from helpers.tflite.inspect import Tensor

KERNELS = "built-in"
WASTED = {"severe": 16, "warning": 32}  # codes in use, of 256, and at the most
CLIPPED = 0.03  # share of the values at an end of the range, and at the least
OUTSIDE = 0.05  # share of the input's values that its range does not cover, and at the least
ENOUGH = 4  # pictures, below which nobody can say which part of a range is in use
NOISY = {"severe": 5.0, "warning": 10.0}  # decibels, and at the most
CARRIERS = ("QUANTIZE", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "PAD", "MAX_POOL_2D")  # they hand on a range
BOUNDED = ("SOFTMAX", "LOGISTIC", "TANH", "HARD_SWISH")  # their ranges are not from calibration alone
SHOWN = 8  # layers in the table


@dataclasses.dataclass
class Observed:
    """One activation on all pictures.

    Attributes:
        step: the operator that makes it; None for an input.
        source: the operator that its range comes from: that one, or another one behind pooling, reshaping and the like.
        tensor: its description.
        counts: how often each of 256 codes occurs, int64 [256]; None if it is no 8-bit tensor.
        spans: for each picture, how many codes lie between its smallest and its largest one.
        signal, noise: sums of squares, of the float32 activation and of the distance from it.
        compared: on how many pictures.
    """

    step: Step | None
    source: Step | None
    tensor: Tensor
    counts: np.ndarray | None
    spans: list[int] = dataclasses.field(default_factory=list)
    signal: float = 0.0
    noise: float = 0.0
    compared: int = 0

    @property
    def place(self) -> str:
        """Which activation is meant, in words."""
        return self.step.place if self.step else "the input"

    @property
    def sqnr(self) -> float:
        """Signal-to-quantization-noise ratio in decibels against the float32 file, see `errors.sqnr`."""
        if not self.compared:
            return float("nan")
        if self.noise == 0:
            return float("inf")
        return float(10 * np.log10(self.signal / self.noise)) if self.signal else float("-inf")

    def see(self, values: np.ndarray, exact: np.ndarray | None) -> None:
        """Add what one picture shows: the tensor's own values, and the float32 file's."""
        if values.size == 0:
            return
        if self.counts is not None:
            smallest = np.iinfo(self.tensor.dtype).min
            codes = np.bincount(values.ravel().astype(np.int64) - smallest, minlength=256)
            used = np.flatnonzero(codes)
            self.counts += codes
            self.spans.append(int(used[-1] - used[0] + 1) if len(used) else 0)
        if exact is not None and exact.shape == values.shape:
            exact = exact.astype(np.float64)
            float_already = self.tensor.dtype in FLOATS
            real = values if float_already else interpreter.dequantize_output(values, self.tensor.details)
            self.signal += float(np.square(exact).sum())
            self.noise += float(np.square(exact - real).sum())
            self.compared += 1


def observe(contents: Contents, inputs: np.ndarray, float32: Contents | None = None) -> dict[int, Observed]:
    """Run a file on inputs, one after the other, and return what each activation does, {index of the tensor: Observed}.

    Args:
        contents: of the file, with one input.
        inputs: float32 [n, ...], prepared as in use.
        float32: the file before it was quantized; activations of the same name are held against each other.
    """
    (entry,) = contents.of_role("input")
    codes = interpreter.quantize_input(inputs, entry.details)
    twins = _twins(contents, float32) if float32 else {}
    seen = {t.index: _observed(contents, step, t) for step, t in _activations(contents)}
    run, run_twin = _runner(contents), _runner(float32) if float32 else None
    for i in console.progress(range(len(inputs)), "Watching the activations", "pic"):
        values, exact = run(codes[i : i + 1]), run_twin(inputs[i : i + 1]) if run_twin else {}
        for index, one in seen.items():
            if index in values:
                one.see(values[index], exact.get(twins.get(index, -1)))
    return seen


def _runner(contents: Contents) -> Callable[[np.ndarray], Mapping[int, np.ndarray]]:
    """Return a function that runs a file on one input and returns every activation, the input among them."""
    (entry,), run = contents.of_role("input"), comparison.tensor_runner(contents.path, KERNELS)
    return lambda one: run(one) | {entry.index: one}


def _activations(contents: Contents) -> list[tuple[Step | None, Tensor]]:
    """Return the inputs and all that operators compute, each with the operator that makes it."""
    made = [(step, t) for step in contents.steps for t in step.outputs if t.data is None]
    return [(None, t) for t in contents.of_role("input")] + made


def _observed(contents: Contents, step: Step | None, tensor: Tensor) -> Observed:
    eight_bits, source = tensor.dtype in ("int8", "uint8") and len(tensor.scale) == 1, step
    while source is not None and source.operator.name in CARRIERS and source.read:
        source = contents.maker(source.read[0])
    return Observed(step, source, tensor, np.zeros(256, np.int64) if eight_bits else None)


def _twins(contents: Contents, float32: Contents) -> dict[int, int]:
    """Return which activation of the float32 file is which of the quantized one, {index: index}, by their names.

    What QUANTIZE and DEQUANTIZE make has a name of its own, and is the twin of what they read.
    """
    named = {t.name: t.index for _, t in _activations(float32)}
    pairs = {t.index: named[t.name] for _, t in _activations(contents) if t.name in named}
    ends = zip(_ends(contents), _ends(float32), strict=False)
    pairs |= {ours: theirs for ours, theirs in ends if ours not in pairs}
    for step in contents.steps:
        if step.operator.name in ("QUANTIZE", "DEQUANTIZE") and step.read and step.read[0].index in pairs:
            pairs.setdefault(step.outputs[0].index, pairs[step.read[0].index])
    return pairs


def _ends(contents: Contents) -> list[int]:
    return [t.index for t in (*contents.of_role("input"), *contents.of_role("output"))]


# --- what the codes say -----------------------------------------------------------------------------------------------


def check(seen: Mapping[int, Observed], contents: Contents, given: Inputs) -> list[Finding]:
    """Return what is wrong with the ranges of activations.

    Which part of a range is in use, pictures of the reader's own can tell, and no others.
    """
    own = given.folders and len(given.values) >= ENOUGH
    found = [wasted(seen), clipped(seen, contents), clipped_input(contents, given.values)] if own else []
    return [one for one in (*found, noisy(seen)) if one]


def _calibrated(seen: Mapping[int, Observed]) -> list[Observed]:
    """Return the 8-bit activations whose range comes from calibration, not from the operator alone."""
    quantized = [one for one in seen.values() if one.counts is not None and one.counts.any()]
    return [one for one in quantized if one.source is None or one.source.operator.name not in BOUNDED]


def wasted(seen: Mapping[int, Observed]) -> Finding | None:
    """Whether normal pictures use a small part of a range: something unusual in calibration must have made it.

    The median over the pictures is taken, so that a single odd one among these does not hide it.
    """
    used = {one.place: int(np.median(one.spans)) for one in _calibrated(seen) if not _fixed(one)}
    few = {place: codes for place, codes in used.items() if 1 < codes <= WASTED["warning"]}
    if not few:
        return None
    least = min(few.values())
    return Finding(
        "outlier_range",
        "severe" if least <= WASTED["severe"] else "warning",
        f"{WASTED['warning']} codes of 256, or fewer, are in use in {counted(len(few), 'activation')}",
        f"On the median picture: {places([f'{place}: {codes} codes' for place, codes in few.items()])}.",
        "One outlier in calibration was enough to make such a range. Look for the picture that did it, or set the "
        "range to the median of the pictures' largest values (AI Edge Quantizer takes ranges).",
    )


def _fixed(one: Observed) -> bool:
    """Whether a fused activation has set the range: RELU6 ends at 6, whatever calibration has seen."""
    activation = one.source.operator.options.get("fused_activation_function", "NONE") if one.source else "NONE"
    return activation == "RELU6" and abs(one.tensor.range[1] - 6) < 0.1


def clipped_input(contents: Contents, inputs: np.ndarray) -> Finding | None:
    """Whether the range of the input leaves out a part of what goes in."""
    for entry in contents.entries:
        scale, (low, high) = float(entry.scale[0]), entry.range
        outside = float(((inputs < low - scale / 2) | (inputs > high + scale / 2)).mean())
        if outside >= OUTSIDE:
            return Finding(
                "clipped_input",
                "severe",
                f"{outside:.0%} of the input's values lie outside its range",
                f"They go from {inputs.min():.3g} to {inputs.max():.3g}; its codes stand for {low:.3g} to {high:.3g}.",
                "Either the pictures are prepared in another way than those of the calibration (see --range), or the "
                "calibration has seen too little: convert again with pictures prepared as they are in use.",
            )
    return None


def clipped(seen: Mapping[int, Observed], contents: Contents) -> Finding | None:
    """Whether many values stand at an end of a range: it is too narrow for these pictures.

    Codes that stand for 0 do not count: that is where ReLU puts everything below.  Logits alone are a note: a softmax
    of large ones says much the same as one of clipped ones, and which of them is the largest seldom changes.
    """
    shares, harmless = {}, True
    for one in _calibrated(seen):
        ends = np.array([one.counts[0], one.counts[-1]], np.float64)
        zero = int(one.tensor.zero_point[0]) - np.iinfo(one.tensor.dtype).min
        ends[[zero <= 0, zero >= 255]] = 0
        if _fixed(one):
            ends[1] = 0
        if one.source is not None and (share := ends.sum() / one.counts.sum()) >= CLIPPED:
            shares[one.place] = share
            harmless &= {step.operator.name for step in contents.readers(one.tensor)} <= {"SOFTMAX", "LOGISTIC"}
    if not shares:
        return None
    return Finding(
        "clipped",
        "note" if harmless else "warning",
        f"Values of {counted(len(shares), 'activation')} do not fit into their range",
        f"At an end of it: {places([f'{place}: {share:.1%}' for place, share in shares.items()])}.",
        ("Only logits, so the answers seldom change by it; the probabilities do. " if harmless else "")
        + "Calibration has seen less than these pictures show: noise, black pictures, pictures prepared in another "
        "way, or too few. Calibrate with pictures of the kind that the network sees in use.",
    )


# --- against the float32 file -----------------------------------------------------------------------------------------


def noisy(seen: Mapping[int, Observed]) -> Finding | None:
    """Whether the noise of quantization comes near to the signal somewhere, and where it comes in."""
    compared = [one for one in seen.values() if one.compared]
    bad = [one for one in compared if one.sqnr <= NOISY["warning"]]
    if not bad:
        return None
    first, worst = bad[0], min(one.sqnr for one in bad)
    return Finding(
        "noise",
        "severe" if worst <= NOISY["severe"] else "warning",
        f"The noise of quantization drowns {len(bad)} of {len(compared)} activations",
        f"It begins at {first.place}, with {first.sqnr:.1f} dB against the float32 file; the worst has {worst:.1f} dB. "
        "Each bit is worth 6 dB.",
        "Look at that layer and at what it reads: the range of its input, the spread of its channels. It can stay in "
        "float32 or in 16 bits, but a better range costs nothing.",
    )


def ranking(seen: Mapping[int, Observed], count: int = SHOWN) -> Table:
    """Return the layers with the lowest SQNR against the float32 file, and how much each lost to what it read."""
    compared = [one for one in seen.values() if one.compared and one.step is not None]
    rows = [
        [
            inspect.layer_of(one.tensor.name),
            one.step.operator.name,
            one.step.number,
            _db(one.sqnr),
            _db(_lost(one, seen)),
        ]
        for one in sorted(compared, key=lambda one: one.sqnr)[:count]
    ]
    return Table(["layer", "operator", "#", "SQNR (dB)", "lost here (dB)"], rows)


def _lost(one: Observed, seen: Mapping[int, Observed]) -> float:
    """Return how many decibels an activation has less than the worst of those it is made of."""
    read = [seen[t.index].sqnr for t in one.step.read if t.index in seen and seen[t.index].compared]
    return min(read) - one.sqnr if read else float("nan")


def _db(decibels: float) -> str:
    return f"{decibels:.1f}" if np.isfinite(decibels) else "–"
