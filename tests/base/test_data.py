"""The suite's own files: where they are, in a copy and installed; tables whose every cell is what its column says."""

import csv
import dataclasses
import math
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from helpers.base import data

# --- where things live ------------------------------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A copy that was installed with pip: the helpers, with the data inside, and nothing of the project beside them."""
    package = tmp_path / "site-packages" / "helpers"
    (package / "data").mkdir(parents=True)
    monkeypatch.setattr(data, "PACKAGE", package)
    monkeypatch.delenv("PTQ_ARTIFACTS", raising=False)
    return package


def test_the_project_holds_helpers_and_notebooks():
    assert (data.project() / "helpers" / "base" / "artifacts.py").is_file()
    assert (data.project() / "notebooks").is_dir()


def test_an_installed_copy_has_no_project_and_its_data_inside(installed):
    assert data.project() is None
    assert data.folder() == installed / "data"


@pytest.mark.parametrize("beside", [["data"], ["requirements.txt"], []])
def test_what_else_lies_beside_the_package_makes_no_project_of_it(installed, beside):
    for name in beside:
        place = installed.parent / name
        place.touch() if name.endswith(".txt") else place.mkdir()
    assert data.project() is None


def test_a_copy_of_the_project_is_known_by_its_data_and_its_pins(installed):
    (installed.parent / "data").mkdir()
    (installed.parent / "requirements.txt").touch()
    assert data.project() == installed.parent.resolve()
    assert data.folder() == installed.parent.resolve() / "data"
    assert data.artifacts_folder() == installed.parent.resolve() / "artifacts"


