"""The recipe of the shipped checkpoint: augmentation, schedule, optimiser, average, and going on after a stop."""

import dataclasses
import json
import math
import shutil
import zipfile

import numpy as np
import pytest

from helpers.base import artifacts
from helpers.base.tf import keras, tf
from helpers.networks import models, recipe, weights
from helpers.pictures import photographs
from helpers.recipe import main, stages

SMALL = recipe.Recipe(stages=((16, 2), (24, 1)), unmixed=1, batch=8, warm_up=0.5)
layers = keras.layers


def tiny(size=None):
    """Return a network that trains in no time."""
    inputs = keras.Input((size, size, 3))
    x = layers.Conv2D(4, 3, strides=2, use_bias=False, name="conv")(inputs)
    x = layers.ReLU(6.0)(models.FusedBatchNormalization(momentum=0.9, name="norm")(x))
    x = layers.Dense(2, name="dense")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Softmax()(x), name="tiny")


@pytest.fixture(scope="module")
def pictures():
    """19 made-up pictures of 32 pixels, so two steps of 8 in an epoch, and their labels."""
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (19, 32, 32, 3), np.uint8), generator.integers(0, 2, 19).astype(np.uint8)


@pytest.fixture(scope="module")
def whole(pictures, tmp_path_factory):
    """A training from beginning to end, and the folder of its state."""
    folder = tmp_path_factory.mktemp("whole")
    return recipe.train(pictures, pictures, SMALL, folder, tiny), folder


@pytest.fixture
def stopped(stopped_once, tmp_path):
    """A folder with the state of a training that was interrupted after the first epoch."""
    return shutil.copytree(stopped_once, tmp_path / "stopped")


@pytest.fixture(scope="module")
def stopped_once(pictures, tmp_path_factory):
    def stop(run, *words):
        if run.history:
            raise KeyboardInterrupt
        return epoch(run, *words)

    epoch, folder = recipe.Run.epoch, tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(recipe.Run, "epoch", stop)
        recipe.train(pictures, pictures, SMALL, folder, tiny)
    return folder


def values(run):
    return {name: variable.numpy() for name, variable in run._state().items()}


def seed(*numbers):
    return tf.constant(numbers, tf.int32)


def one_hot(labels):
    return np.eye(2, dtype=np.float32)[labels]


# --- augmentation ------------------------------------------------------------------------------------------------


def test_augmentation_keeps_shape_and_range_and_follows_from_its_seed(pictures):
    x, y = recipe.augment(*pictures, 16, tf.constant(1.0), seed(17, 0))
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((19, 16, 16, 3), tf.float32, (19, 2), tf.float32)
    assert x.numpy().min() >= 0 and x.numpy().max() <= 1
    np.testing.assert_allclose(y.numpy().sum(1), 1, rtol=1e-6)
    again = recipe.augment(*pictures, 16, tf.constant(1.0), seed(17, 0))
    np.testing.assert_array_equal(x, again[0])
    np.testing.assert_array_equal(y, again[1])
    other, _ = recipe.augment(*pictures, 16, tf.constant(1.0), seed(17, 16))
    assert np.abs(x - other).reshape(19, -1).max(1).min() > 0.01, "every picture comes out different in the next step"


def test_without_mixing_the_labels_stay(pictures):
    _, y = recipe.augment(*pictures, 16, tf.constant(0.0), seed(17, 0))
    np.testing.assert_array_equal(y, one_hot(pictures[1]))


@pytest.mark.parametrize("least", [0.35, 0.75])
def test_crop_cuts_a_box_and_mirrors_it(least):
    """In a picture that rises to the right and downwards, corners tell where the box lies and if it is mirrored."""
    rise = np.linspace(0, 255, 128)
    image = np.stack(np.broadcast_arrays(rise[None, :], rise[:, None], 0.0), -1).round().astype(np.uint8)
    x = recipe.crop(np.repeat(image[None], 400, 0), 16, seed(3, 0), least).numpy()
    width, height = x[:, 0, -1, 0] - x[:, 0, 0, 0], x[:, -1, 0, 1] - x[:, 0, 0, 1]
    assert 0.4 < (width < 0).mean() < 0.6
    assert height.min() > 0
    area, ratio = np.abs(width) * height, np.abs(width) / height
    assert least - 0.01 < area.min() < least + 0.05 and 0.9 < area.max() < 1.01
    assert 0.74 < ratio.min() < 0.84 and 1.2 < ratio.max() < 1.34


