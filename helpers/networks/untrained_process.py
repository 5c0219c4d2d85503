"""Make files of untrained networks: what `published.build` starts, in a process that gives its memory back.

    python -m helpers.networks.untrained_process float32 '[["FOLDER", "MobileNet", 224, {"alpha": 0.25}]]'

The int8 files are made from the float32 files beside them, and need no TensorFlow.
"""

import gc
import json
import sys
from pathlib import Path

from helpers.networks import published
from helpers.pictures.conventions import normalise
from helpers.tflite.kinds import filename


def make(kind: str, folder: Path, keras_name: str, size: int, options: dict) -> bytes:
    """Return a .tflite file.

    Args:
        kind: "float32" or "int8".
        folder: holds the float32 file if the int8 file is wanted.
        keras_name, size, options: see `published.Architecture`.
    """
    inputs = normalise(published.pictures(size))
    if kind == "float32":
        from helpers.base.tf import keras
        from helpers.networks import untrained
        from helpers.tflite import from_keras

        keras.backend.clear_session()  # Keras numbers the names of layers on, and the names stand in the file
        return from_keras.float32_of_large(untrained.network(keras_name, inputs, **options))
    from helpers.tflite import edge_quantizer

    return edge_quantizer.int8(folder / filename("float32"), inputs[:1])


if __name__ == "__main__":
    kind, networks = sys.argv[1], json.loads(sys.argv[2])
    for folder, *network in networks:
        (Path(folder) / filename(kind)).write_bytes(make(kind, Path(folder), *network))
        gc.collect()
