"""Two networks on the way through quantization-aware training, for the tests of the training and of the file."""

import pytest

import made_up
from helpers.base.tf import make_deterministic
from helpers.methods import qat, qat_file
from helpers.networks import folding, training
from helpers.pictures import conventions


@pytest.fixture(scope="module")
def noise():
    """64 pictures of noise."""
    return made_up.noise(64)


@pytest.fixture(scope="module")
def inputs(noise):
    """The same pictures as the networks take them."""
    return conventions.normalise(noise.arrays("train", size=32)[0])


@pytest.fixture(scope="module", params=[made_up.residual, made_up.plain])
def network(request, noise):
    """A trained network without batch normalisation."""
    make_deterministic(4)
    return folding.fold(training.fine_tune(request.param(), noise, training.TrainingPlan(6, 1e-2, batch_size=16)))


@pytest.fixture(scope="module")
def aware(network, inputs):
    """The network with 3-bit weights, one of the two per channel, and 8-bit activations; not yet trained on."""
    return qat.aware(network, inputs, weight_bits=3, per_channel=network.name == "residual")


@pytest.fixture(scope="module")
def tuned(aware, noise):
    """The same, trained on."""
    return qat.fine_tune(aware, noise, made_up.PLAN)


@pytest.fixture(scope="module")
def file(tuned, tmp_path_factory):
    """The full-int8 file."""
    path = tmp_path_factory.mktemp("qat") / "tuned.tflite"
    path.write_bytes(qat_file.tflite(tuned))
    return path
