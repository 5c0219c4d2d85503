"""A notebook as slides: where one slide ends and the next begins, and the page that holds them all.

A code cell with the tag `hide-input` shows what it prints or draws, and not its code. The page asks nothing of the
network: reveal.js, styles and pictures are inside, and the formulas are MathML.
"""

import html
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbconvert.exporters.slides import SlidesExporter
from nbformat import NotebookNode
from nbformat.v4 import new_raw_cell
from traitlets.config import Config

import export
import live

TEMPLATES = Path(__file__).resolve().parent / "templates"
REVEAL = TEMPLATES / "node_modules" / "reveal.js"
UNSEEN = ("notes", "skip")
# In a notebook the notes are folded, so that they are in no reader's way; the speaker's view has them open.
FOLDED = re.compile(r"<details><summary>For instructors</summary>\n\n(.+)\n\n</details>", re.S)
SUFFIX = ".slides.html"
MINUTES = re.compile(r"(<h[1-6][^>]*>[^<]*) \(\d+ minutes\)")  # those of a reader; on a slide they would be a promise
LINK = re.compile(r'<a\b([^>]*?)\bhref="([^"]*)"([^>]*)>(.*?)</a>', re.S)


@dataclass
class Slide:
    """Some cells of a notebook that are seen together, with the notes that belong to them.

    Attributes:
        deck: the name of the notebook.
        column: which column of the deck it stands in, from 0; `slide` begins a column.
        row: which slide of its column it is, from 0; `subslide` begins the next row.
        first: where its first cell stands in the notebook, from 0.
        cells: its cells.
    """

    deck: str
    column: int
    row: int
    first: int
    cells: list[NotebookNode]

    @property
    def address(self) -> str:
        """Where it is found."""
        return f"{self.deck}{SUFFIX}#/{self.column}/{self.row}"


def slide_type(cell: NotebookNode) -> str:
    """Return what a cell's metadata says: slide, subslide, fragment, skip, notes or -."""
    return cell.metadata.get("slideshow", {}).get("slide_type", "-")


def cut(name: str, notebook: NotebookNode) -> list[Slide]:
    """Return the slides of a notebook in order. What stands in front of its first visible cell is on no slide."""
    slides: list[Slide] = []
    for place, cell in enumerate(notebook.cells):
        kind = slide_type(cell)
        if not slides and kind in UNSEEN:
            continue
        if not slides:
            slides.append(Slide(name, 0, 0, place, []))
        elif kind == "slide":
            slides.append(Slide(name, slides[-1].column + 1, 0, place, []))
        elif kind == "subslide":
            slides.append(Slide(name, slides[-1].column, slides[-1].row + 1, place, []))
        slides[-1].cells.append(cell)
    return slides


def title(notebook: NotebookNode) -> str:
    """Return the heading of a notebook."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return next((text.splitlines()[0].removeprefix("# ") for text in texts if text.startswith("# ")), "")


def footer(words: str) -> NotebookNode:
    """Return a cell that stands at the foot of its slide; its words are HTML."""
    return new_raw_cell(f'<footer class="from">{words}</footer>', metadata={"raw_mimetype": "text/html"})


def signed(name: str, notebook: NotebookNode) -> NotebookNode:
    """Return a copy of a notebook with its title at the foot of each slide, as a link to the index of all decks."""
    copy = nbformat.from_dict({**notebook, "cells": list(notebook.cells)})
    words = f'<a href="index.html">{html.escape(title(notebook))}</a>'
    for slide in reversed(cut(name, notebook)):
        copy.cells.insert(slide.first + 1, footer(words))  # behind the first cell, which is never in a fragment
    return copy


def unfolded(notebook: NotebookNode) -> NotebookNode:
    """Return a copy of a notebook in which the speaker's notes are not folded."""
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        if slide_type(cell) == "notes":
            cell.source = FOLDED.sub(r"\1", cell.source)
    return copy


def page(notebook: NotebookNode, folder: Path, decks: Collection[str] = ()) -> str:
    """Return a notebook as one page of slides.

    Args:
        notebook: the notebook with its outputs and slide types.
        folder: where the notebook's relative pictures are found.
        decks: the names of notebooks that have a deck beside this one. Links to them lead there.
    """
    parts = {
        "reveal_css": REVEAL / "dist" / "reveal.css",
        "reveal_js": REVEAL / "dist" / "reveal.js",
        "notes_js": REVEAL / "plugin" / "notes" / "notes.js",
        "css": TEMPLATES / "deck.css",
    }
    inside = {key: path.read_text("utf-8") for key, path in parts.items()}
    template = (TEMPLATES / "deck.html.j2").read_text("utf-8")
    config = Config({"TagRemovePreprocessor": {"remove_input_tags": {export.HIDDEN}}})
    metadata = {"name": title(notebook), "path": str(folder)}
    exporter = export.exporter(SlidesExporter, template, config=config)
    document, _ = exporter.from_notebook_node(unfolded(notebook), {"metadata": metadata, "deck": inside})
    slides = re.compile(r"(?<=<main>).*?(?=</main>)", re.S)
    return live.inserted(slides.sub(lambda found: linked(found[0], decks), document, count=1))


def linked(slides: str, decks: Collection[str]) -> str:
    """Let links to notebooks lead to their decks; of a link to any other file of the project only its words stay."""

    def mend(link: re.Match) -> str:
        before, address, after, words = link.groups()
        file, hash_sign, place = address.partition("#")
        name = file.removesuffix(".ipynb")
        if name in decks:
            return f'<a{before}href="{name}{SUFFIX}{hash_sign}{place}"{after}>{words}</a>'
        return link[0] if not file or ":" in file or file.endswith(".html") else words

    return LINK.sub(mend, MINUTES.sub(r"\1", slides))
