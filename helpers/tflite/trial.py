"""A file from anywhere, tried in a process of its own before it is loaded in this one.

TensorFlow Lite trusts the numbers in a file.  A stride of zero, or a tensor of another type than its kernel expects,
does not raise an error there: it ends the process, and with it a notebook's kernel.
"""

import contextlib
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from helpers.tflite import inspect, interpreter, own_process
from helpers.tflite.errors import Unsupported
from helpers.tflite.inspect import Tensor
from helpers.tflite.trial_process import REFUSED

SECONDS = 60  # that a trial may take; a small network takes less than half a second


class Died(interpreter.Refused):
    """TensorFlow Lite ended the process in which it was to run a file."""


def check(path: Path, kernels: str = "XNNPACK") -> None:
    """Run a .tflite file once, on zeros, in a process of its own.

    Args:
        path: a .tflite file.
        kernels: see `interpreter.load`.

    Raises:
        KeyError: there is no such kernel set.
        FileNotFoundError: there is no such file.
        Unreadable: its contents cannot be right; this and the next two are ValueErrors.
        interpreter.Refused: TensorFlow Lite does not run it, or not within `SECONDS`.
        Died: it ended the process.
    """
    interpreter.check_kernels(kernels)
    name, tensors = Path(path).name, []
    with contextlib.suppress(Unsupported):  # what is not read here TensorFlow Lite may know
        tensors = inspect.tensors(path)
    try:
        process = own_process.run("helpers.tflite.trial_process", (Path(path).resolve(), kernels), SECONDS)
    except subprocess.TimeoutExpired:
        raise interpreter.Refused(name, f"it took longer than {SECONDS} seconds on zeros") from None
    if process.returncode == REFUSED:
        other = "" if kernels == "reference" else ", or try the reference kernels"
        raise interpreter.Refused(name, _with_names(process.stdout, tensors), f"Convert it again{other}")
    if process.returncode != 0:
        how = f"the {kernels} kernels ended the process that tried it ({own_process.ending(process)})"
        raise Died(name, how, "It is not loaded in this process; convert it again")


def _with_names(reason: str, tensors: Sequence[Tensor]) -> str:
    """Put the names of tensors behind their numbers: "Input tensor 5 lacks data" is hard to look up."""

    def named(match: re.Match) -> str:
        index = int(match[1])
        return f"{match[0]} ({inspect.short_name(tensors[index].name)!r})" if index < len(tensors) else match[0]

    return re.sub(r"\b[Tt]ensor (\d+)\b", named, reason)
