"""A network that nobody has trained, and that can be quantized all the same.

Trained weights would have to be downloaded.  How long a network takes does not depend on what it has learned, but an
untrained network as it comes out of the initialiser quantizes into files that are no good: its activations shrink or
grow from layer to layer, some ranges become almost zero, and the integer multipliers that follow from them are out of
bounds.  So

1. the weights come from Keras's own initialisers (Glorot and Bengio 2010) with a fixed seed;
2. every batch normalisation gets the mean and the variance that its input really has, from one pass over a few drawn
   pets (a training step with momentum 0, without a gradient).  Each channel then has mean 0 and variance 1 on these
   pictures, at any depth, whatever the initialiser's scale was;
3. the last layer is multiplied by one number, so that the scores of the classes spread as a classifier's do.
"""

import numpy as np

from helpers.base.tf import keras, make_deterministic, tf
from helpers.networks.weights import weighted_layers

SPREAD = 4.0  # standard deviation of the classes' scores before the softmax


def network(keras_name: str, inputs: np.ndarray, **options) -> keras.Model:
    """Return an untrained network whose statistics fit some pictures: see the top of this module.

    Args:
        keras_name: a function of `keras.applications` that returns a network with batch normalisation.
        inputs: float32 [n, size, size, 3]; n is at least 2, so that a variance can be estimated at any depth.
        options: passed on to that function, such as `alpha` for MobileNet.

    Raises:
        ValueError: there are fewer than two inputs.
    """
    if len(inputs) < 2:
        raise ValueError(f"The statistics need at least two pictures; found {len(inputs)}.")
    make_deterministic()
    model = getattr(keras.applications, keras_name)(weights=None, input_shape=inputs.shape[1:], **options)
    set_statistics(model, inputs)
    return model


def set_statistics(model: keras.Model, inputs: np.ndarray) -> None:
    """Set what batch normalisation knows to what `inputs` show, and scale the last layer; both in place.

    Args:
        model: a classifier whose last layer with a kernel gives the scores of the classes.
        inputs: float32 [n, size, size, 3].
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0  # new statistics = 0 * old ones + 1 * this batch's
    # As a graph, which forgets what no later layer needs; layer by layer, everything would stay in memory to the end.
    tf.function(lambda pictures: model(pictures, training=True), autograph=False)(inputs)
    probabilities = np.asarray(model(inputs[:1], training=False), np.float64)
    last = weighted_layers(model)[-1]
    scores = np.log(probabilities)  # up to one number, which a standard deviation does not see
    last.kernel.assign(last.kernel * (SPREAD / scores.std()))
