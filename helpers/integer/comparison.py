"""The integer network held against other kernels, tensor by tensor."""

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from helpers.base import console
from helpers.base.tables import Table
from helpers.integer.network import Network, load_network
from helpers.integer.rounding import MICRO
from helpers.tflite import edit, inspect, interpreter, micro

OTHERS = (*interpreter.KERNEL_SETS, MICRO)


@dataclasses.dataclass(frozen=True)
class Difference:
    """How one tensor differs between the integer network and other kernels.

    Attributes:
        step: the number of the operator that makes the tensor.
        operator: its kind.
        tensor, name: index and name of the tensor.
        values: how many were compared, over all pictures.
        differing: how many differ.
        largest: the largest difference, in codes (in units of the tensor where it holds real numbers).
    """

    step: int
    operator: str
    tensor: int
    name: str
    values: int
    differing: int
    largest: float


def compare(
    path: Path, codes: np.ndarray, kernels: str = "reference", alone: bool = False, rounding: str = "reference"
) -> list[Difference]:
    """Compare every tensor of the network, or of each operator alone, with other kernels; picture by picture.

    Without `alone`, a difference in one layer is passed on to the next ones.  With it, every operator of the other
    kernels gets the integer network's own codes, so that what differs is that operator's doing; TensorFlow Lite Micro
    always runs the whole network.

    Args:
        path: a full-int8 .tflite file.
        codes: its input, int8 [n, h, w, channels].
        kernels: "reference", "built-in", "XNNPACK" (see `interpreter.load`) or "TensorFlow Lite Micro".
        alone: give each operator of the other kernels the integer network's inputs.
        rounding: of the integer network, see `load`.

    Raises:
        KeyError: there is no such kernel set, or no such rounding.
        FileNotFoundError, ValueError, NotImplementedError: see `load` and `micro.run`.
    """
    if kernels not in OTHERS:
        raise KeyError(f"Expected one of {', '.join(OTHERS)}; found {kernels!r}.")
    network = load_network(path, rounding)
    network.check(codes)
    steps = {operator.outputs[0]: number for number, (operator, _) in enumerate(network.steps)}
    counts = {tensor: [0, 0, 0.0] for tensor in steps}  # values, how many differ, largest difference
    if kernels == MICRO:
        listen = _micro(path, network, codes)
    else:
        listen = (_alone if alone else _together)(path, network, kernels)
    for i in console.progress(range(len(codes)), f"Comparing, {kernels}", "pic"):
        ours = network.tensors(codes[i : i + 1])
        for tensor, theirs in listen(ours).items():
            apart, (values, differing, largest) = np.abs(ours[tensor].astype(np.float64) - theirs), counts[tensor]
            counts[tensor] = [
                values + apart.size,
                differing + int(np.count_nonzero(apart)),
                max(largest, float(apart.max())),
            ]
    found = [(network.steps[step][0].name, network.known[tensor].name, tensor, step) for tensor, step in steps.items()]
    return [
        Difference(step, kind, tensor, name, *counts[tensor]) for kind, name, tensor, step in found if counts[tensor][0]
    ]


def kernel_tensors(path: Path, inputs: np.ndarray, kernels: str = "reference") -> dict[int, np.ndarray]:
    """Return every tensor that TFLite's own kernels compute for some inputs, {tensor index: array [n, ...]}.

    Args:
        path: a .tflite file with one input, of any kind.
        inputs: in the file's own type, [n, ...].
        kernels: see `interpreter.load`.
    """
    (entry,) = [t.index for t in inspect.tensors(path) if t.role == "input"]
    listen = _listener(edit.excerpt(path), kernels)
    answers = [listen({entry: inputs[i : i + 1]}) for i in range(len(inputs))]
    return {index: np.concatenate([answer[index] for answer in answers]) for index in answers[0]}


def difference_table(path: Path, codes: np.ndarray) -> Table:
    """Return how the network, rounding as the reference kernels do, differs from each set of kernels, and why.

    The last column counts again with the rounding of those kernels.  What falls to zero there was rounding.

    Args:
        path: a full-int8 .tflite file.
        codes: its input, int8 [n, h, w, channels].
    """
    rows = []
    for kernels in ("reference", "built-in", "XNNPACK", MICRO):
        try:
            found = compare(path, codes, kernels)
            alike = found if kernels == "reference" else compare(path, codes, kernels, rounding=kernels)
        except NotImplementedError:  # there is no package for this system
            rows.append([kernels, *"–––––"])
            continue
        values, apart, again = (sum(counts) for counts in zip(*map(_counts, found, alike), strict=True))
        largest = max(difference.largest for difference in found)
        rows.append([kernels, f"{values:,}", f"{apart:,}", f"{apart / values:.3%}", f"{largest:g}", f"{again:,}"])
    columns = ["kernels", "values compared", "different", "share", "largest (codes)", "different with their rounding"]
    return Table(columns, rows)


def _counts(first: Difference, second: Difference) -> tuple[int, int, int]:
    return first.values, first.differing, second.differing


Listen = Callable[[dict[int, np.ndarray]], dict[int, np.ndarray]]  # our tensors of one picture -> theirs, by index


def _together(path: Path, network: Network, kernels: str) -> Listen:
    """Return what runs the whole file on a picture with other kernels."""
    return _listener(edit.excerpt(path), kernels)


def _alone(path: Path, network: Network, kernels: str) -> Listen:
    """Return what runs each operator of the file on our inputs with other kernels."""
    listeners = [_listener(edit.excerpt(path, step), kernels) for step in range(len(network.steps))]
    return lambda ours: {tensor: values for listen in listeners for tensor, values in listen(ours).items()}


def _micro(path: Path, network: Network, codes: np.ndarray) -> Listen:
    """Return what has run the whole file in TensorFlow Lite Micro on all pictures, in one process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        listening = Path(folder) / network.name
        listening.write_bytes(edit.excerpt(path))
        answers = dict(zip(inspect.outputs(listening), micro.run(listening, codes), strict=True))
    following = zip(*answers.values(), strict=True)  # picture by picture
    return lambda ours: dict(zip(answers, next(following), strict=True))


def _listener(content: bytes, kernels: str) -> Listen:
    """Return what runs a file on our tensors and reads all its outputs."""
    with console.quiet():
        ready = Interpreter(
            model_content=content, experimental_op_resolver_type=interpreter.KERNEL_SETS[kernels], num_threads=1
        )
        ready.allocate_tensors()
    entries, exits = (
        [entry["index"] for entry in entries] for entries in (ready.get_input_details(), ready.get_output_details())
    )

    def listen(ours: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
        for index in entries:
            ready.set_tensor(index, ours[index])
        ready.invoke()
        return {index: ready.get_tensor(index) for index in exits}

    return listen
