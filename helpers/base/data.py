"""Where the suite's own files are, and the tables among them.

In a copy of the project, `data/` and `artifacts/` stand beside `helpers/`.  Installed with pip, `data/` lies inside the
package, and what a run makes goes where the reader works.
"""

import csv
import dataclasses
import os
import types
import typing
from collections.abc import Callable
from importlib import resources
from pathlib import Path

T = typing.TypeVar("T")
DISTRIBUTION = "ptq-teaching-suite"  # the name under which pip knows the package
PACKAGE = Path(str(resources.files("helpers")))


def project() -> Path | None:
    """Return the folder that holds `helpers/`, `notebooks/` and `data/`; None if the package is installed elsewhere."""
    folder = PACKAGE.resolve().parent
    return folder if (folder / "data").is_dir() and (folder / "requirements.txt").is_file() else None


def folder() -> Path:
    """Return the folder of the suite's tables, checkpoints and programs."""
    beside = project()
    return beside / "data" if beside else PACKAGE / "data"


def artifacts_folder() -> Path:
    """Return the folder for everything a run makes; it need not exist.

    That is `PTQ_ARTIFACTS`, or `artifacts/` in the project, or `artifacts/` in the working folder if there is none.
    """
    chosen = os.environ.get("PTQ_ARTIFACTS")
    return Path(chosen or (project() or Path.cwd()) / "artifacts").expanduser().resolve()


def records(file: str | Path, kind: type[T], rule: str = "", valid: Callable[[T], bool] = lambda _: True) -> list[T]:
    """Read a table whose columns are the fields of a dataclass, one line for each instance.

    What a cell may hold follows from the field's type: `str` (not empty), `int`, `float`, `bool` (yes or no),
    `tuple[str, ...]` (words, also none), and with `| None` an empty cell as well.

    Args:
        file: its name in `data/`, or a path.
        kind: the dataclass.
        rule: what `valid` asks, in words, for the message.
        valid: whether a line makes sense, beyond its types.

    Raises:
        FileNotFoundError: there is no such table.
        ValueError: the columns, a cell or a line are not as they must be; the message shows them.
    """
    path, hints = folder() / file, typing.get_type_hints(kind)
    types_of = {field.name: hints[field.name] for field in dataclasses.fields(kind)}
    with path.open(encoding="utf-8", newline="") as table:
        rows = csv.DictReader(table)
        if set(rows.fieldnames or ()) != set(types_of):
            raise ValueError(f"{path.name} needs the columns {', '.join(types_of)}. Found {rows.fieldnames or 'none'}.")
        return [_record(path.name, row, kind, types_of, rule, valid) for row in rows]


def _record(file: str, row: dict, kind: type[T], types_of: dict[str, type], rule: str, valid: Callable) -> T:
    try:
        if None in row:  # more cells than columns
            raise ValueError
        record = kind(**{name: _cell(row[name], of) for name, of in types_of.items()})
        if not valid(record):
            raise ValueError
    except (TypeError, ValueError):
        what = ", ".join(f"{name} ({_in_words(of)})" for name, of in types_of.items())
        raise ValueError(f"A line of {file} needs {what}{rule and f'; {rule}'}. Found {row}.") from None
    return record


def _cell(text: str | None, of: type) -> object:
    """Return a cell's text as the type that its column has, or raise a ValueError; None is a line that ended before."""
    if text is None:
        raise ValueError
    if isinstance(of, types.UnionType):  # `int | None`
        return _cell(text, of.__args__[0]) if text else None
    if typing.get_origin(of) is tuple:
        return tuple(text.split())
    if not text:
        raise ValueError
    return {"yes": True, "no": False}[text] if of is bool and text in ("yes", "no") else _number(text, of)


def _number(text: str, of: type) -> object:
    if of is bool:
        raise ValueError
    return of(text)


def _in_words(of: type) -> str:
    if isinstance(of, types.UnionType):
        return f"{_in_words(of.__args__[0])}, or empty"
    words = {str: "text", int: "a whole number", float: "a number", bool: "yes or no"}
    return words.get(of, "words, or none")
