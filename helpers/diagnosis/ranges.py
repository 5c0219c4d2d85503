"""The ranges of activations, as far as a file itself tells: its input, islands of floats, empty and odd ranges."""

from helpers.base.console import counted
from helpers.diagnosis.contents import Contents, Step
from helpers.diagnosis.finding import Finding, places
from helpers.tflite.inspect import Tensor

FAR = 100.0  # no usual way to normalise pictures reaches so far from 0
NOISE = 3.0  # beyond this on both sides are random normal numbers, and no pictures
NEAR = 0.05  # a picture that was divided by 255 twice ends at 0.004
EMPTY = 1e-7  # the scale of a tensor that was constant in calibration
RESCALE = ("MUL", "SUB", "ADD", "DIV")  # what a network does to its input if it takes pictures of 0 to 255
FIXED_ENDS = {"SOFTMAX": (1 / 256, -128), "LOGISTIC": (1 / 256, -128)}  # scale and zero point that kernels insist on


def check(contents: Contents) -> list[Finding]:
    """Return what is wrong with the ranges of a file, without running it."""
    found = [not_quantized(contents), float_islands(contents), empty_ranges(contents), fixed_ends(contents)]
    return [one for one in (input_range(contents), *found) if one]


# --- the input --------------------------------------------------------------------------------------------------------


def takes_pictures(tensor: Tensor) -> bool:
    """Whether a tensor looks like a picture: rows, columns and 3 channels, or a square of 1; not a spectrogram."""
    if len(tensor.shape) != 4:
        return False
    _, first, middle, last = tensor.shape
    return 3 in (first, last) or (last == 1 and first == middle) or (first == 1 and middle == last)


def rescales(contents: Contents, entry: Tensor) -> bool:
    """Whether the first thing that happens to an input is a multiplication or an addition with a constant."""
    return any(
        step.operator.name in RESCALE and any(t.data is not None for t in step.inputs)
        for step in contents.readers(entry)
    )


def input_range(contents: Contents) -> Finding | None:
    """Whether the range of a picture is one that no usual way to normalise pictures has."""
    for entry in contents.entries:
        if not takes_pictures(entry) or rescales(contents, entry):
            continue
        low, high = entry.range
        scale, zero_point = float(entry.scale[0]), int(entry.zero_point[0])
        covers = f"Scale {scale:.4g}, zero point {zero_point}: its codes stand for {low:.4g} to {high:.4g}"
        if max(-low, high) > FAR:
            used = int(1 / scale) + 1
            return Finding(
                "input_range",
                "severe" if used < 16 else "warning",
                f"The input reaches to {max(-low, high, key=abs):.4g}, as if pictures were not normalised",
                f"{covers}. Of a picture of 0 to 1, {counted(used, 'code')} would be left, and nothing in the network "
                "rescales its input.",
                "Look at the calibration pictures: one that was not divided by 255 is enough. Prepare them with the "
                "very function that prepares pictures in use, and convert again. If the network was trained on 0 to "
                "255, all is well, and the program has to feed it so.",
            )
        if scale < EMPTY:
            return Finding(
                "input_range",
                "severe",
                "The input had no range when the file was calibrated",
                f"{covers}.",
                "The calibration pictures were all black, or all alike: calibrate with real ones.",
            )
        if max(-low, high) < NEAR:
            return Finding(
                "input_range",
                "severe",
                f"The input ends at {high:.3g}, as if pictures had been divided by 255 twice",
                f"{covers}. A picture of 0 to 1 is clipped almost everywhere.",
                "Look at the calibration pictures: is Rescaling part of the network already?",
            )
        if low < -NOISE and high > NOISE:
            return Finding(
                "input_range",
                "warning",
                f"The input goes from {low:.3g} to {high:.3g}, as random normal numbers do",
                f"{covers}. Pictures divided by 255 stay in 0 to 1; normalised by mean and deviation in -2.2 to 2.7.",
                "Calibrate with pictures of the kind that the network will see, not with noise.",
            )
    return None


