"""The recipe of the checkpoint that the suite ships: the default network, trained from nothing on the photographs.

    python -m helpers.recipe                              # about 40 minutes on two cores, 2 GB; run again, it goes on
    python -m helpers.recipe --stages 64:1 --out trial    # one epoch on small pictures, about a minute in all
    python -m helpers.recipe --network large_residual_cnn # a larger one, from which a small one can learn (--teacher)

Written out by hand instead of with `model.fit`, so that every ingredient can be seen.  It trains on the training split
and watches the validation split; the test split is never read.
"""

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from helpers.base import artifacts, console, machine
from helpers.base.tf import keras, tf
from helpers.base.tfds import tfds
from helpers.networks import models, weights
from helpers.pictures import conventions
from helpers.pictures.photographs import tfds_folder

STORED = 128  # pixels on each side of a picture before it is cropped
MOMENTUM = 0.9
# Of training on two cores, for each pixel of a picture that goes through the network; the larger one in bfloat16.
SECONDS_PER_PIXEL = {"residual_cnn": 2.7e-7, "large_residual_cnn": 6.5e-7}
PRECISIONS = ("float32", "bfloat16")
STATE = "state.npz"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """All that decides the result, with the values by which the checkpoint was trained."""

    # (size of the pictures, epochs), in order; small pictures cost less (Tan and Le 2021, arXiv:2104.00298)
    stages: tuple[tuple[int, int], ...] = ((64, 36), (80, 26), (96, 18))
    unmixed: int = 14  # epochs at the end in which pictures are not mixed
    batch: int = 128  # pictures in a step
    least_area: float = 0.35  # of the box that is cut out of a picture, a share of the whole
    rate: float = 0.12  # the highest learning rate
    warm_up: float = 3.0  # epochs in which the learning rate rises to it
    decay: float = 5e-4  # weight decay
    smoothing: float = 0.1  # probability that a label gives away, to both classes alike
    averaging: float = 0.995  # how much of the averaged weights a step keeps
    temperature: float = 2.0  # of the answers of teachers, if there are any; smoothing is for labels
    teacher_size: int = 128  # of the pictures that teachers see
    precision: str = "float32"  # of products in training, of PRECISIONS; bfloat16 is faster where the processor has it
    seed: int = 0  # fixes weights, order and augmentation

    @property
    def sizes(self) -> list[int]:
        """The size of the pictures in each epoch."""
        return [size for size, epochs in self.stages for _ in range(epochs)]


# What is trained by the command, by which recipe, and for pictures of which size.  The large network learns from labels
# that are mixed but not smoothed: smoothing would wipe out what its answers tell a small one (Müller et al. 2019,
# arXiv:1906.02629).
NETWORKS = {
    "residual_cnn": (models.residual_cnn, Recipe(), conventions.SIZE),
    "large_residual_cnn": (
        models.large_residual_cnn,
        Recipe(((64, 22), (96, 18), (128, 12)), unmixed=6, smoothing=0.0, precision="bfloat16"),
        STORED,
    ),
}


