"""What the layers cost, counted a second time by brute force, and the faster batch normalisation against Keras's."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from helpers.base import artifacts
from helpers.base.tf import keras, tf
from helpers.networks import models, weights
from helpers.networks.costs import layer_costs, layer_table
from helpers.tflite import from_keras

layers = keras.layers
BATCH_NORMS = keras.layers.BatchNormalization, models.FusedBatchNormalization


# --- the network ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "parameters", "macs"),
    [(models.compact_cnn, 167_826, 25e6), (models.residual_cnn, 332_466, 60e6), (models.alexnet, 876_562, 22e6)],
)
def test_the_networks_are_as_announced(network, parameters, macs):
    model = network()
    assert model.name == network.__name__
    assert model.count_params() == parameters
    assert f"{parameters:,}" in network.__doc__
    assert model.input_shape == (None, 96, 96, 3)
    assert model.output_shape == (None, 2)
    assert sum(cost.macs for cost in layer_costs(model)) == pytest.approx(macs, rel=0.03)
    assert f"{macs / 1e6:.0f} million" in network.__doc__
    probabilities = model(np.random.default_rng(0).random((3, 96, 96, 3), np.float32)).numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_other_sizes_and_classes():
    assert models.compact_cnn(32, 5).output_shape == (None, 5)


def test_alexnet_has_the_shape_of_alexnet():
    """Krizhevsky et al. 2012: five convolutions, three dense layers; 58.6 of 61 million parameters are dense."""
    model = models.alexnet()
    kinds = [type(layer).__name__ for layer in model.layers]
    assert [kind for kind in kinds if kind in ("Conv2D", "Dense")] == ["Conv2D"] * 5 + ["Dense"] * 3
    pools = [layer for layer in model.layers if isinstance(layer, layers.MaxPooling2D)]
    assert [(pool.name, pool.pool_size, pool.strides) for pool in pools] == [
        (f"pool{after}", (3, 3), (2, 2)) for after in (1, 2, 5)
    ]
    assert [layer.rate for layer in model.layers if isinstance(layer, layers.Dropout)] == [0.5, 0.5]
    dense = sum(layer.count_params() for layer in model.layers if isinstance(layer, layers.Dense))
    assert 0.85 < dense / model.count_params() < 0.95
    assert model.count_params() <= 1_100_000
    weighted = [layer for layer in model.layers if hasattr(layer, "kernel")]
    assert all(layer.kernel_regularizer.l2 == pytest.approx(models.ALEXNET_DECAY) for layer in weighted)


# --- weights in files ----------------------------------------------------------------------------------------


def small():
    inputs = keras.Input((4, 4, 3), name="picture")
    x = layers.BatchNormalization(name="norm")(layers.Conv2D(2, 3, name="conv")(inputs))
    return keras.Model(inputs, layers.Dense(2, name="dense")(layers.Flatten()(x)), name="small")


@pytest.mark.parametrize(("dtype", "precision"), [("float32", 0), ("float16", 2**-11)])
def test_weights_come_back_from_a_file(tmp_path, dtype, precision):
    """A number with 11 significant bits is off by at most half of the last one."""
    model, again = small(), small()
    weights.save_weights(model, tmp_path / "small.npz", dtype)
    with np.load(tmp_path / "small.npz", allow_pickle=False) as saved:
        assert {saved[name].dtype for name in saved} == {np.dtype(dtype)}
    weights.load_weights(again, tmp_path / "small.npz")
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        assert other.dtype == np.float32
        np.testing.assert_allclose(other, one, rtol=precision)


@pytest.mark.parametrize(("value", "dtype"), [(1e5, "float16"), (np.nan, "float32"), (np.inf, "float32")])
def test_weights_that_a_type_cannot_hold_are_not_written(tmp_path, value, dtype):
    model = small()
    model.get_layer("dense").bias.assign([value, 0])
    with pytest.raises(ValueError, match=f"finite weights that {dtype} can hold; dense/bias of small has others"):
        weights.save_weights(model, tmp_path / "small.npz", dtype)
    assert list(tmp_path.iterdir()) == []


def test_weights_of_another_network_are_refused(tmp_path):
    weights.save_weights(small(), tmp_path / "small.npz")
    with pytest.raises(ValueError, match=r"small.npz holds other weights than compact_cnn has"):
        weights.load_weights(models.compact_cnn(), tmp_path / "small.npz")


def test_a_checkpoint_is_checked_against_its_card(tmp_path):
    model, path = small(), tmp_path / "small.npz"
    weights.save_weights(model, path)
    with pytest.raises(FileNotFoundError, match="no card: get the whole repository"):
        weights.load_checkpoint(small(), path)
    path.with_suffix(".json").write_text(json.dumps({"sha256": artifacts.sha256(path)}))
    again = small()
    weights.load_checkpoint(again, path)
    np.testing.assert_array_equal(again.get_layer("conv").kernel, model.get_layer("conv").kernel)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"small.npz is not the file that its model card describes: its SHA-256"):
        weights.load_checkpoint(again, path)


# --- multiply-accumulates ------------------------------------------------------------------------------------


def counted(image, kernel, stride, padding, depthwise):
    """Convolve with loops, counting every product; TensorFlow's 'same' pads with zeros, which are multiplied too."""
    size, k = image.shape[0], kernel.shape[0]
    out = -(-size // stride) if padding == "same" else (size - k) // stride + 1
    pad = max((out - 1) * stride + k - size, 0) if padding == "same" else 0
    image = np.pad(image, ((pad // 2, pad - pad // 2),) * 2 + ((0, 0),))
    result, products = np.zeros((out, out, kernel.shape[2] if depthwise else kernel.shape[3])), 0
    for y, x, c in itertools.product(*map(range, result.shape)):
        patch = image[y * stride : y * stride + k, x * stride : x * stride + k]
        terms = patch[..., c] * kernel[..., c, 0] if depthwise else patch * kernel[..., c]
        result[y, x, c], products = terms.sum(), products + terms.size
    return result, products


@settings(max_examples=25, deadline=None)
@given(
    size=st.integers(3, 7),
    channels=st.integers(1, 3),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 2),
    padding=st.sampled_from(["same", "valid"]),
    depthwise=st.booleans(),
)
def test_products_of_a_convolution_are_those_that_loops_count(size, channels, kernel, stride, padding, depthwise):
    inputs = keras.Input((size, size, channels))
    options = {"strides": stride, "padding": padding, "use_bias": False}
    layer = layers.DepthwiseConv2D(kernel, **options) if depthwise else layers.Conv2D(4, kernel, **options)
    model = keras.Model(inputs, layer(inputs))
    image = np.random.default_rng(0).random((size, size, channels), np.float32)
    result, products = counted(image, layer.get_weights()[0], stride, padding, depthwise)
    np.testing.assert_allclose(model(image[None])[0], result, atol=1e-5)  # the loops convolve as TensorFlow does
    (cost,) = layer_costs(model)
    assert cost.macs == products
    assert cost.shape == result.shape
    assert cost.parameters == layer.get_weights()[0].size


def test_groups_and_dense_layers():
    inputs = keras.Input((4, 4, 6))
    x = layers.Conv2D(8, 3, groups=2, padding="same")(inputs)
    x = layers.Dense(5)(x)  # on each of the 16 positions
    x = layers.Dense(3)(layers.Flatten()(x))
    costs = layer_costs(keras.Model(inputs, x))
    assert [cost.macs for cost in costs] == [16 * 8 * 9 * 3, 16 * 8 * 5, 80 * 3]
    assert [cost.parameters for cost in costs] == [8 * 9 * 3 + 8, 8 * 5 + 5, 80 * 3 + 3]


def test_pooling_adds_but_does_not_multiply():
    inputs = keras.Input((4, 4, 2))
    x = layers.GlobalAveragePooling2D()(layers.AveragePooling2D(2)(layers.MaxPooling2D(1)(inputs)))
    assert [cost.macs for cost in layer_costs(keras.Model(inputs, x))] == [0, 0, 0]


# --- parameters and memory -----------------------------------------------------------------------------------


def residual():
    """Return a small network with a skip connection, of which the memory is counted by hand."""
    inputs = keras.Input((8, 8, 3))  # 192 numbers
    a = layers.Conv2D(4, 3, padding="same", name="a")(inputs)  # 256
    a = layers.ReLU()(layers.BatchNormalization()(a))
    b = layers.Conv2D(8, 1, name="b")(a)  # 512
    b = layers.ReLU()(layers.BatchNormalization()(b))
    c = layers.Conv2D(4, 1, name="c")(b)  # 256
    x = layers.Add(name="add")([a, c])  # 256
    x = layers.GlobalAveragePooling2D(name="average")(x)  # 4
    return keras.Model(inputs, layers.Softmax()(layers.Dense(2, name="dense")(x)))


def test_memory_of_a_network_with_a_skip_connection():
    live = {cost.name: cost.live for cost in layer_costs(residual())}
    assert live == {
        "a": 192 + 256,
        "b": 256 + 512,
        "c": 256 + 512 + 256,  # the output of a waits for the addition
        "add": 256 + 256 + 256,
        "average": 256 + 4,
        "dense": 4 + 2,
    }


def test_memory_of_the_compact_network_is_largest_at_its_second_convolution():
    costs = layer_costs(models.compact_cnn())
    peak = max(costs, key=lambda cost: cost.live)
    assert (peak.name, peak.live) == ("conv2", 48 * 48 * (16 + 24))


def norm_first():
    inputs = keras.Input((4, 4, 3))
    return keras.Model(inputs, layers.Conv2D(2, 3)(layers.BatchNormalization()(inputs)))


@pytest.mark.parametrize(
    "network", [models.compact_cnn, models.residual_cnn, models.alexnet, residual, norm_first], ids=lambda f: f.__name__
)
def test_the_parameters_of_all_layers_are_those_of_the_model(network):
    model = network()
    costs = layer_costs(model)
    assert sum(cost.parameters for cost in costs) == model.count_params()
    last = layer_table(model).rows[-1]
    assert last[0] == "total, peak"
    assert last[2] == f"{model.count_params():,}"
    assert last[3] == f"{sum(cost.macs for cost in costs):,}"
    peak = max(cost.live for cost in costs)
    assert last[4:] == [f"{4 * peak / 1000:.1f}", f"{peak / 1000:.1f}"]


def test_the_table_has_a_row_for_each_layer_that_computes():
    rows = layer_table(residual()).rows
    assert [row[0] for row in rows[:-1]] == ["a", "b", "c", "add", "average", "dense"]
    assert rows[1][1] == "8×8×8"


# --- batch normalisation -------------------------------------------------------------------------------------


def norm_step(kind, inputs, momentum=0.9):
    """Run one training step of a normalisation; return outputs, gradients and moving statistics."""
    layer = kind(momentum=momentum)
    layer.build(inputs.shape)
    channels = inputs.shape[-1]
    layer.gamma.assign(np.linspace(0.5, 2, channels))
    layer.beta.assign(np.linspace(-1, 1, channels))
    inputs = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=True)
        loss = tf.reduce_mean(tf.sin(outputs))
    gradients = tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value])
    still = layer(inputs, training=False)
    return [outputs, *gradients, layer.moving_mean, layer.moving_variance, still]


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.integers(1, 4)),
    mean=st.floats(-3, 3),
    spread=st.floats(0.1, 5),
    seed=st.integers(0, 99),
)
def test_the_fused_normalisation_is_that_of_keras(shape, mean, spread, seed):
    assume(np.prod(shape[:3]) >= 4)  # the statistics of one or two numbers are all rounding
    assume(abs(mean) <= 10 * spread)  # far from zero, the rounding of a float32 grows against the spread
    inputs = np.random.default_rng(seed).normal(mean, spread, shape).astype(np.float32)
    for theirs, ours in zip(*(norm_step(kind, inputs) for kind in BATCH_NORMS), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def tiny(kind):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 3))
    x = layers.ReLU()(kind(momentum=0.9)(layers.Conv2D(4, 3)(inputs)))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(layers.Flatten()(x)))
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    return model


