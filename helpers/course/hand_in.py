"""What a student hands in: one JSON file, made of progress, measurements and the answers written into the notebooks.

It holds what was typed and what was measured: no photograph, no path, no name but the one that is given.
"""

import datetime
import json
import math
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import helpers
from helpers.base import artifacts, machine, metrics
from helpers.base.console import counted
from helpers.course import claims, my_course, progress

KIND, VERSION = "post-training quantization: hand-in", 1
LARGEST = 5_000_000  # bytes; an honest hand-in has about a tenth of that at most
ANSWERS = "**Your answers.**"  # with which the last cell of each notebook begins
UNTOUCHED = re.compile(r"Double-click here and write\..*?hands in\.|^\s*\d\.\s*…?\s*$", re.M)
FIELDS = {  # of a hand-in, and what each is
    "kind": str,
    "version": int,
    "name": str,
    "made": str,
    "course": str,
    "machine": dict,
    "progress": dict,
    "measurements": dict,
    "claims": dict,
    "answers": dict,
    "notebooks": dict,
}


# --- making it ----------------------------------------------------------------------------------------------------


def collect(name: str, notebooks: Path) -> dict:
    """Return everything that is handed in, as plain dictionaries.

    Args:
        name: as the student typed it.
        notebooks: the folder of the course.

    Raises:
        ValueError: there is no name, or the progress or a notebook cannot be read.
    """
    if not name.strip():
        raise ValueError('Expected a name; found none. Give yours with --name "Ada Lovelace".')
    measured = metrics.read()
    return {
        "kind": KIND,
        "version": VERSION,
        "name": name.strip(),
        "made": datetime.datetime.now().isoformat(timespec="seconds"),
        "course": helpers.__version__,
        "machine": machine.describe(),
        "progress": progress.read(),
        "measurements": measured,
        "claims": {source: _claims(sections) for source, sections in measured.items()},
        "answers": {stem: answers(notebooks / f"{stem}.ipynb") for stem in my_course.titles()},
        "notebooks": {path.stem: artifacts.sha256(path) for path in sorted(notebooks.glob("[0-9]*.ipynb"))},
    }


def _claims(sections: Mapping[str, Mapping]) -> list[dict[str, str]]:
    """Return the lecture's claims that this run has measured, with the verdicts."""
    judged = [(claim, *claim.on(sections)) for claim in claims.CLAIMS]
    return [
        {"slide": claim.slide, "claim": claim.words, "measured": result, "verdict": verdict}
        for claim, result, verdict in judged
        if result != "–"
    ]


def answers(notebook: Path) -> str:
    """Return what a student wrote into the last cells of a notebook; "" if nothing.

    Raises:
        ValueError: the file is no notebook.
    """
    try:
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
        texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(
            f"{notebook.name} is no notebook that can be read. Save it once more, or get it anew from the course."
        ) from None
    begin = next((n for n, text in enumerate(texts) if text.startswith(ANSWERS)), len(texts))
    written = "\n\n".join(texts[begin:]).removeprefix(ANSWERS)
    return UNTOUCHED.sub("", written).strip()


def contents(handed: Mapping) -> list[str]:
    """Return what is in a hand-in, a line each, so that nobody sends what they do not know of."""
    done, exercises = handed["progress"], handed["progress"]["exercises"]
    solved = sum(bool(one.get("solved")) for one in exercises.values())
    written = [stem for stem, text in handed["answers"].items() if text]
    return [
        f"your name as you typed it: {handed['name']}",
        f"{counted(len(done['predictions']), 'prediction')}, with their times",
        f"{counted(len(exercises), 'exercise')} ({solved} solved), with your code and the hints that you saw",
        f"answers to the questions of {counted(len(written), 'notebook')}"
        + (f": {', '.join(written)}" if written else ""),
        f"measurements on {', '.join(handed['measurements']) or 'nothing yet'}, with the verdicts on the claims",
        f"your machine: {handed['machine']['processor']}, {handed['machine']['system']}, versions of the packages",
        f"check sums (SHA-256) of {counted(len(handed['notebooks']), 'notebook')}",
    ]


def file_name(name: str) -> str:
    """Return a name as the name of a file, letters, digits and dashes only: "Ada Lovelace" becomes "ada-lovelace"."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60] or "hand-in"


# --- reading it ---------------------------------------------------------------------------------------------------


def read(path: Path) -> dict:
    """Read a hand-in, whoever made it, and check it.

    Raises:
        ValueError: it is broken, of another version or something else; the message does not name the file.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"it has {path.stat().st_size:,} bytes, and no hand-in has more than {LARGEST:,}")
        text = path.read_text("utf-8-sig")
        handed = json.loads(text, parse_constant=_no_number)
    except UnicodeDecodeError:
        raise ValueError("it is not written in UTF-8: ask for the file as the course wrote it") from None
    except json.JSONDecodeError as problem:
        where = "it is empty" if not text.strip() else f"it breaks off or is no JSON (line {problem.lineno})"
        raise ValueError(f"{where}: ask for it once more") from None
    except RecursionError:
        raise ValueError("it is nested too deeply for a hand-in") from None
    except OSError as problem:
        raise ValueError(f"it cannot be read ({problem.strerror})") from None
    return checked(handed)


def _no_number(word: str) -> float:
    return math.nan


def checked(handed: object) -> dict:
    """Return a hand-in if it is one.

    Raises:
        ValueError: it is not; the message says what is wrong.
    """
    if not isinstance(handed, dict) or handed.get("kind") != KIND:
        raise ValueError("it is no hand-in of this course")
    if handed.get("version") != VERSION:
        raise ValueError(f"its version is {handed.get('version')!r}, and this course reads version {VERSION}")
    for field, kind in FIELDS.items():
        if not isinstance(handed.get(field), kind):
            found = type(handed[field]).__name__ if field in handed else "nothing"
            raise ValueError(f"its {field!r} should be {kind.__name__}, found {found}")
    progress.checked(handed["progress"])
    needed_of = {"predictions": {"choice": str}, "exercises": {"attempts": int, "hints": list, "code": str}}
    for part, needed in needed_of.items():
        for name, record in handed["progress"][part].items():
            if not isinstance(record, dict) or not all(isinstance(record.get(k), t) for k, t in needed.items()):
                raise ValueError(f"its record of {name!r} is not as the course writes it")
    if not all(isinstance(text, str) for text in handed["answers"].values()):
        raise ValueError("its answers are not text")
    return handed
