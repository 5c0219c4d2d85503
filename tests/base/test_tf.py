"""TensorFlow's settings: a pipeline with a steady number of threads gives the same."""

from helpers.base.tf import fixed_threads, tf


def test_a_steady_pipeline_gives_the_same():
    numbers = tf.data.Dataset.range(100).map(lambda n: n * n, num_parallel_calls=tf.data.AUTOTUNE)
    assert list(fixed_threads(numbers).as_numpy_iterator()) == [n * n for n in range(100)]
