"""A graded edition of the exercises, for nbgrader: `make assignment`.

    python tools/assignment.py                      all notebooks
    python tools/assignment.py --only 02 --only 04  some of them

writes `artifacts/assignment/`, a course folder as nbgrader has it, out of the notebooks of the course: each exercise
with its solution, a test that students see, a test with other numbers that they do not see, and the questions at the
end with the answers of docs/instructors.md for whoever grades them.  The course's own notebooks stay as they are.
"""

import argparse
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import nb
import run
from helpers.base import artifacts
from helpers.base.machine import importable
from helpers.course import exercises, grading

ASSIGNMENT = "ptq"
POINTS = {"seen": 1, "unseen": 1, "number": 2, "question": 3}
RACES = "race_"  # exercises in C need a compiler and the emulator: they are not graded
GUIDE = run.NOTEBOOKS.parent / "docs" / "instructors.md"
SECTION = re.compile(r"^## .*\n+", re.M)
SOLUTION_LINK = re.compile(r" \(\[Solution\]\([^)]*\)\)")
COURSE_LINK = re.compile(r"\[([^\]]+)\]\((?:\d\d_\w+\.ipynb|solutions/)[^)]*\)")
WITHOUT = (
    "nbgrader is not installed. Into the environment of the course it comes with: "
    "python -m pip install -r tools/templates/assignment/requirements.txt"
)
RUBRIC = """**Expected:** {expected}

**Points:** 3 for the right answer with a reason or a number of one's own; 2 for the right answer without; 1 for a \
part of it, or for a wrong answer with a sound reason; 0 otherwise."""
CONFIG = '''"""Settings of nbgrader for this folder; `generate_assignment ptq` writes what students get."""

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "post_training_quantization"
c.ExecutePreprocessor.timeout = 120
'''


class AssignmentError(Exception):
    """The graded edition could not be made; the message says why."""


# --- cells --------------------------------------------------------------------------------------------------------


def graded(kind: str, source: str, grade_id: str, points: int | None = None, solution: bool = False):
    """Return a cell with the metadata of nbgrader (its schema 3).

    Args:
        kind: "code" or "markdown".
        source: of the cell.
        grade_id: its name in the grade book.
        points: what it is worth; None if it is not graded by itself.
        solution: whether the student writes into it.
    """
    about = {
        "schema_version": 3,
        "grade": points is not None,
        "grade_id": grade_id,
        "locked": not solution,
        "solution": solution,
        "task": False,
        "cell_type": kind,
    }
    about |= {} if points is None else {"points": points}
    make = new_code_cell if kind == "code" else new_markdown_cell
    return make(source, id=re.sub(r"[^a-zA-Z0-9-]", "-", grade_id)[:64], metadata={"nbgrader": about})


def marked(solution: str) -> str:
    """Return a solution with nbgrader's marks around what students are to write: a function's body, or all of it."""
    head, found, body = solution.partition("def ")
    if not found:
        return f"### BEGIN SOLUTION\n{solution}\n### END SOLUTION"
    line, _, rest = body.partition("\n")
    rest = textwrap.dedent(rest).rstrip()
    inner = f"### BEGIN SOLUTION\n{rest}\n### END SOLUTION"
    return f"{head}def {line}\n{textwrap.indent(inner, '    ')}"


def exercise(name: str, text: str, solution: str, answer: str) -> list:
    """Return the cells of one exercise.

    Args:
        name: of the exercise.
        text: what is asked.
        solution: the cell of the solutions without its check.
        answer: the name of what the student makes.
    """
    seen = f'words = exercises.hint("{name}", {answer})\nassert words is None, words'
    cells = [new_markdown_cell(text, id=f"text-{name.replace('_', '-')}")]
    cells.append(graded("code", marked(solution), f"answer_{name}", solution=True))
    if name not in grading.JUDGES:
        return [*cells, graded("code", seen, f"seen_{name}", POINTS["number"])]
    unseen = f'### BEGIN HIDDEN TESTS\nassert grading.holds("{name}", {answer}, seed=20261)\n### END HIDDEN TESTS'
    return [
        *cells,
        graded("code", seen, f"seen_{name}", POINTS["seen"]),
        graded("code", f"# Other numbers are tried here.\n{unseen}", f"unseen_{name}", POINTS["unseen"]),
    ]


# --- out of the course --------------------------------------------------------------------------------------------


def solutions(folder: Path) -> dict[str, tuple[str, str]]:
    """Return {exercise: (its solution, the name of what is checked)}."""
    found = {}
    for cell in nb.nbformat.read(folder / run.SOLUTIONS, as_version=4).cells:
        if match := re.search(r'^exercises\.check\("(\w+)", (\w+)\)$', cell.source, re.M):
            found[match[1]] = cell.source[: match.start()].strip(), match[2]
    return found


