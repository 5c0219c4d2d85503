"""Which range the codes of weights cover: all of it, a percentile, or where the squared error is smallest."""

import numpy as np

from helpers.numbers import quantization

CANDIDATES = np.linspace(0.02, 1, 50)  # shares of the full range that the search for the smallest error tries
BINS = 2048  # of a histogram of activations, for that search

Range = str | float  # "min/max", "mse" or a percentile


def weight_scales(weights: np.ndarray, bits: int = 8, axis: int | None = None, within: Range = "min/max"):
    """Return the scale of weights, symmetric and narrow as in `quantization.symmetric_parameters`.

    Args:
        weights: any shape.
        bits: of one code.
        axis: None for one scale, else the axis of the channels.
        within: "min/max"; a percentile of the magnitudes (Wu et al. 2020, arXiv 2004.09602, section 5); or "mse", the
            share of the full range at which the mean squared error is smallest, out of `CANDIDATES` (Nagel et al. 2021,
            arXiv 2106.08295, section 3.1).

    Returns:
        float32, a number or [channels].
    """
    full, _ = quantization.symmetric_parameters(weights, bits, axis)
    if within == "min/max":
        return full
    others = None if axis is None else tuple(i for i in range(weights.ndim) if i != axis % weights.ndim)
    if within == "mse":
        errors = [_weight_errors(weights, full * np.float32(share), bits, axis, others) for share in CANDIDATES]
        return full * np.float32(CANDIDATES[np.argmin(errors, axis=0)])
    end = np.percentile(np.abs(weights), within, axis=others) / quantization.code_range(bits)[1]
    return np.where(end > 0, end, full).astype(np.float32)


def _weight_errors(weights: np.ndarray, scale: np.ndarray, bits: int, axis: int | None, others) -> np.ndarray:
    """Return the mean squared error, for each channel if there is an axis."""
    return np.mean((quantization.fake_quantize(weights, bits, axis, scale) - weights) ** 2, axis=others)


def binned(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the means and the counts of the values in equally wide bins, without the empty ones."""
    counts, edges = np.histogram(values, BINS)
    sums, _ = np.histogram(values, edges, weights=np.ravel(values).astype(np.float64).reshape(values.shape))
    return sums[counts > 0] / counts[counts > 0], counts[counts > 0]


def check_range(within: Range) -> None:
    """Complain about what is no way to choose a range.

    Raises:
        ValueError: it is none.
    """
    is_percentile = isinstance(within, int | float) and 50 < within <= 100
    if within not in ("min/max", "mse") and not is_percentile:
        raise ValueError(f"Expected \"min/max\", \"mse\" or a percentile above 50, such as 99.9; found {within!r}.")
