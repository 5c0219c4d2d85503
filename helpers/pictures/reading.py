"""Pictures read and scaled by TensorFlow: what `datasets` asks for once, and then keeps as arrays."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from helpers.base import artifacts, console
from helpers.base.seed import SEED
from helpers.base.tf import fixed_threads, tf
from helpers.base.tfds import tfds
from helpers.pictures import drawn_dataset
from helpers.pictures import photographs as on_disk
from helpers.pictures.conventions import SIZE, SPLITS, Arrays
from helpers.pictures.photographs import EIGHTY_TEN_TEN

# --- the three sources --------------------------------------------------------------------------------------------


def about_photographs() -> tuple[str, dict[str, int]]:
    """Return the version of the photographs, such as "cats_vs_dogs/4.0.1", and how many are in each split."""
    info = tfds.builder("cats_vs_dogs", data_dir=str(on_disk.tfds_folder())).info
    parts = zip(SPLITS, EIGHTY_TEN_TEN, strict=True)
    return info.full_name, {name: info.splits[part].num_examples for name, part in parts}


def photographs(split: str) -> Arrays:
    """Read a split of the photographs."""
    part = EIGHTY_TEN_TEN[SPLITS.index(split)]
    data_dir = str(on_disk.tfds_folder())
    return _arrays(tfds.load("cats_vs_dogs", data_dir=data_dir, split=part, as_supervised=True, download=False), split)


def drawn(home: Path, split: str) -> Arrays:
    """Read a split of the drawn pets from the folder in which TFDS keeps them."""
    pictures = tfds.load("drawn_cats_vs_dogs", data_dir=str(home), split=split, as_supervised=True, download=False)
    return _arrays(pictures, split)


def folder(prepared: Path, split: str) -> Arrays:
    """Read a split of a reader's own pictures, `<split>/<class>/<number>.png`.

    A folder gives one class after the other; here they are mixed, always into the same order.
    """
    images, labels = _arrays(tfds.ImageFolder(str(prepared)).as_dataset(split, as_supervised=True), split)
    order = np.random.default_rng(SEED).permutation(len(labels))
    return images[order], labels[order]


def _arrays(pictures: tf.data.Dataset, split: str) -> Arrays:
    """Read a data set of (image, label) with a progress bar: uint8 [n, 96, 96, 3] and int64 [n]."""
    count = int(pictures.cardinality())
    sized = fixed_threads(pictures.map(_to_size, tf.data.AUTOTUNE, deterministic=True))
    images, labels = np.empty((count, SIZE, SIZE, 3), np.uint8), np.empty(count, np.int64)
    each = console.progress(sized.as_numpy_iterator(), f"Reading {split} pictures", "pic", count)
    for i, (image, label) in enumerate(each):
        images[i], labels[i] = image, label
    return images, labels


# --- scaling ------------------------------------------------------------------------------------------------------


def resize(images: np.ndarray, size: int) -> np.ndarray:
    """Scale pictures, uint8 [n, h, w, 3], to uint8 [n, size, size, 3], averaging over what becomes one pixel."""
    parts = [_resize(images[i : i + 100], size).numpy() for i in range(0, len(images), 100)]
    return np.concatenate([np.empty((0, size, size, 3), np.uint8), *parts])


def _to_size(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Resize one picture of any size to uint8 [96, 96, 3]."""
    return tf.ensure_shape(_resize(image, SIZE), (SIZE, SIZE, 3)), label


def _resize(images: tf.Tensor, size: int) -> tf.Tensor:
    """Resize one picture or several, rounding (a plain cast would cut the fraction off)."""
    resized = tf.image.resize(images, (size, size), antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)


# --- drawing ------------------------------------------------------------------------------------------------------


def draw(home: Path) -> None:
    """Draw the data set of drawn pets into TFDS's folder, unless another notebook has done it meanwhile.

    Raises:
        UnwritableError: the disk is full, or the folder may not be written to.
    """
    builder = drawn_dataset.DrawnCatsVsDogs(data_dir=str(home))
    target = Path(builder.data_dir)
    with artifacts.one_at_a_time(target, "The data set of drawn pets"), artifacts.writing_to(home):
        if not on_disk.is_whole(target):
            _draw(builder)


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
