"""TensorFlow Datasets, imported without its chatter."""

from helpers.base.console import quiet

with quiet():
    import tensorflow_datasets as tfds

__all__ = ["tfds"]
