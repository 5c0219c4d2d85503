"""The graded edition: made out of the course, released, handed in by three students, graded; with the real nbgrader."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import assignment
import run
from helpers.base.machine import importable
from helpers.course import exercises, grading

ONLY = ["04"]
needed = pytest.mark.skipif(
    not importable("nbgrader"),
    reason="The graded edition was not graded: python -m pip install -r tools/templates/assignment/requirements.txt",
)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The course folder with one notebook."""
    folder = tmp_path_factory.mktemp("grading")
    assignment.write(folder, run.NOTEBOOKS, ONLY)
    return folder


def notebooks(folder: Path) -> dict[str, nbformat.NotebookNode]:
    return {path.stem: nbformat.read(path, as_version=4) for path in sorted(folder.glob("*.ipynb"))}


def ids(notebook):
    return [cell.metadata.nbgrader.grade_id for cell in notebook.cells if "nbgrader" in cell.metadata]


# --- what is made ---------------------------------------------------------------------------------------------------


def test_every_exercise_and_question_is_in_it(tmp_path):
    paths = assignment.write(tmp_path, run.NOTEBOOKS, [])
    made = notebooks(paths[0].parent)
    assert list(made) == [path.stem for path in run.course(run.NOTEBOOKS, [])]
    found = [name for notebook in made.values() for name in ids(notebook)]
    graded = [name for name in exercises.CHECKS if not name.startswith("race_")]
    assert sorted(n.removeprefix("answer_") for n in found if n.startswith("answer_")) == sorted(graded)
    assert sorted(n.removeprefix("unseen_") for n in found if n.startswith("unseen_")) == sorted(grading.JUDGES)
    assert sum(n.startswith("question_") for n in found) == 3 * len(made)
    for notebook in made.values():
        nbformat.validate(notebook)
        text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        assert "Solution" not in text and ".ipynb" not in text, "links lead nowhere in a classroom's folder"


def test_the_courses_own_notebooks_stay_free_of_it():
    for path in [*run.NOTEBOOKS.glob("*.ipynb"), run.NOTEBOOKS / run.SOLUTIONS]:
        assert "nbgrader" not in path.read_text("utf-8")


@pytest.mark.parametrize(
    "solution, expected",
    [
        ("codes = 2**8", "### BEGIN SOLUTION\ncodes = 2**8\n### END SOLUTION"),
        (
            "def f(x):\n    y = x\n    return y",
            "def f(x):\n    ### BEGIN SOLUTION\n    y = x\n    return y\n    ### END SOLUTION",
        ),
        (
            "import itertools\n\n\ndef f(x):\n    return x",
            "import itertools\n\n\ndef f(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION",
        ),
    ],
)
def test_the_marks_are_around_what_students_write(solution, expected):
    assert assignment.marked(solution) == expected


def test_what_is_missing_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path))
    assert assignment.main(["--only", "99"]) == 1
    assert "There is no notebook '99'" in capsys.readouterr().err
    with pytest.raises(assignment.AssignmentError, match="has no table"):
        assignment.model_answers("nothing")


def test_without_nbgrader_there_is_one_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path))
    monkeypatch.setattr(assignment, "importable", lambda name: False)
    assert assignment.main(["--only", "02"]) == 0
    assert "nbgrader is not installed" in capsys.readouterr().out


# --- the round trip -------------------------------------------------------------------------------------------------


def nbgrader(course: Path, *words: str) -> str:
    """Run a command of nbgrader in the course folder."""
    own = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(course)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON"))}
    command = [sys.executable, "-m", "nbgrader", *words]
    done = subprocess.run(command, cwd=course, env=kept | own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


def hand_in(course: Path, student: str, change) -> None:
    """Hand in what was released, with the answers that `change` writes into cells: from grade id to source or None."""
    folder = course / "submitted" / student / assignment.ASSIGNMENT
    shutil.copytree(course / "release" / assignment.ASSIGNMENT, folder)
    for path in folder.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
            if name.startswith("answer_") and (source := change(name.removeprefix("answer_"))) is not None:
                cell.source = source
        nbformat.write(notebook, path)


BY_HEART = {  # right about the example that the seen test tries, and only about it
    "scale_and_zero_point": "def scale_and_zero_point(low, high):\n    return 9.9 / 255, 11 if low else -128",
    "to_the_nearest": "def to_the_nearest(x, step):\n    return {1.0: 3.0, 0.1: 3.1, 0.25: -0.5}[step]",
}


@pytest.fixture(scope="module")
def grades(course):
    """{student: {grade id: points}} of a right, a half-right and a wrong submission."""
    nbgrader(course, "generate_assignment", assignment.ASSIGNMENT, "--create")
    solved = assignment.solutions(run.NOTEBOOKS)
    half = ("back", "integer_dot")
    hand_in(course, "right", lambda name: solved[name][0])
    hand_in(course, "half", lambda name: solved[name][0] if name in half else BY_HEART.get(name))
    hand_in(course, "wrong", lambda name: "def f(:" if name == "back" else None)
    nbgrader(course, "autograde", assignment.ASSIGNMENT, "--create")
    nbgrader(course, "generate_feedback", assignment.ASSIGNMENT)
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        return {
            student: {
                grade.name: grade.auto_score
                for notebook in book.find_submission(assignment.ASSIGNMENT, student).notebooks
                for grade in notebook.grades
                if not grade.name.startswith("question_")
            }
            for student in ("right", "half", "wrong")
        }


@needed
def test_what_is_released_tells_nothing(course, grades):
    for path in (course / "release" / assignment.ASSIGNMENT).glob("*.ipynb"):
        text = path.read_text("utf-8")
        assert not re.search("HIDDEN|BEGIN SOLUTION|Expected:|grading.holds", text)
        assert "raise NotImplementedError" in text and "YOUR ANSWER HERE" in text


@needed
def test_the_right_one_has_all_points(grades):
    assert set(grades["right"].values()) == {1.0}
    assert len(grades["right"]) == 10, "a seen and an unseen test of five exercises"


@needed
def test_the_half_right_one_has_what_it_earned(grades):
    """Two that are right, two that know the example by heart, one that was left alone."""
    found = grades["half"]
    for name in ("back", "integer_dot"):
        assert found[f"seen_{name}"] == found[f"unseen_{name}"] == 1
    for name in BY_HEART:
        assert found[f"unseen_{name}"] == 0
    assert found["seen_bias_codes"] == found["unseen_bias_codes"] == 0
    assert sum(found.values()) == 4


@needed
def test_the_wrong_one_has_none(grades):
    assert set(grades["wrong"].values()) == {0.0}


@needed
def test_each_gets_a_page_back_that_says_why(course, grades):
    page = (course / "feedback" / "half" / assignment.ASSIGNMENT / "04_how_to_quantize.html").read_text("utf-8")
    assert "not attempted yet" in page and "Expected:" not in page
