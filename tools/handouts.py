"""Handouts: the exercises and questions of each notebook, without solutions, with room to write: `make handouts`.

    python tools/handouts.py

writes `artifacts/handouts/`, a page and, where Chromium is installed, a PDF for each notebook and one for all of them,
and the cheat sheet, which is the one of the site.
"""

import functools
import html
import re
import sys
from collections.abc import Callable
from pathlib import Path

import assignment
import cheat_sheet
import export
import nb
import printing
import run
import site_sources
from helpers.base import artifacts, console

SHEET = "cheat_sheet"
LINES = {"function": 5, "number": 3, "question": 4}  # of room to write
ANCHOR = re.compile(r'<a class="anchor-link"[^>]*>(?:</a>)?')  # what a heading has for links to it
STUB = re.compile(r"^def \w+\(.*?\):", re.M)


def tasks(notebook: nb.NotebookNode) -> list[tuple[str, str, int]]:
    """Return the exercises and questions of a notebook: (text as Markdown, the line it begins with, lines of room).

    Args:
        notebook: of the course.
    """
    found = []
    for _, text, source in assignment.graded_exercises(notebook):
        stub = STUB.search(source)
        found.append((text, stub[0] if stub else "", LINES["function" if stub else "number"]))
    for number, asked in enumerate(assignment.questions(notebook), 1):
        found.append((f"### Question {number}\n\n{asked}", "", LINES["question"]))
    return found


def sheet(notebook: nb.NotebookNode) -> str:
    """Return the handout of a notebook as HTML."""
    title = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
    parts = [f"<section>\n<h1>{html.escape(title)}</h1>"]
    parts.append('<p class="who">Name: <span></span> Date: <span></span></p>')
    for text, stub, room in tasks(notebook):
        begin = f"<pre>{html.escape(stub)}</pre>" if stub else ""
        asked = ANCHOR.sub("", export.markdown(text)) + begin
        parts.append(f'<div class="task">{asked}<div class="room">{"<hr>" * room}</div></div>')
    return "\n".join([*parts, "</section>"])


def pages(notebooks: dict[str, nb.NotebookNode]) -> dict[str, str]:
    """Return {name of the file without its ending: page}, one for each notebook and, last, one for all."""
    sheets = {stem: sheet(notebook) for stem, notebook in notebooks.items()}

    def page(*parts: str) -> str:
        return site_sources.template("handout.html.j2", sheets=parts, math_font=printing.MATH_FONT)

    return {stem: page(one) for stem, one in sheets.items()} | {"all": page(*sheets.values())}


def write(target: Path, browser: str | None, notebooks: dict[str, nb.NotebookNode], to_pdf: Callable) -> list[Path]:
    """Write the handouts, and return their files; without a browser, the pages alone.

    Args:
        target: the folder.
        browser: Chromium, or None.
        notebooks: {name: notebook}.
        to_pdf: prints a page, see `printing.to_pdf`.
    """
    with artifacts.atomic(target) as part:
        part.mkdir()
        for stem, page in console.progress(pages(notebooks).items(), "Printing handouts", "page"):
            (part / f"{stem}.html").write_text(page, encoding="utf-8")
            if browser:
                to_pdf(browser, part / f"{stem}.html", part / f"{stem}.pdf")
        if browser:
            page = functools.partial(cheat_sheet.page, cheat_sheet.fragment())
            printing.print_sheet(browser, page, part, part / f"{SHEET}.pdf")
    return sorted(target.iterdir())


def main() -> int:
    """Write the handouts and return the exit status."""
    browser, target = printing.chromium(), artifacts.root() / "handouts"
    notebooks = {path.stem: nb.nbformat.read(path, as_version=4) for path in run.course(run.NOTEBOOKS, [])}
    try:
        written = write(target, browser, notebooks, printing.to_pdf)
    except (OSError, site_sources.SiteError) as problem:
        print(problem, file=sys.stderr)
        return 1
    print(f"{run.shown(target)}  {len(written)} files; begin with all.{'pdf' if browser else 'html'}")
    if not browser:
        print(printing.MISSING)
    return 0


if __name__ == "__main__":
    sys.exit(main())
