"""A module of this package in a process of its own, which may die without taking this one along."""

import signal
import subprocess

from helpers.base import processes


def run(module: str, words: tuple[object, ...], seconds: float) -> subprocess.CompletedProcess:
    """Run a module and wait for it; what it writes comes back as text.

    Args:
        module: its full name, such as "helpers.tflite.trial_process".
        words: its arguments.
        seconds: that it may take.

    Raises:
        subprocess.TimeoutExpired: it took longer, and was ended.
    """
    return subprocess.run(
        processes.command(module, *words),
        env=processes.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=seconds,
    )


def ending(process: subprocess.CompletedProcess) -> str:
    """Return the name of the signal that ended a process, such as "SIGFPE" for a division by zero; else its status."""
    try:
        return signal.Signals(-process.returncode).name
    except ValueError:
        return f"status {process.returncode}"
