"""The form of the course: every notebook keeps the rules, the rules reject what they should, the tree is tidy."""

import copy
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import notebook_rules as rules

PROJECT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
SOLUTIONS = sorted((PROJECT / "notebooks" / "solutions").glob("*.ipynb"))
LARGEST_FILE = 2_500_000  # bytes


def name(value) -> str:
    return value.stem if isinstance(value, Path) else getattr(value, "__name__", str(value))


# --- the course --------------------------------------------------------------------------------------------


def holds(rule: rules.Rule, path: Path) -> None:
    """Fail with every complaint in full, one a line."""
    complaints = rule(nbformat.read(path, as_version=4))
    assert not complaints, "\n".join([f"{path.name} breaks the rule {rule.__name__!r}:", *complaints])


def test_there_is_a_course():
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"{number:02}" for number in range(len(NOTEBOOKS))]
    assert len(NOTEBOOKS) >= 9


@pytest.mark.parametrize("rule", rules.COURSE, ids=name)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_notebook(path: Path, rule: rules.Rule):
    holds(rule, path)


@pytest.mark.parametrize("rule", rules.EVERYWHERE, ids=name)
@pytest.mark.parametrize("path", SOLUTIONS, ids=name)
def test_solution(path: Path, rule: rules.Rule):
    holds(rule, path)


