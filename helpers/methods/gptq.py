"""GPTQ: the error of one rounded weight is made good by those that are not rounded yet.

A layer is a sum of weights times inputs, and what matters is the error of that sum, not of the single weight.  If
the inputs of two weights go up and down together, what is lost at one can be added to the other.  So the weights of
a filter are rounded one after the other, and after each one all that are left are moved such that the squared error
of the output on some pictures grows as little as possible (Frantar et al. 2022, arXiv:2210.17323; the idea is from
Hassibi and Stork 1993, "Optimal brain surgeon").
"""

import numpy as np

DAMPING = 0.01  # of the mean of the diagonal, added to it: inputs that never vary would make the matrix singular


def hessian(inputs: np.ndarray, damping: float = DAMPING) -> np.ndarray:
    """Return the matrix of the second derivatives of the squared error, half of it: X^T X with a damped diagonal.

    Args:
        inputs: what the layer gets, float [..., samples, inputs].
        damping: see `DAMPING`.

    Returns:
        float64 [..., inputs, inputs].
    """
    inputs = np.asarray(inputs, np.float64)
    matrix = np.swapaxes(inputs, -1, -2) @ inputs
    mean = np.trace(matrix, axis1=-2, axis2=-1)[..., None, None] / matrix.shape[-1]
    return matrix + (damping * mean + 1e-12) * np.eye(matrix.shape[-1])


def rounded(weights: np.ndarray, inputs: np.ndarray, scale: np.ndarray | float, largest: int) -> np.ndarray:
    """Return the codes of a layer's weights, chosen for the error of its output: int8 [..., inputs, outputs].

    Row i of the upper Cholesky factor U of the inverse Hessian says how the rows below have to move for an error at row
    i, once the rows above are fixed: by -U[i, j] / U[i, i] times the error (section 3.3 of the paper).

    Args:
        weights: float [..., inputs, outputs]; what stands before are layers of their own, such as the channels of a
            depthwise convolution.
        inputs: of the layer on some pictures, float [..., samples, inputs].
        scale: of the codes, can be broadcast against the weights.
        largest: code; the smallest is its negative.
    """
    upper = np.swapaxes(np.linalg.cholesky(np.linalg.inv(hessian(inputs))), -1, -2)
    left, codes = np.array(weights, np.float64), np.empty(np.shape(weights), np.int8)
    scale = np.broadcast_to(np.float64(scale), left.shape)
    for i in range(left.shape[-2]):
        codes[..., i, :] = np.clip(np.round(left[..., i, :] / scale[..., i, :]), -largest, largest)
        error = (left[..., i, :] - codes[..., i, :] * scale[..., i, :]) / upper[..., i, i, None]
        left[..., i + 1 :, :] -= upper[..., i, i + 1 :, None] * error[..., None, :]
    return codes


def output_error(weights: np.ndarray, codes: np.ndarray, inputs: np.ndarray, scale: np.ndarray | float) -> float:
    """Return the mean squared error of a layer's output, over samples and outputs; see `rounded`."""
    return float(np.mean((np.asarray(inputs, np.float64) @ (np.float64(weights) - codes * np.float64(scale))) ** 2))
