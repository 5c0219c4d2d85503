"""What several files say about a reader's own pictures."""

import dataclasses
import os
from pathlib import Path

import numpy as np

from helpers.base.tables import Table
from helpers.measure import accuracy
from helpers.pictures import own_pictures
from helpers.pictures.conventions import CLASSES


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
        answers = [
            [f"{name}, {sure:.1%}" for name, sure in zip(self.predictions(kind), self.confidences(kind), strict=True)]
            for kind in self.probabilities
        ]
        return Table(["picture", *self.probabilities], zip(self.names, *answers, strict=True))


def compare(path: str | os.PathLike | None, files: dict[str, Path]) -> Answers:
    """Classify a reader's pictures with several files, and say in one line which pictures these are.

    Args:
        path: a picture, or a folder of them (with all that lies below it, up to `own_pictures.MOST`); None means two
            drawn pets.
        files: {kind: .tflite file}.

    Raises:
        FileNotFoundError: there is no such picture or folder.
        ValueError: the file is no picture, or the folder holds none.
    """
    pictures = own_pictures.drawn() if path is None else own_pictures.read(Path(path).expanduser())
    images = np.stack(list(pictures.values()))
    return Answers(list(pictures), images, {kind: accuracy.predict(file, images) for kind, file in files.items()})
