"""From a SavedModel to .tflite files: one small function for each kind of post-training quantization.

The converter's options are described at https://ai.google.dev/edge/litert/conversion/tensorflow/quantization.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from helpers.base import artifacts, console
from helpers.base.tf import tf
from helpers.tflite.kinds import GRAPH
from helpers.tflite.kinds import filename as filename

RepresentativeDataset = Callable[[], Iterator[list[np.ndarray]]]


def representative_dataset(inputs: np.ndarray) -> RepresentativeDataset:
    """Return what the converter wants for calibration: a function that yields one input at a time.

    Args:
        inputs: float32 [n, 96, 96, 3], prepared exactly as in training.
    """

    def samples() -> Iterator[list[np.ndarray]]:
        for i in range(len(inputs)):
            yield [inputs[i : i + 1]]

    return samples


def _converter(saved_model: Path) -> tf.lite.TFLiteConverter:
    return tf.lite.TFLiteConverter.from_saved_model(str(saved_model))


def calibrated(saved_model: Path, calibration: np.ndarray, operators: tf.lite.OpsSet) -> tf.lite.TFLiteConverter:
    """Return a converter that quantizes activations too, with ranges from calibration, to these operators only."""
    converter = _converter(saved_model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative_dataset(calibration)
    converter.target_spec.supported_ops = [operators]
    return converter


def float32(saved_model: Path, calibration: np.ndarray | None = None) -> bytes:
    """Convert without quantization: float32 weights, float32 arithmetic."""
    return _converter(saved_model).convert()


def dynamic_range(saved_model: Path, calibration: np.ndarray | None = None) -> bytes:
    """Quantize the weights to int8; activations stay float32 and get their range while the model runs."""
    converter = _converter(saved_model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()


def float16(saved_model: Path, calibration: np.ndarray | None = None) -> bytes:
    """Store the weights as float16; the arithmetic stays float32."""
    converter = _converter(saved_model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def int8_float_io(saved_model: Path, calibration: np.ndarray) -> bytes:
    """Quantize weights and activations to int8; input and output stay float32."""
    return calibrated(saved_model, calibration, tf.lite.OpsSet.TFLITE_BUILTINS_INT8).convert()


def int8(saved_model: Path, calibration: np.ndarray, per_channel: bool = True) -> bytes:
    """Quantize everything to int8, input and output too: the form a microcontroller wants.

    Without `per_channel`, all weights of a layer share one scale.  The converter has no public setting for that.
    """
    converter = calibrated(saved_model, calibration, tf.lite.OpsSet.TFLITE_BUILTINS_INT8)
    converter._experimental_disable_per_channel = not per_channel
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def int16x8(saved_model: Path, calibration: np.ndarray) -> bytes:
    """Quantize activations to int16 and weights to int8; input and output stay float32."""
    operators = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    return calibrated(saved_model, calibration, operators).convert()


KINDS: dict[str, Callable[..., bytes]] = {
    "float32": float32,
    "dynamic range": dynamic_range,
    "float16": float16,
    "int8, float in/out": int8_float_io,
    "int8": int8,
    "int16x8": int16x8,
}


def convert(kind: str, saved_model: Path, calibration: np.ndarray | None = None) -> bytes:
    """Convert a SavedModel to one of `KINDS`, without the converter's log lines.

    Args:
        kind: a name out of `KINDS`.
        saved_model: the exported model.
        calibration: float32 [n, 96, 96, 3]; the kinds with quantized activations need it.

    Raises:
        KeyError: there is no such kind.
        FileNotFoundError: there is no SavedModel.
        ValueError: the kind needs calibration pictures and got none.
    """
    if kind not in KINDS:
        raise KeyError(f"Expected one of {', '.join(KINDS)}; found {kind!r}.")
    check(saved_model, calibration if kind.startswith("int") else (0,), kind)
    with console.quiet():
        return KINDS[kind](saved_model, calibration)


def check(saved_model: Path, calibration: np.ndarray | None, what: str) -> None:
    """Raise an error if there is no SavedModel, or no picture to calibrate with; see `convert`."""
    if not (Path(saved_model) / GRAPH).exists():
        raise FileNotFoundError(
            f"There is no SavedModel in {saved_model}: run 01_train, or training.saved_model(pets)."
        )
    if calibration is None or len(calibration) == 0:
        raise ValueError(f"{what} quantizes activations, so it needs calibration pictures; found none.")


def write(content: bytes, path: Path) -> Path:
    """Write a .tflite file whole or not at all."""
    with artifacts.atomic(path) as part:
        part.write_bytes(content)
    return path
