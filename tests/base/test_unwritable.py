"""A full disk and a read-only folder: one sentence, and nothing half-written; on a small file system of its own."""

import errno
import os
import subprocess
import sys

import pytest

from helpers.base import artifacts
from helpers.base.artifacts import UnwritableError
from helpers.base.data import project

SIZE = 1 << 18  # bytes of the disk


def mount(*words: str) -> bool:
    """Whether the system lets these tests mount something."""
    try:
        return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """A disk of 256 KiB, with the folder for artifacts on it."""
    place = tmp_path / "disk"
    place.mkdir()
    if not mount("-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)):
        pytest.skip("nothing may be mounted here")
    monkeypatch.setenv("PTQ_ARTIFACTS", str(place / "artifacts"))
    yield place
    subprocess.run(["umount", str(place)], check=True)


def left(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_a_full_disk_is_one_sentence_and_leaves_what_was_whole(disk):
    target = disk / "model.tflite"
    target.write_bytes(b"whole")
    with (
        pytest.raises(
            UnwritableError, match=r"^Nothing can be written to .*disk: the disk is full. Make room .*"
        ) as told,
        artifacts.atomic(target) as part,
    ):
        part.write_bytes(bytes(2 * SIZE))
    assert told.value.__cause__ is None and told.value.__suppress_context__, "no trace of the writer's own"
    assert target.read_bytes() == b"whole" and left(disk) == ["model.tflite"]


def test_a_read_only_folder_is_one_sentence_and_can_be_read(disk):
    made = artifacts.root() / "made.txt"
    made.write_text("whole")
    assert mount("-o", "remount,ro", str(disk))
    assert (artifacts.root() / "made.txt").read_text() == "whole"
    for target in (made, artifacts.root() / "deep" / "new.txt"):
        said = "artifacts.*: the folder is read-only, or you may not write there"
        with pytest.raises(UnwritableError, match=said), artifacts.atomic(target) as part:
            part.write_text("new")


def test_a_read_only_disk_without_the_folder(disk):
    assert mount("-o", "remount,ro", str(disk))
    with pytest.raises(UnwritableError, match="or set PTQ_ARTIFACTS to a folder elsewhere"):
        artifacts.root()


@pytest.mark.parametrize("read_only", [False, True])
def test_drawing_the_pets_ends_in_the_sentence(disk, read_only):
    """TFDS writes them, and says in its own way what went wrong."""
    if read_only:
        assert mount("-o", "remount,ro", str(disk))
    code = """
import sys
from helpers.base.artifacts import UnwritableError
from helpers.pictures import datasets, drawn_pets
drawn_pets.COUNTS.update(train=120, validation=4, test=4)
try:
    datasets.load("drawn")
except UnwritableError as problem:
    sys.exit(str(problem))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=project(), capture_output=True, text=True, check=False)
    (line,) = done.stderr.splitlines()
    said = "the folder is read-only" if read_only else "the disk is full"
    assert done.returncode == 1 and line.startswith("Nothing can be written to ") and said in line
    assert not [path for path in disk.rglob("*") if path.is_file()]


def test_a_run_ends_in_the_sentence(disk):
    assert mount("-o", "remount,ro", str(disk))
    command = [sys.executable, "tools/run.py", "--only", "00"]
    done = subprocess.run(command, cwd=project(), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().startswith("Nothing can be written to ") and "Traceback" not in done.stderr


# --- what is something else -------------------------------------------------------------------------------------------


def test_a_picture_that_may_not_be_read_is_no_matter_of_the_artifacts(tmp_path):
    forbidden = PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/elsewhere/cat.jpg")
    with pytest.raises(PermissionError, match="cat.jpg"), artifacts.atomic(tmp_path / "file"):
        raise forbidden


@pytest.mark.parametrize("error", [ValueError("no"), FileNotFoundError(errno.ENOENT, "gone"), KeyboardInterrupt()])
def test_other_errors_stay_as_they_are(tmp_path, error):
    with pytest.raises(type(error)), artifacts.atomic(tmp_path / "file"):
        raise error


def test_an_error_of_a_library_that_was_led_to_by_a_full_disk(tmp_path):
    with pytest.raises(UnwritableError, match="the disk is full"), artifacts.atomic(tmp_path / "file"):
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise RuntimeError("the writer has given up") from error
