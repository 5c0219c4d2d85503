"""Which kernels run a file, and whether they agree: TensorFlow Lite's three sets, TensorFlow Lite Micro, integers."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from helpers.base import console
from helpers.base.console import counted
from helpers.base.tables import Table
from helpers.diagnosis.contents import Contents
from helpers.diagnosis.finding import Finding
from helpers.integer import network
from helpers.integer.rounding import MICRO
from helpers.tflite import edit, interpreter, micro, trial

INTEGERS = "integers (NumPy)"
TIE = 0.02  # of the range of all outputs: answers that lie so close together may change places by rounding
SETS = (*interpreter.KERNEL_SETS, MICRO, INTEGERS)
OWN = ("reference", *SETS)  # in this order the first that ran is what the others are held against


@dataclasses.dataclass(frozen=True)
class Answers:
    """What one set of kernels says.

    Attributes:
        kernels: one of SETS.
        outputs: in the file's own type, those of several outputs side by side, [n, numbers]; None if it does not run.
        parts: of how many outputs they are.
        why: what it says instead; "" if it runs.
        died: whether the process ended without a word of its own.
    """

    kernels: str
    outputs: np.ndarray | None
    why: str = ""
    died: bool = False
    parts: int = 1

    @property
    def classes(self) -> np.ndarray | None:
        """The class that each output names, int64 [n]; None for several outputs, and if one number is all there is."""
        if self.outputs is None or self.parts != 1 or self.outputs.shape[1] < 2:
            return None
        return self.outputs.argmax(axis=1)


def ask(contents: Contents, codes: np.ndarray) -> list[Answers]:
    """Run a file with one input on every set of kernels.

    Args:
        contents: of the file.
        codes: inputs in the file's own type, [n, ...].
    """
    return [_ask(contents, codes, kernels) for kernels in SETS]


def _ask(contents: Contents, codes: np.ndarray, kernels: str) -> Answers:
    try:
        if kernels == MICRO:
            return _answers(kernels, _run_micro(contents, codes), len(codes))
        if kernels == INTEGERS:
            made = network.load_network(contents.path).run(codes)
            return _answers(kernels, [made] if isinstance(made, np.ndarray) else made, len(codes))
        trial.check(contents.path, kernels)
        return _answers(kernels, outputs(contents, codes, kernels), len(codes))
    except trial.Died as problem:
        return Answers(kernels, None, str(problem), died=True)
    except micro.Refused as problem:
        return Answers(kernels, None, problem.reason)
    except (NotImplementedError, RuntimeError, TimeoutError, ValueError) as problem:
        return Answers(kernels, None, str(problem))


def _run_micro(contents: Contents, codes: np.ndarray) -> list[np.ndarray]:
    """Return each output of TensorFlow Lite Micro, which runs what goes into the flash: all values inside the file."""
    with edit.flashed(contents.path) as image:
        return micro.run(image, codes)


def _answers(kernels: str, made: Sequence[np.ndarray], count: int) -> Answers:
    """Return the answers out of one array for each output, [n, ...]."""
    return Answers(kernels, np.concatenate([one.reshape(count, -1) for one in made], axis=1), parts=len(made))


def outputs(contents: Contents, codes: np.ndarray, kernels: str) -> list[np.ndarray]:
    """Return each output of TensorFlow Lite, [n, numbers]; inputs run one by one, for not every file takes several."""
    runner = interpreter.load(contents.path, kernels)
    entry, made = runner.get_input_details()[0], [details["index"] for details in runner.get_output_details()]
    answers = []
    for one in console.progress(codes, f"Running, {kernels} kernels", "pic", len(codes)):
        runner.set_tensor(entry["index"], one.reshape(entry["shape"]))
        runner.invoke()
        answers.append([runner.get_tensor(index).ravel() for index in made])
    return [np.stack(of_one) for of_one in zip(*answers, strict=True)]


# --- who agrees -------------------------------------------------------------------------------------------------------


def measure(said: Sequence[Answers]) -> Answers | None:
    """Return the answers that others are held against: the reference kernels', or else the first there are."""
    by_name: Mapping[str, Answers] = {one.kernels: one for one in said if one.outputs is not None}
    return next((by_name[name] for name in OWN if name in by_name), None)