def photographs(split: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Unpack one split of the photographs, resized as `datasets` does: uint8 [n, size, size, 3] and uint8 [n]."""
    options = {"split": split, "as_supervised": True, "download": False, "data_dir": str(tfds_folder())}
    pictures = tfds.load("cats_vs_dogs", **options)
    images, labels = np.empty((len(pictures), size, size, 3), np.uint8), np.empty(len(pictures), np.uint8)

    def resize(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        values = tf.image.resize(image, (size, size), antialias=True)  # pictures of that size stay as they are
        return tf.cast(tf.clip_by_value(tf.round(values), 0, 255), tf.uint8), label

    resized = pictures.map(resize, num_parallel_calls=2, deterministic=True).as_numpy_iterator()
    for i, picture in enumerate(console.progress(resized, f"Unpacking {split}", "pic", len(labels))):
        images[i], labels[i] = picture
    return images, labels


def batches(pictures: int, epoch: int, recipe: Recipe) -> Iterator[np.ndarray]:
    """Give the indices of the pictures of each step of an epoch; they follow from seed and epoch alone."""
    order = np.random.default_rng([recipe.seed, epoch]).permutation(pictures)
    for i in range(pictures // recipe.batch):
        chosen = np.sort(order[i * recipe.batch : (i + 1) * recipe.batch])
        yield np.random.default_rng([recipe.seed, epoch, i]).permutation(chosen)  # `mix` pairs neighbours


def draw(x: tf.Tensor, seed: tf.Tensor, number: int, low: float, high: float, channels: int = 1) -> tf.Tensor:
    """Draw uniform numbers, [n, 1, 1, channels], for x, float32 [n, size, size, 3]; `number` tells draws apart."""
    return tf.random.stateless_uniform([tf.shape(x)[0], 1, 1, channels], seed + tf.constant([0, number]), low, high)


def crop(images: tf.Tensor, size: int, seed: tf.Tensor, least_area: float = 0.35) -> tf.Tensor:
    """Cut a box out of each picture, stretch it to the size wanted and mirror it or not: uint8 to float32 in [0, 1].

    The box has at least a share of the area and an aspect ratio of about 3:4 to 4:3 (Szegedy et al. 2014,
    arXiv:1409.4842): the network sees animals near and far, whole and in part.  A box with left and right exchanged
    mirrors.  The smaller the boxes, the larger are animals in training than in a whole picture, for which a network has
    to be tuned again at the end (Touvron et al. 2019, arXiv:1906.06423).
    """
    count = tf.shape(images)[0]
    r = tf.random.stateless_uniform([5, count], seed + tf.constant([1, 0]))
    area, ratio = least_area + (1 - least_area) * r[0], tf.exp((2 * r[1] - 1) * 0.28)
    height, width = tf.minimum(tf.sqrt(area / ratio), 1.0), tf.minimum(tf.sqrt(area * ratio), 1.0)
    top, left, mirrored = r[2] * (1 - height), r[3] * (1 - width), r[4] < 0.5
    first, last = tf.where(mirrored, left + width, left), tf.where(mirrored, left, left + width)
    boxes = tf.stack([top, first, top + height, last], axis=1)
    return tf.image.crop_and_resize(images, boxes, tf.range(count), [size, size]) / 255.0


def colour(x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Change saturation, contrast, tint and brightness, so that light and white balance tell nothing."""
    grey = tf.reduce_mean(x, -1, keepdims=True)
    level = tf.reduce_mean(grey, [1, 2], keepdims=True)
    saturation, contrast = draw(x, seed, 1, 0.4, 1.4), draw(x, seed, 2, 0.65, 1.35)
    brightness, tint = draw(x, seed, 3, -0.2, 0.2), draw(x, seed, 4, 0.92, 1.08, channels=3)
    x = ((x * saturation + grey * (1 - saturation) - level) * contrast + level) * tint + brightness
    return tf.clip_by_value(x, 0.0, 1.0)


def cut_out(x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Paint a grey square, up to 44 % wide, over 7 of 10 pictures (DeVries and Taylor 2017, arXiv:1708.04552)."""
    size = tf.cast(tf.shape(x)[1], tf.float32)
    position = tf.range(size) + 0.5
    half = draw(x, seed, 5, 0.0, 0.22) * size * tf.cast(draw(x, seed, 6, 0.0, 1.0) < 0.7, tf.float32)
    rows = tf.abs(position[None, :, None, None] - draw(x, seed, 7, 0.0, 1.0) * size) < half
    columns = tf.abs(position[None, None, :, None] - draw(x, seed, 8, 0.0, 1.0) * size) < half
    return tf.where(tf.logical_and(rows, columns), 0.45, x)


def mix(x: tf.Tensor, y: tf.Tensor, amount: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Blend half of the pictures with the one before, and labels y [n, 2] too (Zhang et al. 2017, arXiv:1710.09412)."""
    share = draw(x, seed, 9, 0.0, 0.4) * tf.cast(draw(x, seed, 10, 0.0, 1.0) < 0.5, tf.float32) * amount
    return x + share * (tf.roll(x, 1, 0) - x), y + share[:, :, 0, 0] * (tf.roll(y, 1, 0) - y)


@tf.function(jit_compile=True)  # XLA joins these many small operations
def _vary(x, y, amount, seed) -> tuple[tf.Tensor, tf.Tensor]:
    return mix(cut_out(colour(x, seed), seed), y, amount, seed)


def augment(images, labels, size: int, amount, seed, least_area: float = 0.35) -> tuple[tf.Tensor, tf.Tensor]:
    """Vary pictures: float32 [n, size, size, 3] in [0, 1]; labels become float32 [n, 2]; amount 0 means unmixed."""
    return _vary(crop(images, size, seed, least_area), tf.one_hot(labels, len(conventions.CLASSES)), amount, seed)


def learning_rate(step: tf.Tensor, recipe: Recipe, steps: int) -> tf.Tensor:
    """Return the learning rate of a step, counted from 0; `steps` make an epoch.

    It rises in a line, for the first gradients are large (arXiv:1706.02677), and falls along a cosine (1608.03983).
    """
    t, up = tf.cast(step, tf.float32), int(recipe.warm_up * steps)
    down = max(len(recipe.sizes) * steps - up, 1)
    cosine = 0.5 * (1 + tf.cos(np.pi * tf.clip_by_value((t - up) / down, 0.0, 1.0)))
    return recipe.rate * tf.minimum((t + 1) / max(up, 1), 1.0) * tf.where(t < up, 1.0, cosine)


@contextlib.contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Let networks that are made in the block multiply in "float32" or "bfloat16"; weights and sums stay float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(f"mixed_{precision}" if precision != "float32" else precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def logits(model: keras.Model) -> keras.Model:
    """Return a network without its softmax."""
    return keras.Model(model.input, model.get_layer("dense").output)


def teacher(path: Path, precision: str = "float32") -> keras.Model:
    """Return the logits of a trained `large_residual_cnn`, whose answers another network can learn from."""
    with computing_in(precision):
        model = models.large_residual_cnn(size=None)
    weights.load_weights(model, path)
    return logits(model)


class Run:
    """A training under way: all that changes from step to step.

    `network` is what is trained and gives logits, the input of the softmax; `averaged` is the whole network with an
    exponential moving average of all weights, which is what is kept; `history` says what each epoch gave.
    """

    def __init__(self, recipe: Recipe, pictures: int, make=models.residual_cnn, start=None, teachers=()):
        keras.utils.set_random_seed(recipe.seed)  # no op determinism: it sums in another order than the checkpoint did
        with computing_in(recipe.precision):
            model = make(size=None)  # pictures of any size
        self.averaged, self.teachers = make(size=None), [teacher(path, recipe.precision) for path in teachers]
        if start:
            weights.load_weights(model, start)
        self.averaged.set_weights(model.get_weights())
        self.network = logits(model)
        self.recipe, self.steps, self.history = recipe, pictures // recipe.batch, []
        origin = {"network": model.name, "pictures": pictures, "start": start and artifacts.sha256(start)}
        origin |= {"teachers": [artifacts.sha256(path) for path in teachers]}
        self.about = json.dumps(origin | dataclasses.asdict(recipe))
        kernels = {layer.kernel.path for layer in weights.weighted_layers(self.network)}
        self.decays = [w.path in kernels for w in self.network.trainable_weights]
        self.trained = [w.value for w in self.network.trainable_weights]
        self.weights = [w.value for w in self.network.weights]  # with the statistics of batch normalisation
        self.averages = [w.value for w in self.averaged.weights]
        self.momenta = [tf.Variable(tf.zeros_like(v), trainable=False) for v in self.trained]
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)

    @tf.function
    def advance(self, images, labels, amount, size: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Take one step; return the loss and the share of pictures that were right."""
        seed = tf.stack([tf.constant(self.recipe.seed * 1000 + 17), tf.cast(self.step, tf.int32) * 16])
        area = self.recipe.least_area
        x, y = augment(images, labels, size, amount, seed, area)
        if self.teachers:
            seen, _ = augment(images, labels, self.recipe.teacher_size, amount, seed, area)
            goal, temperature = self._taught(seen), self.recipe.temperature
        else:
            goal, temperature = y * (1 - self.recipe.smoothing) + self.recipe.smoothing / 2, 1.0  # arXiv:1512.00567
        with tf.GradientTape() as tape:
            z = tf.cast(self.network(x, training=True), tf.float32)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(goal, z / temperature)) * temperature**2
        self._descend(tape.gradient(loss, self.trained))
        self._average()
        self.step.assign_add(1)
        return loss, tf.reduce_mean(tf.cast(tf.argmax(y, 1) == tf.argmax(z, 1), tf.float32))

    def seconds(self) -> float:
        """Return roughly how long the epochs that are left take on two cores.

        A teacher only answers, which is a third of the work of training it (forward, and not twice backward).
        """
        sizes, pixels = self.recipe.sizes[len(self.history) :], SECONDS_PER_PIXEL
        own = pixels.get(self.averaged.name, pixels["residual_cnn"]) * sum(size**2 for size in sizes)
        asked = len(self.teachers) * pixels["large_residual_cnn"] / 3 * self.recipe.teacher_size**2 * len(sizes)
        return self.steps * self.recipe.batch * (own + asked)

    def _taught(self, x: tf.Tensor) -> tf.Tensor:
        """Return what the teachers say of varied pictures, softened: float32 [n, 2] (Hinton et al., arXiv:1503.02531).

        They see the very cut, colours and mixture that the network sees, and may see it larger: what is learned is how
        the teachers answer everywhere between the pictures, not only on them (Beyer et al. 2021, arXiv:2106.05237).
        """
        answers = [tf.cast(network(x, training=False), tf.float32) for network in self.teachers]
        return tf.nn.softmax(tf.add_n(answers) / len(answers) / self.recipe.temperature)

    def _descend(self, gradients: list[tf.Tensor]) -> None:
        """Gradient descent with Nesterov momentum; weight decay draws the kernels, and only them, towards zero."""
        rate = learning_rate(self.step, self.recipe, self.steps)
        for v, m, g, decays in zip(self.trained, self.momenta, gradients, self.decays, strict=True):
            g = g + self.recipe.decay * v if decays else g
            m.assign(MOMENTUM * m + g)
            v.assign_sub(rate * (g + MOMENTUM * m))

    def _average(self) -> None:
        """Move the averaged weights towards the network's: fast at first, when all weights are still poor."""
        t = tf.cast(self.step, tf.float32)
        kept = tf.minimum(tf.constant(self.recipe.averaging), (1.0 + t) / (10.0 + t))
        for a, v in zip(self.averages, self.weights, strict=True):
            a.assign_sub((1 - kept) * (a - v))

    def epoch(self, images: np.ndarray, labels: np.ndarray, tick: Callable[[], None] = lambda: None) -> dict:
        """Train for one epoch; return its size, mean loss and accuracy (on the varied pictures)."""
        number, sizes, results = len(self.history), self.recipe.sizes, []
        amount = tf.constant(1.0 if number < len(sizes) - self.recipe.unmixed else 0.0)
        for rows in batches(len(images), number, self.recipe):
            results.append(self.advance(images[rows], labels[rows], amount, sizes[number]))
            tick()
        loss, hits = np.mean(results, axis=0).tolist()
        return {"epoch": number + 1, "size": sizes[number], "training_loss": loss, "training_accuracy": hits}

    def score(self, images: np.ndarray, labels: np.ndarray, batch: int = 256) -> dict:
        """Return accuracy and cross-entropy of the averaged weights."""
        inputs = [conventions.normalise(images[i : i + batch]) for i in range(0, len(images), batch)]
        probabilities = np.concatenate([self.averaged(x, training=False).numpy() for x in inputs])
        loss = -np.log(np.maximum(probabilities[np.arange(len(probabilities)), labels], 1e-7)).mean()
        return {
            "validation_loss": float(loss),
            "validation_accuracy": float((probabilities.argmax(1) == labels).mean()),
        }

    def _state(self) -> dict[str, tf.Variable]:
        groups = {"weight": self.weights, "momentum": self.momenta, "average": self.averages, "step": [self.step]}
        return {f"{name}{i}": variable for name, group in groups.items() for i, variable in enumerate(group)}

    def save(self, path: Path) -> None:
        """Write all that is needed to go on."""
        with artifacts.atomic(path) as part:
            np.savez(part, about=self.about, history=json.dumps(self.history), **self._state())

    def load(self, path: Path) -> None:
        """Go on from what `save` wrote; a ValueError says that it belongs to another recipe or other pictures."""
        with np.load(path, allow_pickle=False) as state:
            if state["about"].item() != self.about:
                raise ValueError(f"{path} is of another recipe: delete it, or choose another folder with --out.")
            self.history = json.loads(state["history"].item())
            for name, variable in self._state().items():
                variable.assign(state[name])


def train(training, validation, recipe: Recipe, folder: Path, make=models.residual_cnn, start=None, teachers=()) -> Run:
    """Train by a recipe, save the state after each epoch, and go on from there if the training was stopped.

    Args:
        training, validation: images uint8 [n, h, w, 3], labels [n]; validation in the size the network is used at.
        make: makes the network, given `size=None`; its last layer before the softmax is called "dense".
        start: a file of weights to start from; by default random ones.
        teachers: files of the weights of trained `large_residual_cnn`, from whose answers it learns; by default it
            learns from the labels.

    Raises:
        ValueError: there are fewer pictures than a step takes, or the state in the folder is of another recipe.
    """
    pictures, sizes, state = len(training[0]), recipe.sizes, Path(folder) / STATE
    if pictures < recipe.batch:
        raise ValueError(f"A step takes {recipe.batch} pictures; found only {pictures}.")
    run = Run(recipe, pictures, make, start, teachers)
    if state.exists():
        run.load(state)
    done = len(run.history)
    left = console.duration(run.seconds())
    print(f"Training {len(sizes) - done} of {len(sizes)} epochs: about {left} on two cores.", flush=True)
    with console.progress((), "Training", "step", len(sizes) * run.steps) as bar:
        bar.update(done * run.steps)
        while len(run.history) < len(sizes):
            run.history.append(run.epoch(*training, bar.update) | run.score(*validation))
            run.save(state)
            bar.write(json.dumps({name: round(value, 4) for name, value in run.history[-1].items()}))
    return run


def keep(run: Run, folder: Path, **facts) -> dict:
    """Write the averaged weights and a card that says how they came about, with `facts` such as the data; return it."""
    path = Path(folder) / f"{run.averaged.name}.npz"
    weights.save_weights(run.averaged, path)
    card = {"weights": path.name, "sha256": artifacts.sha256(path), **facts}
    card |= json.loads(run.about) | run.history[-1] | machine.describe()
    with artifacts.atomic(path.with_suffix(".json")) as part:
        part.write_text(json.dumps(card, indent=2) + "\n")
    return card
