"""What a file is tried on: pictures from a folder, or else drawn pets, or else random numbers."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np

from helpers.base.console import counted
from helpers.base.seed import SEED
from helpers.diagnosis.contents import CODES, Contents
from helpers.measure import input_range, picture_input
from helpers.measure.picture_input import PictureInput
from helpers.pictures import drawn_pets, own_folder
from helpers.pictures.conventions import CLASSES, normalise

MOST = 64  # pictures that are looked at
DRAWN = 16  # pets that are drawn if there are no pictures, and as many random inputs where none are wanted


class NoInputs(ValueError):
    """A file for which there is nothing to try it on; the message says what it takes."""


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Inputs for a file.

    Attributes:
        values: prepared as in use, float32 [n, ...]; for an input that is never quantized in its own type.
        about: where they are from, and how they were prepared, in a sentence.
        folders: of how many subfolders the pictures are, 0 if they are no pictures of the reader's.
    """

    values: np.ndarray
    about: str
    folders: int = 0


def gather(contents: Contents, folder: Path | None, asked: str | None, odd: bool) -> Inputs:
    """Return inputs for a file with one input.

    Args:
        contents: of the file.
        folder: with pictures; None for drawn ones, or for random numbers where the file takes no picture.
        asked: the range of the pixels, one of `input_range.CONVENTIONS`; None for the one that the file tells.
        odd: whether the range of the file's input is not to be believed: pictures are then prepared as usual.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it holds no picture, or the file takes none.
        NoInputs: the file takes several inputs, or no numbers, or pictures of any size.
    """
    try:
        takes = picture_input.read(contents.path)
    except ValueError:
        if folder is not None:
            raise
        return _random(contents)
    if takes.size_open:
        raise NoInputs("The file leaves the size of its pictures open: convert it for one size to try it here.")
    name, words = _range(contents.path, asked, odd)
    images, about, folders = _read(folder, takes) if folder else _drawn(takes)
    return Inputs(picture_input.prepared(normalise(images), takes, name), f"{about}; pixels from {words}.", folders)


def _range(path: Path, asked: str | None, odd: bool) -> tuple[str, str]:
    """Return the range of the pixels, and words about it."""
    if odd and asked is None:
        low, high = input_range.CONVENTIONS[input_range.USUAL]
        return input_range.USUAL, f"{low:g} to {high:g}, for the scale of the input is not to be believed (see --range)"
    try:
        return input_range.chosen(path, asked)
    except ValueError:
        low, high = input_range.CONVENTIONS[input_range.USUAL]
        return input_range.USUAL, f"{low:g} to {high:g}, for the input is like no usual one (see --range)"


def _read(folder: Path, takes: PictureInput) -> tuple[np.ndarray, str, int]:
    """Read pictures of a folder, the same share of each of its subfolders."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f"There is no folder {folder}: --pictures takes one with pictures, in subfolders or not."
        )
    by_folder = {}
    for path in own_folder.files_below(folder):
        by_folder.setdefault(path.relative_to(folder).parts[0] if path.parent != folder else "", []).append(path)
    in_turn = (path for paths in itertools.zip_longest(*by_folder.values()) for path in paths if path)
    images, used, left_out = [], set(), []
    for path in in_turn:
        if len(images) == MOST:
            break
        try:
            images.append(own_folder.read_picture(path, max(takes.height, takes.width)))
            used.add(path.relative_to(folder).parts[0] if path.parent != folder else "")
        except (OSError, ValueError) as problem:
            left_out.append(str(problem))
    if not images:
        raise ValueError(f"{folder} holds no picture that could be read. {' '.join(left_out[:3])}".rstrip())
    total = sum(map(len, by_folder.values()))
    about = f"{counted(len(images), 'picture')} of {counted(total, 'file')} in {folder}"
    about += f", {len(left_out)} left out ({left_out[0].rstrip('.')})" if left_out else ""
    return picture_input.fitting(np.stack(images), takes), about, len(used)


def _drawn(takes: PictureInput) -> tuple[np.ndarray, str, int]:
    """Draw cats and dogs in turn."""
    drawn = [drawn_pets.draw(CLASSES[i % len(CLASSES)], "test", i)[0] for i in range(DRAWN)]
    return picture_input.fitting(np.stack(drawn), takes), f"{DRAWN} drawn pets, for no --pictures were given", 0


def _random(contents: Contents) -> Inputs:
    """Return random numbers over the range of the input, or normal ones where it has none."""
    entries, rng = contents.of_role("input"), np.random.default_rng(SEED)
    if len(entries) != 1:
        raise NoInputs(f"The file takes {counted(len(entries), 'input')}; a file with one can be tried here.")
    entry = entries[0]
    shape = (DRAWN, *entry.shape[1:]) if entry.shape[:1] == (1,) else (DRAWN, *entry.shape)
    if 0 in entry.shape:
        raise NoInputs(f"The file takes {list(entry.shape)}: no values at all.")
    if entry.dtype in CODES and len(entry.scale):
        low, high = entry.range
        return Inputs(rng.uniform(low, high, shape).astype(np.float32), f"random numbers from {low:.3g} to {high:.3g}.")
    if entry.dtype == "float32":
        return Inputs(rng.standard_normal(shape).astype(np.float32), "random normal numbers.")
    raise NoInputs(f"The file takes {entry.dtype} {list(entry.shape)}, for which there are no inputs to try here.")
