"""Magnitude pruning: the smallest weights become zero, and the histogram of those that are left has two humps.

Train, prune, train on: Han, Pool, Tran and Dally 2015, *Learning both Weights and Connections for Efficient Neural
Networks*, arXiv 1506.02626.  *Deep Compression* (Han, Mao and Dally 2015, arXiv 1510.00149) goes on to quantize what is
left; its histograms show layers of an AlexNet after this step.
"""

from collections.abc import Mapping

import numpy as np

from helpers.base.seed import SEED
from helpers.base.tf import keras, tf
from helpers.networks import training, weights
from helpers.networks.training import TrainingPlan
from helpers.pictures.datasets import Pets

FINE_TUNING = TrainingPlan(epochs=1, learning_rate=3e-4, pictures_per_second=500)
FINE_TUNING_PICTURES = 4000

# The share of AlexNet's weights that Han et al. set to zero, layer by layer (arXiv 1506.02626, table 4).
PUBLISHED = {
    "conv1": 0.16,
    "conv2": 0.62,
    "conv3": 0.65,
    "conv4": 0.63,
    "conv5": 0.63,
    "dense6": 0.91,
    "dense7": 0.91,
    "dense8": 0.75,
}


def layer_weights(model: keras.Model) -> dict[str, np.ndarray]:
    """Return the weights that pruning looks at, {layer: float32 array}: of convolutions and dense layers, no biases."""
    return {layer.name: layer.kernel.numpy() for layer in weights.weighted_layers(model)}


def magnitude_masks(model: keras.Model, sparsity: float | Mapping[str, float]) -> dict[str, np.ndarray]:
    """Return which weights stay, {layer: bool array in the shape of its kernel}: those of the largest magnitude.

    Every layer has a threshold of its own, the quantile of its |w| at the sparsity asked for.

    Args:
        model: any Keras model with convolutions or dense layers.
        sparsity: the share of weights to remove, at least 0 and below 1: one for all layers, or {layer: share}, in
            which layers that are not named keep all their weights.

    Raises:
        ValueError: a sparsity lies outside [0, 1), or a named layer has no kernel to prune.
    """
    kernels = layer_weights(model)
    shares = dict(sparsity) if isinstance(sparsity, Mapping) else dict.fromkeys(kernels, sparsity)
    if unknown := sorted(set(shares) - set(kernels)):
        raise ValueError(f"Expected layers out of {', '.join(kernels)}; found {', '.join(unknown)}.")
    for share in shares.values():
        if not 0 <= share < 1:
            raise ValueError(
                f"Expected a sparsity from 0 (keep all) to below 1; found {share}: give a share, not percent."
            )
    return {name: _largest(kernel, shares.get(name, 0.0)) for name, kernel in kernels.items()}


def _largest(kernel: np.ndarray, sparsity: float) -> np.ndarray:
    """Return a mask without the round(sparsity * size) smallest weights; of equally small ones the first go."""
    order = np.argsort(np.abs(kernel), axis=None, kind="stable")
    mask = np.ones(kernel.size, bool)
    mask[order[: round(sparsity * kernel.size)]] = False
    return mask.reshape(kernel.shape)


def prune(model: keras.Model, sparsity: float | Mapping[str, float] = PUBLISHED) -> keras.Model:
    """Return a copy of a model in which the smallest weights of every layer are zero; see `magnitude_masks`."""
    masks = magnitude_masks(model, sparsity)
    pruned = training.copy(model)
    _apply(pruned, masks)
    return pruned


def fine_tune(
    pruned: keras.Model,
    pets: Pets,
    plan: TrainingPlan = FINE_TUNING,
    pictures: int = FINE_TUNING_PICTURES,
    seed: int = SEED,
) -> keras.Model:
    """Return a copy of a pruned model, trained on a little; weights that are zero stay exactly zero.

    The others move to make up for what is missing.  (Han et al. also lower the dropout, for fewer weights overfit less;
    here it stays.)

    Args:
        pruned: from `prune`; the zeros in its kernels say what was pruned.
        pets: the data; the first pictures of `train` are used.
        plan: epochs, learning rate (falls to zero along a cosine) and batch size.
        pictures: how many at most.
        seed: fixes order, augmentation and dropout.
    """
    return training.fine_tune(pruned, pets, plan, pictures, seed, [KeepZeros()])


class KeepZeros(keras.callbacks.Callback):
    """Sets every kernel weight that was zero when the training began back to zero after each step."""

    def __init__(self):
        super().__init__()
        self.masks = None

    def on_train_begin(self, logs=None) -> None:
        """Note which weights are zero; a second training with the same callback keeps the first one's."""
        self.masks = self.masks or {name: kernel != 0 for name, kernel in layer_weights(self.model).items()}

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Undo what the optimiser did to them."""
        _apply(self.model, self.masks)


def _apply(model: keras.Model, masks: Mapping[str, np.ndarray]) -> None:
    for name, mask in masks.items():
        kernel = model.get_layer(name).kernel
        kernel.assign(tf.where(mask, kernel.value, 0.0))


def sparsities(model: keras.Model) -> dict[str, float]:
    """Return the share of weights that are exactly zero, {layer: 0 to 1}, and of all layers together under "all"."""
    kernels = layer_weights(model)
    shares = {name: float((kernel == 0).mean()) for name, kernel in kernels.items()}
    zeros, size = (sum(int(f(kernel)) for kernel in kernels.values()) for f in (lambda k: (k == 0).sum(), np.size))
    return shares | {"all": zeros / size}
