"""What a reader sees while something runs: progress bars, lengths of time in words, and no chatter of libraries."""

import contextlib
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm


_standard_error = threading.RLock()


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: '1 epoch', '2,000 pictures'; the plural ends in s."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def duration(seconds: float) -> str:
    """Return a length of time in words: '40 s', '25 min', '2.5 h'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def progress(items: Iterable, what: str, unit: str = "it", total: int | None = None) -> "tqdm":
    """Wrap `items` in a progress bar that disappears when it is done."""
    from tqdm import tqdm  # here, for the check of the environment must work without it

    return tqdm(items, desc=what, unit=unit, total=total, leave=False, file=sys.stdout, mininterval=0.5)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back what libraries write to standard error, from Python or from C++; show it if the block raises.

    Standard error belongs to the whole process, so only one thread at a time can be in such a block.
    """
    with _standard_error, tempfile.TemporaryFile("w+", errors="replace") as log:
        sys.stderr.flush()
        terminal, threshold = os.dup(2), logging.root.manager.disable
        os.dup2(log.fileno(), 2)
        logging.disable(logging.WARNING)  # log handlers may hold on to the stream they were made with
        try:
            with contextlib.redirect_stderr(log):
                yield
        except BaseException:
            log.flush()
            log.seek(0)
            os.write(terminal, log.read().encode())
            raise
        finally:
            logging.disable(threshold)
            os.dup2(terminal, 2)
            os.close(terminal)
