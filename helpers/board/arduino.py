"""The folder that Arduino compiles and flashes: the sketch, the network and its runtime, and a picture as an array."""

import string
from pathlib import Path

import numpy as np

from helpers.base import artifacts
from helpers.board import network_in_c
from helpers.board.network_in_c import Constant, Written
from helpers.integer.network import load_network
from helpers.integer.rounding import MICRO
from helpers.pictures.conventions import CLASSES

NAME = "cats_vs_dogs"  # of the folder and of the sketch in it, which must be the same

PICTURE = string.Template("""\
/* A picture as the codes that the network takes, and what it should answer. */
#ifndef PICTURE_H
#define PICTURE_H

#include <stdint.h>

static const char *const names[] = {$names};
static const int8_t expected[] = {$expected};
$picture

#endif
""")


def write(path: Path, codes: np.ndarray, folder: Path) -> Written:
    """Write the sketch with all that belongs to it into a folder of its name.

    Args:
        path: a full-int8 file with one output for each of `CLASSES`.
        codes: of one picture, int8 [height, width, channels].
        folder: in which `cats_vs_dogs` is made.

    Raises:
        FileNotFoundError, ValueError, NotImplementedError: see `network_in_c.translate`.
    """
    target = folder / NAME
    network = load_network(path, rounding=MICRO)
    expected = network.tensors(codes[np.newaxis])[network.output.index].ravel()
    written = network_in_c.write(path, target)
    text = PICTURE.substitute(
        names=", ".join(f'"{name}"' for name in CLASSES),
        expected=", ".join(map(str, expected)),
        picture=Constant("int8_t", "picture", codes.ravel()).definition,
    )
    with artifacts.atomic(target / "picture.h") as part:
        part.write_text(text, "ascii")
    network_in_c.copy(f"arduino/{NAME}/{NAME}.ino", target)
    return written
