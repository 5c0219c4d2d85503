"""The slides: where each one begins, what a page holds, and that the lecture is whole and in its order.

What a browser shows of them is looked at in `test_slides_browser.py`.
"""

import re
import shutil

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import deck
import export
import lecture
import run
import slides


def typed(cell: nbformat.NotebookNode, kind: str, *tags: str) -> nbformat.NotebookNode:
    cell.metadata.update(slideshow={"slide_type": kind}, tags=list(tags))
    return cell


def words(text: str, kind: str, *tags: str) -> nbformat.NotebookNode:
    return typed(new_markdown_cell(text), kind, *tags)


def lesson() -> nbformat.NotebookNode:
    """Return a notebook of three slides in two columns, with notes, a figure, and what only readers see."""
    figure = new_output("display_data", {"image/png": "aGVsbG8="}, metadata={"image/png": {"alt": "a rising line"}})
    about = "## Second slide (10 minutes)\n\n$s = \\frac{a}{b}$, see [the other](02_other.ipynb#Here), [the guide]"
    return new_notebook(
        cells=[
            typed(new_code_cell("import warnings"), "skip"),
            words("# First & slide\n\n1. begin\n2. end", "slide"),
            words("<details><summary>For instructors</summary>\n\nAsk the room.\n\n</details>", "notes"),
            typed(new_code_cell("import helpers"), "skip"),
            words(
                about + "(../docs/guide.md), [below](#Third) and [them](https://example.org/a).", "slide", "lecture-3"
            ),
            typed(new_code_cell("plot()", outputs=[figure]), "-"),
            words("### Third", "subslide", "lecture-1-2"),
            typed(new_code_cell("plumbing()", outputs=[new_output("stream", text="42 pets")]), "-", export.HIDDEN),
        ]
    )


