"""Whole files or none, chatter held back or shown, and the notebook of measurements."""

import contextlib
import errno
import hashlib
import logging
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest

from helpers.base import artifacts, console, data, metrics
from helpers.base.machine import PACKAGES


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path / "made"))
    return tmp_path / "made"


# --- where things live ---------------------------------------------------------------------------------------


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


def test_the_project_holds_helpers_and_notebooks():
    assert (data.project() / "helpers" / "base" / "artifacts.py").is_file()
    assert (data.project() / "notebooks").is_dir()


# --- whole or not at all -------------------------------------------------------------------------------------


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


# --- build what is missing -----------------------------------------------------------------------------------


def test_what_is_missing_is_built_once_and_announced(tmp_path, capsys):
    target, calls = tmp_path / "model.tflite", []

    def build(part):
        calls.append(part)
        part.write_bytes(b"built")

    for _ in range(2):
        assert artifacts.build_if_missing(target, build, "The int8 file", 300) == target
    assert len(calls) == 1
    assert calls[0] != target
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert said.startswith("The int8 file is not there yet") and "about 5 min" in said


def test_a_build_that_fails_is_tried_again(tmp_path):
    target = tmp_path / "model.tflite"

    def fail(part):
        part.write_bytes(b"half")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        artifacts.build_if_missing(target, fail, "The file", 1)
    artifacts.build_if_missing(target, lambda part: part.write_bytes(b"whole"), "The file", 1)
    assert target.read_bytes() == b"whole"


# --- one at a time -------------------------------------------------------------------------------------------


def test_what_several_need_at_once_is_built_once(tmp_path, monkeypatch, capsys):
    target, calls, waiting, all_wait = tmp_path / "model.tflite", [], set(), threading.Event()
    locked = artifacts._locked

    def look(file):
        found = locked(file)
        if not found:
            waiting.add(threading.get_ident())
            if len(waiting) == 3:
                all_wait.set()
        return found

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
    said = capsys.readouterr().out
    assert said.count("The int8 file is not there yet") == 1
    assert said.count("The int8 file is being made by another notebook or command: waiting for it.") == 3


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
    locked, found = artifacts._locked, []

    def look(file):
        found.append(locked(file))
        if len(found) == 3:
            holder.kill()
            holder.wait()
        return found[-1]

    monkeypatch.setattr(artifacts, "_locked", look)
    command = [sys.executable, "-c", HOLD, str(tmp_path / "link" / "model.tflite")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "in\n"
        with artifacts.one_at_a_time(tmp_path / "folder" / "model.tflite"):
            assert found == [False, False, False, True]


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


# --- words and bars ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (40, "40 s"), (90, "2 min"), (1500, "25 min"), (5400, "1.5 h"), (9000, "2.5 h")],
)
def test_duration(seconds, words):
    assert console.duration(seconds) == words


def test_sha256(tmp_path):
    path = tmp_path / "abc"
    path.write_bytes(b"abc")  # the example of FIPS 180-2, appendix B.1
    assert artifacts.sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    path.write_bytes(os.urandom(1000))
    assert artifacts.sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_progress_hands_everything_on_and_leaves_no_line(capfd):
    assert list(console.progress([3, 1, 2], "Counting", "it")) == [3, 1, 2]
    shown = capfd.readouterr()
    assert shown.err == ""
    assert "\n" not in shown.out


# --- quiet ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def loud_logger():
    """Give a logger that holds on to the stream it was made with, as absl's does."""
    logger, handler = logging.getLogger("a.library"), logging.StreamHandler(sys.stderr)
    logger.addHandler(handler)
    try:
        yield logger
    finally:
        logger.removeHandler(handler)


def test_chatter_is_held_back_and_speech_is_not(capfd):
    with loud_logger() as logger, console.quiet():
        os.write(2, b"from C++\n")
        subprocess.run([sys.executable, "-c", "import sys; sys.exit('from a process')"], check=False, timeout=60)
        print("from Python", file=sys.stderr)
        logger.warning("from a logger")
        print("a result")
    assert capfd.readouterr() == ("a result\n", "")


def test_chatter_is_shown_when_the_block_raises(capfd):
    with pytest.raises(ValueError, match="why"), console.quiet():
        os.write(2, b"from C++\n")
        print("from Python", file=sys.stderr)
        raise ValueError("why")
    assert capfd.readouterr().err == "from C++\nfrom Python\n"


def test_everything_is_as_before_after_a_quiet_block(capfd):
    stream, threshold = sys.stderr, logging.root.manager.disable
    with console.quiet():
        pass
    with pytest.raises(ValueError, match="no"), console.quiet():
        raise ValueError("no")
    assert sys.stderr is stream
    assert logging.root.manager.disable == threshold
    os.write(2, b"C++ again\n")
    print("Python again", file=sys.stderr)
    with loud_logger() as logger:
        logger.warning("logger again")
    assert capfd.readouterr().err == "C++ again\nPython again\nlogger again\n"


def test_quiet_blocks_can_be_nested(capfd):
    with console.quiet():
        with console.quiet():
            os.write(2, b"inner\n")
        os.write(2, b"outer\n")
    assert capfd.readouterr().err == ""
    with pytest.raises(ValueError, match="why"), console.quiet(), console.quiet():
        os.write(2, b"inner\n")
        raise ValueError("why")
    assert capfd.readouterr().err == "inner\n"


def test_quiet_blocks_of_several_threads_leave_standard_error_whole(capfd):
    stream, problems = sys.stderr, []

    def work():
        try:
            for _ in range(100):
                with console.quiet():
                    os.write(2, b"chatter\n")
                    print("chatter", file=sys.stderr)
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert sys.stderr is stream
    os.write(2, b"still there\n")
    assert capfd.readouterr().err == "still there\n"


# --- measurements --------------------------------------------------------------------------------------------


def test_no_measurements_yet(home):
    assert metrics.read() == {}


def test_measurements_stand_under_their_data_with_the_machine(home):
    metrics.record("drawn", "training", {"accuracy": 0.9})
    metrics.record("photographs", "training", {"accuracy": 0.8})
    metrics.record("drawn", "comparison", {"bytes": 1})
    metrics.record("drawn", "training", {"accuracy": 0.95})
    found = metrics.read()
    machine = found["drawn"].pop("machine")
    assert found["drawn"] == {"training": {"accuracy": 0.95}, "comparison": {"bytes": 1}}
    assert found["photographs"]["training"] == {"accuracy": 0.8}
    assert machine["cores"] == os.cpu_count()
    assert {"tensorflow", "numpy"} <= set(machine["versions"]) <= set(PACKAGES)  # what is installed
    assert machine["versions"]["numpy"] == numpy.__version__
    assert names(home) == [metrics.METRICS]


def test_measurements_that_several_write_at_once_are_all_there(home):
    def write(number):
        metrics.record("drawn", f"section {number}", {"number": number})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(24)))
    found = metrics.read()["drawn"]
    assert {section: values["number"] for section, values in found.items() if section != "machine"} == {
        f"section {number}": number for number in range(24)
    }


def test_measurements_that_cannot_be_written_leave_the_old_ones(home):
    metrics.record("drawn", "training", {"accuracy": 0.9})
    before = (home / metrics.METRICS).read_bytes()
    with pytest.raises(TypeError):
        metrics.record("drawn", "comparison", {"accuracy": object()})
    assert (home / metrics.METRICS).read_bytes() == before
