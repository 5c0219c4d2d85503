"""Training: the same bytes for the same seed, in a fresh process, after an interruption, or on two devices."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from helpers.base import data
from helpers.base.tf import keras, tf
from helpers.networks import plans, training
from helpers.pictures import conventions, datasets

pytest_plugins = ["small"]

FEW = training.TrainingPlan(epochs=2, batch_size=16)


@pytest.fixture(scope="module")
def few(small_folder, tmp_path_factory):
    """32 training and 8 validation pictures, for trainings of a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PTQ_ARTIFACTS", str(tmp_path_factory.mktemp("few")))
        pets = datasets.load(small_folder, verbose=False)
        splits = {
            "train": pets.arrays("train", 32),
            **dict.fromkeys(("validation", "test"), pets.arrays("validation", 8)),
        }
    return datasets.Pets("few", "few pets", {"train": 32, "validation": 8, "test": 8}, splits.__getitem__)


def tiny():
    """Return a network that trains in no time."""
    inputs = keras.Input((96, 96, 3))
    x = keras.layers.Conv2D(4, 3, strides=4, activation="relu")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x), name="tiny")


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


# --- the input pipeline -----------------------------------------------------------------------------------------------


def test_augmentation_follows_from_its_seed():
    image = tf.constant(np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8))
    first = training.augment(image, (1, 2)).numpy()
    assert (first.shape, first.dtype) == ((96, 96, 3), np.uint8)
    np.testing.assert_array_equal(first, training.augment(image, (1, 2)).numpy())
    others = [training.augment(image, (1, seed)).numpy() for seed in range(20)]
    assert len({other.tobytes() for other in others}) > 15


def test_no_pipeline_waits_for_a_tuner(few):
    images, labels = few.arrays("train")
    for pipeline in (
        training.batches(tf.constant(images), labels, 0, 16, 0),
        training._scoring_batches(images, labels),
    ):
        assert pipeline.options().autotune.enabled is False


