"""TensorFlow, imported without its chatter, and the one place where what a run would leave to chance is fixed."""

import gc
import os
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # C++ log lines: errors only

from helpers.base.console import quiet
from helpers.base.seed import SEED

# The import makes half a million objects, none of which is ever garbage.  Python's collector would go through them
# again and again: a third of the time that the import takes, and 0.1 s for each later collection.
gc.disable()
try:
    with quiet():  # the import itself writes lines about oneDNN and CUDA that say nothing to a student
        import keras
        import tensorflow as tf
    gc.freeze()
finally:
    gc.enable()

__all__ = ["SEED", "fixed_threads", "keras", "make_deterministic", "tf"]

# Each network that is trained is a function of its own.  TensorFlow takes several of them for one that is traced again.
tf.get_logger().addFilter(lambda record: "tf.function retracing" not in record.getMessage())

# NumPy 2.4 warns about calls inside packages that a reader cannot change.
warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"(keras|tensorflow|tensorflow_datasets)\b")


def make_deterministic(seed: int = SEED) -> None:
    """Make the same run give the same bytes: fix every seed and choose reproducible kernels.

    `enable_op_determinism` makes TensorFlow add floating-point numbers in a fixed order.  Without it, two runs with
    equal seeds differ in the last bits, and training turns those into different weights.
    """
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def fixed_threads(pictures: tf.data.Dataset) -> tf.data.Dataset:
    """Return the same pipeline with a fixed number of threads, instead of one that tf.data tunes while it runs.

    The tuner looks at the pipeline after 10 ms, 20 ms, 40 ms ... and sleeps in between.  A pipeline that ends while the
    tuner falls asleep is closed when it wakes: a training that is done after 6 seconds may seem to take 10
    (`benchmarks/pipeline_speed.py` measures it).  The elements are the same, in the same order.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return pictures.with_options(options)
