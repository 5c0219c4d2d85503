"""Tables: the same cells on a terminal and in a notebook, numbers flush right, nothing taken for markup."""

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.base.tables import Table

CELLS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=8)
TABLES = st.integers(1, 4).flatmap(
    lambda n: st.tuples(
        st.lists(CELLS, min_size=n, max_size=n), st.lists(st.lists(CELLS, min_size=n, max_size=n), max_size=4)
    )
)


class Cells(HTMLParser):
    """Collects the texts of a table's cells, row by row, and how they are aligned."""

    def __init__(self, source):
        super().__init__()
        self.rows, self.align, self.caption = [], [], ""
        self.inside = None
        self.feed(source)

    def handle_starttag(self, tag, attributes):
        self.inside = tag
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")
            self.align.append(dict(attributes)["style"])

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside in ("th", "td"):
            self.rows[-1][-1] += data
        if self.inside == "caption":
            self.caption += data


def test_a_table_on_a_terminal():
    table = Table(["model", "kB"], [["float32", "674.1"], ["int8", "182.3"], ["none", None]], "Sizes")
    assert str(table) == repr(table)
    assert str(table).splitlines() == [
        "Sizes",
        "model       kB",
        "-------  -----",
        "float32  674.1",
        "int8     182.3",
        "none",
    ]


@settings(deadline=None)
@given(TABLES)
def test_the_notebook_shows_what_the_terminal_shows(content):
    columns, rows = content
    table = Table(columns, rows)
    assert Cells(table._repr_html_()).rows == [columns, *rows]
    lines = str(table).splitlines()
    assert len(lines) == 2 + len(rows)
    for cells, line in zip([columns, *rows], [lines[0], *lines[2:]], strict=True):
        assert "".join(line.split()) == "".join(cells)


def test_nothing_is_taken_for_markup():
    source = Table(["<b>"], [["a & b"], ["<script>"]], "1 < 2")._repr_html_()
    parsed = Cells(source)
    assert parsed.rows == [["<b>"], ["a & b"], ["<script>"]]
    assert parsed.caption == "1 < 2"


@pytest.mark.parametrize("cell", ["12", "-3.5", "+1", "−2", "±4", "<0.01", "≈ 7", "–", "nan", "95.1% (93% to 96%)"])
def test_numbers_stand_to_the_right(cell):
    assert set(Cells(Table(["n"], [[cell], ["1"], [""]])._repr_html_()).align) == {"text-align:right"}


@pytest.mark.parametrize("cell", ["int8", "no", "-", "x1"])
def test_text_stands_to_the_left(cell):
    assert set(Cells(Table(["n"], [[cell], ["1"]])._repr_html_()).align) == {"text-align:left"}


def test_an_empty_table_and_cells_that_are_no_text():
    assert str(Table(["a", "b"], [])).splitlines() == ["a  b", "-  -"]
    assert Table([1], [[2.5], [None]]).rows == [["2.5"], [""]]


def test_a_row_of_another_length_is_named():
    with pytest.raises(ValueError, match=r"needs 2 cells, one for each column; found \['only one'\]"):
        Table(["a", "b"], [["x", "y"], ["only one"]])
