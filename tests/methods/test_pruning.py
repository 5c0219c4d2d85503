"""Pruning: what goes is the smallest, what is gone stays gone, and humps are counted on known distributions."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.base import artifacts, data
from helpers.base.tf import keras, tf
from helpers.methods import pruning
from helpers.networks import alexnet, checkpoints, models, training
from helpers.networks.weights import load_checkpoint
from helpers.numbers import histograms
from helpers.pictures import conventions, datasets
from helpers.pictures.photographs import prepared
from helpers.pruning import main

SOURCES = sorted(alexnet.CHECKPOINTS)
README = (data.project() / "data" / "checkpoints" / "README.md").read_text()


def tiny():
    """Return a small network with normalisation and dropout, with random weights."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((96, 96, 3))
    x = keras.layers.Conv2D(6, 3, strides=4, name="conv")(inputs)
    x = keras.layers.ReLU()(models.FusedBatchNormalization(name="norm")(x))
    x = keras.layers.Dropout(0.5)(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax", name="dense")(x), name="tiny")


MODEL = tiny()


@pytest.fixture(scope="module")
def few():
    """32 pictures of noise, dogs a little brighter than cats."""
    rng = np.random.default_rng(0)
    labels = np.arange(32) % 2
    images = (rng.integers(0, 200, (32, 96, 96, 3)) + 40 * labels[:, None, None, None]).astype(np.uint8)
    split = tf.data.Dataset.from_tensor_slices((images, labels))
    return datasets.Pets("few", "few pets", split, split, split, dict.fromkeys(conventions.SPLITS, 32))


# --- masks ---------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(sparsity=st.floats(0, 1, exclude_max=True))
def test_what_goes_is_as_much_as_asked_for_and_the_smallest(sparsity):
    for name, mask in pruning.magnitude_masks(MODEL, sparsity).items():
        magnitudes = np.abs(MODEL.get_layer(name).kernel.numpy())
        assert mask.shape == magnitudes.shape
        assert (~mask).sum() == round(sparsity * mask.size)
        if mask.any() and not mask.all():
            assert magnitudes[~mask].max() <= magnitudes[mask].min()


def test_of_equal_weights_no_more_go_than_asked_for():
    model = tiny()
    model.get_layer("dense").kernel.assign(np.full((6, 2), 0.5))
    assert (~pruning.magnitude_masks(model, 0.5)["dense"]).sum() == 6


def test_layers_by_name():
    model = tiny()
    assert pruning.sparsities(pruning.prune(model, {"dense": 0.25}))["conv"] == 0
    assert pruning.sparsities(pruning.prune(model, {"dense": 0.25}))["dense"] == 0.25
    with pytest.raises(ValueError, match="layers out of conv, dense; found norm, typo"):
        pruning.prune(model, {"typo": 0.5, "norm": 0.5})


@pytest.mark.parametrize("sparsity", [-0.1, 1, 1.0, 90, float("nan")])
def test_a_sparsity_that_makes_no_sense(sparsity):
    for asked in (sparsity, {"dense": sparsity}):
        with pytest.raises(ValueError, match=f"sparsity from 0 .* to below 1; found {sparsity}: give a share"):
            pruning.magnitude_masks(MODEL, asked)


def test_pruning_touches_kernels_only_and_leaves_the_model_alone():
    model = tiny()
    before = [weight.copy() for weight in model.get_weights()]
    pruned = pruning.prune(model, 0.7)
    masks = pruning.magnitude_masks(model, 0.7)
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    for weight, then in zip(pruned.weights, before, strict=True):
        layer, kind = weight.path.split("/")
        np.testing.assert_array_equal(weight.numpy(), then * masks[layer] if kind == "kernel" else then)


def test_the_shares_of_all_layers_together():
    model = tiny()  # 162 and 12 weights
    found = pruning.sparsities(pruning.prune(model, {"conv": 1 / 3, "dense": 0.5}))
    assert found == {"conv": 54 / 162, "dense": 0.5, "all": 60 / 174}


def test_the_published_shares_add_up_to_the_published_total():
    """Han et al. 2015, table 4: of 61 million weights 11 % are left; weights by layer from the same table."""
    weights = dict(zip(pruning.PUBLISHED, (35e3, 307e3, 885e3, 663e3, 442e3, 38e6, 17e6, 4e6), strict=True))
    left = sum((1 - pruning.PUBLISHED[name]) * count for name, count in weights.items())
    assert left / sum(weights.values()) == pytest.approx(0.11, abs=0.005)
    assert set(pruning.PUBLISHED) == set(pruning.layer_weights(models.alexnet()))


# --- fine-tuning ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tuned(few):
    """A pruned network, and the same fine-tuned for two epochs of two steps."""
    pruned = pruning.prune(tiny(), {"conv": 0.6, "dense": 0.25})
    return pruned, pruning.fine_tune(pruned, few, training.TrainingPlan(2, 1e-2, batch_size=16))


def test_pruned_weights_stay_exactly_zero_and_the_others_move(tuned):
    pruned, after = tuned
    for name, kernel in pruning.layer_weights(after).items():
        before = pruning.layer_weights(pruned)[name]
        assert np.all(kernel[before == 0] == 0)
        assert (kernel[before != 0] != before[before != 0]).mean() > 0.9
    assert pruning.sparsities(after) == pruning.sparsities(pruned)
    assert pruning.sparsities(pruned)["conv"] == pytest.approx(0.6, abs=0.01)


def test_without_the_callback_they_would_not(few):
    """The optimiser moves every weight: what keeps zeros is `KeepZeros`."""
    pruned = pruning.prune(tiny(), 0.6)
    pruned.compile("adam", "sparse_categorical_crossentropy")
    pruned.fit(training.batches(*map(tf.constant, few.arrays("train")), 0, 16, 0), shuffle=False, verbose=0)
    assert pruning.sparsities(pruned)["all"] < 0.01


def test_fine_tuning_twice_gives_the_same(tuned, few):
    pruned, after = tuned
    again = pruning.fine_tune(pruned, few, training.TrainingPlan(2, 1e-2, batch_size=16))
    for one, other in zip(after.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_fine_tuning_on_fewer_pictures_than_a_batch(few):
    pruned = pruning.prune(tiny(), 0.5)
    after = pruning.fine_tune(pruned, few, pictures=5)
    assert pruning.sparsities(after) == pruning.sparsities(pruned)
    assert not np.array_equal(after.get_layer("dense").bias.numpy(), pruned.get_layer("dense").bias.numpy())


def test_the_score_is_that_of_keras(few):
    images, labels = few.arrays("test")
    model = tiny()
    found = checkpoints.score(model, images, labels)
    np.testing.assert_allclose(
        found.probabilities, model.predict(conventions.normalise(images), verbose=0), rtol=1e-5, atol=1e-6
    )
    assert found.accuracy == np.mean(found.probabilities.argmax(1) == labels)
    with pytest.raises(ValueError, match="at least one picture"):
        checkpoints.score(model, images[:0], labels[:0])


# --- humps ---------------------------------------------------------------------------------------------------

RNG = np.random.default_rng(8)
NORMAL = RNG.normal(0, 0.02, 20_000)
KNOWN = {
    "normal": (NORMAL, [0]),
    "few normal": (RNG.normal(0, 1, 300), [0]),
    "Laplace": (RNG.laplace(0, 0.02, 20_000), [0]),
    "Student with far outliers": (RNG.standard_t(2, 20_000), [0]),
    "two normals": (np.concatenate([RNG.normal(-3, 1, 9000), RNG.normal(3, 1, 9000)]), [-3, 3]),
    "two normals, a third as many": (np.concatenate([RNG.normal(-3, 1, 9000), RNG.normal(3, 1, 3000)]), [-3, 3]),
    "two normals that run together": (np.concatenate([RNG.normal(-0.8, 1, 9000), RNG.normal(0.8, 1, 9000)]), [0]),
    "three normals": (np.concatenate([RNG.normal(m, 1, 6000) for m in (-5, 0, 5)]), [-5, 0, 5]),
    "pruned normal": (NORMAL[np.abs(NORMAL) > 0.02], [-0.022, 0.022]),
}


@pytest.mark.parametrize("name", KNOWN)
def test_humps_of_known_distributions(name):
    values, expected = KNOWN[name]
    found = histograms.humps(values)
    assert len(found) == len(expected)
    if name != "two normals that run together":  # its one hump is broad
        np.testing.assert_allclose(found, expected, atol=0.3 * np.std(values))


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(1e-4, 1e4), shift=st.floats(-10, 10), name=st.sampled_from(sorted(KNOWN)))
def test_humps_move_and_scale_with_the_values(scale, shift, name):
    values, expected = KNOWN[name]
    found = histograms.humps(scale * (values + shift))
    assert len(found) == len(expected)
    np.testing.assert_allclose(found / scale - shift, histograms.humps(values), atol=0.05 * np.std(values))


@pytest.mark.parametrize("values", [[], [1.0], [2.0, 2.0], [1.0, np.nan], [1.0, np.inf]])
def test_humps_of_nothing(values):
    with pytest.raises(ValueError, match="finite numbers that are not all equal"):
        histograms.humps(np.array(values))


def test_humps_when_most_values_are_equal():
    """The interquartile range is zero then, and the standard deviation stands in."""
    assert len(histograms.humps(np.concatenate([np.zeros(900), RNG.normal(0, 1, 100)]))) == 1


# --- the checkpoints of the suite ----------------------------------------------------------------------------


def card(source):
    return json.loads(alexnet.CHECKPOINTS[source].with_suffix(".json").read_text())


@pytest.mark.parametrize("source", SOURCES)
def test_a_checkpoint_is_that_of_its_card(source):
    path, said = alexnet.CHECKPOINTS[source], card(source)
    assert path.stat().st_size < 2_400_000
    assert said["sha256"] == artifacts.sha256(path)
    assert said["command"] == f"python -m helpers.pruning --data {source}"
    assert said["parameters"] == models.alexnet().count_params()
    with np.load(path, allow_pickle=False) as saved:
        assert {saved[name].dtype for name in saved} == {np.dtype("float16")}
    plan = alexnet.PLANS[source]
    assert (said["seed"], said["epochs"], said["learning_rate"]) == (training.SEED, plan.epochs, plan.learning_rate)


@pytest.mark.parametrize("source", SOURCES)
def test_the_readme_repeats_the_card(source):
    said = [card(source)["sha256"], f"{card(source)['parameters']:,}", card(source)["command"]]
    said += [f"{found['accuracy']:.2%}" for found in card(source)["results"].values()]
    assert [words for words in said if words not in README] == []


@pytest.mark.parametrize(("source", "weights"), [("drawn", "drawn"), ("folder-12345678", "photographs")])
def test_a_folder_of_ones_own_gets_the_weights_of_the_photographs(source, weights):
    model = alexnet.trained(datasets.Pets(source, "", None, None, None, {}))
    with np.load(alexnet.CHECKPOINTS[weights]) as saved:
        np.testing.assert_array_equal(pruning.layer_weights(model)["dense6"], saved["dense6/kernel"])
    assert pruning.layer_weights(model)["dense6"].dtype == np.float32


def test_other_weights_are_refused(tmp_path, monkeypatch):
    path, described = tmp_path / "alexnet_drawn.npz", json.dumps(card("drawn"))
    monkeypatch.setitem(alexnet.CHECKPOINTS, "drawn", path)
    drawn = datasets.Pets("drawn", "", None, None, None, {})
    with pytest.raises(FileNotFoundError, match="no weights in .*alexnet_drawn.npz.*from scratch"):
        alexnet.trained(drawn)
    path.write_bytes(b"other")
    path.with_suffix(".json").write_text(described)
    with pytest.raises(ValueError, match="SHA-256 differs"):
        alexnet.trained(drawn)


def test_the_card_is_true_on_the_drawn_pets(pets):
    found = checkpoints.score(alexnet.trained(pets), *pets.arrays("test"))
    promised = card("drawn")["results"]["test"]
    assert len(found.labels) == promised["pictures"]
    assert abs(found.correct.sum() - promised["right"]) <= 2, "other machines add in another order"


@pytest.mark.photographs
@pytest.mark.skipif(not prepared(), reason="the photographs are not prepared: make photos")
def test_the_card_is_true_on_the_photographs():
    photographs = datasets.load("photographs", verbose=False)
    found = checkpoints.score(alexnet.trained(photographs), *photographs.arrays("test"))
    promised = card("photographs")["results"]["test"]
    assert len(found.labels) != promised["pictures"] or abs(found.correct.sum() - promised["right"]) <= 2


@pytest.mark.parametrize("layer", ["dense6", "conv3"])
@pytest.mark.parametrize("source", SOURCES)
def test_pruning_makes_two_humps_out_of_one(source, layer):
    """What the lecture's figure of a pruned layer shows, on both networks that come with the suite."""
    dense = alexnet.trained(datasets.Pets(source, "", None, None, None, {}))
    pruned = pruning.layer_weights(pruning.prune(dense))[layer]
    assert len(histograms.humps(pruning.layer_weights(dense)[layer])) == 1
    left, right = histograms.humps(pruned[pruned != 0])
    assert left < 0 < right


def test_training_keeps_float16_weights_with_a_card(few, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(models, "alexnet", tiny)
    made = alexnet.train(few, tmp_path, training.TrainingPlan(1, batch_size=16), "python -m helpers.pruning --data few")
    assert made == json.loads((tmp_path / "alexnet_few.json").read_text())
    assert made["results"]["test"]["pictures"] == 32
    again = tiny()
    load_checkpoint(again, tmp_path / "alexnet_few.npz")
    assert checkpoints.score(again, *few.arrays("test")).accuracy == pytest.approx(made["results"]["test"]["accuracy"])
    alexnet.train(few, tmp_path, training.TrainingPlan(1, batch_size=16), "again")
    assert "tiny has been trained on few pets already" in capsys.readouterr().out


def test_the_command_wants_a_data_set(capsys):
    with pytest.raises(SystemExit):
        main(["--data", "birds"])
    assert "drawn" in capsys.readouterr().err
