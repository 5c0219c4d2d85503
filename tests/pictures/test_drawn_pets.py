"""The drawn pets: the same picture for the same seed, classes that overlap, and a data set like cats_vs_dogs."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from helpers.pictures import drawn_dataset, drawn_pets
from helpers.pictures.drawn_pets import CLASSES, PATTERNS, TRAIT_LINES, draw, sample_pet, sample_traits
from helpers.pictures.painting import BACKGROUNDS, OCCLUDERS, SIZE, jpeg

ANIMALS = 2000  # of each class, for the distributions


class FewDrawnPets(drawn_dataset.DrawnCatsVsDogs):
    """The data set with a handful of pictures."""

    COUNTS = {"train": 12, "validation": 2, "test": 6}


@pytest.fixture(scope="module")
def traits():
    """Traits of many animals: {class: {trait: values}}."""
    rng = np.random.default_rng(0)
    sampled = {label: [sample_traits(label, rng) for _ in range(ANIMALS)] for label in CLASSES}
    return {
        label: {name: np.array([getattr(animal, name) for animal in animals]) for name in ("breed", *TRAIT_LINES)}
        for label, animals in sampled.items()
    }


@pytest.fixture
def no_progress_bar():
    """Keeps TFDS's bars out of the test report."""
    tfds.disable_progress_bar()
    yield
    tfds.enable_progress_bar()


def best_threshold_accuracy(cats, dogs):
    """Accuracy of the best rule "below t is one class, above t the other"."""
    thresholds = np.linspace(0, 1, 101)
    shares = [(np.mean(cats <= t) + np.mean(dogs > t)) / 2 for t in thresholds]
    return max(max(shares), 1 - min(shares))


# ---------------------------------------------------------------- pictures


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


def test_the_jpeg_file_shows_the_picture():
    pixels, _ = draw("dog", "test", 3)
    file = jpeg(pixels)
    decoded = Image.open(io.BytesIO(file))
    assert (decoded.format, decoded.mode, decoded.size) == ("JPEG", "RGB", (SIZE, SIZE))
    assert np.abs(np.asarray(decoded, int) - pixels).mean() < 8


# ---------------------------------------------------------------- classes that overlap


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


# ---------------------------------------------------------------- the data set


def test_features_are_those_of_cats_vs_dogs(tmp_path):
    """Compared with the definition in TFDS itself, which needs no download."""
    ours = drawn_dataset.DrawnCatsVsDogs(data_dir=tmp_path).info
    theirs = tfds.builder("cats_vs_dogs", data_dir=tmp_path).info
    assert repr(ours.features) == repr(theirs.features)
    assert ours.features["label"].names == theirs.features["label"].names == list(CLASSES)
    assert ours.supervised_keys == theirs.supervised_keys


def test_the_data_set_has_the_promised_sizes(tmp_path):
    builder = tfds.builder("drawn_cats_vs_dogs", data_dir=tmp_path)
    assert builder.COUNTS == {"train": 4000, "validation": 500, "test": 2000}
    assert str(builder.version) in builder.RELEASE_NOTES


def test_tfds_load_draws_and_reads_it(tmp_path, no_progress_bar):
    splits, info = tfds.load("few_drawn_pets", data_dir=tmp_path, with_info=True)
    assert {name: split.num_examples for name, split in info.splits.items()} == FewDrawnPets.COUNTS
    for name, count in FewDrawnPets.COUNTS.items():
        examples = list(tfds.as_numpy(splits[name]))
        assert sum(example["label"] for example in examples) == count / 2, "half of them are dogs"
        for example in examples:
            file = example["image/filename"].decode()
            assert example["image"].shape == (SIZE, SIZE, 3)
            assert f"{name}/{info.features['label'].int2str(example['label'])}/" in file
    expected = draw("dog", "test", 5)[0]
    found = next(e["image"] for e in tfds.as_numpy(splits["test"]) if e["image/filename"].endswith(b"00005.jpg"))
    assert np.abs(found.astype(int) - expected).mean() < 8


def test_two_builds_give_the_same_bytes(tmp_path, no_progress_bar):
    records = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        FewDrawnPets(data_dir=folder).download_and_prepare()
        records.append({file.name: file.read_bytes() for file in sorted(folder.rglob("*.tfrecord*"))})
    assert len(records[0]) == len(FewDrawnPets.COUNTS)
    assert records[0] == records[1]


