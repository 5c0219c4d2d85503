"""The picture that is painted is the one in the file."""

import io

import numpy as np
from PIL import Image

from helpers.pictures.drawn_pets import draw
from helpers.pictures.painting import SIZE, jpeg


def test_the_jpeg_file_shows_the_picture():
    pixels, _ = draw("dog", "test", 3)
    file = jpeg(pixels)
    decoded = Image.open(io.BytesIO(file))
    assert (decoded.format, decoded.mode, decoded.size) == ("JPEG", "RGB", (SIZE, SIZE))
    assert np.abs(np.asarray(decoded, int) - pixels).mean() < 8
