"""What an earlier version of the suite has made is not taken for what this one would make.

Each folder of results has a key: the versions that went into it.  After `git pull`, or with another TensorFlow, the key
is another, and the folder moves aside: nobody works with an old model, and nothing is lost.
"""

import contextlib
import json
from importlib import metadata
from pathlib import Path

import helpers
from helpers.base import artifacts

KEY = "made_with.json"
OLD = ".old"  # the ending of the folder's name once it has moved aside


def key(**more: str) -> dict[str, str]:
    """Return the versions that results depend on: of the suite, of TensorFlow, and what the caller adds."""
    return {"suite": helpers.__version__, "TensorFlow": metadata.version("tensorflow"), **more}


def keep_current(folder: Path, expected: dict[str, str], what: str) -> bool:
    """Make sure that a folder holds nothing that was made with other versions, and say so in one line if it did.

    What is old moves to a folder beside it with the ending `.old`, which replaces an earlier one.

    Args:
        folder: of results; it need not exist.
        expected: what it must have been made with; see `key`.
        what: its contents in the printed line, such as "what was made from drawn pets".

    Returns:
        whether something has moved aside.
    """
    with artifacts.one_at_a_time(folder / KEY):
        stored = _stored(folder)
        if stored == expected:
            return False
        moved = folder.is_dir() and any(folder.iterdir())
        if moved:
            old = folder.with_name(folder.name + OLD)
            artifacts.remove(old)
            folder.rename(old)
            print(f"{what} was made with {_difference(stored, expected)}: it is made again ({old.name} keeps the old).")
        with artifacts.atomic(folder / KEY) as part:
            part.write_text(json.dumps(expected, indent=1) + "\n")
    return moved


def _stored(folder: Path) -> dict[str, str]:
    """Return the key of a folder; empty if there is none that can be read."""
    with contextlib.suppress(OSError, ValueError):
        content = json.loads((folder / KEY).read_text("utf-8"))
        return content if isinstance(content, dict) else {}
    return {}


def _difference(stored: dict[str, str], expected: dict[str, str]) -> str:
    """Return in words what a folder was made with that is now otherwise: 'suite 0.1.0, now 0.2.0'."""
    if not stored:
        return "an earlier version of the suite"
    names = [name for name in stored | expected if stored.get(name) != expected.get(name)]
    return " and ".join(f"{name} {stored.get(name, 'unknown')}, now {expected.get(name, 'none')}" for name in names)