# --- floats in between ------------------------------------------------------------------------------------------------


def not_quantized(contents: Contents) -> Finding | None:
    """Whether nothing is quantized, or the weights only."""
    if contents.in_codes:
        return None
    if contents.weighed:
        return Finding(
            "weights_only",
            "note",
            "Only the weights are quantized: activations are floating-point numbers",
            f"{counted(len(contents.weighed), 'operator')} with integer weights, none that reads integers. Kernels "
            "quantize the activations while they run, or turn the weights back.",
            "Good for a phone or a computer. A microcontroller wants full int8: convert with a representative dataset.",
        )
    halves = any(t.dtype == "float16" for t in contents.of_role("weights")) or any(
        t.dtype == "float16" and t.data is not None for t in contents.tensors
    )
    return Finding(
        "nothing_quantized",
        "note",
        "Nothing is quantized" + (": weights are stored as float16" if halves else ""),
        "No operator reads or writes integers, and no weights are integers.",
        "To quantize it, convert with Optimize.DEFAULT, and with a representative dataset for full int8.",
    )


def float_islands(contents: Contents) -> Finding | None:
    """Whether a quantized file goes back to floating point in between, and where that begins."""
    if not contents.in_codes:
        return None
    islands = _islands(contents.steps)
    if not islands:
        return None
    count = sum(map(len, islands))
    begin = [f"{island[0].place}" + (f", {len(island)} operators" if len(island) > 1 else "") for island in islands]
    return Finding(
        "float_islands",
        "warning",
        f"{count} of {len(contents.steps)} operators work in floating point",
        f"{counted(len(islands), 'island')}, beginning at {places(begin)}.",
        "Each island costs two conversions, and a processor that calculates with floats. Either a layer was left out "
        "on purpose, or the converter has no int8 form of the operator: replace it, or convert with "
        "TFLITE_BUILTINS_INT8 alone, which refuses such operators by name.",
    )


def _islands(steps: tuple[Step, ...]) -> list[list[Step]]:
    """Return the operators in floating point, those together that follow each other."""
    islands: list[list[Step]] = []
    for before, step in zip((None, *steps), steps, strict=False):
        if step.numbers != "floats":
            continue
        if before is not None and before.numbers == "floats":
            islands[-1].append(step)
        else:
            islands.append([step])
    return islands


# --- ranges that cannot be right --------------------------------------------------------------------------------------


def empty_ranges(contents: Contents) -> Finding | None:
    """Whether activations have a scale so small that they must have been constant in calibration."""
    quantized = [(step, t) for step in contents.steps for t in step.outputs if t.dtype in ("int8", "int16", "uint8")]
    empty = [f"{step.place}: {t.scale[0]:.1e}" for step, t in quantized if len(t.scale) == 1 and t.scale[0] < EMPTY]
    if not empty:
        return None
    return Finding(
        "empty_range",
        "severe",
        f"No range when the file was calibrated, in {counted(len(empty), 'activation')}",
        f"The scale of {places(empty)}.",
        "They were constant: the network is not trained, or saw black pictures only, or a layer is dead. Kernels may "
        "end the process on such scales. Calibrate with real pictures.",
    )


def fixed_ends(contents: Contents) -> Finding | None:
    """Whether probabilities have another scale than kernels insist on."""
    odd = [
        f"{step.place}: scale {made.scale[0]:.4g}, zero point {made.zero_point[0]}"
        for step in contents.steps
        for made in step.outputs[:1]
        if step.operator.name in FIXED_ENDS
        and made.dtype == "int8"
        and len(made.scale) == 1
        and (abs(made.scale[0] - FIXED_ENDS[step.operator.name][0]) > 1e-6 or made.zero_point[0] != -128)
    ]
    if not odd:
        return None
    return Finding(
        "output_scale",
        "severe",
        "Probabilities have a scale that the kernels refuse",
        f"{places(odd)}. Softmax and the logistic function insist on 1/256 and -128.",
        "The file was made, or changed, by a tool that does not keep the specification: convert again.",
    )
