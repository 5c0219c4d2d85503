"""The photographs: TFDS's `cats_vs_dogs`, whether it is there, and how to get it."""

import contextlib
import json
import os
import socket
import threading
from pathlib import Path

from helpers.base import artifacts

EIGHTY_TEN_TEN = ("train[:80%]", "train[80%:90%]", "train[90%:]")  # TFDS ships the photographs as one split
HOST = ("download.microsoft.com", 443)
HOST_TIMEOUT = 5  # seconds


def tfds_folder() -> Path:
    """Return the folder in which TFDS keeps prepared data sets: `TFDS_DATA_DIR` or TFDS's own default."""
    return Path(os.environ.get("TFDS_DATA_DIR") or Path.home() / "tensorflow_datasets").expanduser()


def prepared() -> bool:
    """Whether a whole prepared `cats_vs_dogs` is on the disk: its description and every file that it names."""
    return any(map(is_whole, sorted((tfds_folder() / "cats_vs_dogs").glob("[0-9]*.*.*"))))


def is_whole(version: Path) -> bool:
    """Whether a prepared version of a data set holds all the files that its `dataset_info.json` counts."""
    try:
        splits = json.loads((version / "dataset_info.json").read_text())["splits"]
        return (version / "features.json").exists() and all(
            len(list(version.glob(f"*-{split['name']}.*-of-{len(split['shardLengths']):05d}")))
            == len(split["shardLengths"])
            for split in splits
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def download() -> str:
    """Download and prepare the photographs with TFDS, unless they are there already; return one sentence.

    TFDS builds in a folder named `incomplete` and renames it at the end, so a download that was stopped is never
    taken for a data set.

    Raises:
        ConnectionError: the host does not answer within `HOST_TIMEOUT` seconds (TFDS alone would retry for minutes).
        UnwritableError: the disk is full, or the folder may not be written to.
    """
    if prepared():
        return f"The photographs are ready in {tfds_folder()}."
    if not _host_answers():
        raise ConnectionError(
            f"The photographs could not be downloaded: {HOST[0]} does not answer. "
            "Check the network and run `make photos` again; without them the suite uses drawn pets."
        )
    from helpers.base.tfds import tfds  # only a download needs it

    with artifacts.writing_to(tfds_folder()):
        tfds.builder("cats_vs_dogs", data_dir=str(tfds_folder())).download_and_prepare()
    return f"The photographs are ready in {tfds_folder()}."


def _host_answers() -> bool:
    """Whether the host of the photographs answers in time.

    A thread asks, because looking up a name has no time-out of its own.
    """
    answers = threading.Event()

    def ask() -> None:
        with contextlib.suppress(OSError), socket.create_connection(HOST, timeout=HOST_TIMEOUT):
            answers.set()

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(HOST_TIMEOUT)
    return answers.is_set()