def test_cut_out_paints_squares_of_grey():
    x = recipe.cut_out(tf.zeros([400, 50, 50, 3]), seed(5, 0)).numpy()
    assert set(np.unique(x)) == {np.float32(0), np.float32(0.45)}
    sides = (x[..., 0] > 0).any(1).sum(1), (x[..., 0] > 0).any(2).sum(1)
    np.testing.assert_array_equal((x[..., 0] > 0).sum((1, 2)), sides[0] * sides[1])
    assert 0.6 < (sides[0] > 0).mean() < 0.75, "7 of 10, less those too small for a pixel"
    assert 20 <= max(sides[0].max(), sides[1].max()) <= 22, "44 % of 50 pixels"


def test_mixing_blends_a_picture_and_its_label_by_the_same_share():
    x, y = tf.reshape(tf.range(400.0), [400, 1, 1, 1]), tf.one_hot(tf.range(400) % 2, 2)
    mixed, labels = (values.numpy() for values in recipe.mix(x, y, tf.constant(1.0), seed(7, 0)))
    share = (x.numpy() - mixed)[1:, 0, 0, 0]  # the picture before is one less
    np.testing.assert_allclose(labels[1:, 1], np.abs(np.arange(1, 400) % 2 - share), atol=1e-4)
    assert share.min() > -1e-4 and 0.35 < share.max() < 0.4001
    assert 0.4 < (share > 1e-4).mean() < 0.6


def test_colour_changes_light_but_neither_shape_nor_grey_order():
    grey = np.broadcast_to(np.linspace(0.4, 0.6, 16, dtype=np.float32)[None, :, None, None], (200, 16, 1, 3))
    x = recipe.colour(tf.constant(grey), seed(9, 0)).numpy()
    assert np.diff(x[:, :, 0].mean(-1), axis=1).min() > 0, "what was lighter stays lighter"
    change = (x - grey).mean((1, 2, 3))
    assert 0.15 < change.max() < 0.3 and -0.3 < change.min() < -0.15


# --- the optimiser -----------------------------------------------------------------------------------------------


def test_learning_rate_rises_in_a_line_and_falls_along_a_cosine():
    plan = recipe.Recipe(stages=((64, 6), (96, 4)), warm_up=2.0, rate=0.1)
    found = {step: float(recipe.learning_rate(tf.constant(step), plan, 50)) for step in (0, 49, 99, 100, 300, 499)}
    wanted = {0: 0.1 / 100, 49: 0.05, 99: 0.1, 100: 0.1, 300: 0.05}  # 500 steps, of which 100 warm up
    wanted[499] = 0.05 * (1 + math.cos(math.pi * 399 / 400))
    assert found == pytest.approx(wanted, rel=1e-4, abs=1e-8)
    assert float(recipe.learning_rate(tf.constant(500), plan, 50)) == pytest.approx(0, abs=1e-8)


def test_two_steps_of_descent_by_hand():
    """With constant gradients, worked out with NumPy; weight decay touches the kernels only."""
    run = recipe.Run(SMALL, 19, tiny)
    names = [w.path.rsplit("/", 1)[-1] for w in run.network.trainable_weights]
    assert names == ["kernel", "gamma", "beta", "kernel", "bias"]
    gradients = [tf.fill(v.shape, 0.25) for v in run.trained]
    wanted = [v.numpy().astype(np.float64) for v in run.trained]
    momenta = [0.0] * len(wanted)
    for step in range(2):
        run.step.assign(step)
        rate = float(recipe.learning_rate(run.step, SMALL, run.steps))
        run._descend(gradients)
        for i, name in enumerate(names):
            g = 0.25 + (5e-4 * wanted[i] if name == "kernel" else 0)
            momenta[i] = 0.9 * momenta[i] + g
            wanted[i] = wanted[i] - rate * (g + 0.9 * momenta[i])
    for variable, by_hand in zip(run.trained, wanted, strict=True):
        np.testing.assert_allclose(variable.numpy(), by_hand, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("step", "kept"), [(0, 0.1), (8, 0.5), (100_000, 0.995)])
