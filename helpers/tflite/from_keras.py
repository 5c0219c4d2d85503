"""From a Keras model to a SavedModel, or straight to a float32 .tflite file."""

from pathlib import Path

from helpers.base import console
from helpers.base.tf import keras, tf

SIGNATURE = "serving_default"  # the name under which a SavedModel offers its computation


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
