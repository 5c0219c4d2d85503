"""What does a pipeline of pictures without tf.data's tuner bring, against the same pipeline with it?

    python benchmarks/pipeline_speed.py [--rounds 3]

The compact network trains on random pictures for short epochs of several lengths, from both pipelines, taking turns;
the ratio is taken within each round.  A training with the tuner often ends 0.6, 1.3, 2.6, 5.1 or 10.2 seconds after it
began, when the tuner wakes, and not when its last step is done.
"""

import argparse

import numpy as np

from helpers.base.seed import SEED
from helpers.base.tf import keras, make_deterministic, tf
from helpers.measure import latency
from helpers.networks import models, training

STEPS = (20, 40, 60, 80, 120, 160)
BATCH = 32


def main() -> None:
    """Print the seconds of both pipelines and their ratio, for each length of an epoch."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    make_deterministic()
    model = models.compact_cnn()
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    rng = np.random.default_rng(SEED)
    images = tf.constant(rng.integers(0, 256, (max(STEPS) * BATCH, *model.input_shape[1:]), np.uint8))
    labels = rng.integers(0, 2, len(images))
    tuner, fixed = tf.data.Options(), tf.data.Options()
    tuner.autotune.enabled = True

    def train(steps: int, options: tf.data.Options) -> None:
        pipeline = training.batches(images, labels, 0, BATCH, SEED).take(steps)
        model.fit(pipeline.with_options(options), shuffle=False, verbose=0)

    for steps in STEPS:
        calls = {"tuner": lambda n=steps: train(n, tuner), "steady": lambda n=steps: train(n, fixed)}
        timings = latency.interleave(calls, arguments.rounds, f"{steps} steps", warm_up=1)
        times = ", ".join(f"{name} {np.median(seconds):.1f} s" for name, seconds in timings.seconds.items())
        print(f"{steps:4} steps: {times}; steady is {timings.ratio(*calls)} times as fast")


if __name__ == "__main__":
    main()
