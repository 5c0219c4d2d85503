"""The drawn pets: the same picture for the same seed, and classes that overlap."""

import numpy as np
import pytest

from helpers.pictures import drawn_pets
from helpers.pictures.drawn_pets import CLASSES, PATTERNS, TRAIT_LINES, draw, sample_pet, sample_traits
from helpers.pictures.painting import BACKGROUNDS, OCCLUDERS, SIZE, jpeg

ANIMALS = 2000  # of each class, for the distributions


@pytest.fixture(scope="module")
def traits():
    """Traits of many animals: {class: {trait: values}}."""
    rng = np.random.default_rng(0)
    sampled = {label: [sample_traits(label, rng) for _ in range(ANIMALS)] for label in CLASSES}
    return {
        label: {name: np.array([getattr(animal, name) for animal in animals]) for name in ("breed", *TRAIT_LINES)}
        for label, animals in sampled.items()
    }


def best_threshold_accuracy(cats, dogs):
    """Accuracy of the best rule "below t is one class, above t the other"."""
    thresholds = np.linspace(0, 1, 101)
    shares = [(np.mean(cats <= t) + np.mean(dogs > t)) / 2 for t in thresholds]
    return max(max(shares), 1 - min(shares))


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_the_same_arguments_give_the_same_file():
    assert jpeg(draw("dog", "test", 7)[0]) == jpeg(draw("dog", "test", 7)[0])


@pytest.mark.parametrize("other", [("cat", "train", 6), ("cat", "test", 5), ("dog", "train", 5)])
def test_another_index_split_or_class_gives_another_picture(other):
    assert jpeg(draw("cat", "train", 5)[0]) != jpeg(draw(*other)[0])


def test_another_seed_gives_another_picture():
    assert jpeg(draw("cat", "train", 5)[0]) != jpeg(draw("cat", "train", 5, seed=1)[0])


def test_a_picture_does_not_depend_on_those_drawn_before():
    alone = draw("cat", "train", 2)[0]
    for index in range(3):
        last = draw("cat", "train", index)[0]
    np.testing.assert_array_equal(alone, last)


def test_pictures_are_colour_photographs_in_size_and_range():
    for index in range(40):
        pixels, pet = draw(CLASSES[index % 2], "train", index)
        assert pixels.shape == (SIZE, SIZE, 3)
        assert pixels.dtype == np.uint8
        assert pet.label == CLASSES[index % 2]
        assert 30 < pixels.mean() < 225, f"picture {index} is nearly black or white"
        assert pixels.std() > 15, f"picture {index} is nearly uniform"


# --- classes that overlap ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trait", TRAIT_LINES)
def test_no_single_trait_tells_the_classes_apart(traits, trait):
    accuracy = best_threshold_accuracy(traits["cat"][trait], traits["dog"][trait])
    assert accuracy < 0.955, f"{trait} alone separates {accuracy:.1%}"


@pytest.mark.parametrize("trait", ["ear_droop", "muzzle_length", "nose_size", "pupil_width", "whiskers", "eye_slant"])
def test_the_traits_that_matter_are_of_use(traits, trait):
    assert best_threshold_accuracy(traits["cat"][trait], traits["dog"][trait]) > 0.7


def test_the_breeds_overlap_but_not_much(traits):
    cats, dogs = traits["cat"]["breed"], traits["dog"]["breed"]
    assert cats.max() > dogs.min()
    assert 0.01 < np.mean(cats > 0.5) < 0.08
    assert 0.01 < np.mean(dogs < 0.5) < 0.08


def test_some_cats_have_folded_ears_and_some_dogs_pointed_ones(traits):
    assert np.mean(traits["cat"]["ear_droop"] > drawn_pets.EAR_FOLDS) > 0.03
    assert np.mean(traits["dog"]["ear_droop"] < drawn_pets.EAR_FOLDS) > 0.03


def test_surroundings_say_nothing_about_the_class():
    rng = np.random.default_rng(1)
    pets = [sample_pet(label, rng) for label in CLASSES for _ in range(1500)]
    for pick, values in (
        (lambda p: p.scene.background, BACKGROUNDS),
        (lambda p: p.scene.occluder, OCCLUDERS),
    ):
        for value in values:
            shares = [np.mean([pick(p) == value for p in pets if p.label == label]) for label in CLASSES]
            assert abs(shares[0] - shares[1]) < 0.05, value


def test_every_pattern_occurs_in_both_classes():
    rng = np.random.default_rng(2)
    for label in CLASSES:
        assert {sample_pet(label, rng).coat.pattern for _ in range(500)} == set(PATTERNS)
