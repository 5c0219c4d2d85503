"""Lengths of time in words, bars that leave nothing, chatter held back or shown."""

import contextlib
import logging
import os
import subprocess
import sys
import threading

import pytest

from helpers.base import console

# --- words and bars ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (40, "40 s"), (90, "2 min"), (1500, "25 min"), (5400, "1.5 h"), (9000, "2.5 h")],
)
def test_duration(seconds, words):
    assert console.duration(seconds) == words


def test_progress_hands_everything_on_and_leaves_no_line(capfd):
    assert list(console.progress([3, 1, 2], "Counting", "it")) == [3, 1, 2]
    shown = capfd.readouterr()
    assert shown.err == ""
    assert "\n" not in shown.out


# --- quiet ------------------------------------------------------------------------------------------------------------


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
