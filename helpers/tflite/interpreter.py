"""Run a .tflite file: with XNNPACK, with TFLite's own kernels, or with the reference ones."""

import re
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from helpers.base import console

KERNEL_SETS = {
    "XNNPACK": OpResolverType.BUILTIN,
    "built-in": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "reference": OpResolverType.BUILTIN_REF,
}


class Refused(ValueError):
    """TensorFlow Lite cannot run a file.

    Attributes:
        reason: what it says, in one line and without the places in its source.
    """

    def __init__(self, model: str, reason: str, advice: str = "Convert it again"):
        said = re.sub(r"(?:\S+/)?\w+\.(?:cc|h):\d+:? *", "", " ".join(reason.split()))
        parts = (part.strip(" .;") for part in re.split(r"(?=Node number \d)", said))
        self.reason = "; ".join(filter(None, parts))
        super().__init__(f"{model} is no model TFLite can run: {self.reason}. {advice}.")


def check_kernels(kernels: str) -> None:
    """Raise KeyError if there is no such kernel set."""
    if kernels not in KERNEL_SETS:
        raise KeyError(f"Expected one of {', '.join(KERNEL_SETS)}; found {kernels!r}.")


def load(model: Path | bytes, kernels: str = "XNNPACK", batch: int = 1, **options) -> Interpreter:
    """Return an interpreter, ready to run, for a .tflite file or its bytes.

    A file from elsewhere can end the whole process while it is loaded: `trial.check` tries it in another one.

    Args:
        model: path or content of the file.
        kernels: "XNNPACK" (what an application gets), "built-in" (TFLite's own optimised kernels) or "reference"
            (plain loops, the definition of what is right).
        batch: pictures in one call; the first input gets that many where the file has another number.  An input of
            one axis, such as [16000] samples of sound, has no batch and stays as it is.
        options: passed on to `Interpreter`.

    Raises:
        KeyError: there is no such kernel set.
        FileNotFoundError: there is no such file.
        Refused: the file is no model that TFLite can run, or not with that many pictures; this is a ValueError.
    """
    check_kernels(kernels)
    if isinstance(model, bytes):
        source = {"model_content": model}
    elif Path(model).is_file():
        source = {"model_path": str(model)}
    else:
        raise FileNotFoundError(f"There is no model file {model}: run 02_convert, or converted.files(pets).")
    name = str(model) if isinstance(model, Path) else "The content"
    try:
        with console.quiet():
            ready = Interpreter(
                **source, experimental_op_resolver_type=KERNEL_SETS[kernels], **({"num_threads": 1} | options)
            )
            _resize(ready, batch, name)
            ready.allocate_tensors()
    except Refused:
        raise
    except Exception as error:  # a broken file leads to many, not all of them TFLite's own
        raise Refused(name, str(error)) from None
    return ready


def _resize(ready: Interpreter, batch: int, name: str) -> None:
    """Give the first input as many pictures as asked for, if it has another number of them."""
    entry = next(iter(ready.get_input_details()), None)
    shape = [] if entry is None else entry["shape"].tolist()
    has_batch = len(shape) > 1 or (len(shape) == 1 and entry["shape_signature"].tolist() == [-1])
    if not has_batch and batch != 1:
        why = f"not {batch} inputs in one call, for its input has the shape {shape} and no batch axis"
        raise Refused(name, why, "Give it one after the other")
    if has_batch and shape[0] != batch:
        ready.resize_tensor_input(entry["index"], [batch, *shape[1:]])


def quantize_input(inputs: np.ndarray, details: dict) -> np.ndarray:
    """Bring float inputs into the type a model takes: divide by the scale, add the zero point, **round**, clip.

    Args:
        inputs: float32, any shape.
        details: of one input tensor, from `get_input_details()`; a float model gets its inputs back unchanged, and
            whole numbers without a scale are rounded and clipped only.
    """
    if details["dtype"] == np.float32:
        return inputs
    if not np.issubdtype(details["dtype"], np.integer):
        return inputs.astype(details["dtype"])
    scale, zero_point = details["quantization"]
    limits = np.iinfo(details["dtype"])
    return np.clip(np.round(inputs / (scale or 1.0)) + zero_point, limits.min, limits.max).astype(details["dtype"])


def dequantize_output(outputs: np.ndarray, details: dict) -> np.ndarray:
    """Turn a model's output into float32: (code - zero point) * scale; numbers without a scale are what they are."""
    if details["dtype"] == np.float32:
        return outputs
    scale, zero_point = details["quantization"]
    return (outputs.astype(np.float32) - zero_point) * np.float32(scale or 1.0)


def run(ready: Interpreter, inputs: np.ndarray) -> np.ndarray:
    """Run one batch, in whatever type the model takes: `inputs` as the input tensor, returns float32 probabilities."""
    ready.set_tensor(ready.get_input_details()[0]["index"], inputs)
    ready.invoke()
    output_details = ready.get_output_details()[0]
    return dequantize_output(ready.get_tensor(output_details["index"]), output_details)