def test_a_training_with_either_normalisation_gives_the_same_weights():
    rng = np.random.default_rng(0)
    images, labels = rng.random((32, 6, 6, 3), np.float32), rng.integers(0, 2, 32)
    trained = [tiny(kind) for kind in BATCH_NORMS]
    for model in trained:
        model.fit(images, labels, batch_size=8, epochs=2, shuffle=False, verbose=0)
    for theirs, ours in zip(*(model.get_weights() for model in trained), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_the_fused_normalisation_survives_saving(tmp_path):
    model = tiny(models.FusedBatchNormalization)
    images = np.random.default_rng(0).random((8, 6, 6, 3), np.float32)
    model.fit(images, np.arange(8) % 2, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert any(isinstance(layer, models.FusedBatchNormalization) for layer in again.layers)
    np.testing.assert_array_equal(again.predict(images, verbose=0), model.predict(images, verbose=0))


# --- frozen --------------------------------------------------------------------------------------------------


def test_a_frozen_network_computes_the_same_and_keeps_its_weights():
    model = tiny(models.FusedBatchNormalization)
    images = np.random.default_rng(0).random((8, 6, 6, 3), np.float32)
    model.fit(images, np.arange(8) % 2, verbose=0)  # so that the running statistics are not those of the beginning
    expected, frozen = model.predict(images, verbose=0), from_keras.frozen(model)
    np.testing.assert_allclose(frozen(images), expected, atol=1e-6)
    assert frozen.get_concrete_function().variables == ()
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    np.testing.assert_allclose(frozen(images), expected, atol=1e-6)


@pytest.mark.parametrize("batch", [None, 1, 5])
def test_a_frozen_network_takes_so_many_pictures(batch):
    frozen = from_keras.frozen(tiny(layers.BatchNormalization), batch)
    assert frozen.input_signature == (tf.TensorSpec((batch, 6, 6, 3), tf.float32, "picture"),)