def test_augmentation_flips_and_cuts_and_does_nothing_else():
    """Each row of the picture is a rising ramp, so that a cut shifts it and a flip turns it round."""
    ramp = np.tile(np.arange(96, dtype=np.uint8)[:, None], (96, 1, 3))
    flips, shifts = [], []
    for seed in range(60):
        found = training.augment(tf.constant(ramp), (3, seed)).numpy()
        middle = found[48, 20:76, 0].astype(int)
        steps = np.unique(np.diff(middle))
        assert steps.tolist() in ([1], [-1])
        flips.append(steps[0] < 0)
        shifts.append(middle[28] - (47 if flips[-1] else 48))
        assert np.ptp(found, axis=0).max() == 0, "rows stay equal, channels too"
    assert 0.25 < np.mean(flips) < 0.75
    assert set(shifts) <= set(range(-96 // training.BORDER, 96 // training.BORDER + 1))
    assert len(set(shifts)) > 8


def test_pictures_become_numbers_as_normalise_makes_them():
    image = np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8)
    numbers, label = training.to_float(image, 1)
    np.testing.assert_array_equal(numbers, conventions.normalise(image))
    assert label == 1


@pytest.fixture
def flat():
    """Pictures of one colour each, which augmentation cannot change, labelled by their colour."""
    values = np.arange(50)
    return tf.constant(np.tile(values[:, None, None, None], (1, 16, 16, 3)).astype(np.uint8)), values % 2


def shown(dataset):
    """Return the colours of all pictures in a dataset of batches, after checking them against their labels."""
    colours = []
    for images, labels in dataset.as_numpy_iterator():
        assert images.dtype == np.float32
        found = np.round(images * 255).astype(int)
        assert np.all(found == found[:, :1, :1, :1])
        np.testing.assert_array_equal(found[:, 0, 0, 0] % 2, labels)
        colours += found[:, 0, 0, 0].tolist()
    return colours


def test_an_epoch_shows_each_picture_once_at_most_and_fills_its_batches(flat):
    dataset = training.batches(*flat, epoch=0, batch_size=8, seed=1)
    assert [len(labels) for _, labels in dataset] == [8] * 6
    colours = shown(dataset)
    assert len(set(colours)) == len(colours) == 48


def test_epochs_differ_and_follow_from_seed_and_number(flat):
    orders = {(seed, epoch): shown(training.batches(*flat, epoch, 8, seed)) for seed in (1, 2) for epoch in (0, 1)}
    assert len({tuple(order) for order in orders.values()}) == 4
    assert shown(training.batches(*flat, 1, 8, 1)) == orders[1, 1]
    left_out = [set(range(50)) - set(order) for order in orders.values()]
    assert len({tuple(sorted(pictures)) for pictures in left_out}) > 1


# --- in one process ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "scratch"), [("drawn", True), ("photographs", False), ("folder-12345678", False)])
def test_only_the_drawn_pets_begin_from_nothing_and_others_are_fine_tuned(source, scratch):
    pets = datasets.Pets(source, "", {}, None)
    assert training.starts_from_scratch(pets) == scratch
    assert (training.plan_for(pets) == plans.FINE_TUNING) == (not scratch)
    assert training.plan_for(pets, from_scratch=False) == plans.FINE_TUNING
    assert training.plan_for(pets, from_scratch=True).epochs > plans.FINE_TUNING.epochs


def test_the_time_that_is_announced():
    assert training.TrainingPlan(epochs=3, pictures_per_second=100).seconds(1000) == 30


@pytest.fixture(scope="module")
def whole(few, tmp_path_factory):
    """A training that nothing interrupts: its model, history and folder."""
    folder = tmp_path_factory.mktemp("whole")
    return *training.train(few, tiny, FEW, folder), folder


@pytest.fixture
def copied(whole, tmp_path):
    """A copy of the folder of the uninterrupted training."""
    return shutil.copytree(whole[2], tmp_path / "copy")


def test_a_training_leaves_a_checkpoint_and_a_history(whole):
    _, history, folder = whole
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert {len(values) for values in history.values()} == {FEW.epochs}
    assert history["loss"][-1] < history["loss"][0]
    assert sorted(path.name for path in folder.iterdir()) == [training.CHECKPOINT, training.HISTORY]


def test_a_finished_training_is_not_repeated(few, whole, capsys, monkeypatch):
    monkeypatch.setattr(training, "batches", None)  # it must not be called
    model, history = training.train(few, tiny, FEW, whole[2])
    assert "tiny has been trained on few pets already: 2 epochs." in capsys.readouterr().out
    assert same(model, whole[0])
    assert history == whole[1]


class Stopped(Exception):
    """Stands for whatever ends a training."""


def test_a_training_that_was_stopped_goes_on_and_ends_the_same(few, whole, tmp_path, monkeypatch, capsys):
    batches = training.batches

    def stop(*details):
        if details[2] == 1:
            raise Stopped
        return batches(*details)

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(training, "batches", stop)
        training.train(few, tiny, FEW, tmp_path)
    assert "training tiny on few pets, 2 epochs, about 0 s on two cores." in capsys.readouterr().out
    # The history is written before the checkpoint: a kill between the two leaves it one epoch ahead.
    written = json.loads((tmp_path / training.HISTORY).read_text())
    for values in written["epochs"].values():
        values.append(0.0)
    (tmp_path / training.HISTORY).write_text(json.dumps(written))

    model, history = training.train(few, tiny, FEW, tmp_path)
    assert "Going on after epoch 1: training tiny on few pets, 1 epoch, about" in capsys.readouterr().out
    assert same(model, whole[0])
    assert history == whole[1]


def test_starting_anew_gives_the_same_again(few, whole, copied, capsys):
    model, history = training.train(few, tiny, FEW, copied, resume=False)
    assert "Going on" not in capsys.readouterr().out
    assert same(model, whole[0])
    assert history == whole[1]


def test_another_seed_starts_anew_and_gives_other_weights(few, whole, copied, capsys):
    model, _ = training.train(few, tiny, FEW, copied, seed=8)
    assert "training tiny on few pets, 2 epochs" in capsys.readouterr().out
    assert not same(model, whole[0])


def test_a_checkpoint_of_another_plan_is_not_taken_over(few, whole, tmp_path, monkeypatch):
    """A kill after the first epoch's history and before its checkpoint, where an older training had left one."""
    training.train(few, tiny, dataclasses.replace(FEW, epochs=1, learning_rate=0.1), tmp_path)

    def killed(*_):
        raise Stopped

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(keras.Model, "save", killed)
        training.train(few, tiny, FEW, tmp_path)
    model, history = training.train(few, tiny, FEW, tmp_path)
    assert same(model, whole[0])
    assert history == whole[1]


def test_fewer_pictures_than_a_batch(few, tmp_path):
    """Ten cats and ten dogs, the least a folder may hold, leave 16 to train on: half of a batch."""
    plan = training.TrainingPlan(epochs=1, batch_size=100)
    for _ in range(2):
        _, history = training.train(few, tiny, plan, tmp_path)
        assert len(history["loss"]) == 1


def test_a_checkpoint_without_its_history_is_not_used(few, whole, copied):
    (copied / training.HISTORY).unlink()
    model, history = training.train(few, tiny, FEW, copied)
    assert same(model, whole[0])
    assert history == whole[1]


def test_the_trained_network_is_there_with_its_history(at_home, monkeypatch):
    monkeypatch.setattr(training, "train", None)  # it must not be called
    model = training.trained(at_home.pets)
    assert model.count_params() == 167_826
    assert training.history(at_home.pets) == at_home.history
    images, _ = at_home.pets.arrays("test", 4)
    exported = tf.saved_model.load(str(training.saved_model(at_home.pets)))
    served = exported.serve(conventions.normalise(images))
    np.testing.assert_allclose(served, model.predict(conventions.normalise(images), verbose=0), atol=1e-5)


def test_after_a_change_of_the_suites_plan_the_network_is_trained_again(at_home, tmp_path, monkeypatch, capsys):
    """A reader's own plan is kept; only the suite's own counts, as it was when the training began."""
    shutil.copytree(at_home.home, tmp_path / "artifacts")
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path / "artifacts"))
    (at_home.pets.folder / training.SAVED_MODEL / "old").touch()
    monkeypatch.setattr(training, "train", lambda pets: (at_home.pets, None))
    monkeypatch.setattr(training.from_keras, "export", lambda model, part: part.mkdir())
    assert (training.saved_model(at_home.pets) / "old").exists() and capsys.readouterr().out == ""
    monkeypatch.setattr(plans, "FINE_TUNING", dataclasses.replace(plans.FINE_TUNING, epochs=2))
    assert list(training.saved_model(at_home.pets).iterdir()) == []
    assert "a plan that the suite no longer has: it is trained again" in capsys.readouterr().out


