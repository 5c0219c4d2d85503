"""What a reader has done: predictions and exercises, kept in `progress.json` beside everything else that a run makes.

Nothing of it leaves the machine unless its owner sends the file.  It is plain text; `forget()` deletes it.
"""

import contextlib
import datetime
import json
import os
from collections.abc import Iterator
from pathlib import Path

from helpers.base import artifacts

FILE, VERSION = "progress.json", 1
ELSEWHERE = "PTQ_PROGRESS"  # an environment variable: the path of another file
_paused = False  # see `pause`
EMPTY = {"version": VERSION, "predictions": {}, "exercises": {}}


def path() -> Path:
    """Return where progress is kept."""
    return Path(os.environ.get(ELSEWHERE) or artifacts.root() / FILE)


def read() -> dict:
    """Return what was done so far.

    Returns:
        {"version": 1, "predictions": {name: {"choice", "first", "at"}}, "exercises": {name: {"attempts", "hints",
        "solved", "code"}}}; times are of the reader's own clock, as 2026-11-29T15:30:00.

    Raises:
        ValueError: the file is none of ours, or of another version of the course.
    """
    file = path()
    if not file.exists():
        return json.loads(json.dumps(EMPTY))
    with _named(file):
        return checked(json.loads(file.read_text("utf-8")))


def kept() -> tuple[dict, str]:
    """Return what was done so far, and what prevented reading it, if something did; a notebook that is run goes on."""
    try:
        return read(), ""
    except (OSError, ValueError) as problem:
        return json.loads(json.dumps(EMPTY)), str(problem)


def checked(found: object) -> dict:
    """Return what a file holds if it is progress, in the form of this version.

    Raises:
        ValueError: it is not.
    """
    parts = ("predictions", "exercises")
    if not isinstance(found, dict) or not all(isinstance(found.get(part), dict) for part in parts):
        raise ValueError("it is no record of progress")
    if found.get("version") != VERSION:
        raise ValueError(f"its version is {found.get('version')!r}, and this course reads version {VERSION}")
    return found


@contextlib.contextmanager
def _named(file: Path) -> Iterator[None]:
    """Say which file cannot be read, and what to do."""
    try:
        yield
    except (OSError, UnicodeDecodeError, ValueError) as problem:
        raise ValueError(
            f"Your progress in {file} cannot be read: {problem}. Mend it, or move it away to begin anew."
        ) from None


@contextlib.contextmanager
def _changed() -> Iterator[dict]:
    """Give the progress to a block that changes it, and write it afterwards; two notebooks take turns."""
    file = path()
    with artifacts.one_at_a_time(file):
        progress = read()
        yield progress
        with artifacts.atomic(file) as part:
            part.write_text(json.dumps(progress, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def forget() -> None:
    """Delete all that was kept."""
    path().unlink(missing_ok=True)


def predicted(name: str, choice: str) -> None:
    """Keep a prediction; a later one takes its place, and the first one stays beside it as "first"."""
    with _changed() as progress:
        before = progress["predictions"].get(name, {})
        first = before.get("first", before.get("choice", choice))
        progress["predictions"][name] = {"choice": choice, "at": _now(), "first": first}


def attempted(name: str, hint: str | None, code: str) -> None:
    """Keep an attempt at an exercise.

    Args:
        name: of the exercise.
        hint: what was said about it; None if it was right.
        code: the answer as it was written.
    """
    if _paused:
        return
    with _changed() as progress:
        exercise = progress["exercises"].setdefault(name, {"attempts": 0, "hints": [], "solved": None, "code": ""})
        if exercise["solved"] and code == exercise["code"]:
            return  # a notebook that is run again
        exercise["attempts"] += 1
        exercise["code"] = code
        if hint is None:
            exercise["solved"] = exercise["solved"] or _now()
        elif hint not in exercise["hints"]:
            exercise["hints"].append(hint)


def pause() -> None:
    """Keep nothing from here on, until the kernel ends: for a notebook with somebody else's answers."""
    global _paused
    _paused = True


def _now() -> str:
    return datetime.datetime.now().isoformat(timespec="seconds")
