"""Catching up: a layer makes good what rounding has changed in the layers before it.

In a rounded network a layer no longer gets what it got before.  What it should give is known from the exact network,
and what it can give is a sum of weights times inputs: so the weights that come closest are a linear regression of the
one on the other, and the bias is its intercept.  Only these weights are then rounded.  For language models this is
GPTAQ (Li et al. 2025, arXiv:2504.02692), after the asymmetric reconstruction of AdaRound (Nagel et al. 2020,
arXiv:2004.10568, section 3.3); to move the bias by the mean is bias correction, done while the network is rounded.
"""

import numpy as np

from helpers.methods import gptq


def moved(weights: np.ndarray, seen: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the weights with which the inputs of today come closest to the outputs of yesterday, up to a constant.

    The least squares of (wanted W - seen V) over V, both without their means.  A little damping, as in `gptq.hessian`,
    keeps V near W where the inputs say nothing.

    Args:
        weights: W, float [..., inputs, outputs].
        seen: inputs of the layer in the rounded network, float [..., samples, inputs].
        wanted: its inputs in the exact network, likewise.
    """
    seen, wanted = (rows - rows.mean(axis=-2, keepdims=True) for rows in (seen, wanted))
    missing = np.swapaxes(seen, -1, -2) @ ((wanted - seen) @ weights)
    return weights + np.linalg.solve(gptq.hessian(seen), missing)


def missing_mean(exact: np.ndarray, rounded: np.ndarray, seen: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return what the mean of each output lacks, float [all outputs]; the bias can add it.

    Args:
        exact, rounded: weights, float [..., inputs, outputs].
        seen, wanted: see `moved`.
    """
    mean_seen, mean_wanted = (rows.mean(axis=-2, keepdims=True) for rows in (seen, wanted))
    return (mean_wanted @ exact - mean_seen @ rounded).ravel()
