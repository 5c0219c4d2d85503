"""What does the fused batch normalisation bring, against the one that comes with Keras 3?

    python benchmarks/training_speed.py [--rounds 5] [--steps 20]

The same network trains on the same random batch with both layers, taking turns; the ratio is taken within each round.
"""

import argparse

import numpy as np

from helpers.base.seed import SEED
from helpers.base.tf import keras, make_deterministic
from helpers.measure import latency
from helpers.networks import models

BATCH = 32


def trainer(layer: type, steps: int):
    """Return a function that trains the network, built with this batch normalisation, for some steps."""
    ours, models.FusedBatchNormalization = models.FusedBatchNormalization, layer
    model = models.compact_cnn()
    models.FusedBatchNormalization = ours
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    rng = np.random.default_rng(SEED)
    images, labels = rng.random((BATCH, *model.input_shape[1:]), np.float32), rng.integers(0, 2, BATCH)

    def train() -> None:
        for _ in range(steps):
            model.train_on_batch(images, labels)

    return train


def main() -> None:
    """Print pictures per second with both layers and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    make_deterministic()
    layers = {"Keras": keras.layers.BatchNormalization, "fused": models.FusedBatchNormalization}
    calls = {name: trainer(layer, arguments.steps) for name, layer in layers.items()}
    timings = latency.interleave(calls, arguments.rounds, "Training", warm_up=1)
    for name, seconds in timings.seconds.items():
        print(f"{name:6} {BATCH * arguments.steps / np.median(seconds):,.0f} pictures/s")
    print(f"the fused layer trains {timings.ratio('Keras', 'fused')} times as fast")


if __name__ == "__main__":
    main()
