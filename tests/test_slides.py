"""The slides: what a page holds, that it asks nothing of the network, and that a browser shows it."""

import re
import shutil
import subprocess

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import run
import slides

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def typed(cell: nbformat.NotebookNode, kind: str) -> nbformat.NotebookNode:
    cell.metadata["slideshow"] = {"slide_type": kind}
    return cell


def lesson() -> nbformat.NotebookNode:
    """Return a notebook of two slides, one with notes and a figure."""
    figure = new_output("display_data", {"image/png": "aGVsbG8="}, metadata={"image/png": {"alt": "a rising line"}})
    return new_notebook(
        cells=[
            typed(new_markdown_cell("# First slide"), "slide"),
            typed(new_markdown_cell("Ask the room."), "notes"),
            typed(new_code_cell("import helpers"), "skip"),
            typed(new_markdown_cell("## Second slide\n\n$s = \\frac{a}{b}$"), "slide"),
            typed(new_code_cell("plot()", outputs=[figure]), "-"),
        ]
    )


@pytest.fixture
def stub(tmp_path, monkeypatch):
    """Stand-ins for reveal.js, so that these tests need no npm."""
    for name in ("dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"/* {name} */")
    monkeypatch.setattr(slides, "REVEAL", tmp_path)


def test_a_deck_holds_everything(stub, tmp_path):
    page = slides.deck(lesson(), "lesson", tmp_path)
    for name in ("dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js"):
        assert page.count(f"/* {name} */") == 1
    loaded = re.findall(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)\s*=\s*["']?([^"'>\s]+)""", page)
    assert loaded == ["data:image/png;base64,aGVsbG8="]
    assert not re.search(r"""@import|url\(["']?https?:|\bimport\s+\w+\s+from""", page)


def test_a_deck_follows_the_slide_types(stub, tmp_path):
    page = slides.deck(lesson(), "lesson", tmp_path)
    shown = page[page.index('<div class="slides">') :]
    assert len(re.findall(r"<section[ >]", shown)) == 4  # a column and its one slide, twice
    assert re.search(r'<aside class="notes">.*?Ask the room\..*?</aside>', shown, re.S)
    assert "import helpers" not in re.sub(r"<[^>]+>", "", shown)
    assert "<mfrac>" in shown and 'alt="a rising line"' in shown


def test_without_npm_one_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(slides, "DECK", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(run.RunError, match="need npm"):
        slides.fetch_reveal()


@pytest.mark.skipif(not slides.REVEAL.exists(), reason="reveal.js is not there: `make slides` fetches it")
@pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium to look with")
def test_a_browser_shows_the_slides(tmp_path):
    page = tmp_path / "lesson.slides.html"
    page.write_text(slides.deck(lesson(), "lesson", tmp_path), encoding="utf-8")
    offline = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"]
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--virtual-time-budget=5000", *offline]
    command = [CHROMIUM, *flags, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert re.search(r'class="reveal[^"]*\bready\b', shown)  # reveal.js has started
    assert 'class="present' in shown
