"""From a Keras model to a SavedModel, or straight to a float32 .tflite file."""

import tempfile
from pathlib import Path

from helpers.base import console
from helpers.base.tf import keras, tf
from helpers.tflite.kinds import SIGNATURE


def export(model: keras.Model, path: Path) -> None:
    """Write the model as a TensorFlow SavedModel, the form the converter reads, with its weights as constants.

    `model.export` would write the weights as variables, which somebody could go on training, and with them two
    functions that save and restore them.  A converter has no use for these and would spend most of its time on them
    (`benchmarks/conversion_speed.py` measures how much).
    """
    module = tf.Module()
    module.serve = frozen(model)
    with console.quiet():
        tf.saved_model.save(module, str(path), signatures={SIGNATURE: module.serve})


def frozen(model: keras.Model, batch: int | None = None) -> tf.types.experimental.PolymorphicFunction:
    """Return what a model computes in inference as one function of TensorFlow, with its weights as constants.

    Later changes of the model's weights do not reach it.  TensorFlow keeps constants in the graph, so a network has to
    stay below 2 GB.

    Args:
        model: with one input and one output.
        batch: of pictures that the function takes at a time; None takes any number.

    Returns:
        function of "picture", float32 [batch, *shape of the input], in inference: without dropout, and with the running
        statistics of batch normalisation.
    """
    weights = [(weight, tf.constant(weight.numpy())) for weight in model.variables]
    picture = tf.TensorSpec((batch, *model.input_shape[1:]), tf.float32, name="picture")

    @tf.function(input_signature=[picture], autograph=False)
    def inference(picture: tf.Tensor) -> tf.Tensor:
        with keras.StatelessScope(weights):
            return model(picture, training=False)

    return inference


def float32(model: keras.Model) -> bytes:
    """Convert a Keras model for one picture to a float32 .tflite file, without a SavedModel on the way."""
    computation = frozen(model, batch=1).get_concrete_function()
    with console.quiet():
        return tf.lite.TFLiteConverter.from_concrete_functions([computation], tf.Module()).convert()


def float32_of_large(model: keras.Model) -> bytes:
    """Convert a Keras model for one picture to a float32 .tflite file, with half the memory of `float32`.

    The weights go through a SavedModel as variables.  As constants they would be copied with the graph at every step of
    the conversion: 3.1 GB instead of 1.5 for the 178 MB of ResNet-101, in 2 seconds less.
    """
    module, picture = tf.Module(), tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="picture")
    module.weights = [weight.value for weight in model.variables]  # what the module holds is saved
    inference = tf.function(lambda picture: model(picture, training=False), input_signature=[picture], autograph=False)
    with tempfile.TemporaryDirectory() as folder, console.quiet():
        tf.saved_model.save(module, folder, signatures={SIGNATURE: inference})
        return tf.lite.TFLiteConverter.from_saved_model(folder).convert()
