"""A small data set for tests that must be fast: a reader's folder with drawn pictures, and what is made from it.

A test module that wants these fixtures says `pytest_plugins = ["small"]`.
"""

import contextlib
import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

PROJECT = Path(__file__).resolve().parent.parent
PICTURES = 70  # of each class: 56 to train on, 7 to watch, 7 to test


@dataclasses.dataclass(frozen=True)
class Small:
    """The small data set and what was trained and converted from it."""

    pictures: Path  # the reader's folder
    home: Path  # PTQ_ARTIFACTS
    pets: object  # datasets.Pets
    plan: object  # training.TrainingPlan
    history: dict
    saved_model: Path
    files: dict[str, Path]


@contextlib.contextmanager
def artifacts_in(folder: Path):
    """Let everything in the block be made in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PTQ_ARTIFACTS", str(folder))
        yield


@pytest.fixture(scope="session")
def python():
    """A function that runs a fresh interpreter: `python(*words, artifacts=folder)`."""

    def run(*words: str, artifacts: Path, **variables: str) -> subprocess.CompletedProcess:
        environment = {**os.environ, "PTQ_ARTIFACTS": str(artifacts), **variables}
        command = [sys.executable, *map(str, words)]
        options = {"capture_output": True, "text": True, "check": False, "timeout": 300}
        return subprocess.run(command, env=environment, cwd=PROJECT, **options)

    return run


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory):
    """A folder with `cat/` and `dog/`, 70 drawn pictures each."""
    from helpers.pictures import drawn_pets

    folder = tmp_path_factory.mktemp("small") / "pets"
    for label in drawn_pets.CLASSES:
        (folder / label).mkdir(parents=True)
        for i in range(PICTURES):
            Image.fromarray(drawn_pets.draw(label, "train", i)[0]).save(folder / label / f"{i}.png")
    return folder


@pytest.fixture(scope="session")
def small(small_folder, tmp_path_factory):
    """The small data set, with the compact network trained for four epochs and converted; for reading only."""
    from helpers.networks import converted, models, training
    from helpers.pictures import datasets
    from helpers.tflite import from_keras

    home = tmp_path_factory.mktemp("artifacts")
    plan = training.TrainingPlan(epochs=4, batch_size=16)
    with artifacts_in(home):
        pets = datasets.load(small_folder, verbose=False)
        model, history = training.train(pets, models.compact_cnn, plan)
        from_keras.export(model, pets.folder / training.SAVED_MODEL)
        files = converted.files(pets)
        return Small(small_folder, home, pets, plan, history, pets.folder / training.SAVED_MODEL, files)


@pytest.fixture
def at_home(small, monkeypatch):
    """The small data set, with `PTQ_ARTIFACTS` pointing to where it was made."""
    monkeypatch.setenv("PTQ_ARTIFACTS", str(small.home))
    return small


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty folder for what is made, which is not there yet."""
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path / "artifacts"))
    return tmp_path / "artifacts"
