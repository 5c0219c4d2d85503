"""The photographs: half prepared ones are not taken for a data set, and no network is one sentence."""

import json
import socket
import sys
import threading
from pathlib import Path

import pytest

from helpers.base.tfds import tfds
from helpers.pictures import conventions, datasets, photographs

pytest_plugins = ["small"]


def prepare(folder, shards=3, leave_out=()):
    """Make what TFDS leaves when it has prepared the photographs, without their bytes."""
    version = folder / "cats_vs_dogs" / "4.0.1"
    version.mkdir(parents=True)
    split = {"name": "train", "shardLengths": ["10"] * shards}
    (version / "dataset_info.json").write_text(json.dumps({"splits": [split]}))
    (version / "features.json").write_text("{}")
    for i in range(shards):
        (version / f"cats_vs_dogs-train.tfrecord-{i:05d}-of-{shards:05d}").write_bytes(b"")
    for name in leave_out:
        (version / name).unlink()
    return version


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    return tmp_path / "tfds"


# --- what is there ----------------------------------------------------------------------------------------------------


def test_prepared_photographs_are_found(data_dir):
    assert not photographs.prepared()
    prepare(data_dir)
    assert photographs.prepared()


def test_without_a_variable_tfds_has_its_own_folder(monkeypatch):
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    assert photographs.tfds_folder() == Path.home() / "tensorflow_datasets"


@pytest.mark.parametrize(
    "missing", ["cats_vs_dogs-train.tfrecord-00001-of-00003", "dataset_info.json", "features.json"]
)
def test_half_prepared_photographs_are_not_taken_for_a_data_set(data_dir, missing):
    prepare(data_dir, leave_out=[missing])
    assert not photographs.prepared()
    with pytest.raises(FileNotFoundError, match="make photos.*786 MB.*TFDS_DATA_DIR.*PTQ_DATASET=drawn"):
        datasets.load("photographs")


def test_a_download_that_was_stopped_is_not_taken_for_a_data_set(data_dir):
    version = prepare(data_dir)
    version.rename(version.parent / "incomplete.AB12CD_4.0.1")  # as TFDS names it until it is whole
    assert not photographs.prepared()
    (data_dir / "downloads").mkdir()
    (data_dir / "downloads" / "pets.zip.tmp").write_bytes(b"half")
    assert not photographs.prepared()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"splits": [{}]}', '{"splits": null}'])
def test_a_broken_description_is_not_taken_for_a_data_set(data_dir, content):
    (prepare(data_dir) / "dataset_info.json").write_text(content)
    assert not photographs.prepared()


def test_half_prepared_photographs_give_the_drawn_pets(data_dir, sources, monkeypatch):
    monkeypatch.delenv("PTQ_DATASET")
    prepare(data_dir, leave_out=["dataset_info.json"])
    datasets.load()
    assert sources == ["drawn"]


# --- the download -----------------------------------------------------------------------------------------------------


@pytest.fixture
def silent_host(monkeypatch):
    """A host of which neither name nor address ever answers; gives the time-outs that were asked for."""
    asked, over = [], threading.Event()

    def never(address, timeout=None, **_):
        asked.append((address, timeout))
        over.wait(60)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", never)
    monkeypatch.setattr(photographs, "HOST_TIMEOUT", 0.05)
    yield asked
    over.set()


def test_a_host_that_does_not_answer_is_not_waited_for(data_dir, silent_host):
    with pytest.raises(ConnectionError, match=r"download\.microsoft\.com does not answer.*make photos.*drawn pets"):
        photographs.download()
    assert silent_host == [(photographs.HOST, 0.05)]
    assert not list(data_dir.rglob("*")) if data_dir.exists() else True


def test_a_host_that_refuses_is_no_host(data_dir, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setattr(photographs, "HOST", unused.getsockname())  # bound, but nobody listens
        with pytest.raises(ConnectionError, match="does not answer"):
            photographs.download()


def test_a_host_that_answers_is_asked_for_the_photographs(data_dir, monkeypatch):
    calls = []

    class Builder:
        def download_and_prepare(self):
            calls.append("prepare")
            prepare(data_dir)

    monkeypatch.setattr(tfds, "builder", lambda name, data_dir: calls.append((name, data_dir)) or Builder())
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(photographs, "HOST", server.getsockname())
        assert "are ready" in photographs.download()
    assert calls == [("cats_vs_dogs", str(data_dir)), "prepare"]
    monkeypatch.setattr(photographs, "HOST", ("127.0.0.1", 1))
    assert "are ready" in photographs.download(), "what is there is not downloaded again"
    assert len(calls) == 2


def test_the_time_out_leaves_room_for_the_ten_seconds_promised():
    assert photographs.HOST_TIMEOUT <= 5


NO_NETWORK = """
import socket, time
def never(*arguments, **options):
    time.sleep(600)
socket.create_connection = socket.getaddrinfo = never
"""


def test_make_photos_without_a_network_says_so_in_one_sentence(tmp_path, monkeypatch, python):
    """Also when looking up the name hangs. `sitecustomize` is imported when Python starts."""
    (tmp_path / "sitecustomize.py").write_text(NO_NETWORK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    done = python("-m", "helpers.datasets", "photographs", artifacts=tmp_path / "artifacts")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "could not be downloaded" in done.stderr
    assert not (tmp_path / "tfds").exists()


def test_the_command_line_explains_itself(monkeypatch):
    import runpy

    monkeypatch.setattr(sys, "argv", ["datasets", "photos"])
    monkeypatch.delitem(sys.modules, "helpers.datasets", raising=False)  # as in `python -m`
    with pytest.raises(SystemExit, match=r"Usage: python -m helpers\.datasets photographs"):
        runpy.run_module("helpers.datasets", run_name="__main__")


# --- the pictures -----------------------------------------------------------------------------------------------------


@pytest.mark.photographs
@pytest.mark.skipif(not photographs.prepared(), reason="no prepared photographs under TFDS_DATA_DIR")
def test_the_photographs_are_split_as_the_course_does(home):
    pets = datasets.load("photographs", verbose=False)
    total = sum(pets.counts.values())
    assert total in (
        22_262,
        23_262,
    )  # the pictures of cats_vs_dogs 4.0.1: those of the suite's card, and all that TFDS has
    for split, share in zip(conventions.SPLITS, (0.8, 0.1, 0.1), strict=True):
        assert abs(pets.counts[split] - share * total) <= 1
    images, labels = pets.arrays("test", 50)
    assert images.shape == (50, 96, 96, 3)
    assert set(labels) == {0, 1}
    assert images.std() > 20
