"""What a class handed in, taken together: a mark book, what the room believed, what was hard, whose code is alike."""

import ast
import collections
import csv
import dataclasses
import io
import statistics
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

from helpers.base import console
from helpers.course import exercises, hand_in, my_course, predictions

SHORTEST_COPY = 60  # characters of code, spacing aside; shorter answers are alike by themselves
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins so is a formula to a spreadsheet


@dataclasses.dataclass(frozen=True)
class Room:
    """The hand-ins of a folder.

    Attributes:
        handed: {file: hand-in}, sorted by name; of several by one name, each.
        refused: {file: why}, in the order of the files.
    """

    handed: dict[str, dict]
    refused: dict[str, str]


def read(folder: Path) -> Room:
    """Read every .json file in a folder and below it; what cannot be read is named and left out.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: there is no .json file in it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}: give the one with the files that were handed in.")
    files = sorted(path for path in folder.rglob("*.json") if not path.name.startswith("."))
    if not files:
        raise ValueError(f"The folder {folder} holds no .json file, such as `python -m helpers.report` writes.")
    handed, refused = {}, {}
    for path in console.progress(files, "Reading hand-ins", "file"):
        name = path.relative_to(folder).as_posix()
        try:
            handed[name] = hand_in.read(path)
        except ValueError as problem:
            refused[name] = str(problem)
    return Room(dict(sorted(handed.items(), key=lambda pair: (pair[1]["name"].lower(), pair[0]))), refused)


# --- the mark book ------------------------------------------------------------------------------------------------


def marks(room: Room) -> str:
    """Return one line for each hand-in, as CSV; a cell that a spreadsheet would calculate is made text."""
    asked, buffer = list(predictions.table().values()), io.StringIO(newline="")
    columns = ["name", "file", "made", "predictions", "right at first", "judged", "exercises solved", "attempts"]
    writer = csv.writer(buffer)
    writer.writerow([*columns, "words written", "claims measured", "processor", "speed-up of int8"])
    for file, one in room.handed.items():
        share, tried = my_course.predicted(one["progress"]["predictions"], asked), one["progress"]["exercises"]
        attempts = sum(record["attempts"] for record in tried.values())
        words = sum(len(text.split()) for text in one["answers"].values())
        claims = sum(len(found) for found in one["claims"].values() if isinstance(found, list))
        ratio = speed_up(one)
        row = [one["name"], file, one["made"], share.done, share.right, share.judged]
        row += [my_course.solved(tried, exercises.NOTEBOOKS), attempts]
        row += [words, claims, one["machine"].get("processor", ""), "" if ratio is None else f"{ratio:.2f}"]
        writer.writerow([f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell for cell in row])
    return buffer.getvalue()


def speed_up(handed: Mapping) -> float | None:
    """Return how many times as fast as float32 int8 was with XNNPACK, on the first data; None if unmeasured."""
    for sections in handed["measurements"].values():
        try:
            return float(sections["comparison"]["models"]["int8"]["ratio"]["XNNPACK"]["value"])
        except (KeyError, TypeError, ValueError):
            continue
    return None


# --- what the room believed ---------------------------------------------------------------------------------------


def believed(room: Room) -> dict[str, dict[str, int]]:
    """Return how many chose each letter first, {prediction: {letter: how many}}; what nobody was asked is left out."""
    found = {}
    for one in predictions.table().values():
        kept = [handed["progress"]["predictions"].get(one.name) for handed in room.handed.values()]
        choices = collections.Counter(my_course.first_choice(record) for record in kept if record)
        if choices:
            found[one.name] = {letter: choices[letter] for letter in one.choices}
    return found


# --- which exercises were hard ------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Difficulty:
    """How a class fared with an exercise.

    Attributes:
        tried, solved: by how many.
        attempts: the median of those who tried.
        hints: {hint: how many saw it}, the most frequent first.
    """

    tried: int
    solved: int
    attempts: float
    hints: dict[str, int]


def difficulties(room: Room) -> dict[str, Difficulty]:
    """Return how a class fared with each exercise that somebody tried."""
    found = {}
    for name in exercises.NOTEBOOKS:
        records = [one["progress"]["exercises"].get(name) for one in room.handed.values()]
        records = [record for record in records if record]
        if records:
            hints = collections.Counter(str(hint) for record in records for hint in record["hints"])
            attempts = statistics.median(record["attempts"] for record in records)
            solved = sum(bool(record.get("solved")) for record in records)
            found[name] = Difficulty(len(records), solved, attempts, dict(hints.most_common()))
    return found


# --- whose code is alike ------------------------------------------------------------------------------------------


def alike(room: Room) -> list[tuple[str, list[str]]]:
    """Return exercises with the files whose code is the same but for comments and spacing, and long enough to notice.

    Two hand-ins by one name are one person's.  That code is alike proves nothing; it is a reason to look.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for file, one in room.handed.items():
        for name, record in one["progress"]["exercises"].items():
            if (code := _bare(record["code"])) and len("".join(code.split())) >= SHORTEST_COPY:
                groups.setdefault((name, code), []).append(file)
    found = []
    for (name, _), files in groups.items():
        if len({room.handed[file]["name"].lower() for file in files}) > 1:
            found.append((name, files))
    return found


def _bare(code: str) -> str:
    """Return code without comments and spacing; "" if it is none."""
    try:
        return ast.unparse(ast.parse(textwrap.dedent(code)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""


def twice(room: Room) -> dict[str, list[str]]:
    """Return the names under which more than one file was handed in, with the files."""
    by_name: dict[str, list[str]] = {}
    for file, one in room.handed.items():
        by_name.setdefault(one["name"], []).append(file)
    return {name: files for name, files in by_name.items() if len(files) > 1}


def points(handed: Iterable[Mapping]) -> list[tuple[str, float]]:
    """Return (processor, speed-up of int8) of all who measured it."""
    found = [(str(one["machine"].get("processor", "unknown")), speed_up(one)) for one in handed]
    return [(processor, ratio) for processor, ratio in found if ratio is not None]
