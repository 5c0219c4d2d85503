"""A reader's own pictures, or drawn ones that nobody has seen: found, read and named."""

from pathlib import Path

import numpy as np

from helpers.pictures import drawn_pets
from helpers.pictures.conventions import CLASSES
from helpers.pictures.own_folder import files_below, read_picture

MOST = 12  # pictures that are shown, so that they can be told apart
NAMED = 5  # files that are named in a sentence
FIRST_NEW = 2000  # number of the first drawn pet that is in no data set


def drawn() -> dict[str, np.ndarray]:
    """Return a cat and a dog, drawn on the spot and in no data set: {name: uint8 [96, 96, 3]}."""
    print("Pictures: two drawn pets, because none of yours were given.")
    return {f"a drawn {label}": drawn_pets.draw(label, "test", FIRST_NEW + i)[0] for i, label in enumerate(CLASSES)}


def read(path: Path) -> dict[str, np.ndarray]:
    """Read a picture or a folder of them, in any form that Pillow reads: {name: uint8 [96, 96, 3]}.

    Files of a folder that are no pictures are named and left out.
    """
    if path.is_file():
        print(f"Pictures: {path.name}.")
        return {path.name: read_picture(path)}
    files = _files(path)
    pictures, left_out = {}, []
    for file in files:
        if len(pictures) == MOST:
            break
        try:
            pictures[file.relative_to(path).as_posix()] = read_picture(file)
        except (OSError, ValueError) as problem:
            left_out.append(str(problem))
    if not pictures:
        raise ValueError(f"The folder {path} holds no picture that could be read. {_first(left_out)}")
    more = f", the first of {len(files):,} files" if len(pictures) + len(left_out) < len(files) else ""
    print(f"Pictures: {len(pictures)} from {path.name}{more}.")
    if left_out:
        print(f"Left out: {_first(left_out)}")
    return pictures


def _files(folder: Path) -> list[Path]:
    """Return all files in a folder and below it, but the hidden ones."""
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no {folder}: give the path of a picture, or of a folder of pictures.")
    files = files_below(folder)
    if not files:
        raise ValueError(f"The folder {folder} is empty: put pictures of cats and dogs into it.")
    return files


def _first(sentences: list[str]) -> str:
    """Join the first few sentences, and count the others."""
    more = len(sentences) - NAMED
    return " ".join(sentences[:NAMED]) + (f" And {more:,} more files." if more > 0 else "")
