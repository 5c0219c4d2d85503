"""Run a .tflite file: with XNNPACK, with TFLite's own kernels, or with the reference ones."""

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from helpers.base import console

KERNEL_SETS = {
    "XNNPACK": OpResolverType.BUILTIN,
    "built-in": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "reference": OpResolverType.BUILTIN_REF,
}


def load(model: Path | bytes, kernels: str = "XNNPACK", batch: int = 1, **options) -> Interpreter:
    """Return an interpreter, ready to run, for a .tflite file or its bytes.

    Args:
        model: path or content of the file.
        kernels: "XNNPACK" (what an application gets), "built-in" (TFLite's own optimised kernels) or "reference"
            (plain loops, the definition of what is right).
        batch: pictures in one call.
        options: passed on to `Interpreter`.

    Raises:
        KeyError: there is no such kernel set.
        FileNotFoundError: there is no such file.
        ValueError: the file is no .tflite model.
    """
    if kernels not in KERNEL_SETS:
        raise KeyError(f"Expected one of {', '.join(KERNEL_SETS)}; found {kernels!r}.")
    if isinstance(model, bytes):
        source = {"model_content": model}
    elif Path(model).is_file():
        source = {"model_path": str(model)}
    else:
        raise FileNotFoundError(f"There is no model file {model}: run 02_convert, or converted.files(pets).")
    try:
        with console.quiet():
            ready = Interpreter(
                **source, experimental_op_resolver_type=KERNEL_SETS[kernels], **({"num_threads": 1} | options)
            )
            input_details = ready.get_input_details()[0]
            ready.resize_tensor_input(input_details["index"], [batch, *input_details["shape"][1:]])
            ready.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ValueError(
            f"{model if isinstance(model, Path) else 'The content'} is no model TFLite can run: {error}"
        ) from None
    return ready


def quantize_input(inputs: np.ndarray, details: dict) -> np.ndarray:
    """Bring float inputs into the type a model takes: divide by the scale, add the zero point, **round**, clip.

    Args:
        inputs: float32, any shape.
        details: of one input tensor, from `get_input_details()`; a float model gets its inputs back unchanged.
    """
    if details["dtype"] == np.float32:
        return inputs
    scale, zero_point = details["quantization"]
    limits = np.iinfo(details["dtype"])
    return np.clip(np.round(inputs / scale) + zero_point, limits.min, limits.max).astype(details["dtype"])


def dequantize_output(outputs: np.ndarray, details: dict) -> np.ndarray:
    """Turn a model's output into float32: (code - zero point) * scale."""
    if details["dtype"] == np.float32:
        return outputs
    scale, zero_point = details["quantization"]
    return (outputs.astype(np.float32) - zero_point) * np.float32(scale)


def run(ready: Interpreter, inputs: np.ndarray) -> np.ndarray:
    """Run one batch, in whatever type the model takes: `inputs` as the input tensor, returns float32 probabilities."""
    ready.set_tensor(ready.get_input_details()[0]["index"], inputs)
    ready.invoke()
    output_details = ready.get_output_details()[0]
    return dequantize_output(ready.get_tensor(output_details["index"]), output_details)
