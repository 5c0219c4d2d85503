"""The integer network held against other kernels, tensor by tensor."""

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from helpers.base import console
from helpers.base.tables import Table
from helpers.integer import batches
from helpers.integer.network import Codes, load_network
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
    path: Path, codes: Codes, kernels: str = "reference", per_operator: bool = False, rounding: str = "reference"
) -> list[Difference]:
    """Compare every tensor of the network with other kernels, picture by picture.

    If the other kernels run the whole network, a difference in one layer is passed on to the next ones.  With
    `per_operator`, each of their operators gets the integer network's own codes, so that what differs is that
    operator's doing; TensorFlow Lite Micro always runs the whole network.

    Args:
        path: a full-int8 .tflite file.
        codes: its input, int8 [n, h, w, channels]; see `Network.tensors`.
        kernels: "reference", "built-in", "XNNPACK" (see `interpreter.load`) or "TensorFlow Lite Micro".
        per_operator: give each operator of the other kernels the integer network's inputs.
        rounding: of the integer network, see `load_network`.

    Raises:
        KeyError: there is no such kernel set, or no such rounding.
        FileNotFoundError, ValueError, NotImplementedError: see `load_network` and `micro.run`.
    """
    if kernels not in OTHERS:
        raise KeyError(f"Expected one of {', '.join(OTHERS)}; found {kernels!r}.")
    network = load_network(path, rounding)
    pictures = network.one_by_one(codes)
    steps = {index: number for number, (operator, _) in enumerate(network.steps) for index in operator.outputs}
    counts = {tensor: [0, 0, 0.0] for tensor in steps}  # values, how many differ, largest difference
    if kernels == MICRO:
        run = _run_micro(path, network.name, codes)
    elif per_operator:
        run = _run_each_operator(path, kernels, len(network.steps))
    else:
        run = _run_file(edit.excerpt(path), kernels)
    for one in console.progress(pictures, f"Comparing, {kernels}", "pic"):
        ours = network.tensors(one)
        for tensor, theirs in run(ours).items():
            distance = np.abs(ours[tensor].astype(np.float64).reshape(theirs.shape) - theirs)
            values, differing, largest = counts[tensor]
            counts[tensor] = [
                values + distance.size,
                differing + int(np.count_nonzero(distance)),
                max(largest, float(distance.max())),
            ]
    return [
        Difference(step, network.steps[step][0].name, tensor, network.known[tensor].name, *counts[tensor])
        for tensor, step in steps.items()
        if counts[tensor][0]
    ]


def kernel_tensors(path: Path, inputs: np.ndarray, kernels: str = "reference") -> dict[int, np.ndarray]:
    """Return every tensor that TFLite's own kernels compute for some inputs, {tensor index: array [n, ...]}.

    Args:
        path: a .tflite file with one input, of any kind.
        inputs: in the file's own type, [n, ...].
        kernels: see `interpreter.load`.
    """
    run = tensor_runner(path, kernels)
    results = [run(inputs[i : i + 1]) for i in range(len(inputs))]
    return {index: batches.joined([result[index] for result in results]) for index in results[0]}


def tensor_runner(path: Path, kernels: str = "reference") -> Callable[[np.ndarray], dict[int, np.ndarray]]:
    """Return a function that runs one input, [1, ...], and returns every tensor that the kernels compute; see above."""
    (input_index,) = [t.index for t in inspect.tensors(path) if t.role == "input"]
    run = _run_file(edit.excerpt(path), kernels)
    return lambda one: run({input_index: one})


def difference_table(path: Path, codes: np.ndarray) -> Table:
    """Return how the network, rounding as the reference kernels do, differs from each set of kernels, and why.

    The last column counts again with the rounding of those kernels.  What falls to zero there was rounding.

    Args:
        path: a full-int8 .tflite file.
        codes: its input, int8 [n, h, w, channels].
    """
    rows = []
    load_network(path)  # says what is wrong with a file; below, an error is that of the other kernels
    for kernels in ("reference", "built-in", "XNNPACK", MICRO):
        try:
            differences = compare(path, codes, kernels)
            alike = differences if kernels == "reference" else compare(path, codes, kernels, rounding=kernels)
        except (NotImplementedError, micro.Refused):  # there is no package for this system, or no such operator in it
            rows.append([kernels, *"–––––"])
            continue
        values = sum(difference.values for difference in differences)
        differing = sum(difference.differing for difference in differences)
        largest = max(difference.largest for difference in differences)
        share, left = f"{differing / values:.3%}", sum(difference.differing for difference in alike)
        rows.append([kernels, f"{values:,}", f"{differing:,}", share, f"{largest:g}", f"{left:,}"])
    columns = ["kernels", "values compared", "different", "share", "largest (codes)", "different with their rounding"]
    return Table(columns, rows)


RunKernels = Callable[[dict[int, np.ndarray]], dict[int, np.ndarray]]  # our tensors of one picture -> theirs, by index


def _run_each_operator(path: Path, kernels: str, count: int) -> RunKernels:
    """Return a function that runs each of the file's operators on our inputs with other kernels."""
    runs = [_run_file(edit.excerpt(path, step), kernels) for step in range(count)]
    return lambda ours: {tensor: values for run in runs for tensor, values in run(ours).items()}


def _run_micro(path: Path, name: str, codes: np.ndarray) -> RunKernels:
    """Run the whole file in TensorFlow Lite Micro on all pictures; return a function that gives the next picture's."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_bytes(edit.excerpt(path))
        results = dict(zip(inspect.outputs(file), micro.run(file, codes), strict=True))
    pictures = zip(*results.values(), strict=True)
    return lambda ours: dict(zip(results, next(pictures), strict=True))


def _run_file(content: bytes, kernels: str) -> RunKernels:
    """Return a function that runs a file on our tensors and reads all its outputs."""
    with console.quiet():
        ready = Interpreter(
            model_content=content, experimental_op_resolver_type=interpreter.KERNEL_SETS[kernels], num_threads=1
        )
        ready.allocate_tensors()
    inputs = {details["index"]: details["shape"] for details in ready.get_input_details()}
    outputs = [details["index"] for details in ready.get_output_details()]

    def run(ours: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
        for index, shape in inputs.items():
            if ours[index].size != np.prod(shape):  # the file is for several pictures at a time, and this is one
                inputs[index] = ours[index].shape
                ready.resize_tensor_input(index, ours[index].shape)
                ready.allocate_tensors()
        for index, shape in inputs.items():
            ready.set_tensor(index, ours[index].reshape(shape))
        ready.invoke()
        return {index: ready.get_tensor(index) for index in outputs}

    return run
