"""The instructor's guide says what is there: its headings, slides, minutes, commands, files and numbers."""

import ast
import json
import re
from pathlib import Path

import nbformat
import pytest

import lecture

PROJECT = Path(__file__).parent.parent
GUIDE = PROJECT / "docs" / "instructors.md"
NOTEBOOK = r"\d\d_\w+"
SLIDES = range(1, 48)


def markdown(cells: list[dict]) -> str:
    """Return the prose of a notebook."""
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def everything(cells: list[dict]) -> str:
    """Return the prose and the code of a notebook, and what it shows as text or describes in words."""
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    shown = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    return "\n".join("".join(text) for text in [*(cell["source"] for cell in cells), *shown])


def heading(words: str) -> str:
    """Return a heading as the guide names it: without the notebook's number and without its minutes."""
    return re.sub(r"^\d+ · | \(\d+ minutes\)$", "", words.strip())


PATHS = sorted((PROJECT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
CELLS = {path.stem: json.loads(path.read_text("utf-8"))["cells"] for path in PATHS}
COURSE = {name: markdown(cells) for name, cells in CELLS.items()}
HEADINGS = {
    name: {heading(words) for words in re.findall(r"^#{1,6} +(.+)$", text, re.M)} for name, text in COURSE.items()
}


def stated_minutes(text: str) -> int:
    """Return what the sections of a notebook say they take, added up."""
    return sum(int(number) for number in re.findall(r"^## .*\((\d+) minutes\) *$", text, re.M))


# --- reading the guide ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guide() -> str:
    return GUIDE.read_text("utf-8")


def named(text: str) -> list[tuple[str, str]]:
    """Return (notebook, heading) for all italics behind a notebook's name, in the same line.

    Italics in front of the first notebook of a line are emphasis, and so are the wrong answers in lists of answers.
    """
    headings = []
    for line in text.splitlines():
        notebook = ""
        for name, words in re.findall(rf"`({NOTEBOOK})`|(?<!\*)\*([^*\s](?:[^*]*[^*\s])?)\*(?!\*)", line):
            if name:
                notebook = name
            elif notebook:
                headings.append((notebook, words))
    return headings


def wrong_headings(text: str) -> list[str]:
    return [f"{name}: {words}" for name, words in named(text) if words not in HEADINGS.get(name, ())]


def section(text: str, words: str) -> str:
    """Return what stands under a heading, up to the next one of the same level or above."""
    level, rest = re.search(rf"^(#+) {re.escape(words)}$(.*)", text, re.M | re.S).groups()
    return re.split(rf"^#{{1,{len(level)}}} ", rest, maxsplit=1, flags=re.M)[0]


def rows(text: str, first: str) -> list[list[list[str]]]:
    """Return each table whose first column is headed `first`, as rows of cells."""
    tables, table = [], None
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if cells and table is None:
            table = []
            if cells[0] == first:
                tables.append(table)
        elif cells and not set(cells[0]) <= {"-", ":"}:
            table.append(cells)
        elif not cells:
            table = None
    return tables


def plan_problems(table: list[list[str]]) -> list[str]:
    """Say where the minutes of a plan do not add up."""
    *parts, (end, total, *_) = table
    clock, problems = 0, []
    for at, minutes, part, *_ in parts:
        if at != f"{clock // 60}:{clock % 60:02d}":
            problems.append(f"{part} starts at {at}, after {clock} minutes")
        clock += int(minutes)
    if (end, total) != (f"{clock // 60}:{clock % 60:02d}", f"**{clock}**"):
        problems.append(f"the parts take {clock} minutes; the plan says {total} and ends at {end}")
    return problems


def slides(table: list[list[str]]) -> list[int]:
    """Return the slides of the map, in its order."""
    ends = [[int(number) for number in row[0].split("–")] for row in table]
    return [slide for first, *last in ends for slide in range(first, (last or [first])[0] + 1)]


# --- what it names --------------------------------------------------------------------------------------------------


def test_it_names_notebooks_and_headings_that_exist(guide):
    assert len(named(guide)) > 100
    assert wrong_headings(guide) == []
    assert set(re.findall(rf"\b({NOTEBOOK})\b", guide)) == set(COURSE)


def test_its_commands_exist(guide):
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text("utf-8"), re.M))
    asked = set(re.findall(r"`make ([a-z]+)\b[^`]*`", guide))
    assert asked and asked <= targets


