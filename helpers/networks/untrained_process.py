"""Make one file of an untrained network: what `published.build` starts, in a process that gives its memory back.

    python -m helpers.networks.untrained_process float32 FOLDER MobileNet 224 '{"alpha": 0.25}'

The int8 file is made from the float32 file beside it, and needs no TensorFlow.
"""

import json
import sys
from pathlib import Path

from helpers.networks import published
from helpers.pictures.conventions import normalise
from helpers.tflite.kinds import filename


def make(kind: str, folder: Path, keras_name: str, size: int, **options) -> bytes:
    """Return a .tflite file.

    Args:
        kind: "float32" or "int8".
        folder: holds the float32 file if the int8 file is wanted.
        keras_name, size: see `published.Architecture`.
        options: see `untrained.network`.
    """
    inputs = normalise(published.pictures(size))
    if kind == "float32":
        from helpers.networks import untrained
        from helpers.tflite import from_keras

        return from_keras.float32_of_large(untrained.network(keras_name, inputs, **options))
    from helpers.tflite import edge_quantizer

    return edge_quantizer.int8(folder / filename("float32"), inputs[:1])


if __name__ == "__main__":
    kind, folder, keras_name, size, options = sys.argv[1:]
    content = make(kind, Path(folder), keras_name, int(size), **json.loads(options))
    (Path(folder) / filename(kind)).write_bytes(content)