@pytest.mark.parametrize("path", NOTEBOOKS + SOLUTIONS, ids=name)
def test_notebook_is_valid(path: Path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"


# --- the rules ---------------------------------------------------------------------------------------------

OPENING = """# 9 · Title

**What you will be able to do**

1. one
2. two
3. three

**Needs** nothing.

**Writes** nothing.

**Time** a minute."""
CLOSING = """## Recap

- one
- two
- three

## Three questions

1. Why?
2. How,
   and when?
3. What for?"""
PREDICT = "**Predict.** How many?\n\n* (a) one\n* (b) two\n* (c) three\n\n(b), since (a) fails and (c) fails."
BARE_TABLE = "<table><tr><td>layer</td></tr></table>"
FIGURE = {"image/png": "aGVsbG8=", "text/plain": "a figure"}
ALT = {"image/png": {"alt": "Accuracy rises quickly, then hardly at all, for training and for validation pictures."}}


def good() -> nbformat.NotebookNode:
    """Return a small notebook that keeps every rule: code cells 2, 4, ..., 12, then the recap, and room for answers."""
    cells = [new_markdown_cell(OPENING)]
    for count in range(1, 7):
        output = new_output("stream", name="stdout", text=f"Data: drawn pets, {count} train (or: make photos)\n")
        checked = {"tags": [rules.CHECKED]}
        cells.append(new_code_cell(f"print({count})", execution_count=count, outputs=[output], metadata=checked))
        cells.append(new_markdown_cell(PREDICT if count == 3 else "A sentence."))
    cells[-2].outputs.append(new_output("display_data", FIGURE, metadata=ALT))
    for index, source in ((7, 'predictions.ask("a")'), (9, 'predictions.said("a")')):
        cells[index].source = source
        cells[index].metadata["tags"] = [rules.CHECKED, rules.PREDICTION]
    cells[10].source = "(b) is right."
    cells[-1] = new_markdown_cell(CLOSING)
    cells.append(new_markdown_cell(f"{rules.ANSWERS} 1. ..."))
    for cell in cells:
        cell.metadata["slideshow"] = {"slide_type": "slide"}
    cells[2].metadata["slideshow"] = {"slide_type": "notes"}
    cells[10].metadata["slideshow"] = {"slide_type": "fragment"}
    cells[2].source = "Ask the room.".join(rules.CLASS)
    return new_notebook(cells=cells)


def in_cell(index: int, **changes) -> Callable:
    """Return a function that changes some fields of one cell."""
    return lambda notebook: notebook.cells[index].update(changes)


def replacing(index: int, old: str, new: str) -> Callable:
    """Return a function that changes the text of one cell."""

    def change(notebook: nbformat.NotebookNode) -> None:
        assert old in notebook.cells[index].source
        notebook.cells[index].source = notebook.cells[index].source.replace(old, new)

    return change


def adding(*output: nbformat.NotebookNode) -> Callable:
    """Return a function that gives the first code cell more outputs."""
    return lambda notebook: notebook.cells[1].outputs.extend(output)


def every_code_cell(source: str) -> Callable:
    return lambda notebook: [cell.update(source=source) for cell in rules.code_cells(notebook)]


def printing(text: str, stream: str = "stdout") -> Callable:
    return adding(new_output("stream", name=stream, text=text))


def picture(alt: str) -> Callable:
    return adding(new_output("display_data", FIGURE, metadata={"image/png": {"alt": alt}}))


BROKEN = [
    (rules.short_cells, "one cell of 21 lines", in_cell(1, source="x = 1\n\n" * 21)),
    (rules.short_cells, "cells of 6 lines", every_code_cell("x = 1\n" * 6)),
    (rules.sentence_between_code, "two code cells in a row", lambda n: n.cells.pop(2)),
    (rules.sentence_between_code, "an empty cell between", in_cell(2, source=" ")),
    (rules.opening, "no title", replacing(0, "# 9 · Title", "Title")),
    (rules.opening, "no heading of the objectives", replacing(0, "What you will be able to do", "Aims")),
    (rules.opening, "two objectives", replacing(0, "3. three\n", "")),
    (rules.opening, "six objectives", replacing(0, "3. three\n", "3. c\n4. d\n5. e\n6. f\n")),
    (rules.opening, "no Needs", replacing(0, "**Needs**", "It needs")),
    (rules.opening, "no Writes", replacing(0, "**Writes** nothing.", "")),
    (rules.opening, "no Time", replacing(0, "**Time**", "Takes")),
    (rules.closing, "no recap", replacing(-2, "## Recap", "## Summary")),
    (rules.closing, "a recap of two for three", replacing(-2, "- three\n", "")),
    (rules.closing, "two questions", replacing(-2, "3. What for?", "")),
    (rules.closing, "four questions", replacing(-2, "3. What for?", "3. What for?\n4. Really?")),
    (rules.closing, "questions without numbers", replacing(-2, "2. How", "- How")),
    (rules.closing, "a section after the questions", lambda n: n.cells.append(new_markdown_cell("## More"))),
    (rules.closing, "code after the questions", lambda n: n.cells.append(new_code_cell("1"))),
    (rules.closing, "no room for answers", lambda n: n.cells.pop()),
    (rules.slides, "a type that live slides hide", lambda n: n.cells[3].metadata.slideshow.update(slide_type="-")),
    (rules.slides, "a first cell without slide type", in_cell(0, metadata=nbformat.from_dict({}))),
    (rules.slides, "an unknown slide type", lambda n: n.cells[3].metadata.slideshow.update(slide_type="page")),
    (rules.notes_are_for_the_class, "notes like any text", in_cell(2, source="Ask the room.")),
    (rules.slides, "no notes", lambda n: n.cells[2].metadata.slideshow.update(slide_type="skip")),
    (rules.alternative_text, "a figure without text", adding(new_output("display_data", FIGURE))),
    (rules.alternative_text, "a figure with a name only", picture("Training curves")),
    (rules.alternative_text, "a picture in the text without words", in_cell(2, source="See ![](a.png).")),
    (rules.alternative_text, "an img without alt", in_cell(2, source='<img src="a.png">')),
    (
        rules.alternative_text,
        "a figure described by its file",
        picture("The training curves, stored in figure_of_the_curves.png"),
    ),
    (rules.headings_in_order, "a level left out", in_cell(2, source="#### Deep\n\nText.")),
    (rules.headings_in_order, "two titles", in_cell(2, source="# Another title")),
    (rules.headings_in_order, "no title", replacing(0, "# 9 · Title", "Title")),
    (rules.tables_have_headers, "a table of cells only", adding(new_output("display_data", {"text/html": BARE_TABLE}))),
    (rules.predictions_are_explained, "two answers", in_cell(2, source=PREDICT.replace("* (c) three\n", ""))),
    (rules.predictions_are_explained, "a wrong answer left alone", in_cell(2, source=PREDICT.replace("(c) fails", ""))),
    (rules.predictions_have_buttons, "a question without buttons", in_cell(2, source=PREDICT)),
    (rules.predictions_have_buttons, "buttons without what was said", in_cell(1, source='predictions.ask("a")')),
    (rules.predictions_have_buttons, "said before no explanation", in_cell(1, source='predictions.said("a")')),
    (
        rules.predictions_have_buttons,
        "said on the slide before",
        lambda n: n.cells[10].metadata.slideshow.update(slide_type="slide"),
    ),
    (rules.stays_at_home, "an address", in_cell(1, source='get("https://example.org/pets.zip")')),
    (rules.stays_at_home, "urllib", in_cell(1, source="from urllib.request import urlopen")),
    (rules.stays_at_home, "wget", in_cell(1, source="!wget pets.zip")),
    (rules.stays_at_home, "pip", in_cell(1, source="%pip install numpy")),
    (rules.stays_at_home, "pip in a shell", in_cell(1, source="!python -m pip -q install numpy")),
    (rules.stays_at_home, "sys.path", in_cell(1, source='import sys\nsys.path.append("..")')),
    (rules.stays_at_home, "a pickle", in_cell(1, source='np.load("a.npz", allow_pickle=True)')),
    (rules.executed_in_order, "a cell that did not run", in_cell(3, execution_count=None)),
    (rules.executed_in_order, "a cell that ran twice", in_cell(3, execution_count=7)),
    (rules.clean_outputs, "an error", adding(new_output("error", ename="E", evalue="v", traceback=[]))),
    (rules.clean_outputs, "a warning", printing("UserWarning: look out\n", "stderr")),
    (rules.clean_outputs, "a JPEG", adding(new_output("display_data", {"image/jpeg": "aGVsbG8="}))),
    (rules.clean_outputs, "a path", printing("Wrote /" + "home/ada/model.tflite\n")),
    (rules.clean_outputs, "a temporary path", printing("Wrote /tmp/x/model.tflite\n")),
    (rules.clean_outputs, "a progress bar", printing("\r 10 %\r 20 %\n")),
    (rules.clean_outputs, "widgets", lambda n: n.metadata.update(widgets={})),
    (rules.clean_outputs, "time stamps", lambda n: n.cells[1].metadata.update(execution={})),
    (rules.drawn_pets, "photographs", printing("Data: photographs, 17,810 train (or: drawn pets)\n")),
    (rules.drawn_pets, "a folder", printing("Data: folder pets, 40 train\n")),
    (rules.folded, "plumbing that lies open", in_cell(1, metadata={"tags": ["hide-input"]})),
    (rules.folded, "an idea that is folded", in_cell(1, metadata={"jupyter": {"source_hidden": True}})),
    (rules.compared, "a word to the tests in the code", in_cell(1, source="# NBVAL_CHECK_OUTPUT\nprint(1)")),
    (rules.compared, "nothing to compare with", lambda n: n.cells[1].outputs.clear()),
    (rules.compared, "too few compared cells", lambda n: [c.metadata.pop("tags") for c in rules.code_cells(n)]),
    (rules.unique_ids, "an id twice", lambda n: n.cells[2].update(id=n.cells[1].id)),
]


@pytest.mark.parametrize("rule", rules.COURSE, ids=name)
def test_rule_accepts_a_good_notebook(rule: rules.Rule):
    assert rule(good()) == []


@pytest.mark.parametrize(("rule", "what", "spoil"), BROKEN, ids=[f"{name(r)}-{what}" for r, what, _ in BROKEN])
def test_rule_rejects(rule: rules.Rule, what: str, spoil: Callable):
    notebook = copy.deepcopy(good())
    spoil(notebook)
    complaints = rule(notebook)
    assert complaints, f"{rule.__name__} accepts {what}"
    assert all(isinstance(sentence, str) and sentence for sentence in complaints)


def test_the_course_asks_for_predictions():
    asked = [
        re.findall(r"\*\*Predict\.\*\*.*?^\* \(a\)", rules.prose(nbformat.read(p, 4).cells), re.M | re.S)
        for p in NOTEBOOKS
    ]
    assert sum(map(len, asked)) >= 12


def test_every_rule_is_tried():
    assert {rule for rule, _, _ in BROKEN} == set(rules.COURSE)


# --- lint --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("check",), ("format", "--check")], ids=" ".join)
def test_ruff(words: tuple[str, ...]):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *words, "."], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"\n{done.stdout}{done.stderr}\n`make lint` mends most of it."


