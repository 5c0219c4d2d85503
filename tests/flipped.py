"""Broken files: the bytes of a good one, a few of them changed, the same ones for the same number."""

import numpy as np

FLIPS = 2_000  # files that a tool is fed with


def flipped(content: bytes, number: int) -> bytes:
    """Return a file in which one to eight bytes have other values; which ones, the number decides."""
    rng = np.random.default_rng(number)
    changed = np.frombuffer(content, np.uint8).copy()
    places = rng.choice(len(changed), rng.integers(1, 9), replace=False)
    changed[places] ^= rng.integers(1, 256, len(places), dtype=np.uint8)
    return changed.tobytes()
