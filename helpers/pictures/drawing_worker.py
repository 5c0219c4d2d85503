"""Draw every n-th picture of a data set: what `drawn_dataset.Workers` starts once for each core.

    python -m helpers.pictures.drawing_worker '{"train": 4000}' FIRST STEP

It needs no TensorFlow, so it starts in a moment.
"""

import contextlib
import itertools
import json
import struct
import sys
from collections.abc import Iterator

from helpers.pictures import drawn_pets
from helpers.pictures.conventions import CLASSES
from helpers.pictures.painting import jpeg


def numbers(counts: dict[str, int]) -> Iterator[tuple[str, str, int]]:
    """(split, label, index) of every picture of a data set, in its order; even numbers are cats, odd ones dogs."""
    for split, count in counts.items():
        for index in range(count):
            yield split, CLASSES[index % len(CLASSES)], index


def file(split: str, label: str, index: int) -> bytes:
    """A picture as a JPEG file."""
    return jpeg(drawn_pets.draw(label, split, index)[0])


def work(counts: dict[str, int], first: int, step: int) -> None:
    """Draw every `step`-th picture of a data set from the `first` on, and write length and bytes of each file.

    It ends with the last picture, or when nobody reads any more.
    """
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        for picture in itertools.islice(numbers(counts), first, None, step):
            content = file(*picture)
            sys.stdout.buffer.write(struct.pack("<I", len(content)) + content)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    work(json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
