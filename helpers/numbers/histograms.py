"""The shape of a histogram: how many humps it has, and where."""

import numpy as np
from scipy import ndimage, signal, stats


def humps(values: np.ndarray, prominence: float = 0.1) -> np.ndarray:
    """Return where the density of some numbers has its humps, in rising order: float64 [number of humps].

    The density is a Gaussian kernel estimate on a grid of 1024 cells, with the bandwidth of Silverman 1986 (*Density
    Estimation*, equation 3.31): 0.9 min(standard deviation, interquartile range / 1.34) n^(-1/5).  A hump is a local
    maximum that rises above the valleys beside it by at least a tenth of the highest one, so that the ripple of a
    small sample counts for nothing.

    Args:
        values: any shape, finite; leave out the pruned weights, which all lie at zero.
        prominence: how far a hump must rise, as a share of the highest.

    Raises:
        ValueError: there are no values, one is NaN or infinite, or all are equal.
    """
    values = np.ravel(values).astype(np.float64)
    if values.size == 0 or not np.isfinite(values).all() or np.ptp(values) == 0:
        raise ValueError(
            f"Expected finite numbers that are not all equal; found {values.size} with "
            f"{np.unique(values).size} different values, {int((~np.isfinite(values)).sum())} of them not finite."
        )
    spread = min(filter(None, (values.std(), stats.iqr(values) / 1.34)))
    bandwidth = 0.9 * spread * values.size**-0.2
    margin = 4 * bandwidth
    counts, edges = np.histogram(values, 1024, (values.min() - margin, values.max() + margin))
    density = ndimage.gaussian_filter1d(
        counts.astype(float), max(bandwidth / (edges[1] - edges[0]), 1.0), mode="constant"
    )
    peaks, _ = signal.find_peaks(density, prominence=prominence * density.max())
    return (edges[:-1] + edges[1:])[peaks] / 2
