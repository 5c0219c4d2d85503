"""What a picture is in this suite, whatever its source: its size, its classes, its splits, and the division by 255."""

import numpy as np

SIZE = 96  # pixels on each side of every picture
CLASSES = ("cat", "dog")
SPLITS = ("train", "validation", "test")

Arrays = tuple[np.ndarray, np.ndarray]  # images, uint8 [n, size, size, 3], and labels, int64 [n]


def normalise(images: np.ndarray) -> np.ndarray:
    """Turn pixels 0..255 (uint8) into float32 in [0, 1]: the only preprocessing in the whole suite."""
    return np.asarray(images, np.float32) / np.float32(255)
