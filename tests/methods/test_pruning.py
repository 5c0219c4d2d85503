"""Pruning: what goes is the smallest, what is gone stays gone, and what is left has two humps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.base.tf import tf
from helpers.methods import pruning
from helpers.networks import alexnet, models, training
from helpers.numbers import histograms
from helpers.pictures import datasets
from made_up import tiny

pytest_plugins = ["made_up"]

SOURCES = sorted(alexnet.CHECKPOINTS)
MODEL = tiny()


# --- masks ------------------------------------------------------------------------------------------------------------


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


# --- fine-tuning ------------------------------------------------------------------------------------------------------


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


# --- on the networks of the suite -------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", ["dense6", "conv3"])
@pytest.mark.parametrize("source", SOURCES)
def test_pruning_makes_two_humps_out_of_one(source, layer):
    """What the lecture's figure of a pruned layer shows, on both networks that come with the suite."""
    dense = alexnet.trained(datasets.Pets(source, "", None, None, None, {}))
    pruned = pruning.layer_weights(pruning.prune(dense))[layer]
    assert len(histograms.humps(pruning.layer_weights(dense)[layer])) == 1
    left, right = histograms.humps(pruned[pruned != 0])
    assert left < 0 < right
