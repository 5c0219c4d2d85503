"""The files of the course's network: made when they are asked for, once, and again when the network is newer."""

import os

import numpy as np
import pytest

from helpers.measure import accuracy
from helpers.networks import converted
from helpers.tflite import convert

pytest_plugins = ["small"]


def test_files_that_are_there_are_not_written_again(at_home):
    before = {kind: (path.stat().st_mtime_ns, path.stat().st_ino) for kind, path in at_home.files.items()}
    assert converted.files(at_home.pets) == at_home.files
    assert {kind: (path.stat().st_mtime_ns, path.stat().st_ino) for kind, path in at_home.files.items()} == before


def test_a_file_that_is_missing_is_made_again_as_it_was(at_home):
    path = at_home.files["dynamic range"]
    before = path.read_bytes()
    path.unlink()
    assert converted.file(at_home.pets, "dynamic range") == path
    assert path.read_bytes() == before


def test_an_interrupted_conversion_leaves_nothing(at_home, monkeypatch):
    path = at_home.files["dynamic range"]
    before = path.read_bytes()
    path.unlink()

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(convert, "convert", interrupted)
        converted.file(at_home.pets, "dynamic range")
    assert not list(path.parent.glob("*dynamic*"))
    assert convert.write(before, path).read_bytes() == before


def test_a_file_older_than_the_model_is_made_again(at_home):
    path = at_home.files["float32"]
    content, graph = path.read_bytes(), at_home.saved_model / convert.GRAPH
    path.write_bytes(b"of an earlier training")
    os.utime(path, (graph.stat().st_mtime - 60,) * 2)
    assert converted.file(at_home.pets, "float32").read_bytes() == content


# --- the network that comes with the suite ----------------------------------------------------------------------------


def test_float_and_int8_files_agree(pets, tmp_path, monkeypatch):
    """Drawn pets are no photographs, but the two files must answer alike about any picture."""
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path))
    images = pets.arrays("test", 200)[0]
    answers = {kind: accuracy.predict(path, images) for kind, path in converted.pretrained_files().items()}
    assert np.abs(answers["float32"] - answers["int8"]).mean() < 0.03
    assert (answers["float32"].argmax(1) == answers["int8"].argmax(1)).mean() > 0.95
