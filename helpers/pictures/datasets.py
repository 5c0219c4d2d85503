"""One `load()` for three sources of cats and dogs, all in one shape.

photographs     TFDS's `cats_vs_dogs`, once `make photos` (or `TFDS_DATA_DIR`) has put them on the disk
drawn           `drawn_cats_vs_dogs`, pictures that the suite draws itself, so that it runs anywhere
a folder        your own pictures, in two subfolders `cat/` and `dog/`

Whatever the source, a picture is uint8 [96, 96, 3] and a label is 0 (cat) or 1 (dog).
"""

import contextlib
import dataclasses
import functools
import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from helpers.base import artifacts, cache, console, metrics
from helpers.base.seed import SEED
from helpers.base.tf import fixed_threads, tf
from helpers.base.tfds import tfds
from helpers.pictures import drawn_dataset, own_folder, photographs
from helpers.pictures.conventions import CLASSES, SIZE, SPLITS, normalise
from helpers.pictures.photographs import EIGHTY_TEN_TEN

CALIBRATION_PICTURES = 100


def calibration_inputs(pets: "Pets", count: int = CALIBRATION_PICTURES, size: int = SIZE) -> np.ndarray:
    """Return training pictures for calibration, float32 [count, size, size, 3]; never those that are scored."""
    return normalise(pets.arrays("train", count, size)[0])


