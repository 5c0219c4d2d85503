"""AdaRound: whether a weight is rounded up or down is learned, layer by layer, without labels.

The nearest code makes the smallest error of a weight, and not the smallest error of the layer's output: there
errors of several weights add up, and a weight that is rounded the other way can cancel some of them.  So each
weight gets a number between 0 (down) and 1 (up) that gradient descent moves until the output on some pictures is as
close as possible, while a penalty drives the numbers to the ends (Nagel et al. 2020, arXiv:2004.10568).

The error of the output is a quadratic function of the errors of the weights, so all that is needed of the pictures is
the Hessian of `gptq` (section 3.2 of the paper), and a step of the descent is one product of matrices.
"""

import numpy as np

from helpers.methods import gptq

ZETA, GAMMA = 1.1, -0.1  # how far the sigmoid is stretched, so that it reaches 0 and 1 (equation 23 of the paper)
START, END = 20.0, 2.0  # of the exponent of the penalty: at first only numbers near the ends are drawn to them
WARM_UP = 0.2  # share of the steps without a penalty
PENALTY = 1.0  # of a weight halfway, in units of the error that the nearest codes make for each weight
RATE, STEPS = 2e-2, 500
DECAYS, EPSILON = (0.9, 0.999), 1e-8  # of Adam (Kingma and Ba 2014, arXiv:1412.6980)


def rounded(
    weights: np.ndarray, inputs: np.ndarray, scale: np.ndarray | float, largest: int, steps: int = STEPS
) -> np.ndarray:
    """Return the codes of a layer's weights, each one of the two codes around it: int8 [..., inputs, outputs].

    Args:
        weights, inputs, scale, largest: see `gptq.rounded`.
        steps: of gradient descent.
    """
    exact = np.float64(weights) / scale
    down, above = (np.clip(np.floor(exact) + one, -largest, largest) for one in (0, 1))
    choice = above - down  # 1, or 0 for a weight beyond the last code
    curvature = _curvature(exact, inputs, scale, largest)
    share = np.clip(exact - down, 1e-3, 1 - 1e-3)  # the start: the weight itself
    raw = -np.log((ZETA - GAMMA) / (share - GAMMA) - 1)
    momentum = power = np.zeros_like(raw)
    for step in range(1, steps + 1):
        up, slope = stretched(raw)
        pull = curvature @ ((down + choice * up - exact) * scale) * scale * choice
        gradient = (pull - _penalty_slope(up, step / steps)) * slope
        momentum = DECAYS[0] * momentum + (1 - DECAYS[0]) * gradient
        power = DECAYS[1] * power + (1 - DECAYS[1]) * gradient**2
        size = np.sqrt(power / (1 - DECAYS[1] ** step)) + EPSILON
        raw = raw - RATE * momentum / (1 - DECAYS[0] ** step) / size
    return (down + choice * (stretched(raw)[0] >= 0.5)).astype(np.int8)


def _curvature(exact: np.ndarray, inputs: np.ndarray, scale: np.ndarray | float, largest: int) -> np.ndarray:
    """Return the second derivatives of the output's error, float64 [..., inputs, inputs].

    In units of the error that the nearest codes make, spread over the weights: so one penalty fits all layers.
    """
    matrix = gptq.hessian(inputs, damping=0)
    error = (np.clip(np.round(exact), -largest, largest) - exact) * scale
    unit = np.mean(error * (matrix @ error), axis=(-2, -1), keepdims=True)
    return 2 * matrix / np.maximum(unit, np.finfo(np.float32).tiny)


def stretched(raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rectified sigmoid, which reaches 0 and 1 (Louizos et al. 2018, arXiv:1712.01312), and its slope."""
    sigmoid = 1 / (1 + np.exp(-raw))
    free = sigmoid * (ZETA - GAMMA) + GAMMA
    return np.clip(free, 0, 1), np.where((free > 0) & (free < 1), (ZETA - GAMMA) * sigmoid * (1 - sigmoid), 0.0)


def _penalty_slope(up: np.ndarray, progress: float) -> np.ndarray:
    """Return minus the slope of the penalty 1 - |2 up - 1|^exponent (equation 24 of the paper), after a warm-up."""
    if progress <= WARM_UP:
        return np.zeros_like(up)
    exponent = END + (START - END) * 0.5 * (1 + np.cos(np.pi * (progress - WARM_UP) / (1 - WARM_UP)))
    centred = 2 * up - 1
    return PENALTY * 2 * exponent * np.sign(centred) * np.abs(centred) ** (exponent - 1)