@pytest.fixture
def page(tmp_path, monkeypatch):
    """The lesson as a page, with stand-ins for reveal.js, so that these tests need no npm."""
    for name in ("dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"/* {name} */")
    monkeypatch.setattr(deck, "REVEAL", tmp_path)
    return deck.page(lesson(), tmp_path, ["01_lesson", "02_other"])


def shown(page: str) -> str:
    """Return the part of a page that holds the slides."""
    return page[page.index('<div class="slides">') : page.index("</main>")]


def text(html: str) -> str:
    """Return what is read, without tags."""
    return re.sub(r"<[^>]+>", "", html)


# --- a page -----------------------------------------------------------------------------------------------------------


def test_a_page_holds_everything(page):
    for name in ("dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js"):
        assert page.count(f"/* {name} */") == 1
    loaded = re.findall(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)\s*=\s*["']?([^"'>\s]+)""", page)
    assert loaded == ["data:image/png;base64,aGVsbG8="]
    assert not re.search(r"""@import|url\(["']?https?:|\bimport\s+\w+\s+from""", page)


def test_a_page_follows_the_slide_types(page):
    main = shown(page)
    assert len(re.findall(r"<section[ >]", main)) == 5  # two columns and their three slides
    notes = re.search(r'<aside class="notes">(.*?)</aside>', main, re.S)[1]
    assert text(notes).split() == ["Ask", "the", "room."] and "details" not in notes, "the speaker need not open them"
    assert "import" not in text(main)
    assert "<mfrac>" in main and 'alt="a rising line"' in main
    assert "<title>First &amp; slide</title>" in page


def test_code_is_hidden_where_it_is_plumbing(page):
    words = text(shown(page))
    assert "plot()" in words and "plumbing" not in words and "42 pets" in words


def test_what_is_for_readers_is_not_on_a_slide(page):
    assert "minutes" not in text(shown(page))
    assert "minutes" in lesson().cells[4].source, "the notebook keeps it"


def test_links_lead_to_decks_or_nowhere(page):
    links = dict(re.findall(r'<a\b[^>]*?href="([^"]*)"[^>]*>([^<¶]+)</a>', shown(page)))
    assert links == {
        "02_other.slides.html#Here": "the other",
        "#Third": "below",
        "https://example.org/a": "them",
    }
    assert "the guide" in text(shown(page))


def test_where_slides_begin():
    slides = deck.cut("01_lesson", lesson())
    assert [(slide.column, slide.row, slide.first, len(slide.cells)) for slide in slides] == [
        (0, 0, 1, 3),
        (1, 0, 4, 2),
        (1, 1, 6, 2),
    ]
    assert slides[2].address == "01_lesson.slides.html#/1/1"


def test_each_slide_is_signed_with_a_link_to_the_index():
    notebook = lesson()
    before = len(notebook.cells)
    slides = deck.cut("01_lesson", deck.signed("01_lesson", notebook))
    for slide in slides:
        assert slide.cells[1].source.count('<a href="index.html">First &amp; slide</a>') == 1
    assert len(slides) == 3 and len(notebook.cells) == before, "the notebook stays as it is"


# --- the lecture ------------------------------------------------------------------------------------------------------


def test_the_lecture_has_its_own_order():
    entries = lecture.entries({"01_lesson": lesson()})
    places = [(entry.numbers, entry.slide.row, entry.part) for entry in entries]
    assert places == [("slides 1–2", 1, 1), ("slide 3", 0, 1)]
    assert lecture.missing(entries) == list(range(4, 48))
    whole = lecture.assemble({"01_lesson": lesson()})
    slides = deck.cut("lecture", whole)
    firsts = [slide.cells[0].source.splitlines()[0] for slide in slides]
    assert firsts == ["# Post-training quantization: the lecture", "### Third", "## Second slide (10 minutes)"]
    assert [(slide.column, slide.row) for slide in slides] == [(0, 0), (1, 0), (1, 1)]
    assert 'lecture slides 1–2 · from <a href="01_lesson.slides.html#/1/1">' in slides[1].cells[1].source
    assert "[below](01_lesson.ipynb#Third)" in slides[2].cells[0].source
    ids = [cell.id for cell in whole.cells]
    assert len(set(ids)) == len(ids)


def test_one_slide_may_stand_for_several():
    notebook = new_notebook(cells=[words("# One", "slide", "lecture-5", "lecture-7"), words("two", "-", "lecture-5")])
    assert [one.numbers for one in lecture.entries({"one": notebook})] == ["slide 5", "slide 7"]


@pytest.mark.parametrize("tag", ["lecture-48", "lecture-0", "lecture-7-5", "lecture", "lecture-x", "lecture-1-2-3"])
def test_a_tag_that_is_not_understood(tag):
    notebook = new_notebook(cells=[words("# One", "slide", tag)])
    with pytest.raises(run.RunError, match=f"one, cell {notebook.cells[0].id}: the tag {tag} is not understood"):
        lecture.entries({"one": notebook})


@pytest.mark.parametrize(
    "cells",
    [
        [words("hidden", "skip", "lecture-1"), words("# One", "slide")],
        [words("# One", "slide"), words("hidden", "skip", "lecture-1")],
    ],
    ids=["in front", "inside"],
)
def test_a_tag_on_what_no_slide_shows(cells):
    with pytest.raises(run.RunError, match="the tag lecture-1 is on a cell that no slide shows"):
        lecture.entries({"one": new_notebook(cells=cells)})


def test_the_course_has_every_slide_of_the_lecture():
    notebooks = slides.course()
    assert lecture.missing(lecture.entries(notebooks)) == []
    opening = lecture.assemble(notebooks).cells[0].source
    assert "* Data: drawn pets" in opening and re.search(r"^\* Machine: .*2 cores", opening, re.M)


# --- all pages --------------------------------------------------------------------------------------------------------


def test_the_index_leads_to_all_decks(page):
    notebooks = {"01_lesson": lesson()}
    made = dict(slides.pages(notebooks))
    assert list(made) == ["01_lesson.slides.html", "lecture.slides.html", "index.html"]
    index = made["index.html"]
    assert re.findall(r'<h2><a href="([^"]+)">([^<]+)</a>', index) == [
        ("lecture.slides.html", "Post-training quantization: the lecture"),
        ("01_lesson.slides.html", "First &amp; slide"),
    ]
    assert index.count("?print-pdf") == 3 and "<li>begin</li>" in index and index.count("3 slides") == 2
    assert "01_lesson.slides.html#/1/1" in shown(made["lecture.slides.html"])


def test_a_lecture_with_a_gap_is_written_and_said_to_be_one(page, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path))
    monkeypatch.setattr(slides, "fetch_reveal", lambda: None)
    monkeypatch.setattr(slides, "course", lambda: {"01_lesson": lesson()})
    assert slides.main() == 1
    assert {path.name for path in (tmp_path / "slides").iterdir()} == {
        "01_lesson.slides.html",
        "lecture.slides.html",
        "index.html",
    }
    assert capsys.readouterr().err.startswith(
        "The lecture is not whole: no cell has a tag for these of its slides: 4, 5"
    )


def test_without_npm_one_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(deck, "TEMPLATES", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(run.RunError, match="need npm"):
        slides.fetch_reveal()