def model_answers(guide: str) -> dict[str, list[str]]:
    """Return the answers to the three questions of each notebook, from the table of the instructors' guide.

    Raises:
        AssignmentError: the table is not there.
    """
    rows = re.findall(r"^\| `(\d\d_\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", guide, re.M)
    if not rows:
        raise AssignmentError(f"{GUIDE.name} has no table of the three questions and their answers.")
    return {stem: answers for stem, *answers in rows}


def without_links(text: str) -> str:
    """Return a text of the course without the heading of its section and the link to its solution.

    Of links to notebooks the words stay.
    """
    return COURSE_LINK.sub(r"\1", SOLUTION_LINK.sub("", SECTION.sub("", text)))


def graded_exercises(notebook: nb.NotebookNode) -> Iterator[tuple[str, str, str]]:
    """Yield (name, what is asked, the stub) of the exercises of a notebook that are graded."""
    for above, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
        match = re.search(r'^exercises\.check\("(\w+)"', cell.source, re.M)
        if cell.cell_type == "code" and match and not match[1].startswith(RACES):
            yield match[1], without_links(above.source), cell.source


def questions(notebook: nb.NotebookNode) -> list[str]:
    """Return the questions at the end of a notebook."""
    text = next(cell.source for cell in notebook.cells if "## Three questions" in cell.source)
    return [found.strip() for found in re.findall(r"^\d\. (.+)$", text.partition("## Three questions")[2], re.M)]


def edition(stem: str, notebook: nb.NotebookNode, solved: dict, answers: list[str]) -> nb.NotebookNode:
    """Return the graded edition of one notebook.

    Args:
        stem: its name.
        notebook: as it stands in the course.
        solved: see `solutions`.
        answers: to its questions.
    """
    title = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
    cells = [
        new_markdown_cell(f"# {title}\n\nThe exercises of this notebook, and its questions, to be graded.", id="title")
    ]
    cells.append(new_code_cell("import numpy as np\n\nfrom helpers.course import exercises, grading", id="imports"))
    for name, text, _ in graded_exercises(notebook):
        cells += exercise(name, text, *solved[name])
    for number, (asked, expected) in enumerate(zip(questions(notebook), answers, strict=True), 1):
        cells.append(new_markdown_cell(f"### Question {number}\n\n{asked}", id=f"asked-{number}"))
        told = RUBRIC.format(expected=expected)
        cells.append(graded("markdown", told, f"question_{stem}_{number}", POINTS["question"], solution=True))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return new_notebook(cells=cells, metadata=kernel | {"language_info": {"name": "python"}})


def write(target: Path, folder: Path, only: list[str]) -> list[Path]:
    """Write the course folder, and return its notebooks; the grade book and what was handed in stay.

    Args:
        target: of the course folder.
        folder: of the notebooks.
        only: see `run.course`.

    Raises:
        AssignmentError: an answer is missing.
        RunError: there is no such notebook.
    """
    solved, answers, source = solutions(folder), model_answers(GUIDE.read_text("utf-8")), target / "source" / ASSIGNMENT
    paths = run.course(folder, only)
    if lacking := [path.stem for path in paths if len(answers.get(path.stem, [])) != 3]:
        raise AssignmentError(f"{GUIDE.name} has no answers to the questions of {', '.join(lacking)}.")
    with artifacts.atomic(source) as part:
        part.mkdir()
        for path in paths:
            notebook = nb.nbformat.read(path, as_version=4)
            nb.nbformat.write(edition(path.stem, notebook, solved, answers[path.stem]), part / path.name)
    with artifacts.atomic(target / "nbgrader_config.py") as part:
        part.write_text(CONFIG, encoding="utf-8")
    return sorted(source.glob("*.ipynb"))


def main(argv: list[str] | None = None) -> int:
    """Write the graded edition and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", default=[], help="a notebook by the beginning of its name")
    target = artifacts.root() / "assignment"
    try:
        paths = write(target, run.NOTEBOOKS, parser.parse_args(argv).only)
    except (AssignmentError, run.RunError, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    tasks = [name for name in exercises.CHECKS if not name.startswith(RACES)]
    print(
        f"{run.shown(target)}  {len(paths)} notebooks, made from {len(tasks)} exercises and {3 * len(paths)} questions"
    )
    if importable("nbgrader"):
        print(f"Next, in that folder: nbgrader generate_assignment {ASSIGNMENT} --create")
    else:
        print(WITHOUT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
