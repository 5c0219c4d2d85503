"""Who is held still while something is timed, and that nobody stays so."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.base import undisturbed

pytestmark = pytest.mark.skipif(not undisturbed.POSSIBLE, reason="this system cannot hold a process still")


def stands_still(process: subprocess.Popen) -> bool:
    """Ask the system: the state of a stopped process begins with T."""
    stat = Path(f"/proc/{process.pid}/stat")
    if stat.exists():  # Linux; `ps` is not on every machine
        return stat.read_text().rpartition(")")[2].split()[0] == "T"
    shown = subprocess.run(["ps", "-o", "state=", "-p", str(process.pid)], capture_output=True, text=True, check=True)
    return shown.stdout.strip().startswith("T")


@pytest.fixture
def neighbour():
    """A process group that waits."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True) as process:
        yield process
        undisturbed.send(process.pid, signal.SIGKILL)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The folder of a run."""
    monkeypatch.setenv(undisturbed.VARIABLE, str(tmp_path))
    return tmp_path


def test_outside_of_a_run_nobody_is_held(neighbour, monkeypatch):
    monkeypatch.delenv(undisturbed.VARIABLE, raising=False)
    with undisturbed.undisturbed():
        assert not stands_still(neighbour)


def test_a_neighbour_stands_still_in_the_block_and_goes_on_after_it(run, neighbour):
    with undisturbed.member(run, neighbour.pid):
        with undisturbed.undisturbed():
            assert stands_still(neighbour)
        assert not stands_still(neighbour)


def test_who_does_not_take_part_is_left_alone(run, neighbour):
    with undisturbed.undisturbed():
        assert not stands_still(neighbour)


def test_a_block_that_fails_lets_the_neighbour_go_on(run, neighbour):
    with undisturbed.member(run, neighbour.pid):
        with pytest.raises(KeyError), undisturbed.undisturbed():
            raise KeyError
        assert not stands_still(neighbour)


def test_this_process_goes_on_in_its_own_block(run):
    with undisturbed.member(run, os.getpgid(0)), undisturbed.undisturbed():
        assert undisturbed.groups(run) == {os.getpgid(0)}


def test_who_leaves_does_not_stay_still(run, neighbour):
    with undisturbed.member(run, neighbour.pid):
        undisturbed.send(neighbour.pid, signal.SIGSTOP)
    assert not stands_still(neighbour)
    assert undisturbed.groups(run) == set()


def test_a_neighbour_that_has_ended_is_no_problem(run, neighbour):
    with undisturbed.member(run, neighbour.pid):
        neighbour.kill()
        neighbour.wait()
        with undisturbed.undisturbed():
            pass