def test_its_files_exist(guide):
    paths = [path for path in re.findall(r"`([\w./-]+/[\w./-]*)`", guide) if not path.startswith("artifacts/")]
    assert paths and [path for path in paths if not (PROJECT / path).exists()] == []


def test_what_it_says_of_the_code_is_there(guide):
    training = ast.parse((PROJECT / "helpers" / "networks" / "training.py").read_text("utf-8"))
    train = next(node for node in training.body if isinstance(node, ast.FunctionDef) and node.name == "train")
    assert "`resume=False`" in guide and "resume" in {one.arg for one in [*train.args.args, *train.args.kwonlyargs]}
    assert '"not measured here"' in guide
    assert '"not measured here"' in (PROJECT / "helpers" / "board" / "arena.py").read_text("utf-8")


def test_its_decimal_numbers_stand_in_the_course(guide):
    """Numbers with a decimal point or a thousands separator; a share in percent must be there as one."""
    known = [
        *map(everything, CELLS.values()),
        *((PROJECT / name).read_text("utf-8") for name in ("README.md", "Makefile", "CONTRIBUTING.md")),
    ]
    numbers = set(re.findall(r"(?<![\w.,])(?:\d[\d,]*\.\d+|\d{1,3}(?:,\d{3})+)%?", guide))
    computed = {"1.33", "1.9"}  # answers to two of the three questions: 40 / 30, and 2.0 - 0.1
    lost = [n for n in numbers - computed if not any(re.search(rf"(?<![\d.,]){re.escape(n)}(?!\d)", k) for k in known)]
    assert len(numbers) > 15 and lost == []


# --- minutes --------------------------------------------------------------------------------------------------------


def test_each_plan_adds_up_to_ninety_minutes(guide):
    plans = rows(guide, "at")
    assert len(plans) == 5
    assert [problem for plan in plans for problem in plan_problems(plan)] == []
    assert {plan[-1][1] for plan in plans} == {"**90**"}


def test_the_minutes_of_the_sections_are_those_of_the_notebooks(guide):
    minutes = [total for name, text in COURSE.items() if name < "08" and (total := stated_minutes(text))]
    *most, last = minutes
    sentence = f"{', '.join(map(str, most))} and {last} minutes for notebooks 0 to 7, {sum(minutes)} minutes in all"
    assert sentence in guide
    assert f"The notebook takes a reader {stated_minutes(COURSE['09_fewer_bits'])} minutes" in guide


def test_a_run_takes_what_the_readme_says(guide):
    readme = (PROJECT / "README.md").read_text("utf-8")
    took = re.search(r"`make run` takes ([\w ]+ minutes) on two cores", readme)[1]
    assert f"takes {took} on two cores" in guide


# --- slides and questions -------------------------------------------------------------------------------------------


def test_each_slide_of_the_lecture_is_in_the_map_once(guide):
    (table,) = rows(guide, "slides")
    assert slides(table) == [*SLIDES]
    assert all(named(" | ".join(row)) for row in table)


def test_the_map_names_where_the_slides_of_the_lecture_come_from(guide):
    """The tags of the notebooks put the deck of the lecture together; the map must lead to the same places."""
    (table,) = rows(guide, "slides")
    notebooks = {path.stem: nbformat.read(path, as_version=4) for path in PATHS}
    wrong = []
    for entry in lecture.entries(notebooks):
        (row,) = [row for row in table if entry.first in slides([row])]
        before = markdown(notebooks[entry.slide.deck].cells[: entry.slide.first + 1])
        place = entry.slide.deck, heading(re.findall(r"^#{1,6} +(.+)$", before, re.M)[-1])
        if place not in named(" | ".join(row)) or entry.last not in slides([row]):
            wrong.append(f"{entry.numbers}: {place[0]}, {place[1]}; the map has {row[0]}: {row[2]}")
    assert wrong == []


