"""Where things live: one folder for all that a run makes, and whole files only.

Everything here writes *beside* and then renames.  A reader who stops the kernel in the middle of a training or a
conversion therefore finds either the whole file or no file, never half of one.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from helpers.base import console, data, shared

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

PARTIAL = ".partial"
FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))  # Windows has no quota of its own
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
WAIT = 0.1  # seconds between two looks at what another process has locked
LEFT_OVER_AFTER = 24 * 3600  # seconds after which a partial file belongs to a run that died


class UnwritableError(OSError):
    """Nothing can be written to a folder: the disk is full, or the folder belongs to somebody else."""


def root() -> Path:
    """Return the folder for everything a run makes, and make it: see `data.artifacts_folder`.

    What a shared folder has lies under it: see `shared`.

    Raises:
        UnwritableError: it is not there and cannot be made.
        FileNotFoundError: a shared folder is named that is not there.
    """
    folder = data.artifacts_folder()
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
    shared.lay_under(folder)
    return folder


@contextlib.contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turn what the operating system or a library says of a full disk or a forbidden folder into one sentence."""
    try:
        yield
    except Exception as error:
        if not (reason := _unwritable(error, folder)):
            raise
        raise UnwritableError(
            f"Nothing can be written to {folder}: {reason}. Make room or allow it, or set PTQ_ARTIFACTS to a folder "
            "elsewhere and start again; what was whole before is still there."
        ) from None


def _unwritable(error: BaseException | None, folder: Path) -> str:
    """Return why writing to a folder failed; "" if an error, and those that led to it, are about something else."""
    while error is not None and not isinstance(error, UnwritableError):
        number = error.errno if isinstance(error, OSError) else None
        if number in FULL or os.strerror(errno.ENOSPC) in str(error):  # TensorFlow has errors of its own
            return "the disk is full"
        place = Path(str(getattr(error, "filename", None) or folder))  # elsewhere it is another matter
        if number in FORBIDDEN and (place.is_relative_to(folder) or folder.is_relative_to(place)):
            return "the folder is read-only, or you may not write there"
        error = error.__cause__ or error.__context__
    return ""


def remove(path: Path) -> None:
    """Delete a file or a whole folder; what is not there is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, and rename it to `path` once the block has succeeded.

    The block may write a file or make a folder there.  If it raises, `path` stays as it was.

    Raises:
        FileNotFoundError: the block ended without writing anything.
        UnwritableError: the disk is full, or the folder may not be written to.
    """
    path = Path(path)
    with writing_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        nest = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=PARTIAL, dir=path.parent))
        try:
            part = nest / path.name
            yield part
            if not part.exists():
                raise FileNotFoundError(
                    f"Nothing was written for {path.name}: the block must write to the path it is given."
                )
            if path.is_dir():  # a folder cannot be replaced in one step, so the old one moves out of the way first
                path.rename(nest / "replaced")
            os.replace(part, path)
        finally:
            remove(nest)


def _sweep(path: Path) -> None:
    """Delete what runs that were killed left beside `path`."""
    for left_over in path.parent.glob(f".{path.name}.*{PARTIAL}"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left_over.stat().st_mtime > LEFT_OVER_AFTER:
                remove(left_over)


@contextlib.contextmanager
def one_at_a_time(path: Path, what: str = "") -> Iterator[None]:
    """Let one thread of one process at a time be in a block for this `path`; the others wait for their turn.

    Two notebooks that are open at once may need the same file.  The lock is the operating system's, so it ends with
    the block, or with the process, however that ends.  Its empty file is in the folder for temporary files.  Where
    locks cannot be had, as on some network drives, nobody waits.  A block must not ask for the same `path` again.

    Args:
        path: what is made or changed in the block; it need not exist.
        what: its name in the line that is printed before waiting; without a name, nothing is printed.
    """
    folder = Path(tempfile.gettempdir()) / "ptq-locks"
    name = hashlib.sha256(os.fsencode(Path(path).resolve())).hexdigest()[:20]
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            folder.mkdir(exist_ok=True)
            lock = stack.enter_context((folder / name).open("ab"))
            if not _locked(lock):
                if what:
                    print(f"{what} is being made by another notebook or command: waiting for it.", flush=True)
                while not _locked(lock):
                    time.sleep(WAIT)
        yield  # closing the file ends the lock


def _locked(file: IO) -> bool:
    """Try to lock an open file; return whether that worked, or raise OSError where no lock can be had."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # what Linux and macOS, and what Windows, say of another's lock
        return False
    return True


def build_if_missing(path: Path, build: Callable[[Path], None], what: str, seconds: float) -> Path:
    """Return `path`; if nothing is there, say so and call `build(temporary path)` first.

    If another process is building it already, wait for that instead.

    Args:
        path: the file or folder that is needed.
        build: writes it to the path it is given.
        what: its name in the printed line, such as "The float32 file".
        seconds: roughly how long building takes on two cores.
    """
    path = Path(path)
    if path.exists():
        return path
    with one_at_a_time(path, what):
        if not path.exists():
            print(
                f"{what} is not there yet: making it now (about {console.duration(seconds)} on two cores).", flush=True
            )
            with atomic(path) as part:
                build(part)
    return path


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