def test_what_an_installed_copy_makes_goes_where_the_reader_works(installed, tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert data.artifacts_folder() == (tmp_path / "work" / "artifacts").resolve()
    monkeypatch.setenv("PTQ_ARTIFACTS", "elsewhere/made")
    assert data.artifacts_folder() == (tmp_path / "work" / "elsewhere" / "made").resolve()
    assert not list((tmp_path / "work").iterdir()), "it is only named"


# --- tables -----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Line:
    """One line with a cell of each type."""

    name: str
    count: int
    share: float
    good: bool
    words: tuple[str, ...]
    least: int | None
    remark: str | None


@dataclasses.dataclass(frozen=True)
class Short:
    """A line of which the last cell must be filled."""

    name: str
    count: int


HEADER = "name,count,share,good,words,least,remark"
NEEDS = (
    "A line of lines.csv needs name (text), count (a whole number), share (a number), good (yes or no), "
    "words (words, or none), least (a whole number, or empty), remark (text, or empty)"
)


@pytest.fixture
def write(tmp_path):
    """A function that writes lines into a table and returns its path."""

    def writing(*lines):
        (tmp_path / "lines.csv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return tmp_path / "lines.csv"

    return writing


def refusal(*arguments) -> str:
    """Return what is said of a table that is no good: one line, and no trace of what went wrong inside."""
    with pytest.raises(ValueError, match=r"^(A line of )?\S+ needs .* Found ") as caught:
        data.records(*arguments)
    assert "\n" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return str(caught.value)


def test_each_cell_has_the_type_of_its_column(write):
    path = write(HEADER, 'Ann,-3,2.5e-1,yes,a b  c,7,"x, y"', "Bö,0,4,no,,,", "yes,1,1,yes,no,,no")
    first, second, third = data.records(path, Line)
    assert first == Line("Ann", -3, 0.25, True, ("a", "b", "c"), 7, "x, y")
    assert second == Line("Bö", 0, 4.0, False, (), None, None)
    assert third == Line("yes", 1, 1.0, True, ("no",), None, "no"), "yes and no mean something in their column only"
    assert type(second.share) is float and type(second.count) is int


def test_columns_may_come_in_any_order_and_blank_lines_are_none(write):
    assert data.records(write("count,name", "1,a", "", "2,b"), Short) == [Short("a", 1), Short("b", 2)]


def test_a_table_without_lines(write):
    assert data.records(write(HEADER), Line) == []


@pytest.mark.parametrize(
    "line",
    [
        ",1,1,yes,,,",
        "a,,1,yes,,,",
        "a,1.0,1,yes,,,",
        "a,one,1,yes,,,",
        "a,1,,yes,,,",
        'a,1,"0,5",yes,,,',
        "a,1,1,,,,",
        "a,1,1,True,,,",
        "a,1,1,Yes,,,",
        "a,1,1,1,,,",
        "a,1,1,yes,,none,",
        "a,1,1,yes,,0.5,",
    ],
)
def test_a_cell_of_another_type_is_refused_and_its_line_shown(write, line):
    """With the lines before and after it whole; what each column needs is said."""
    whole = "b,1,1,yes,,,"
    message = refusal(write(HEADER, whole, line, whole), Line)
    cells = dict(zip(HEADER.split(","), next(csv.reader([line])), strict=True))
    assert message == f"{NEEDS}. Found {cells}."


@pytest.mark.parametrize("header", ["name", "name,count,more", "name,Count", "name, count", "a,1"])
def test_a_wrong_header_is_refused(write, header):
    lines = {1: "a", 2: "a,1", 3: "a,1,2"}
    message = refusal(write(header, lines[len(header.split(","))]), Short)
    assert message == f"lines.csv needs the columns name, count. Found {header.split(',')}."


@pytest.mark.parametrize("line", ["a", "a,1,2", "a,1,"])
def test_a_line_that_is_too_short_or_too_long_is_refused(write, line):
    message = refusal(write("name,count", line), Short)
    assert re.search(r"Found \{'name': 'a', 'count': (None|'1', None: \['2?'\])\}\.$", message)


@pytest.mark.parametrize(
    "lines", [["a,1,1,yes"], ["a,1,1,yes,w"]], ids=["before its words", "before what may be empty"]
)
def test_a_line_that_ends_too_early_is_refused(write, lines):
    """A cell that is not there is not an empty one."""
    assert "Found {'name': 'a', 'count': '1', 'share': '1'" in refusal(write(HEADER, *lines), Line)


@pytest.mark.parametrize("lines", [["name,Count"], []], ids=["another header", "nothing at all"])
def test_a_table_of_another_header_is_refused_without_a_line_too(write, lines):
    assert refusal(write(*lines), Short).startswith("lines.csv needs the columns name, count. Found ")


def test_comments_are_lines_like_any_other(write):
    """A table in `data/` says what it has to say in its columns; a line that would be skipped could hide a number."""
    assert "Found {'name': '# a comment', 'count': None}" in refusal(write("name,count", "# a comment", "a,1"), Short)


def test_a_rule_is_said_in_words(write):
    path = write("name,count", "a,1", "b,3", "c,2")
    assert len(data.records(path, Short, "count is at most 3", lambda line: line.count <= 3)) == 3
    message = refusal(path, Short, "count is at most 2", lambda line: line.count <= 2)
    assert message.endswith("count (a whole number); count is at most 2. Found {'name': 'b', 'count': '3'}.")


def test_a_rule_is_asked_of_whole_lines_only(write):
    """So it need not expect a cell of another type."""
    message = refusal(write("name,count", "a,many"), Short, "count is odd", lambda line: line.count % 2 == 1)
    assert "Found {'name': 'a', 'count': 'many'}" in message


def test_a_name_is_one_in_the_data_folder_and_a_path_is_itself(write, tmp_path, monkeypatch):
    path = write("name,count", "a,1")
    monkeypatch.setattr(data, "folder", lambda: tmp_path)
    assert data.records("lines.csv", Short) == data.records(path, Short) == [Short("a", 1)]


def test_a_table_that_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.csv"):
        data.records(tmp_path / "none.csv", Short)


TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
WORD = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=6)
LINES = st.builds(
    Line,
    name=TEXT,
    count=st.integers(),
    share=st.floats(allow_nan=False),
    good=st.booleans(),
    words=st.lists(WORD, max_size=4).map(tuple),
    least=st.none() | st.integers(-9, 9),
    remark=st.none() | TEXT,
)


@settings(deadline=None)
@given(st.lists(LINES, max_size=5), st.permutations(HEADER.split(",")))
@example([Line('a\r\nb,"c"\r', 0, -0.0, True, (), None, "\n")], HEADER.split(","))
def test_what_is_written_comes_back(tmp_path_factory, lines, columns):
    """Commas, quotation marks and line breaks in a text too, whatever the order of the columns."""
    path = tmp_path_factory.getbasetemp() / "round.csv"
    with path.open("w", encoding="utf-8", newline="") as table:
        writer = csv.DictWriter(table, columns)
        writer.writeheader()
        for line in lines:
            cells = dataclasses.asdict(line) | {"good": "yes" if line.good else "no", "words": " ".join(line.words)}
            writer.writerow(cells)
    read = data.records(path, Line)
    assert read == lines
    assert [math.copysign(1, line.share) for line in read] == [math.copysign(1, line.share) for line in lines]