def test_average_of_the_weights_by_hand(step, kept):
    run = recipe.Run(SMALL, 19, tiny)
    before = [a.numpy() for a in run.averages]
    for variable in run.weights:
        variable.assign_add(tf.ones_like(variable))
    run.step.assign(step)
    run._average()
    for a, b, v in zip(run.averages, before, run.weights, strict=True):
        np.testing.assert_allclose(a.numpy(), kept * b + (1 - kept) * v.numpy(), rtol=1e-5, atol=1e-6)


def test_the_network_trained_is_the_suites_own_without_its_softmax():
    run = recipe.Run(recipe.Recipe(), 256)
    assert [w.shape for w in run.averaged.weights] == [w.shape for w in models.residual_cnn().weights]
    x = np.random.default_rng(0).random((2, 64, 64, 3), np.float32)
    np.testing.assert_allclose(tf.nn.softmax(run.network(x)), run.averaged(x), rtol=1e-5)
    assert len(recipe.Recipe().sizes) == 80


# --- whole trainings ---------------------------------------------------------------------------------------------


def test_batches_hold_each_picture_once_and_follow_from_seed_and_epoch():
    first = list(recipe.batches(19, 0, SMALL))
    assert len(np.unique(np.concatenate(first))) == 16
    assert all(map(np.array_equal, first, recipe.batches(19, 0, SMALL)))
    assert not np.array_equal(first, list(recipe.batches(19, 1, SMALL)))


def test_the_same_seed_gives_the_same_weights(pictures, stopped):
    run = recipe.Run(SMALL, 19, tiny)
    start = values(run)
    run.epoch(*pictures)
    assert run.step.numpy() == 2
    with np.load(stopped / recipe.STATE, allow_pickle=False) as state:
        for name, now in values(run).items():
            np.testing.assert_array_equal(now, state[name])
            assert not np.array_equal(now, start[name])


def test_an_interrupted_training_goes_on_as_if_nothing_had_happened(pictures, whole, stopped, capsys):
    run = recipe.train(pictures, pictures, SMALL, stopped, tiny)
    assert "Training 2 of 3 epochs" in capsys.readouterr().out
    assert all(np.array_equal(now, values(whole[0])[name]) for name, now in values(run).items())
    assert run.history == whole[0].history
    assert [entry["size"] for entry in run.history] == [16, 16, 24]


def test_the_state_holds_no_pickle_and_belongs_to_one_recipe(pictures, whole):
    path = whole[1] / recipe.STATE
    with np.load(path, allow_pickle=False) as state:
        assert all(state[name].dtype != object for name in state.files)
    assert all(name.endswith(".npy") for name in zipfile.ZipFile(path).namelist())
    with pytest.raises(ValueError, match="another recipe: delete it, or choose another folder"):
        recipe.train(pictures, pictures, recipe.Recipe(stages=((16, 3),), batch=8), whole[1], tiny)


def test_too_few_pictures_are_named(pictures, tmp_path):
    with pytest.raises(ValueError, match="A step takes 128 pictures; found only 19"):
        recipe.train(pictures, pictures, recipe.Recipe(), tmp_path, tiny)


def test_what_is_kept_are_the_averaged_weights_with_a_card(pictures, whole, tmp_path):
    run = whole[0]
    card = recipe.keep(run, tmp_path, data="made-up pictures", split=["all"], command="a command")
    found = tiny(size=32)
    path = tmp_path / "tiny.npz"
    weights.load_weights(found, path)
    assert all(map(np.array_equal, found.get_weights(), [a.numpy() for a in run.averages]))
    assert json.loads(path.with_suffix(".json").read_text()) == json.loads(json.dumps(card))
    assert card["sha256"] == artifacts.sha256(path) and card["weights"] == path.name
    right = found.predict(pictures[0] / np.float32(255), verbose=0).argmax(1) == pictures[1]
    assert card["validation_accuracy"] == pytest.approx(right.mean())
    assert {"data", "split", "command", "seed", "versions"} <= card.keys()
    further = recipe.Run(recipe.Recipe(batch=8), 19, tiny, path)
    assert all(map(np.array_equal, found.get_weights(), [w.numpy() for w in further.weights]))
    assert all(map(np.array_equal, found.get_weights(), [a.numpy() for a in further.averages]))
    assert json.loads(further.about)["start"] == card["sha256"]


