"""Batch normalisation folded into the weights before it: what every converter does before it quantizes."""

import numpy as np

from helpers.numbers import quantization


def folded(
    kernel: np.ndarray,
    bias: np.ndarray | float,
    gamma: np.ndarray,
    beta: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    epsilon: float,
    axis: int = -1,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernel and the bias of a layer that does the work of a batch normalisation after it as well.

    In inference, batch normalisation multiplies a channel by one number and adds another, and so does a convolution.
    So the two become one: kernel * gamma / sigma, and beta + (bias - mean) * gamma / sigma (Jacob et al., arXiv
    1712.05877, section 3.2).

    Args:
        kernel: float32, any shape.
        bias: float32 [channels], or 0.
        gamma, beta, mean, variance: of the batch normalisation, float32 [channels].
        epsilon: what is added to the variance.
        axis: of the kernel along which its output channels lie.
    """
    factor = gamma / np.sqrt(variance + epsilon)
    return kernel * quantization.along(factor, kernel, axis), beta + (bias - mean) * factor
