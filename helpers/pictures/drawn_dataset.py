"""The data set of drawn pets, as TFDS keeps it, drawn on all cores.

Importing this module registers the data set; afterwards `tfds.load("drawn_cats_vs_dogs", data_dir=...)` draws it on
the first call (6,500 pictures on all cores, under a minute) and reads it on later ones.
"""

import contextlib
import io
import json
import struct
import subprocess
import sys
from collections.abc import Iterator

from helpers.base import processes
from helpers.base.machine import cores
from helpers.base.tfds import tfds
from helpers.pictures import drawn_pets
from helpers.pictures.conventions import CLASSES
from helpers.pictures.drawing_worker import file, numbers

FEW = 200  # pictures that are drawn before other processes would have started
MOST_WORKERS = 8


class Workers:
    """Draws a data set on all cores: one Python process for each, which take turns.

    Pictures must be fetched in the order of `numbers`. The bytes do not depend on who draws: where no worker can be
    started, or one fails, or the order is another, this process draws. (These are plain subprocesses, not those of
    `multiprocessing`: on Windows and macOS these would first run the reader's own script again.)
    """

    def __init__(self, counts: dict[str, int]):
        self.counts = counts
        self.processes: list[subprocess.Popen] = []
        self.expected: Iterator | None = None
        self.fetched = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self) -> None:
        """Start the workers, if they are worth it."""
        self.expected = iter(numbers(self.counts))
        count = min(cores(), MOST_WORKERS)
        if count < 2 or sum(self.counts.values()) <= FEW or not sys.executable:
            return
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with contextlib.suppress(OSError):
            for first in range(count):
                turn = [json.dumps(self.counts), str(first), str(count)]
                command = processes.command("helpers.pictures.drawing_worker", *turn)
                self.processes.append(subprocess.Popen(command, env=processes.environment(), **streams))
            return
        self.stop()

    def stop(self) -> None:
        """End the workers that are left."""
        for process in self.processes:
            process.kill()
            process.stdout.close()
            process.wait()
        self.processes = []

    def fetch(self, split: str, label: str, index: int) -> bytes:
        """The JPEG file of a picture."""
        if self.expected is None:
            self.start()
        if self.processes and next(self.expected, None) == (split, label, index):
            content = self._read(self.processes[self.fetched % len(self.processes)].stdout)
            self.fetched += 1
            if content:
                return content
        self.stop()
        return file(split, label, index)

    @staticmethod
    def _read(stream) -> bytes:
        """The next file that a worker has drawn, or nothing if it has not drawn one."""
        head = stream.read(4)
        length = struct.unpack("<I", head)[0] if len(head) == 4 else 0
        content = stream.read(length) if 0 < length < 2**20 else b""
        return content if len(content) == length and content.startswith(b"\xff\xd8") else b""


class LocalInfo(tfds.core.DatasetInfo):
    """The description of a data set that no server knows."""

    def initialize_from_bucket(self) -> None:
        """Ask no server: TFDS would, and leave an empty folder among the system's temporary ones each time."""


class DrawnCatsVsDogs(tfds.core.GeneratorBasedBuilder):
    """Drawn cats and dogs with the features of `cats_vs_dogs`; a subclass may change COUNTS."""

    VERSION = tfds.core.Version(drawn_pets.VERSION)
    RELEASE_NOTES = {drawn_pets.VERSION: "First drawing: 6,500 pictures of 96 by 96 pixels."}
    COUNTS = drawn_pets.COUNTS

    on_picture = staticmethod(lambda: None)  # called after each picture, for a progress bar

    def download_and_prepare(self, **options):
        """Draw the data set, unless it is there."""
        with Workers(self.COUNTS) as self.workers:
            super().download_and_prepare(**options)

    def _info(self):
        """The description that TFDS keeps with the data set."""
        return LocalInfo(
            builder=self,
            description="Pictures of cats and dogs, drawn by a program, whose classes overlap by construction.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(),
                    "image/filename": tfds.features.Text(),  # e.g. "drawn/train/cat/00000.jpg"
                    "label": tfds.features.ClassLabel(names=list(CLASSES)),
                }
            ),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager):
        """One generator a split; nothing is downloaded."""
        return {split: self._generate_examples(split, count) for split, count in self.COUNTS.items()}

    def _generate_examples(self, split, count):
        """Yields (key, example); see `numbers`."""
        for _, label, index in numbers({split: count}):
            name = f"drawn/{split}/{label}/{index:05d}.jpg"
            image = io.BytesIO(self.workers.fetch(split, label, index))
            yield name, {"image": image, "image/filename": name, "label": label}
            self.on_picture()
