"""Whole files or none, and one at a time."""

import errno
import hashlib
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from helpers.base import artifacts, data

pytest_plugins = ["small"]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# --- where things live ------------------------------------------------------------------------------------------------


def test_the_folder_is_the_one_asked_for(home):
    assert artifacts.root() == home.resolve()
    assert home.is_dir()


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("PTQ_ARTIFACTS", "~/made")
    assert artifacts.root() == (tmp_path / "made").resolve()


@pytest.mark.parametrize("value", [None, ""])
def test_the_folder_stands_in_the_project_by_default(tmp_path, monkeypatch, value):
    monkeypatch.setattr(data, "project", lambda: tmp_path)
    monkeypatch.delenv("PTQ_ARTIFACTS") if value is None else monkeypatch.setenv("PTQ_ARTIFACTS", value)
    assert artifacts.root() == (tmp_path / "artifacts").resolve()


# --- whole or not at all ----------------------------------------------------------------------------------------------


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    target = tmp_path / "new" / "model.tflite"
    with artifacts.atomic(target) as part:
        part.write_bytes(b"half")
        assert not target.exists()
        part.write_bytes(b"whole")
    assert target.read_bytes() == b"whole"
    assert names(target.parent) == ["model.tflite"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("before", [None, b"old"])
def test_a_file_stays_as_it_was_when_the_block_raises(tmp_path, error, before):
    target = tmp_path / "model.tflite"
    if before:
        target.write_bytes(before)
    with pytest.raises(error), artifacts.atomic(target) as part:
        part.write_bytes(b"half")
        raise error
    assert (target.read_bytes() if target.exists() else None) == before
    assert names(tmp_path) == (["model.tflite"] if before else [])


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "saved_model"
    for content in ("first", "second"):
        with artifacts.atomic(target) as part:
            (part / "variables").mkdir(parents=True)
            (part / content).write_text(content)
    assert names(target) == ["second", "variables"]
    assert names(tmp_path) == ["saved_model"]


def test_a_folder_stays_as_it_was_when_the_block_raises(tmp_path):
    target = tmp_path / "saved_model"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(RuntimeError), artifacts.atomic(target) as part:
        part.mkdir()
        (part / "new").write_text("half")
        raise RuntimeError
    assert names(target) == ["old"]
    assert names(tmp_path) == ["saved_model"]


def test_a_block_that_writes_nothing_is_told_so(tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"old")
    with (
        pytest.raises(FileNotFoundError, match=r"Nothing was written for model\.tflite.*must write to the path"),
        artifacts.atomic(tmp_path / "model.tflite"),
    ):
        pass
    assert (tmp_path / "model.tflite").read_bytes() == b"old"
    assert names(tmp_path) == ["model.tflite"]


KILLED = """
import os, pathlib, signal, sys
from helpers.base import artifacts
with artifacts.atomic(pathlib.Path(sys.argv[1])) as part:
    part.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_what_a_killed_run_left_is_neither_taken_for_whole_nor_kept_for_ever(tmp_path):
    target = tmp_path / "model.tflite"
    done = subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False, timeout=60)
    assert done.returncode == -9
    assert not target.exists()
    (left_over,) = tmp_path.iterdir()
    assert (left_over / "model.tflite").read_bytes() == b"half"

    artifacts.build_if_missing(target, lambda part: part.write_bytes(b"whole"), "The file", 1)
    assert target.read_bytes() == b"whole"
    assert left_over.exists(), "it may belong to a run that is still going on"

    long_ago = time.time() - artifacts.LEFT_OVER_AFTER - 60
    os.utime(left_over, (long_ago, long_ago))
    with artifacts.atomic(target) as part:
        part.write_bytes(b"newer")
    assert names(tmp_path) == ["model.tflite"]


def test_only_left_overs_of_the_same_file_are_swept(tmp_path):
    kept = [tmp_path / name for name in (".other.x.partial", "model.partial", ".model.tflite.backup")]
    for path in kept:
        path.mkdir()
        os.utime(path, (0, 0))
    with artifacts.atomic(tmp_path / "model.tflite") as part:
        part.write_bytes(b"whole")
    assert all(path.exists() for path in kept)


def test_two_runs_that_write_the_same_file_do_not_disturb_each_other(tmp_path):
    target = tmp_path / "metrics.json"
    with artifacts.atomic(target) as one, artifacts.atomic(target) as other:
        assert one != other
        other.write_text("other")
        one.write_text("one")
    assert target.read_text() == "one"
    assert names(tmp_path) == ["metrics.json"]


# --- build what is missing --------------------------------------------------------------------------------------------


def test_what_is_missing_is_built_once_and_announced(tmp_path, capsys):
    target, calls = tmp_path / "model.tflite", []

    def build(part):
        calls.append(part)
        part.write_bytes(b"built")

    for _ in range(2):
        assert artifacts.build_if_missing(target, build, "The int8 file", 300) == target
    assert len(calls) == 1
    assert calls[0] != target
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert printed.startswith("The int8 file is not there yet") and "about 5 min" in printed


def test_a_build_that_fails_is_tried_again(tmp_path):
    target = tmp_path / "model.tflite"

    def fail(part):
        part.write_bytes(b"half")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        artifacts.build_if_missing(target, fail, "The file", 1)
    artifacts.build_if_missing(target, lambda part: part.write_bytes(b"whole"), "The file", 1)
    assert target.read_bytes() == b"whole"


# --- one at a time ----------------------------------------------------------------------------------------------------


def test_what_several_need_at_once_is_built_once(tmp_path, monkeypatch, capsys):
    target, calls, waiting, all_wait = tmp_path / "model.tflite", [], set(), threading.Event()
    locked = artifacts._locked

    def look(file):
        got_it = locked(file)
        if not got_it:
            waiting.add(threading.get_ident())
            if len(waiting) == 3:
                all_wait.set()
        return got_it

    def build(part):
        calls.append(part)
        assert all_wait.wait(60), "the others did not wait"
        part.write_bytes(b"built")

    def need(_):
        return artifacts.build_if_missing(target, build, "The int8 file", 1).read_bytes()

    monkeypatch.setattr(artifacts, "_locked", look)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(need, range(4))) == [b"built"] * 4
    assert len(calls) == 1
    printed = capsys.readouterr().out
    assert printed.count("The int8 file is not there yet") == 1
    assert printed.count("The int8 file is being made by another notebook or command: waiting for it.") == 3


HOLD = """
import pathlib, sys, time
from helpers.base import artifacts
with artifacts.one_at_a_time(pathlib.Path(sys.argv[1])):
    print("in", flush=True)
    time.sleep(600)
"""


def test_others_wait_until_a_process_is_through_and_no_longer_than_it_lives(tmp_path, monkeypatch):
    """It may know the same file by another name."""
    (tmp_path / "folder").mkdir()
    try:
        (tmp_path / "link").symlink_to(tmp_path / "folder", target_is_directory=True)
    except OSError:
        pytest.skip("links are not allowed here")
    locked, attempts = artifacts._locked, []

    def look(file):
        attempts.append(locked(file))
        if len(attempts) == 3:
            holder.kill()
            holder.wait()
        return attempts[-1]

    monkeypatch.setattr(artifacts, "_locked", look)
    command = [sys.executable, "-c", HOLD, str(tmp_path / "link" / "model.tflite")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "in\n"
        with artifacts.one_at_a_time(tmp_path / "folder" / "model.tflite"):
            assert attempts == [False, False, False, True]


def test_a_block_that_raises_lets_the_next_one_in(tmp_path):
    for _ in range(2):
        with pytest.raises(RuntimeError, match="why"), artifacts.one_at_a_time(tmp_path / "a"):
            raise RuntimeError("why")


def test_two_files_do_not_wait_for_each_other_and_leave_nothing_beside_them(tmp_path):
    with artifacts.one_at_a_time(tmp_path / "a"), artifacts.one_at_a_time(tmp_path / "b"):
        assert names(tmp_path) == []
    assert names(tmp_path) == []


def test_where_there_are_no_locks_nobody_waits(tmp_path, monkeypatch):
    def no_locks(file):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(artifacts, "_locked", no_locks)
    with artifacts.one_at_a_time(tmp_path / "a"), artifacts.one_at_a_time(tmp_path / "a"):
        pass


# --- hashes -----------------------------------------------------------------------------------------------------------


def test_sha256(tmp_path):
    path = tmp_path / "abc"
    path.write_bytes(b"abc")  # the example of FIPS 180-2, appendix B.1
    assert artifacts.sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    path.write_bytes(os.urandom(1000))
    assert artifacts.sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