def test_other_weights_are_refused(tmp_path, monkeypatch):
    card = training.PRETRAINED.with_suffix(".json").read_text()
    path = tmp_path / "residual_cnn.npz"
    with pytest.raises(FileNotFoundError, match="no weights.*from scratch"):
        monkeypatch.setattr(training, "PRETRAINED", path)
        training.pretrained()
    path.write_bytes(b"other")
    path.with_suffix(".json").write_text(card)
    with pytest.raises(ValueError, match="SHA-256 differs"):
        training.pretrained()


# --- in processes of their own ----------------------------------------------------------------------------------------

RUN = """
import dataclasses, sys
from helpers.base import artifacts
from helpers.networks import converted, models, training
from helpers.pictures import datasets
train, plan = training.train, training.TrainingPlan(epochs=2, batch_size=16)
training.train = lambda pets: train(pets, models.compact_cnn, plan)  # smaller and shorter than the default
pets = datasets.load(sys.argv[1])
for kind in ("float32", "int8"):
    print("SHA-256", kind, artifacts.sha256(converted.file(pets, kind)))
"""
KILL_WHILE_CONVERTING = (
    """
import os, pathlib, signal
from helpers.tflite import convert as module
def half_written(kind, saved_model, calibration):
    def dying(self, content):
        with self.open("wb") as file:
            file.write(content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    pathlib.Path.write_bytes = dying
    return convert(kind, saved_model, calibration)
convert, module.convert = module.convert, half_written
"""
    + RUN
)


def hashes(done):
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith("SHA-256")]


def start(code, folder, home):
    environment = {**os.environ, "PTQ_ARTIFACTS": str(home)}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", code, str(folder)]
    return subprocess.Popen(command, env=environment, cwd=data.project(), **streams)


def finish(process):
    out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def kill_when(process, there, seconds=300):
    """Kill a process as soon as something is there."""
    end = time.monotonic() + seconds
    while not there() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    process.kill()
    process.communicate()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_two_runs_give_the_same_files_and_so_does_one_that_is_killed_twice(small_folder, tmp_path):
    homes = [tmp_path / name for name in ("one", "two", "killed")]
    processes = [start(RUN, small_folder, home) for home in homes]
    kill_when(processes[2], lambda: list(homes[2].glob(f"*/{training.CHECKPOINT}")))  # after the first epoch
    first, second = (hashes(finish(process)) for process in processes[:2])
    assert len(first) == 2
    assert first == second

    assert not list(homes[2].glob("*/*.tflite"))
    assert not list(homes[2].glob(f"*/{training.SAVED_MODEL}"))
    epochs = json.loads(next(homes[2].glob(f"*/{training.HISTORY}")).read_text())["epochs"]
    assert 1 <= len(epochs["loss"]) < 2, "it was killed in the middle"

    done = finish(start(KILL_WHILE_CONVERTING, small_folder, homes[2]))
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert "Going on after epoch" in done.stdout
    assert list(homes[2].rglob("float32.tflite")), "half a file was written"
    assert not list(homes[2].glob("*/*.tflite")), "and nothing takes it for a whole one"

    assert hashes(finish(start(RUN, small_folder, homes[2]))) == first


TWO_DEVICES = """
import sys
from helpers.base.tf import keras, tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from helpers.networks import models, training
from helpers.pictures import datasets

def network():
    inputs = keras.Input((96, 96, 3))
    x = models.FusedBatchNormalization()(keras.layers.Conv2D(4, 3, strides=4)(inputs))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU(6.0)(x))
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x), name="network")

pets, plan = datasets.load(sys.argv[1]), training.TrainingPlan(epochs=1, batch_size=16)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
model, history = training.train(pets, network, plan, strategy=strategy)
values = model.trainable_variables[0].value.values
print(strategy.num_replicas_in_sync, "devices,", len(values), "copies, loss", history["loss"])
assert (values[0].numpy() == values[1].numpy()).all()
again, resumed = training.train(pets, network, plan, strategy=strategy)
assert resumed == history
"""


@pytest.mark.slow
def test_training_on_two_devices(small_folder, tmp_path, python):
    done = python("-c", TWO_DEVICES, small_folder, artifacts=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 devices, 2 copies" in done.stdout