def test_each_question_has_a_place_an_answer_and_wrong_answers(guide):
    asked = re.split(r"^(?=\d+\. \*\*)", section(guide, "Questions for the room").split("\n### ")[0], flags=re.M)[1:]
    assert [int(question.partition(".")[0]) for question in asked] == [*range(1, len(asked) + 1)]
    assert len(asked) >= 12
    for question in asked:
        first, *wrong = question.strip().splitlines()
        assert named(first) and "Expected: " in first
        assert wrong and all(re.match(r" +- .*[^ ]", line) for line in wrong)
    assert {int(number) for number in re.findall(r"\bQ(\d+)\b", guide)} <= {*range(1, len(asked) + 1)}


def letters_after(notebook: str, words: str) -> tuple[str, str]:
    """Return the letters to choose from in the first prediction behind a heading, and those its answer mentions."""
    behind = re.split(rf"^#+ {re.escape(words)}(?: \(\d+ minutes\))?$", COURSE[notebook], maxsplit=1, flags=re.M)[1]
    prediction = behind.split("**Predict.**")[1]
    return "".join(re.findall(r"^\* \((\w)\) ", prediction, re.M)), "".join(
        re.findall(r"(?<!\* )\(([abc])\)", prediction)
    )


def test_the_letters_are_those_of_the_notebooks(guide):
    """An expected (c) is one of three choices there, and if the text answers with letters, it is among them."""
    asked = re.findall(rf"^\d+\. \*\*.*?\*\* `({NOTEBOOK})` \*(.+?)\*[.]? Expected: \((\w)\)", guide, re.M)
    assert len(asked) >= 12
    for notebook, words, letter in asked:
        choices, answered = letters_after(notebook, words)
        assert choices == "abc", f"{notebook}, {words}: the first prediction has the choices {choices!r}"
        assert letter in (answered or choices), f"{notebook}, {words}: expected ({letter}), answered {answered!r}"


def test_each_of_the_three_questions_has_an_answer(guide):
    (table,) = rows(guide, "notebook")
    assert [row[0].strip("`") for row in table] == [*COURSE]
    assert all(len(row) == 4 and all(row) for row in table)


def test_it_reads_soberly(guide):
    assert "!" not in guide
    assert 150 <= len(guide.splitlines()) <= 250


# --- the tests themselves can fail ----------------------------------------------------------------------------------


def test_a_heading_that_is_not_there_is_found():
    notebook, other = list(COURSE)[:2]
    only_there = next(iter(HEADINGS[other] - HEADINGS[notebook]))
    assert wrong_headings(f"`{notebook}` *{only_there}*, *No such heading*; `99_none` *Recap*") == [
        f"{notebook}: {only_there}",
        f"{notebook}: No such heading",
        "99_none: Recap",
    ]
    assert wrong_headings(f"*emphasis* and **strong**, `{notebook}` *Recap* and **strong**") == []


def test_minutes_that_do_not_add_up_are_found():
    good = [["0:00", "85", "one"], ["1:25", "5", "two"], ["1:30", "**90**", ""]]
    assert plan_problems(good) == []
    assert plan_problems([["0:00", "80", "one"], *good[1:]]) == [
        "two starts at 1:25, after 80 minutes",
        "the parts take 85 minutes; the plan says **90** and ends at 1:30",
    ]


def test_the_map_is_read_in_ranges_and_single_slides():
    assert slides([["1–3", ""], ["4", ""], ["6–7", ""]]) == [1, 2, 3, 4, 6, 7]
