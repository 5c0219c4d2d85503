"""The lecture of 47 slides in its own order, put together from the slides of the notebooks.

A cell with the tag `lecture-12` or `lecture-26-31` puts the slide it is on, whole and with its notes, into the deck of
the lecture, where it stands for slide 12 or for the slides 26 to 31. A slide may have several such tags, and a slide
of the lecture may have several of ours: they follow each other as in the notebooks.
"""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode
from nbformat.corpus.words import generate_corpus_id
from nbformat.v4 import new_markdown_cell, new_notebook

import deck
import run

NAME = "lecture"
SLIDES = 47
PARTS = {  # where each part of the lecture begins; each is a column of the deck
    1: "The converter",
    4: "Reducing the precision",
    6: "Why do we quantize?",
    19: "How do we quantize?",
    38: "What are the trade-offs?",
    44: "In summary",
}
TAG = re.compile(r"lecture-(\d+)(?:-(\d+))?")
TITLE = """# Post-training quantization: the lecture

Its {slides} slides in their order, shown with what this course measured. The foot of each slide says which slides of
the lecture it stands for, and leads to the notebook where it was made.
"""
NOTES = """The clicker, the space bar and the arrow to the right walk through everything, builds included. O shows all
slides in columns, one for each part of the lecture. G and a number jump to a slide of this deck. The numbers at the
foot are those of the lecture."""


@dataclass
class Entry:
    """A slide of a notebook in the lecture: which slides of the lecture it stands for."""

    first: int
    last: int
    slide: deck.Slide

    @property
    def numbers(self) -> str:
        """The slides as they are written in a sentence."""
        return f"slide {self.first}" if self.first == self.last else f"slides {self.first}–{self.last}"

    @property
    def part(self) -> int:
        """Where the part of the lecture that it belongs to begins."""
        return max(start for start in PARTS if start <= self.first)


def entries(notebooks: dict[str, NotebookNode]) -> list[Entry]:
    """Return the tagged slides of all notebooks, {name: notebook}, in the order of the lecture.

    Raises:
        RunError: a tag is not understood, or is on a cell that no slide shows.
    """
    tagged = []
    for name, notebook in notebooks.items():
        unseen = {id(cell) for cell in notebook.cells}
        for slide in deck.cut(name, notebook):
            visible = [cell for cell in slide.cells if deck.slide_type(cell) != "skip"]
            unseen -= {id(cell) for cell in visible}
            spans = {_span(tag, name, cell) for cell in visible for tag in _tags(cell)}
            tagged += [Entry(first, last, slide) for first, last in spans]
        for cell in notebook.cells:
            if id(cell) in unseen and _tags(cell):
                raise run.RunError(
                    f"{name}, cell {cell.id}: the tag {_tags(cell)[0]} is on a cell that no slide shows."
                )
    return sorted(tagged, key=lambda entry: (entry.first, entry.last, entry.slide.deck, entry.slide.first))


def _tags(cell: NotebookNode) -> list[str]:
    return [tag for tag in cell.metadata.get("tags", []) if tag.startswith("lecture")]


def _span(tag: str, name: str, cell: NotebookNode) -> tuple[int, int]:
    """Return the first and the last slide that a tag names."""
    match = TAG.fullmatch(tag)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= first <= last <= SLIDES:
        raise run.RunError(
            f"{name}, cell {cell.id}: the tag {tag} is not understood. Write lecture-12, or lecture-26-31 for several "
            f"slides, with numbers from 1 to {SLIDES}."
        )
    return first, last


def missing(tagged: Iterable[Entry]) -> list[int]:
    """Return the slides of the lecture for which nothing stands."""
    covered = {number for entry in tagged for number in range(entry.first, entry.last + 1)}
    return [number for number in range(1, SLIDES + 1) if number not in covered]


def assemble(notebooks: dict[str, NotebookNode]) -> NotebookNode:
    """Return the lecture as a notebook: a title, then the tagged slides, each part of the lecture in a column."""
    cells, part = _opening(notebooks), 0
    for entry in entries(notebooks):
        first, *rest = (_away_from_home(cell, entry.slide.deck) for cell in entry.slide.cells)
        first.metadata["slideshow"] = {"slide_type": "subslide" if entry.part == part else "slide"}
        part = entry.part
        home = html.escape(deck.title(notebooks[entry.slide.deck]))
        words = f'{PARTS[part]} · lecture {entry.numbers} · from <a href="{entry.slide.address}">{home}</a>'
        cells += [first, deck.footer(words), *rest]
    return new_notebook(cells=cells)


def _opening(notebooks: dict[str, NotebookNode]) -> list[NotebookNode]:
    """Return the title slide: what this is, and what the figures were measured on, as far as the outputs tell."""
    printed = [line for notebook in notebooks.values() for line in _printed(notebook)]
    data = next((line.removeprefix("Data: ").partition(" (")[0] for line in printed if line.startswith("Data: ")), "")
    machine = next((line for line in printed if re.search(r"\d+ cores, .*Python \d", line)), "")
    measured = [f"* Data: {data}"] * bool(data) + [f"* Machine: {machine}"] * bool(machine)
    words = TITLE.format(slides=SLIDES) + ("\nMeasured on\n\n" + "\n".join(measured) if measured else "")
    opening = new_markdown_cell(words, metadata={"slideshow": {"slide_type": "slide"}})
    notes = new_markdown_cell(NOTES, metadata={"slideshow": {"slide_type": "notes"}})
    return [opening, deck.footer('<a href="index.html">All slides</a>'), notes]


def _printed(notebook: NotebookNode) -> list[str]:
    """Return the lines that the cells of a notebook have printed."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [line for output in outputs if output.output_type == "stream" for line in output.text.splitlines()]


def _away_from_home(cell: NotebookNode, name: str) -> NotebookNode:
    """Return a copy of a cell, with an id of its own, whose links into its notebook lead there from outside."""
    copy = nbformat.from_dict({**cell, "id": generate_corpus_id()})
    if cell.cell_type == "markdown":
        copy.source = cell.source.replace("](#", f"]({name}.ipynb#")
    return copy