def table(said: Sequence[Answers]) -> Table:
    """Return which kernels run the file, and how their answers differ from those of the reference kernels."""
    first, rows = measure(said), []
    for one in said:
        if one.outputs is None or one.outputs.shape != first.outputs.shape:
            rows.append([one.kernels, "no" if one.outputs is None else "yes", "–", "–", "–"])
            continue
        distance = np.abs(one.outputs.astype(np.float64) - first.outputs.astype(np.float64))
        same = "–" if one.classes is None else f"{int((one.classes == first.classes).sum()):,} of {len(one.classes):,}"
        differing = f"{int(np.count_nonzero(distance)):,} of {distance.size:,}"
        rows.append([one.kernels, "yes", same, differing, f"{distance.max(initial=0):.3g}"])
    return Table(["kernels", "run it", "same answer", "numbers that differ", "by at most"], rows)


def remarks(said: Sequence[Answers]) -> list[str]:
    """Return a sentence for each set of kernels that does not run the file, or gives outputs of another size."""
    return [f"{one.kernels}: {one.why}" for one in said if one.outputs is None] + _other_sizes(said)


def _other_sizes(said: Sequence[Answers]) -> list[str]:
    """Return a sentence for each set of kernels whose outputs have another size than those they are held against."""
    first, sentences = measure(said), []
    for one in said:
        if one.outputs is not None and one.outputs.shape != first.outputs.shape:
            sizes = [counted(answers.outputs.shape[1], "number") for answers in (one, first)]
            sentences.append(f"{one.kernels}: it gives {sizes[0]}, and {first.kernels} {sizes[1]}")
    return sentences


def check(said: Sequence[Answers]) -> list[Finding]:
    """Return what is wrong with how kernels run a file."""
    return [one for one in (deadly(said), misshapen(said), undecided(said)) if one]


def deadly(said: Sequence[Answers]) -> Finding | None:
    """Whether a set of kernels ends the whole process."""
    dead = [one for one in said if one.died]
    if not dead:
        return None
    return Finding(
        "kernels_die",
        "severe",
        f"{' and '.join(one.kernels for one in dead)} kernels end the whole process on this file",
        dead[0].why,
        "Do not ship it: a program, or a notebook's kernel, would be gone without a word. Convert again.",
    )


def misshapen(said: Sequence[Answers]) -> Finding | None:
    """Whether kernels give outputs of different sizes: some go by the shapes in the file, some compute them anew."""
    odd = _other_sizes(said)
    if not odd:
        return None
    return Finding(
        "output_shape",
        "severe",
        "Kernels give outputs of different sizes",
        f"{'; '.join(odd)}.",
        "The shapes in the file do not belong to its operators: convert again.",
    )


def undecided(said: Sequence[Answers]) -> Finding | None:
    """Whether kernels name different classes for the same input, and not because two of them are as good as equal."""
    first, other = measure(said), {}
    if first is None or first.classes is None:
        return None
    for one in said:
        comparable = one.outputs is not None and one.outputs.shape == first.outputs.shape
        if comparable and (count := int(_other_answers(first, one).sum())):
            other[one.kernels] = count
    if not other:
        return None
    return Finding(
        "kernels_disagree",
        "warning",
        "Kernels give different answers to the same input",
        f"Of {counted(len(first.outputs), 'input')}, beside {first.kernels}: "
        + ", ".join(f"{kernels}: {count} different" for kernels, count in other.items())
        + ".",
        "A code of difference comes from rounding and is no fault; ties are not counted here. So one set of kernels is "
        "wrong, or noise drowns the network: hold the tensors against each other, layer by layer.",
    )


def _other_answers(first: Answers, one: Answers) -> np.ndarray:
    """Return for which inputs the class differs, although the first kernels see one clearly ahead: bool [n]."""
    outputs, rows = first.outputs.astype(np.float64), np.arange(len(first.outputs))
    ahead = outputs[rows, first.classes] - outputs[rows, one.classes]
    return ahead > TIE * np.ptp(outputs)
