"""Which range the codes of weights cover: all of it, a percentile, or where the squared error is smallest."""

import numpy as np

from helpers.numbers import quantization

CANDIDATES = np.linspace(0.02, 1, 50)  # shares of the full range that the search for the smallest error tries
BINS = 2048  # of a histogram of activations, for that search
NEWTON_STEPS = 30  # of OCTAV; it settles in less than ten

Range = str | float  # "min/max", "mse", "octav" or a percentile


def weight_scales(weights: np.ndarray, bits: int = 8, axis: int | None = None, within: Range = "min/max"):
    """Return the scale of weights, symmetric and narrow as in `quantization.symmetric_parameters`.

    Args:
        weights: any shape.
        bits: of one code.
        axis: None for one scale, else the axis of the channels.
        within: "min/max"; a percentile of the magnitudes (Wu et al. 2020, arXiv 2004.09602, section 5); "mse", the
            share of the full range at which the mean squared error is smallest, out of `CANDIDATES` (Nagel et al. 2021,
            arXiv 2106.08295, section 3.1); or "octav", which comes close to that without a search (`octav`).

    Returns:
        float32, a number or [channels].
    """
    full, _ = quantization.symmetric_parameters(weights, bits, axis)
    if within == "min/max":
        return full
    others = quantization.other_axes(weights, axis)
    if within == "mse":
        errors = [_weight_errors(weights, full * np.float32(share), bits, axis, others) for share in CANDIDATES]
        return full * np.float32(CANDIDATES[np.argmin(errors, axis=0)])
    reach = octav(weights, bits, axis) if within == "octav" else np.percentile(np.abs(weights), within, axis=others)
    end = reach / quantization.code_range(bits)[1]
    return np.where(end > 0, end, full).astype(np.float32)


def octav(weights: np.ndarray, bits: int = 8, axis: int | None = None) -> np.ndarray:
    """Return how far the codes should reach, float64, a number or [channels]: *optimally clipped tensors and vectors*.

    Inside the range the squared error is taken to be that of a uniform distribution over a step, one twelfth of its
    square; outside it is what is cut off.  Newton's method finds where the sum has no slope (Sakr et al. 2022, arXiv
    2206.06501, equation 6; AI Edge Quantizer has the same).

    Args:
        weights, bits, axis: see `weight_scales`.
    """
    others = quantization.other_axes(weights, axis)
    sizes = np.abs(np.float64(weights))
    inside, reach = 4.0**-bits / 3, np.zeros_like(quantization.reach(weights, axis))
    for _ in range(NEWTON_STEPS):
        outside = sizes > quantization.along(reach, sizes, axis)
        share = outside.mean(axis=others)
        reach = (sizes * outside).mean(axis=others) / (inside * (1 - share) + share)
    return reach


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
    if within not in ("min/max", "mse", "octav") and not is_percentile:
        raise ValueError(
            f'Expected "min/max", "mse", "octav" or a percentile above 50, such as 99.9; found {within!r}.'
        )