# --- the tree ----------------------------------------------------------------------------------------------

NOT_OURS = {".git", ".venv", "artifacts", "node_modules", "__pycache__"}
MACHINE_PATH = re.compile(r"(?<![\w/.~}])/(?:home|root|work|Users)/\w")


def files() -> list[Path]:
    """Return the project's files: what git tracks or would track, or all that no tool made."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        paths = [PROJECT / path for path in listed.stdout.split("\0") if path]
    else:  # an unpacked archive, without git
        paths = [path for path in PROJECT.rglob("*") if not NOT_OURS & set(path.relative_to(PROJECT).parts)]
    return [path for path in paths if path.is_file()]


def test_files_are_small():
    large = {str(path.relative_to(PROJECT)): path.stat().st_size for path in files()}
    assert {path: size for path, size in large.items() if size > LARGEST_FILE} == {}


def test_no_file_names_a_path_of_one_machine():
    assert MACHINE_PATH.search("in /" + "home/ada/pets") and not MACHINE_PATH.search("example.org/home/ada")
    named = {}
    for path in files():
        data = path.read_bytes()
        if b"\0" not in data[:8192] and (hit := MACHINE_PATH.search(data.decode("utf-8", "replace"))):
            named[str(path.relative_to(PROJECT))] = hit[0]
    assert named == {}


# --- the README --------------------------------------------------------------------------------------------


def readme() -> str:
    return (PROJECT / "README.md").read_text("utf-8")


def test_readme_names_targets_of_the_makefile():
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text("utf-8"), re.M))
    named = set(re.findall(r"`make ([a-z]+)|^\s*make ([a-z]+)", readme(), re.M))
    named = {a or b for a, b in named}
    assert named, "the README names no command"
    assert named <= targets


def test_readme_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", readme()) + re.findall(r"""<img[^>]+src=["']([^"']+)""", readme())
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (PROJECT / link).exists()] == []


def test_readme_names_files_that_exist():
    named = re.findall(r"`([\w./-]+\.(?:py|ipynb|md|toml|cfg|csv))`", readme())
    there = {str(path.relative_to(PROJECT).as_posix()) for path in files()} | {path.name for path in files()}
    assert [path for path in named if path.removeprefix("./") not in there] == []
