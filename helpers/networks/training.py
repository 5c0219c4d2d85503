"""One seeded training function, which can be stopped and goes on where it was."""

import contextlib
import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from helpers.base import artifacts, console
from helpers.base.seed import SEED
from helpers.base.tf import fixed_threads, keras, make_deterministic, tf
from helpers.networks import models, weights
from helpers.networks.plans import (
    CHECKPOINT,
    HISTORY,
    PRETRAINED,
    SAVED_MODEL,
    SUITES_PLAN,
    TrainingPlan,
    follows_the_suite,
    plan_for,
    starts_from_scratch,
)
from helpers.pictures.conventions import SIZE
from helpers.pictures.datasets import Pets
from helpers.tflite import from_keras

BORDER = 12  # a random crop is cut from a picture with a reflected border, one twelfth of its width


def pretrained() -> keras.Model:
    """Return the default network with the weights that come with the suite, trained on photographs.

    How they were made and what they are good for is in `data/checkpoints/README.md`.

    Raises:
        FileNotFoundError: the weights are not in `data/checkpoints/`.
        ValueError: the file is not the one that the model card describes.
    """
    model = models.residual_cnn()
    weights.load_checkpoint(model, PRETRAINED)
    return model


# --- input pipeline -----------------------------------------------------------------------------------------------


