"""A reader's own pictures, held before several .tflite files at once: who says what, and how sure is it?"""

import dataclasses
import os
from pathlib import Path

import numpy as np

from helpers import evaluation
from helpers.datasets import CLASSES, files_below, read_picture
from helpers.tables import Table

MOST = 12  # pictures that are shown, so that they can be told apart
NAMED = 5  # files that are named in a sentence
FIRST_NEW = 2000  # number of the first drawn pet that is in no data set


@dataclasses.dataclass(frozen=True)
class Answers:
    """What several files say about the same pictures.

    Attributes:
        names: of the pictures, n of them.
        images: uint8 [n, 96, 96, 3], as the networks see them.
        probabilities: {kind of file: float32 [n, classes]}.
    """

    names: list[str]
    images: np.ndarray
    probabilities: dict[str, np.ndarray]

    def predictions(self, kind: str) -> list[str]:
        """Return the class that a file gives the largest probability, for each picture."""
        return [CLASSES[i] for i in self.probabilities[kind].argmax(axis=1)]

    def confidences(self, kind: str) -> np.ndarray:
        """Return the probability of the predicted class, float32 [n]; with two classes at least 0.5."""
        return self.probabilities[kind].max(axis=1)

    def table(self) -> Table:
        """Return one row a picture: what each file says and how sure it is."""
        said = [
            [f"{name}, {sure:.1%}" for name, sure in zip(self.predictions(kind), self.confidences(kind), strict=True)]
            for kind in self.probabilities
        ]
        return Table(["picture", *self.probabilities], zip(self.names, *said, strict=True))


def compare(path: str | os.PathLike | None, files: dict[str, Path]) -> Answers:
    """Classify a reader's pictures with several files, and say in one line which pictures these are.

    Args:
        path: a picture, or a folder of them (with all that lies below it, up to `MOST`); None means two drawn pets.
        files: {kind: .tflite file}.

    Raises:
        FileNotFoundError: there is no such picture or folder.
        ValueError: the file is no picture, or the folder holds none.
    """
    pictures = drawn() if path is None else read(Path(path).expanduser())
    images = np.stack(list(pictures.values()))
    return Answers(list(pictures), images, {kind: evaluation.predict(file, images) for kind, file in files.items()})


def drawn() -> dict[str, np.ndarray]:
    """Return a cat and a dog, drawn on the spot and in no data set: {name: uint8 [96, 96, 3]}."""
    from helpers import drawn_pets

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
    found = files_below(folder)
    if not found:
        raise ValueError(f"The folder {folder} is empty: put pictures of cats and dogs into it.")
    return found


def _first(sentences: list[str]) -> str:
    """Join the first few sentences, and count the others."""
    more = len(sentences) - NAMED
    return " ".join(sentences[:NAMED]) + (f" And {more:,} more files." if more > 0 else "")
