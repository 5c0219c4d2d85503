"""Nothing of the suite's runs beside what is being timed.

`make run` executes two notebooks at a time.  A latency that is measured while the other one trains would be that of
both.  So what is timed holds the others still for as long as it takes: the operating system stops their processes in
the middle of what they do (SIGSTOP), and afterwards they go on as if nothing had been (SIGCONT).
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from helpers.base import artifacts

VARIABLE = "PTQ_NEIGHBOURS"  # names a folder with a file for each process group of a run, called by its number
SETTLE = 0.02  # seconds until all threads of a stopped process stand still
POSSIBLE = hasattr(os, "killpg")  # Windows cannot stop a process


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Hold the other processes of a run still while the block is executed; one such block at a time.

    Outside of a run, nobody is held.
    """
    if not os.environ.get(VARIABLE) or not POSSIBLE:
        yield
        return
    folder = Path(os.environ[VARIABLE])
    with one_block_at_a_time(folder):
        others = groups(folder) - {os.getpgid(0)}
        try:
            for group in others:
                send(group, signal.SIGSTOP)
            time.sleep(SETTLE if others else 0)
            yield
        finally:
            for group in others:
                send(group, signal.SIGCONT)


def one_block_at_a_time(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Wait until nothing is being timed; in the block, nothing is."""
    return artifacts.one_at_a_time(folder / "timing")


def groups(folder: Path) -> set[int]:
    """Return the process groups that take part in a run."""
    return {int(path.name) for path in folder.glob("[0-9]*")}


@contextlib.contextmanager
def member(folder: Path, group: int) -> Iterator[None]:
    """Let a process group take part in a run during the block; it is not left standing still."""
    (folder / str(group)).touch()
    try:
        yield
    finally:
        (folder / str(group)).unlink(missing_ok=True)
        send(group, signal.SIGCONT)


def send(group: int, number: int) -> None:
    """Send a signal to all processes of a group, if there are any left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