def augment(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Flip a picture at random and cut it out of a slightly larger one: uint8 [h, w, 3] to uint8 [h, w, 3].

    Args:
        image: one picture.
        seed: two integers; the same seed gives the same picture, whenever and wherever it is asked for.
    """
    image = tf.image.stateless_random_flip_left_right(image, seed)
    border = image.shape[0] // BORDER
    padded = tf.pad(image, ((border, border), (border, border), (0, 0)), mode="REFLECT")
    return tf.image.stateless_random_crop(padded, tf.shape(image), seed)


def to_float(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Normalise as `conventions.normalise` does, inside a pipeline: uint8 0..255 to float32 0..1."""
    return tf.cast(image, tf.float32) / 255.0, label


def batches(images: tf.Tensor, labels: np.ndarray, epoch: int, batch_size: int, seed: int) -> tf.data.Dataset:
    """Return one epoch of shuffled, augmented batches: float32 [batch, h, w, 3] in [0, 1], and int64 [batch].

    Order and augmentation follow from (seed, epoch) alone, so that a training which was interrupted goes on with the
    very batches it would have seen.
    """
    order = np.random.default_rng([seed, epoch]).permutation(len(labels))[: len(labels) // batch_size * batch_size]
    positions = np.arange(len(order), dtype=np.int64) + epoch * len(labels)

    def picture(index: tf.Tensor, position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return augment(images[index], tf.stack([tf.cast(seed, tf.int64), position])), tf.gather(labels, index)

    pipeline = tf.data.Dataset.from_tensor_slices((order, positions))
    pipeline = pipeline.map(picture, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return fixed_threads(pipeline.batch(batch_size).map(to_float).prefetch(2))


def _scoring_batches(images: np.ndarray, labels: np.ndarray, batch_size: int = 100) -> tf.data.Dataset:
    return fixed_threads(tf.data.Dataset.from_tensor_slices((images, labels)).batch(batch_size).map(to_float))


# --- training -----------------------------------------------------------------------------------------------------


def train(
    pets: Pets,
    network: Callable[[], keras.Model] | None = None,
    plan: TrainingPlan | None = None,
    folder: Path | None = None,
    seed: int = SEED,
    strategy: tf.distribute.Strategy | None = None,
    resume: bool = True,
    from_scratch: bool | None = None,
    size: int = SIZE,
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Train a network on a data set, epoch by epoch, with a checkpoint after each.

    Args:
        pets: the data; it trains on `train` and watches `validation`.
        network: makes the network to begin with; by default the residual network, with random weights on the drawn
            pets, and on pictures of real animals with the weights that come with the suite.
        plan: epochs, learning rate and batch size; by default the plan for this data source.
        folder: keeps the checkpoint; a training that was stopped goes on from there.  By default `pets.folder`.
        seed: fixes weights, order and augmentation.
        strategy: a `tf.distribute` strategy for several GPUs, such as `tf.distribute.MirroredStrategy()`.
        resume: go on from the checkpoint of the same plan if there is one; False starts anew.
        from_scratch: begin with random weights, or with those of the suite, whatever the data source.
        size: of the pictures that the network takes.

    Returns:
        the trained model, and {"loss", "accuracy", "val_loss", "val_accuracy"}: one value an epoch.
    """
    scratch = starts_from_scratch(pets) if from_scratch is None else from_scratch
    network = network or (models.residual_cnn if scratch else pretrained)
    plan, folder = plan or plan_for(pets, scratch), Path(folder or pets.folder)
    images, labels = pets.arrays("train", size=size)
    plan = dataclasses.replace(plan, batch_size=min(plan.batch_size, len(labels)))
    validation = _scoring_batches(*pets.arrays("validation", size=size))
    make_deterministic(seed)
    about = {"network": network.__name__, "seed": seed, "pictures": len(labels), **dataclasses.asdict(plan)}
    about[SUITES_PLAN] = dataclasses.asdict(plan_for(pets))
    with strategy.scope() if strategy else contextlib.nullcontext():
        checkpoint = _load(folder, about) if resume else None
        if not checkpoint:  # a checkpoint of another plan must not be taken for one of this
            artifacts.remove(folder / CHECKPOINT)
        model, history = checkpoint or _start(network, plan, len(labels))
    done, steps = len(history["loss"]), len(labels) // plan.batch_size
    print(_announcement(model, pets, plan, done), flush=True)
    images = tf.constant(images)
    with console.progress((), "Training", "step", plan.epochs * steps) as bar:
        bar.update(done * steps)
        for epoch in range(done, plan.epochs):
            fitted = model.fit(
                batches(images, labels, epoch, plan.batch_size, seed),
                validation_data=validation,
                callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs=None: bar.update())],
                shuffle=False,  # each epoch comes shuffled
                verbose=0,
            )
            for name, values in fitted.history.items():
                history.setdefault(name, []).append(float(values[0]))
            _save(model, history, about, folder)
    return model, history


def copy(model: keras.Model) -> keras.Model:
    """Return a network of the same layers with the same weights, not compiled."""
    copied = keras.models.clone_model(model)
    copied.set_weights(model.get_weights())
    return copied


def fine_tune(
    model: keras.Model,
    pets: Pets,
    plan: TrainingPlan,
    pictures: int | None = None,
    seed: int = SEED,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> keras.Model:
    """Return a copy of a trained network, trained on a little; nothing is written.

    Args:
        model: gives probabilities; takes pictures of its own size, or 96 x 96 ones.
        pets: the data; the first pictures of `train` are used.
        plan: epochs, learning rate (falls to zero along a cosine) and batch size.
        pictures: how many at most; by default all.
        seed: fixes order, augmentation and dropout.
        callbacks: Keras callbacks that watch the training, or interfere with it.
    """
    images, labels = pets.arrays("train", pictures, model.input_shape[1] or SIZE)
    batch_size = min(plan.batch_size, len(labels))
    steps = len(labels) // batch_size
    make_deterministic(seed)
    model = copy(model)
    rate = keras.optimizers.schedules.CosineDecay(plan.learning_rate, plan.epochs * steps)
    model.compile(keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)  # variables made in the first step would cost a second tracing
    images = tf.constant(images)
    with console.progress((), "Fine-tuning", "step", plan.epochs * steps) as bar:
        tick = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs=None: bar.update())
        for epoch in range(plan.epochs):
            epoch_batches = batches(images, labels, epoch, batch_size, seed)
            model.fit(epoch_batches, callbacks=[*callbacks, tick], shuffle=False, verbose=0)
    return model


def _announcement(model: keras.Model, pets: Pets, plan: TrainingPlan, done: int) -> str:
    """Return the sentence that says, before a training starts, what is trained and how long it takes."""
    if done == plan.epochs:
        return f"{model.name} has been trained on {pets.title} already: {console.counted(done, 'epoch')}."
    left = console.duration(plan.seconds(pets.counts["train"]) * (plan.epochs - done) / plan.epochs)
    going_on = f"Going on after epoch {done}: " if done else ""
    epochs = console.counted(plan.epochs - done, "epoch")
    return f"{going_on}training {model.name} on {pets.title}, {epochs}, about {left} on two cores."


def _start(network: Callable[[], keras.Model], plan: TrainingPlan, pictures: int) -> tuple[keras.Model, dict]:
    """Return a new network, ready to train, and an empty history."""
    model = network()
    rate = keras.optimizers.schedules.CosineDecay(plan.learning_rate, plan.epochs * max(1, pictures // plan.batch_size))
    accuracy = keras.metrics.SparseCategoricalAccuracy("accuracy")
    model.compile(keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=[accuracy])
    model.optimizer.build(model.trainable_variables)  # variables made in the first step would cost a second tracing
    return model, {"loss": []}


def _load(folder: Path, about: dict) -> tuple[keras.Model, dict] | None:
    """Return the checkpoint of the same training with its history so far; None if there is none.

    The history is written before the checkpoint, so it may be one epoch ahead.  The optimiser in the checkpoint has
    counted its steps, and so tells how many epochs are done.
    """
    if not (folder / CHECKPOINT).exists() or not (folder / HISTORY).exists():
        return None
    written = json.loads((folder / HISTORY).read_text())
    if written["about"] != about:
        return None
    model = keras.models.load_model(folder / CHECKPOINT)
    done = int(model.optimizer.iterations.value.numpy()) // (about["pictures"] // about["batch_size"])
    return model, {name: values[:done] for name, values in written["epochs"].items()}


def _save(model: keras.Model, history: dict, about: dict, folder: Path) -> None:
    with artifacts.atomic(folder / HISTORY) as part:
        part.write_text(json.dumps({"about": about, "epochs": history}, indent=1))
    with artifacts.atomic(folder / CHECKPOINT) as part:
        model.save(part)


def trained(pets: Pets) -> keras.Model:
    """Return the network trained on this data, training it first if that has not been done.

    The result is kept in three files: the SavedModel, the checkpoint and the history of the epochs.
    """
    saved_model(pets)
    if not (pets.folder / CHECKPOINT).exists():  # a training that was started anew has not got through an epoch
        train(pets)
    return keras.models.load_model(pets.folder / CHECKPOINT)


def history(pets: Pets) -> dict[str, list[float]]:
    """Return loss and accuracy of each epoch of the training on this data."""
    saved_model(pets)
    return json.loads((pets.folder / HISTORY).read_text())["epochs"]


def saved_model(pets: Pets) -> Path:
    """Return the folder of the exported SavedModel, training the network first if it is not there.

    One that was trained while the suite had another plan for this data is trained again.
    """

    def build(part: Path) -> None:
        model, _ = train(pets)
        from_keras.export(model, part)

    path, plan = pets.folder / SAVED_MODEL, plan_for(pets)
    if path.exists() and not follows_the_suite(pets):
        print("The trained network follows a plan that the suite no longer has: it is trained again.", flush=True)
        artifacts.remove(path)
    return artifacts.build_if_missing(path, build, "The trained network", plan.seconds(pets.counts["train"]))
