"""AdaRound: whether a weight is rounded up or down is learned, layer by layer, without labels.

The nearest code makes the smallest error of a weight, and not the smallest error of the layer's output: there
errors of several weights add up, and a weight that is rounded the other way can cancel some of them.  So each
weight gets a number between 0 (down) and 1 (up) that gradient descent moves until the output on some pictures is as
close as possible, while a penalty drives the numbers to the ends (Nagel et al. 2020, arXiv:2004.10568).
"""

import numpy as np

from helpers.base.tf import tf

ZETA, GAMMA = 1.1, -0.1  # how far the sigmoid is stretched, so that it reaches 0 and 1 (section 3.2 of the paper)
START, END = 20.0, 2.0  # of the exponent of the penalty: at first only numbers near the ends are drawn to them
WARM_UP = 0.2  # share of the steps without a penalty
WEIGHT = 0.01  # of the penalty beside the error
RATE, STEPS, BATCH = 1e-2, 1000, 256


def rounded(
    weights: np.ndarray, inputs: np.ndarray, scale: np.ndarray | float, largest: int, steps: int = STEPS, seed: int = 0
) -> np.ndarray:
    """Return the codes of a layer's weights, each one of the two codes around it: int8 [inputs, outputs].

    Args:
        weights: float32 [inputs, outputs].
        inputs: of the layer on some pictures, float32 [samples, inputs].
        scale: of the codes, one number or one for each output.
        largest: code; the smallest is its negative.
        steps: of gradient descent.
        seed: of the samples that a step sees.
    """
    quotient = np.asarray(weights, np.float32) / np.float32(scale)
    down = np.clip(np.floor(quotient), -largest, largest)
    learned = _learned(quotient, down, np.asarray(inputs, np.float32), np.float32(scale), largest, steps, seed)
    return np.clip(down + (learned >= 0.5), -largest, largest).astype(np.int8)


def _learned(quotient, down, inputs, scale, largest: int, steps: int, seed: int) -> np.ndarray:
    """Return how far up each weight wants to go, float32 [inputs, outputs], most of them close to 0 or 1."""
    share = np.clip(quotient - down, 1e-3, 1 - 1e-3)  # the start: just the weight itself
    raw = tf.Variable(-np.log((ZETA - GAMMA) / (share - GAMMA) - 1), dtype=tf.float32)
    exact = quotient * scale  # the weights
    optimizer, rng = tf.keras.optimizers.Adam(RATE), np.random.default_rng(seed)

    @tf.function
    def step(x: tf.Tensor, goal: tf.Tensor, exponent: tf.Tensor, penalty: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            up = stretched(raw)
            output = tf.matmul(x, tf.clip_by_value(down + up, -largest, largest) * scale)
            error = tf.reduce_mean(tf.reduce_sum(tf.square(output - goal), axis=1))
            loss = error + penalty * tf.reduce_sum(1 - tf.abs(2 * up - 1) ** exponent)
        optimizer.apply_gradients([(tape.gradient(loss, raw), raw)])

    for number in range(steps):
        some = inputs[rng.integers(len(inputs), size=min(BATCH, len(inputs)))]
        passed = max(number / steps - WARM_UP, 0) / (1 - WARM_UP)
        exponent = END + (START - END) * 0.5 * (1 + np.cos(np.pi * passed))
        step(
            some,
            some @ exact,
            tf.constant(exponent, tf.float32),
            tf.constant(WEIGHT * (passed > 0), tf.float32),
        )
    return stretched(raw).numpy()


def stretched(raw: tf.Tensor) -> tf.Tensor:
    """Return the rectified sigmoid, which reaches 0 and 1 (Louizos et al. 2018, arXiv:1712.01312)."""
    return tf.clip_by_value(tf.sigmoid(raw) * (ZETA - GAMMA) + GAMMA, 0, 1)
