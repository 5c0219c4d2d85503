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
import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from helpers import artifacts
from helpers.runtime import SEED, steady, tf

with artifacts.quiet():
    import tensorflow_datasets as tfds

SIZE = 96  # pixels on each side of every picture
CLASSES = ("cat", "dog")
SPLITS = ("train", "validation", "test")
EIGHTY_TEN_TEN = ("train[:80%]", "train[80%:90%]", "train[90%:]")  # TFDS ships the photographs as one split
SMALLEST_CLASS = 10  # pictures a class of one's own must have, so that each of the three splits gets one
HOST = ("download.microsoft.com", 443)
HOST_TIMEOUT = 5  # seconds
SKIPPED_SILENTLY = (".DS_Store", "Thumbs.db", "desktop.ini")


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
    for i, (image, label) in enumerate(artifacts.progress(pictures, f"Reading {split} pictures", "pic", count)):
        images[i], labels[i] = image, label
    images.flags.writeable = labels.flags.writeable = False  # the same arrays are handed out again
    return images, labels


def normalise(images: np.ndarray) -> np.ndarray:
    """Turn pixels 0..255 (uint8) into float32 in [0, 1]: the only preprocessing in the whole suite."""
    return np.asarray(images, np.float32) / np.float32(255)


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
    source = str(source or os.environ.get("PTQ_DATASET") or ("photographs" if photographs_prepared() else "drawn"))
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


def _pets(source: str, title: str, splits: list[tf.data.Dataset]) -> Pets:
    sized = [steady(split.map(_to_size, tf.data.AUTOTUNE, deterministic=True)) for split in splits]
    counts = {name: int(split.cardinality()) for name, split in zip(SPLITS, splits, strict=True)}
    return Pets(source, title, *sized, counts)


# --- 1. the photographs -------------------------------------------------------------------------------------------


def tfds_folder() -> Path:
    """Return the folder in which TFDS keeps prepared data sets: `TFDS_DATA_DIR` or TFDS's own default."""
    return Path(os.environ.get("TFDS_DATA_DIR") or Path.home() / "tensorflow_datasets").expanduser()


def photographs_prepared() -> bool:
    """Whether a whole prepared `cats_vs_dogs` is on the disk: its description and every file that it names."""
    return any(map(_is_whole, sorted((tfds_folder() / "cats_vs_dogs").glob("[0-9]*.*.*"))))


def _is_whole(version: Path) -> bool:
    """Whether a prepared version of a data set holds all the files that its `dataset_info.json` counts."""
    try:
        splits = json.loads((version / "dataset_info.json").read_text())["splits"]
        return (version / "features.json").exists() and all(
            len(list(version.glob(f"*-{split['name']}.*-of-{len(split['shardLengths']):05d}")))
            == len(split["shardLengths"])
            for split in splits
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _photographs() -> Pets:
    if not photographs_prepared():
        raise FileNotFoundError(
            f"The photographs are not in {tfds_folder()}. Run `make photos` to download them (786 MB), "
            "set TFDS_DATA_DIR to the folder that has them, or set PTQ_DATASET=drawn."
        )
    options = {"split": EIGHTY_TEN_TEN, "as_supervised": True, "download": False}
    splits = tfds.load("cats_vs_dogs", data_dir=str(tfds_folder()), **options)
    return _pets("photographs", "photographs", splits)


def download_photographs() -> str:
    """Download and prepare the photographs with TFDS, unless they are there already; return one sentence.

    TFDS builds in a folder named `incomplete` and renames it at the end, so a download that was stopped is never
    taken for a data set.

    Raises:
        ConnectionError: the host does not answer within `HOST_TIMEOUT` seconds (TFDS alone would retry for minutes).
    """
    if photographs_prepared():
        return f"The photographs are ready in {tfds_folder()}."
    if not _host_answers():
        raise ConnectionError(
            f"The photographs could not be downloaded: {HOST[0]} does not answer. "
            "Check the network and run `make photos` again; without them the suite uses drawn pets."
        )
    tfds.builder("cats_vs_dogs", data_dir=str(tfds_folder())).download_and_prepare()
    return f"The photographs are ready in {tfds_folder()}."


def _host_answers() -> bool:
    """Whether the host of the photographs answers in time.

    A thread asks, because looking up a name has no time-out of its own.
    """
    answers = threading.Event()

    def ask() -> None:
        with contextlib.suppress(OSError), socket.create_connection(HOST, timeout=HOST_TIMEOUT):
            answers.set()

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(HOST_TIMEOUT)
    return answers.is_set()


# --- 2. the drawn pets --------------------------------------------------------------------------------------------


def _drawn() -> Pets:
    from helpers import drawn_pets  # registers the builder with TFDS

    home = artifacts.root() / "tensorflow_datasets"
    builder = drawn_pets.DrawnCatsVsDogs(data_dir=str(home))
    folder = Path(builder.data_dir)
    if not _is_whole(folder):
        with artifacts.one_at_a_time(folder, "The data set of drawn pets"):
            if not _is_whole(folder):  # another notebook may have drawn it while this one waited
                _draw(builder)
    splits = tfds.load("drawn_cats_vs_dogs", data_dir=str(home), split=list(SPLITS), as_supervised=True, download=False)
    return _pets("drawn", "drawn pets", splits)


def _draw(builder: tfds.core.GeneratorBasedBuilder) -> None:
    """Draw the pets, with a progress bar instead of what TFDS prints, and clear up what a killed run left behind."""
    target, total = Path(builder.data_dir), sum(builder.COUNTS.values())
    for left_over in [target, *target.parent.glob("incomplete.*")]:
        artifacts.remove(left_over)
    print(f"The drawn pets are not there yet: drawing {total:,} of them now (about 45 s, once).", flush=True)
    with artifacts.progress((), "Drawing", "pic", total) as bar:
        builder.on_picture = bar.update
        with artifacts.quiet(), contextlib.redirect_stdout(io.StringIO()), _without_its_bars():
            builder.download_and_prepare()


@contextlib.contextmanager
def _without_its_bars() -> Iterator[None]:
    """Keep TFDS from showing progress bars of its own beside ours; in a notebook they would stay, as widgets."""
    tfds.disable_progress_bar()
    try:
        yield
    finally:
        tfds.enable_progress_bar()


# --- 3. a folder of one's own -------------------------------------------------------------------------------------


def read_picture(path: os.PathLike, size: int = SIZE) -> np.ndarray:
    """Read any picture that Pillow reads as uint8 [size, size, 3].

    Grey, palette, 16-bit and transparent pictures become RGB (transparency over white), and a camera's orientation
    tag is applied.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no picture, or it is broken.
    """
    path = Path(path)
    try:
        with Image.open(path) as picture:
            picture.load()
            return np.asarray(_to_rgb(ImageOps.exif_transpose(picture)).resize((size, size), Image.Resampling.BILINEAR))
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no file {path}.") from None
    except UnidentifiedImageError:
        raise ValueError(f"{path.name} is no picture that Pillow can read.") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path.name} is a broken picture ({error}).") from None


