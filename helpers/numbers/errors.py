"""What quantization loses: the largest error, the root mean square, and the signal-to-noise ratio."""

import numpy as np


def max_error(values: np.ndarray, restored: np.ndarray) -> float:
    """Return the largest absolute difference; after rounding, and without clipping, it is at most half a step."""
    return float(np.abs(_errors(values, restored)).max())


def rmse(values: np.ndarray, restored: np.ndarray) -> float:
    """Return the root of the mean squared difference; about scale / √12 if the errors are spread evenly."""
    return float(np.sqrt(np.mean(_errors(values, restored) ** 2)))


def sqnr(values: np.ndarray, restored: np.ndarray) -> float:
    """Return the signal-to-quantization-noise ratio in decibels: 10 log10(power of the values / power of the errors).

    Each bit more halves the step, and so adds 20 log10(2) = 6.02 dB (Bennett, *Spectra of Quantized Signals*, 1948).
    Without any error the ratio is infinite; without any signal, but with errors, it is minus infinity.
    """
    noise = np.mean(_errors(values, restored) ** 2)
    signal = np.mean(np.square(values, dtype=np.float64))
    if noise == 0:
        return float("inf")
    return float(10 * np.log10(signal / noise)) if signal > 0 else float("-inf")


def _errors(values: np.ndarray, restored: np.ndarray) -> np.ndarray:
    """Return the differences as float64.

    Raises:
        ValueError: there are none, or the shapes differ.
    """
    values, restored = np.asarray(values, np.float64), np.asarray(restored, np.float64)
    if values.size == 0 or values.shape != restored.shape:
        raise ValueError(
            f"Expected two arrays of one shape with at least one value; found {values.shape} and {restored.shape}."
        )
    return values - restored
