"""One `load()` for three sources of cats and dogs, all in one shape.

photographs     TFDS's `cats_vs_dogs`, once `make photos` (or `TFDS_DATA_DIR`) has put them on the disk
drawn           `drawn_cats_vs_dogs`, pictures that the suite draws itself, so that it runs anywhere
a folder        your own pictures, in two subfolders `cat/` and `dog/`

Whatever the source, a picture is uint8 [96, 96, 3] and a label is 0 (cat) or 1 (dog).

The first time that a split is asked for, TensorFlow reads and scales it (`reading`), and the arrays are kept in the
folder of the source.  After that they are mapped into memory, in a moment and without TensorFlow.
"""

import dataclasses
import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from helpers.base import artifacts, cache, metrics
from helpers.pictures import drawn_pets, own_folder, photographs
from helpers.pictures.conventions import CLASSES, SIZE, SPLITS, Arrays, normalise

CALIBRATION_PICTURES = 100
ARRAYS = "arrays"  # the folder, in that of a source, that keeps its splits as arrays


def calibration_inputs(pets: "Pets", count: int = CALIBRATION_PICTURES, size: int = SIZE) -> np.ndarray:
    """Return training pictures for calibration, float32 [count, size, size, 3]; never those that are scored."""
    return normalise(pets.arrays("train", count, size)[0])


@dataclasses.dataclass(frozen=True, eq=False)
class Pets:
    """A data set of cats and dogs in three splits.

    Attributes:
        source: "photographs", "drawn" or "folder-" and eight digits; names the folder for what is made from it.
        title: what the source is called in a sentence.
        counts: pictures in each split.
        read: reads a split, in 96 x 96 pixels; called once for each.
        kept: whether what was read is kept as arrays in `folder`.
    """

    source: str
    title: str
    counts: dict[str, int]
    read: Callable[[str], Arrays]
    kept: bool = False
    classes: tuple[str, ...] = CLASSES

    @property
    def summary(self) -> str:
        """What it is, and how many pictures each split has: 'drawn pets, 4,000 train, 500 validation, 2,000 test'."""
        return ", ".join([self.title, *(f"{self.counts[split]:,} {split}" for split in SPLITS)])

    @property
    def folder(self) -> Path:
        """The folder for everything made from this data set."""
        return artifacts.root() / self.source

    def arrays(self, split: str, count: int | None = None, size: int = SIZE) -> Arrays:
        """Return the first `count` pictures of a split (all by default) as arrays that cannot be written to.

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
        images, labels = (values[:count] for values in _split(self, split))
        return images if size == SIZE else _scaled(self, split, len(images), size), labels


@functools.lru_cache(maxsize=8)
def _split(pets: Pets, split: str) -> Arrays:
    """Return a whole split, read once."""
    if not pets.kept:
        return _locked(pets.read(split))
    paths = [pets.folder / ARRAYS / f"{split}_{what}.npy" for what in ("images", "labels")]
    with artifacts.one_at_a_time(paths[0], f"The {split} split of {pets.title}"):
        if not all(path.exists() for path in paths):
            for path, values in zip(paths, pets.read(split), strict=True):
                with artifacts.atomic(path) as part, part.open("wb") as file:
                    np.save(file, values)
    return tuple(np.asarray(np.load(path, mmap_mode="r")) for path in paths)


@functools.lru_cache(maxsize=8)
def _scaled(pets: Pets, split: str, count: int, size: int) -> np.ndarray:
    from helpers.pictures import reading  # TensorFlow scales

    return _locked((reading.resize(_split(pets, split)[0][:count], size),))[0]


def _locked(arrays: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """Make arrays read-only: the same ones are handed out again."""
    for values in arrays:
        values.flags.writeable = False
    return arrays


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
        print(f"Data: {pets.summary} ({other})")
    return pets


# --- the three sources --------------------------------------------------------------------------------------------


def _photographs() -> Pets:
    if not photographs.prepared():
        raise FileNotFoundError(
            f"The photographs are not in {photographs.tfds_folder()}. Run `make photos` to download them (786 MB), "
            "set TFDS_DATA_DIR to the folder that has them, or set PTQ_DATASET=drawn."
        )
    from helpers.pictures import reading  # TFDS knows the version and the size of each split

    version, counts = reading.about_photographs()
    _keep_current("photographs", "photographs", version)
    return Pets("photographs", "photographs", counts, reading.photographs, kept=True)


def _drawn() -> Pets:
    home = artifacts.root() / "tensorflow_datasets"
    version = f"{drawn_pets.NAME}/{drawn_pets.VERSION}"

    def read(split: str) -> Arrays:
        from helpers.pictures import reading

        return reading.drawn(home, split)

    if not photographs.is_whole(home / version):
        from helpers.pictures import reading

        reading.draw(home)
    _keep_current("drawn", "drawn pets", version)
    return Pets("drawn", "drawn pets", dict(drawn_pets.COUNTS), read, kept=True)


def _folder(folder: Path) -> Pets:
    """Check a reader's folder and bring its pictures into one form."""
    files = own_folder.class_files(folder)
    fingerprints = repr([own_folder.fingerprint(file) for name in CLASSES for file in files[name]])
    name = "folder-" + hashlib.sha256(fingerprints.encode()).hexdigest()[:8]
    _keep_current(name, f"pictures in {folder}", name)
    prepared = artifacts.build_if_missing(
        artifacts.root() / name / "pictures",
        lambda part: own_folder.import_pictures(files, part),
        f"A checked copy of {folder}",
        sum(map(len, files.values())) / 100,
    )

    def read(split: str) -> Arrays:
        from helpers.pictures import reading

        return reading.folder(prepared, split)

    counts = {split: sum(1 for _ in (prepared / split).glob("*/*.png")) for split in SPLITS}
    return Pets(name, f"pictures in {folder}", counts, read, kept=True)


def _keep_current(source: str, title: str, version: str) -> None:
    """Make sure that nothing is left of what other versions of the suite or of the pictures have made and measured."""
    if cache.keep_current(artifacts.root() / source, cache.key(pictures=version), f"What was made from {title}"):
        metrics.forget(source)
