"""What another version made moves aside, is named in one line, and is never taken for new."""

import json

import pytest

import helpers
from helpers.base import cache

WANTED = {"suite": "0.2.0", "TensorFlow": "2.21.0"}


@pytest.fixture
def folder(tmp_path):
    """A folder with a model, made with what is wanted."""
    cache.keep_current(tmp_path / "drawn", WANTED, "")
    (tmp_path / "drawn" / "model").write_text("weights")
    return tmp_path / "drawn"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_is_current_stays(folder, capsys):
    assert not cache.keep_current(folder, WANTED, "The model")
    assert names(folder) == [cache.KEY, "model"] and capsys.readouterr().out == ""


def test_a_new_folder_gets_its_key_and_nothing_is_said(tmp_path, capsys):
    assert not cache.keep_current(tmp_path / "new", WANTED, "The model")
    assert json.loads((tmp_path / "new" / cache.KEY).read_text()) == WANTED
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({"suite": "0.3.0"}, "suite 0.2.0, now 0.3.0"),
        ({"TensorFlow": "2.22.0"}, "TensorFlow 2.21.0, now 2.22.0"),
        ({"suite": "1.0.0", "TensorFlow": "3"}, "suite 0.2.0, now 1.0.0 and TensorFlow 2.21.0, now 3"),
        ({"pictures": "drawn 2.0.0"}, "pictures unknown, now drawn 2.0.0"),
    ],
)
def test_what_is_old_moves_aside_and_is_named_in_one_line(folder, changed, difference, capsys):
    assert cache.keep_current(folder, WANTED | changed, "The model")
    assert names(folder) == [cache.KEY] and (folder.with_name("drawn.old") / "model").read_text() == "weights"
    message = f"The model was made with {difference}: it is made again (drawn.old keeps the old).\n"
    assert capsys.readouterr().out == message
    assert not cache.keep_current(folder, WANTED | changed, "The model"), "once"


@pytest.mark.parametrize("key", [None, "not JSON", "[]"])
def test_without_a_key_it_is_old(folder, key, capsys):
    (folder / cache.KEY).unlink() if key is None else (folder / cache.KEY).write_text(key)
    assert cache.keep_current(folder, WANTED, "The model")
    assert "an earlier version of the suite" in capsys.readouterr().out


def test_only_the_last_one_is_kept(folder):
    for version in ("0.3.0", "0.4.0"):
        (folder / "model").write_text(version)
        cache.keep_current(folder, WANTED | {"suite": version}, "The model")
    assert (folder.with_name("drawn.old") / "model").read_text() == "0.4.0"


def test_the_key_names_the_versions(monkeypatch):
    assert cache.key(pictures="drawn 1.0.0").keys() == {"suite", "TensorFlow", "pictures"}
    monkeypatch.setattr(helpers, "__version__", "9.9.9")
    assert cache.key()["suite"] == "9.9.9"