def test_an_interrupted_drawing_is_not_taken_for_a_data_set(tmp_path, monkeypatch, no_progress_bar):
    drawn = []

    def interrupted(*arguments):
        if len(drawn) == 14:  # the train split is whole, the next one is not
            raise KeyboardInterrupt
        drawn.append(arguments)
        return draw(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(drawn_pets, "draw", interrupted)
        with pytest.raises(KeyboardInterrupt):
            tfds.load("few_drawn_pets", data_dir=tmp_path)
    assert not list(Path(tmp_path).rglob("dataset_info.json"))
    assert FewDrawnPets(data_dir=tmp_path).info.splits == {}
    assert len(tfds.load("few_drawn_pets", data_dir=tmp_path, split="test")) == FewDrawnPets.COUNTS["test"]


def test_a_folder_left_by_a_killed_process_is_not_taken_for_a_data_set(tmp_path, no_progress_bar):
    """TFDS writes into `incomplete.*` and renames at the end; a kill leaves that folder behind, at worst a full one."""
    FewDrawnPets(data_dir=tmp_path).download_and_prepare()
    home = tmp_path / "few_drawn_pets"
    (home / "1.0.0").rename(home / "incomplete.ABCDEF_1.0.0")
    assert FewDrawnPets(data_dir=tmp_path).info.splits == {}
    with pytest.raises(Exception, match="(?i)not found|download_and_prepare"):
        tfds.load("few_drawn_pets", data_dir=tmp_path, download=False)
    assert len(tfds.load("few_drawn_pets", data_dir=tmp_path, split="train")) == FewDrawnPets.COUNTS["train"]


# ---------------------------------------------------------------- drawing on all cores


@pytest.fixture
def two_cores(monkeypatch):
    """Lets two workers draw even a handful of pictures, whatever this machine has."""
    monkeypatch.setattr(drawn_dataset, "FEW", 0)
    monkeypatch.setattr(drawn_dataset, "cores", lambda: 2)


@pytest.fixture
def started(monkeypatch):
    """The processes that are started."""
    processes = []

    class Watched(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            processes.append(self)

    monkeypatch.setattr(drawn_dataset.subprocess, "Popen", Watched)
    return processes


def fetched(counts=FewDrawnPets.COUNTS):
    """What the workers of a data set give: the files in its order."""
    with drawn_dataset.Workers(counts) as workers:
        return [workers.fetch(*picture) for picture in drawn_dataset.numbers(counts)]


def drawn_here(counts=FewDrawnPets.COUNTS):
    return [drawn_dataset.file(*picture) for picture in drawn_dataset.numbers(counts)]


def all_ended(processes):
    return all(process.returncode is not None and process.stdout.closed for process in processes)


def test_workers_draw_the_same_files_in_the_same_order(two_cores, started, monkeypatch):
    expected = drawn_here()
    monkeypatch.setattr(drawn_pets, "draw", None)  # this process draws nothing
    assert fetched() == expected
    assert len(started) == 2 and all_ended(started)


def test_a_data_set_drawn_by_workers_has_the_same_examples(two_cores, started, tmp_path, monkeypatch, no_progress_bar):
    examples = []
    for folder in (tmp_path / "workers", tmp_path / "alone"):
        splits = tfds.load("few_drawn_pets", data_dir=folder)
        examples.append(
            [(s, e["image/filename"], e["image"].tobytes()) for s in splits for e in splits[s].as_numpy_iterator()]
        )
        monkeypatch.setattr(drawn_dataset, "cores", lambda: 1)
    assert examples[0] == examples[1] and len(examples[0]) == 20
    assert len(started) == 2, "only the first one has workers"


BREAKS = {
    "no Python": ("sys.executable", "/no/such/python"),
    "no name of Python": ("sys.executable", ""),
    "stops at once": ("worker", "raise SystemExit(1)"),
    "stops in the middle": (
        "worker",
        "import itertools; n = d.numbers; d.numbers = lambda c: itertools.islice(n(c), 5)",
    ),
    "stops within a file": (
        "worker",
        "import sys; sys.stdout.buffer.write(b'\\x09\\0\\0\\0\\xff\\xd8'); raise SystemExit",
    ),
    "writes something else": ("worker", "print('Welcome to Python', flush=True)"),
    "writes nothing sensible": ("worker", "d.jpeg = lambda pixels: b'not a picture'"),
}


CALL = "import json, sys; d.work(json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))"


@pytest.mark.parametrize("what", BREAKS)
def test_where_workers_fail_this_process_draws(what, two_cores, started, tmp_path, monkeypatch):
    """A worker's start is changed by a `usercustomize`-like line before it draws."""
    place, change = BREAKS[what]
    if place == "sys.executable":
        monkeypatch.setattr(sys, "executable", change)
    else:
        call = f"from helpers.pictures import drawing_worker as d; {change}\n{CALL}"
        monkeypatch.setattr(drawn_dataset.processes, "command", lambda _, *words: [sys.executable, "-c", call, *words])
    assert fetched() == drawn_here()
    assert all_ended(started)


def test_another_order_is_served_too(two_cores, started):
    with drawn_dataset.Workers(FewDrawnPets.COUNTS) as workers:
        pictures = list(drawn_dataset.numbers(FewDrawnPets.COUNTS))[::-1]
        assert [workers.fetch(*picture) for picture in pictures] == drawn_here()[::-1]
    assert all_ended(started)


def test_an_interrupt_leaves_no_process_behind(two_cores, started, tmp_path, no_progress_bar):
    def interrupt():
        raise KeyboardInterrupt

    builder = FewDrawnPets(data_dir=tmp_path)
    builder.on_picture = interrupt
    with pytest.raises(KeyboardInterrupt):
        builder.download_and_prepare()
    assert len(started) == 2 and all_ended(started)
    assert not list(Path(tmp_path).rglob("dataset_info.json"))


@pytest.mark.parametrize(("cores", "few"), [(1, 0), (4, 100)])
def test_one_core_or_a_few_pictures_start_nothing(cores, few, started, monkeypatch):
    monkeypatch.setattr(drawn_dataset, "cores", lambda: cores)
    monkeypatch.setattr(drawn_dataset, "FEW", few)
    fetched({"test": 3})
    assert started == []


def test_a_script_without_a_main_guard_is_not_run_again(tmp_path):
    """`multiprocessing` would import it once more in every worker where processes are spawned."""
    script = (
        "from helpers.pictures import drawn_dataset\n"
        "drawn_dataset.FEW, drawn_dataset.cores = 0, lambda: 2\n"
        "print('once')\n"
        "with drawn_dataset.Workers({'test': 4}) as workers:\n"
        "    print(len([workers.fetch(*p) for p in drawn_dataset.numbers({'test': 4})]), len(workers.processes))\n"
    )
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=True)
    assert done.stdout == "once\n4 2\n"