# --- learning from teachers ---------------------------------------------------------------------------------------


@pytest.fixture
def taught(monkeypatch, tmp_path):
    """A training of the tiny network by two teachers, which are tiny too; with the files of these."""
    monkeypatch.setattr(models, "large_residual_cnn", tiny)
    paths = [tmp_path / f"{name}.npz" for name in "ab"]
    for number, path in enumerate(paths):
        keras.utils.set_random_seed(number)
        weights.save_weights(tiny(), path)
    plan = dataclasses.replace(SMALL, teacher_size=24, temperature=3.0, smoothing=0.1)
    return recipe.Run(plan, 19, tiny, teachers=paths), paths


def test_the_goal_is_the_softened_answer_of_all_teachers_to_the_same_view(pictures, taught, monkeypatch):
    run, _ = taught
    x, _ = recipe.augment(pictures[0][:8], pictures[1][:8], 24, tf.constant(1.0), seed(17, 0))
    answers = np.mean([network(x).numpy() for network in run.teachers], axis=0) / 3
    expected = np.exp(answers) / np.exp(answers).sum(axis=1, keepdims=True)
    assert np.ptp(expected) > 0.01
    goals, entropy = [], tf.nn.softmax_cross_entropy_with_logits
    monkeypatch.setattr(tf.nn, "softmax_cross_entropy_with_logits", lambda y, z: goals.append((y, z)) or entropy(y, z))
    view, _ = recipe.augment(pictures[0][:8], pictures[1][:8], 16, tf.constant(1.0), seed(17, 0))
    answer = run.network(view, training=True).numpy()
    recipe.Run.advance.python_function(run, pictures[0][:8], pictures[1][:8], tf.constant(1.0), 16)
    ((goal, softened),) = goals
    np.testing.assert_allclose(goal, expected, rtol=1e-5)
    np.testing.assert_allclose(softened, answer / 3, rtol=1e-4, atol=1e-6)


def test_teachers_do_not_change_and_belong_to_the_training(pictures, taught, tmp_path):
    run, paths = taught
    before = [network.get_weights() for network in run.teachers]
    run.epoch(*pictures)
    assert all(map(np.array_equal, sum(before, []), sum((network.get_weights() for network in run.teachers), [])))
    run.save(tmp_path / recipe.STATE)
    recipe.Run(run.recipe, 19, tiny, teachers=paths).load(tmp_path / recipe.STATE)
    with pytest.raises(ValueError, match="is of another recipe"):
        recipe.Run(run.recipe, 19, tiny, teachers=paths[:1]).load(tmp_path / recipe.STATE)


def test_the_time_that_is_announced_counts_what_is_left_and_the_teachers(taught):
    run, paths = taught
    alone = recipe.Run(run.recipe, 19, tiny)
    own = recipe.SECONDS_PER_PIXEL["residual_cnn"] * 16 * (2 * 16**2 + 24**2)  # 16 of the 19 pictures in each epoch
    assert alone.seconds() == pytest.approx(own)
    asked = 2 * recipe.SECONDS_PER_PIXEL["large_residual_cnn"] / 3 * 24**2 * 3 * 16
    assert run.seconds() == pytest.approx(own + asked)
    run.history = [{}, {}]
    assert run.seconds() == pytest.approx(recipe.SECONDS_PER_PIXEL["residual_cnn"] * 16 * 24**2 + asked / 3)


