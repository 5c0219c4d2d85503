"""A shared folder of artifacts under one's own: read by all, changed by none."""

import os

import pytest

from helpers.base import artifacts, metrics, shared


@pytest.fixture
def base(tmp_path):
    """What somebody made once."""
    folder = tmp_path / "base"
    for name, content in {
        "drawn/int8.tflite": "a file",
        "drawn/saved_model/saved_model.pb": "a model",
        "drawn/arrays/test_images.npy": "pictures",
        "drawn/converted_model.tflite": "written in place",
        "drawn/.left.partial/half": "half",
        "metrics.json": '{"drawn": {"theirs": 1}}',
        "progress.json": "{}",
        "html/01_train.html": "a page",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


@pytest.fixture
def own(tmp_path, monkeypatch, base):
    """One's own folder, over it."""
    monkeypatch.setenv(shared.VARIABLE, str(base))
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path / "own"))
    shared.lay_under.cache_clear()
    yield artifacts.root()
    shared.lay_under.cache_clear()


def seen(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def contents(folder):
    return {name: (folder / name).read_bytes() for name in seen(folder)}


def test_what_is_shared_is_there_and_what_is_personal_is_not(own):
    assert seen(own) == ["drawn/arrays/test_images.npy", "drawn/int8.tflite", "drawn/saved_model/saved_model.pb"]
    assert (own / "drawn/int8.tflite").read_text() == "a file"


def test_what_is_made_anew_lies_over_it(own, base):
    before = contents(base)
    with artifacts.atomic(own / "drawn/int8.tflite") as part:
        part.write_text("mine")
    with artifacts.atomic(own / "drawn/saved_model") as part:
        part.mkdir()
        (part / "saved_model.pb").write_text("my model")
    metrics.record("drawn", "mine", {"value": 2})
    assert (own / "drawn/int8.tflite").read_text() == "mine" and not (own / "drawn/int8.tflite").is_symlink()
    assert (own / "drawn/saved_model/saved_model.pb").read_text() == "my model"
    assert list(metrics.read()["drawn"]) == ["machine", "mine"], "nobody else's measurements"
    assert contents(base) == before


def test_what_is_removed_is_removed_here_only(own, base):
    before = contents(base)
    artifacts.remove(own / "drawn")
    assert contents(base) == before and not (own / "drawn").exists()


def test_what_comes_later_is_linked_in_the_next_process_and_ones_own_stays(own, base):
    with artifacts.atomic(own / "drawn/int8.tflite") as part:
        part.write_text("mine")
    (base / "drawn/float32.tflite").write_text("new")
    shared.lay_under.cache_clear()
    artifacts.root()
    assert (own / "drawn/float32.tflite").read_text() == "new"
    assert (own / "drawn/int8.tflite").read_text() == "mine"


def test_nothing_is_built_that_is_shared(own):
    path = artifacts.build_if_missing(own / "drawn/int8.tflite", pytest.fail, "The file", 1)
    assert path.read_text() == "a file"


def test_a_folder_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv(shared.VARIABLE, str(tmp_path / "nowhere"))
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path / "own"))
    shared.lay_under.cache_clear()
    with pytest.raises(FileNotFoundError, match="PTQ_SHARED names .*nowhere, and there is no such folder"):
        artifacts.root()
    shared.lay_under.cache_clear()


def test_without_the_variable_and_over_itself_nothing_happens(tmp_path, monkeypatch, base):
    shared.lay_under.cache_clear()
    monkeypatch.delenv(shared.VARIABLE, raising=False)
    assert shared.lay_under(tmp_path / "one") == 0
    monkeypatch.setenv(shared.VARIABLE, str(base))
    assert shared.lay_under(base) == 0
    shared.lay_under.cache_clear()


@pytest.mark.skipif(os.name == "nt", reason="there, links need a right of their own")
def test_a_system_without_links_makes_it_anew(tmp_path, monkeypatch, base):
    monkeypatch.setenv(shared.VARIABLE, str(base))
    shared.lay_under.cache_clear()
    monkeypatch.setattr("pathlib.Path.symlink_to", lambda *_: (_ for _ in ()).throw(OSError("no links")))
    assert shared.lay_under(tmp_path / "own") == 0
    shared.lay_under.cache_clear()