def _to_rgb(picture: Image.Image) -> Image.Image:
    """Convert any colour mode of Pillow to 8-bit RGB."""
    if picture.mode.startswith(("I", "F")):  # 16 or 32 bits of grey: Pillow's own conversion would clip at 255
        values = np.asarray(picture, np.float64)
        top = 65535 if values.max() > 255 else 255
        picture = Image.fromarray(np.uint8(np.clip(np.round(values * (255 / top)), 0, 255)))
    if "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA"):
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


def _folder(folder: Path) -> Pets:
    """Check a reader's folder, bring its pictures into one form, and load them with `tfds.ImageFolder`."""
    files = _class_files(folder)
    name = (
        "folder-" + hashlib.sha256(repr([_fingerprint(f) for c in CLASSES for f in files[c]]).encode()).hexdigest()[:8]
    )
    prepared = artifacts.root() / name / "pictures"
    artifacts.build_if_missing(
        prepared,
        lambda part: _import_pictures(files, part),
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


def _fingerprint(path: Path) -> tuple:
    status = path.stat()
    return str(path.resolve()), status.st_size, status.st_mtime_ns


def _class_files(folder: Path) -> dict[str, list[Path]]:
    """Return the files of `cat/` and `dog/`, sorted.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: its subfolders are not `cat` and `dog`, or one of them is empty.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"The folder {folder} does not exist. PTQ_DATASET takes 'photographs', 'drawn' "
            "or the path of a folder with the subfolders cat/ and dog/."
        )
    found = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if found != sorted(CLASSES):
        raise ValueError(
            f"{folder} needs two subfolders, cat and dog; found {', '.join(found) or 'none'}. Rename them."
        )
    files = {name: files_below(folder / name) for name in CLASSES}
    for name, paths in files.items():
        if not paths:
            raise ValueError(f"{folder / name} is empty: put at least {SMALLEST_CLASS} pictures of a {name} into it.")
    return files


def files_below(folder: Path) -> list[Path]:
    """Return all files in a folder and below it, sorted, but not the hidden ones.

    Hidden is what begins with a dot, what lies in a folder that does, and the files that systems leave behind
    (`SKIPPED_SILENTLY`).  How the folder itself is called does not matter.
    """
    return sorted(path for path in folder.rglob("*") if path.is_file() and not _is_hidden(path.relative_to(folder)))


def _is_hidden(path: Path) -> bool:
    return path.name in SKIPPED_SILENTLY or any(part.startswith(".") for part in path.parts)


def _import_pictures(files: dict[str, list[Path]], target: Path) -> None:
    """Write every readable picture as `target/<split>/<class>/<number>.png`, and name those that were left out."""
    left_out = []
    for name in CLASSES:
        pictures = []
        for path in artifacts.progress(files[name], f"Checking the {name}s", "pic"):
            try:
                pictures.append(read_picture(path))
            except ValueError as error:
                left_out.append(str(error))
        if len(pictures) < SMALLEST_CLASS:
            raise ValueError(
                f"{name}/ needs at least {SMALLEST_CLASS} readable pictures; found {len(pictures)}."
                + (f" Left out: {' '.join(left_out)}" if left_out else "")
            )
        _write_splits(pictures, name, target)
    if left_out:
        print(f"Left out {len(left_out)} files: {' '.join(left_out)}")


def _write_splits(pictures: list[np.ndarray], name: str, target: Path) -> None:
    """Shuffle one class with a fixed seed and write 80 % to train, 10 % to validation and 10 % to test."""
    order = np.random.default_rng(SEED).permutation(len(pictures))
    tenth = max(1, round(len(pictures) / 10))
    parts = {"test": order[:tenth], "validation": order[tenth : 2 * tenth], "train": order[2 * tenth :]}
    for split, indices in parts.items():
        folder = target / split / name
        folder.mkdir(parents=True)
        for i in indices:
            Image.fromarray(pictures[i]).save(folder / f"{i:05d}.png")


if __name__ == "__main__":
    if sys.argv[1:] != ["photographs"]:
        sys.exit("Usage: python -m helpers.datasets photographs")
    try:
        with contextlib.suppress(KeyboardInterrupt):
            print(download_photographs())
    except ConnectionError as problem:
        sys.exit(str(problem))