def test_a_training_in_bfloat16_keeps_float32_weights_and_nearly_the_same_loss(pictures):
    losses = {}
    for precision in ("float32", "bfloat16"):
        run = recipe.Run(dataclasses.replace(SMALL, precision=precision), 19, tiny)
        losses[precision] = run.epoch(*pictures)["training_loss"]
        assert {value.dtype for value in run.weights + run.averages} == {tf.float32}
        assert run.network(tf.zeros([1, 16, 16, 3])).dtype == ("float32" if precision == "float32" else "bfloat16")
        assert run.averaged(tf.zeros([1, 16, 16, 3])).dtype == "float32", "it is scored in float32"
        assert keras.config.dtype_policy().name == "float32"
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.02)
    assert losses["bfloat16"] != losses["float32"]


# --- the command -------------------------------------------------------------------------------------------------


def test_stages_are_read_from_text():
    assert stages("64:36,80:26,96:18") == recipe.Recipe.stages


def test_the_command_says_what_it_needs(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(SystemExit, match="run `make photos`, or set TFDS_DATA_DIR"):
        main(["--out", str(tmp_path)])
    with pytest.raises(SystemExit):
        main(["--stages", "64"])
    assert "invalid stages value: '64'" in capsys.readouterr().err
    for words, sentence in ((["--precision", "int8"], "invalid choice: 'int8'"), (["--teacher", "x"], "no file x")):
        with pytest.raises(SystemExit):
            main(words)
        assert sentence in capsys.readouterr().err


def test_the_command_trains_and_never_reads_the_test_split(whole, tmp_path, monkeypatch, capsys):
    read, asked = [], []
    monkeypatch.setattr(photographs, "prepared", lambda: True)
    monkeypatch.setattr(recipe, "photographs", lambda *words: read.append(words) or words)
    monkeypatch.setattr(recipe, "train", lambda *words: asked.append(words) or whole[0])
    words = f"--out {tmp_path} --stages 16:2,24:1 --unmixed 1 --warm-up 0.5".split()
    main(words)
    assert read == [("train[:80%]", 128), ("train[80%:90%]", 96)]
    plan = recipe.Recipe(SMALL.stages, 1, warm_up=0.5)
    assert asked == [(*read, plan, tmp_path, models.residual_cnn, None, [])]
    card = json.loads((tmp_path / "tiny.json").read_text())
    assert card["command"].split() == ["python", "-m", "helpers.recipe", *words]
    assert card["split"] == ["train[:80%]", "train[80%:90%]"]
    assert f"{card['validation_accuracy']:.2%} of the validation pictures are right." in capsys.readouterr().out


def test_the_command_trains_a_teacher_and_one_that_learns_from_it(whole, tmp_path, monkeypatch):
    read, asked = [], []
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path))
    monkeypatch.setattr(photographs, "prepared", lambda: True)
    monkeypatch.setattr(recipe, "photographs", lambda *words: read.append(words) or words)
    monkeypatch.setattr(recipe, "train", lambda *words: asked.append(words[2:]) or whole[0])
    first, second, start = files = [tmp_path / f"{name}.npz" for name in "abc"]
    for path in files:
        path.touch()
    main(["--network", "large_residual_cnn", "--batch", "64"])
    main(["--teacher", str(first), "--teacher", str(second), "--start", str(start), "--rate", "0.05"])
    plan = dataclasses.replace(recipe.NETWORKS["large_residual_cnn"][1], batch=64)
    folder, large = tmp_path / "recipe", models.large_residual_cnn
    assert asked == [
        (plan, folder / "large_residual_cnn", large, None, []),
        (recipe.Recipe(rate=0.05), folder / "residual_cnn", models.residual_cnn, start, [first, second]),
    ]
    assert [size for _, size in read] == [128, 128, 128, 96]


def test_a_stopped_command_says_how_to_go_on(tmp_path, monkeypatch):
    def stop(*words):
        raise KeyboardInterrupt

    monkeypatch.setattr(photographs, "prepared", lambda: True)
    monkeypatch.setattr(recipe, "photographs", stop)
    with pytest.raises(SystemExit, match="Stopped: the same command goes on after the last whole epoch"):
        main(["--out", str(tmp_path)])