@dataclasses.dataclass(frozen=True, eq=False)
class Pets:
    """A data set of cats and dogs in three splits.

    Attributes:
        source: "photographs", "drawn" or "folder-" and eight digits; names the folder for what is made from it.
        title: what the source is called in a sentence.
        train, validation, test: `tf.data.Dataset` of (image uint8 [96, 96, 3], label int64 []), not batched.
        counts: pictures in each split.
    """

    source: str
    title: str
    train: tf.data.Dataset
    validation: tf.data.Dataset
    test: tf.data.Dataset
    counts: dict[str, int]
    classes: tuple[str, ...] = CLASSES

    @property
    def folder(self) -> Path:
        """The folder for everything made from this data set."""
        return artifacts.root() / self.source

    def arrays(self, split: str, count: int | None = None, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
        """Return the first `count` pictures of a split (all by default) as arrays.

        Args:
            split: "train", "validation" or "test".
            count: of pictures, the first ones.
            size: width and height in pixels; the suite's pictures are scaled to it.

        Returns:
            images, uint8 [n, size, size, 3], and labels, int64 [n].

        Raises:
            ValueError: there is no such split.
        """
        if split not in SPLITS:
            raise ValueError(f"Expected a split out of {', '.join(SPLITS)}; found {split!r}.")
        return _arrays(self, split, min(count or self.counts[split], self.counts[split]), size)


@functools.lru_cache(maxsize=8)
def _arrays(pets: Pets, split: str, count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    if size != SIZE:
        images, labels = _arrays(pets, split, count, SIZE)
        images = resize(images, size)
        images.flags.writeable = False
        return images, labels
    images = np.empty((count, SIZE, SIZE, 3), np.uint8)
    labels = np.empty(count, np.int64)
    pictures = getattr(pets, split).take(count).as_numpy_iterator()
    for i, (image, label) in enumerate(console.progress(pictures, f"Reading {split} pictures", "pic", count)):
        images[i], labels[i] = image, label
    images.flags.writeable = labels.flags.writeable = False  # the same arrays are handed out again
    return images, labels


def resize(images: np.ndarray, size: int) -> np.ndarray:
    """Scale pictures, uint8 [n, h, w, 3], to uint8 [n, size, size, 3], averaging over what becomes one pixel."""
    parts = [_resize(images[i : i + 100], size).numpy() for i in range(0, len(images), 100)]
    return np.concatenate([np.empty((0, size, size, 3), np.uint8), *parts])


def load(source: str | os.PathLike | None = None, verbose: bool = True) -> Pets:
    """Load cats and dogs and say which ones.

    Args:
        source: "photographs", "drawn" or a folder with `cat/` and `dog/` in it.  None means the environment variable
            `PTQ_DATASET`, or else the photographs if they are on this machine and the drawn pets if they are not.
        verbose: print one line about the data set and how to get the other one.

    Raises:
        FileNotFoundError: the photographs or the folder are not there.
        ValueError: the folder is not laid out as `cat/` and `dog/`, or holds too few pictures.
    """
    source = str(source or os.environ.get("PTQ_DATASET") or ("photographs" if photographs.prepared() else "drawn"))
    if source == "photographs":
        pets, other = _photographs(), "PTQ_DATASET=drawn uses drawn pets instead"
    elif source == "drawn":
        pets, other = _drawn(), "for real photographs run: make photos"
    else:
        pets, other = _folder(Path(source).expanduser()), "unset PTQ_DATASET to use the suite's own pictures"
    if verbose:
        print(f"Data: {pets.title}, " + ", ".join(f"{pets.counts[s]:,} {s}" for s in SPLITS) + f" ({other})")
    return pets


# --- what all three sources share ---------------------------------------------------------------------------------


def _to_size(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Resize one picture of any size to uint8 [96, 96, 3]."""
    return tf.ensure_shape(_resize(image, SIZE), (SIZE, SIZE, 3)), label


def _resize(images: tf.Tensor, size: int) -> tf.Tensor:
    """Resize one picture or several, rounding (a plain cast would cut the fraction off)."""
    resized = tf.image.resize(images, (size, size), antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)


def _keep_current(source: str, title: str, version: str) -> None:
    """Make sure that nothing is left of what other versions of the suite or of the pictures have made and measured."""
    if cache.keep_current(artifacts.root() / source, cache.key(pictures=version), f"What was made from {title}"):
        metrics.forget(source)


def _pets(source: str, title: str, splits: list[tf.data.Dataset]) -> Pets:
    sized = [fixed_threads(split.map(_to_size, tf.data.AUTOTUNE, deterministic=True)) for split in splits]
    counts = {name: int(split.cardinality()) for name, split in zip(SPLITS, splits, strict=True)}
    return Pets(source, title, *sized, counts)


# --- the three sources --------------------------------------------------------------------------------------------


def _photographs() -> Pets:
    if not photographs.prepared():
        raise FileNotFoundError(
            f"The photographs are not in {photographs.tfds_folder()}. Run `make photos` to download them (786 MB), "
            "set TFDS_DATA_DIR to the folder that has them, or set PTQ_DATASET=drawn."
        )
    options = {"split": EIGHTY_TEN_TEN, "as_supervised": True, "download": False, "with_info": True}
    splits, info = tfds.load("cats_vs_dogs", data_dir=str(photographs.tfds_folder()), **options)
    _keep_current("photographs", "photographs", info.full_name)
    return _pets("photographs", "photographs", splits)


def _drawn() -> Pets:
    home = artifacts.root() / "tensorflow_datasets"
    builder = drawn_dataset.DrawnCatsVsDogs(data_dir=str(home))
    folder = Path(builder.data_dir)
    if not photographs.is_whole(folder):
        with artifacts.one_at_a_time(folder, "The data set of drawn pets"):
            if not photographs.is_whole(folder):  # another notebook may have drawn it while this one waited
                _draw(builder)
    _keep_current("drawn", "drawn pets", builder.info.full_name)
    splits = tfds.load("drawn_cats_vs_dogs", data_dir=str(home), split=list(SPLITS), as_supervised=True, download=False)
    return _pets("drawn", "drawn pets", splits)


def _draw(builder: tfds.core.GeneratorBasedBuilder) -> None:
    """Draw the pets, with a progress bar instead of what TFDS prints, and clear up what a killed run left behind."""
    target, total = Path(builder.data_dir), sum(builder.COUNTS.values())
    for left_over in [target, *target.parent.glob("incomplete.*")]:
        artifacts.remove(left_over)
    print(f"The drawn pets are not there yet: drawing {total:,} of them now (about 45 s, once).", flush=True)
    with console.progress((), "Drawing", "pic", total) as bar:
        builder.on_picture = bar.update
        with console.quiet(), contextlib.redirect_stdout(io.StringIO()), _without_its_bars():
            builder.download_and_prepare()


@contextlib.contextmanager
def _without_its_bars() -> Iterator[None]:
    """Keep TFDS from showing progress bars of its own beside ours; in a notebook they would stay, as widgets."""
    tfds.disable_progress_bar()
    try:
        yield
    finally:
        tfds.enable_progress_bar()


def _folder(folder: Path) -> Pets:
    """Check a reader's folder, bring its pictures into one form, and load them with `tfds.ImageFolder`."""
    files = own_folder.class_files(folder)
    name = (
        "folder-"
        + hashlib.sha256(repr([own_folder.fingerprint(f) for c in CLASSES for f in files[c]]).encode()).hexdigest()[:8]
    )
    _keep_current(name, f"pictures in {folder}", name)
    prepared = artifacts.root() / name / "pictures"
    artifacts.build_if_missing(
        prepared,
        lambda part: own_folder.import_pictures(files, part),
        f"A checked copy of {folder}",
        sum(map(len, files.values())) / 100,
    )
    builder = tfds.ImageFolder(str(prepared))
    return _pets(
        name, f"pictures in {folder}", [_mixed(builder.as_dataset(split, as_supervised=True)) for split in SPLITS]
    )


def _mixed(pictures: tf.data.Dataset) -> tf.data.Dataset:
    """Mix the classes, which a folder gives one after the other, always into the same order.

    (`Dataset.shuffle` would not: besides its own seed it takes in the one that a training before it has set.)
    """
    images, labels = map(np.stack, zip(*pictures.as_numpy_iterator(), strict=True))
    order = np.random.default_rng(SEED).permutation(len(labels))
    return tf.data.Dataset.from_tensor_slices((images[order], labels[order]))
