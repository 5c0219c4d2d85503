"""Write each notebook of the course as slides, one HTML page that asks nothing of the network: `make slides`.

Beside them it writes the whole lecture in its own order (`lecture.py`), and `index.html`, which leads to all of them
and says which keys to press. The pages show the outputs that are stored in the notebooks.

reveal.js comes from npm, pinned in tools/templates/package-lock.json; it is fetched once.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import nbformat
from jinja2 import Environment
from nbformat import NotebookNode

import deck
import lecture
import run
from helpers.base import artifacts


def fetch_reveal() -> None:
    """Install the pinned reveal.js beside the template, once.

    Raises:
        RunError: there is no npm, or npm could not install it.
    """
    pins = deck.TEMPLATES / "package-lock.json"
    done = deck.TEMPLATES / "node_modules" / ".package-lock.json"  # npm writes it last
    if done.exists() and done.stat().st_mtime >= pins.stat().st_mtime:
        return
    npm = shutil.which("npm")
    if npm is None:
        raise run.RunError("The slides need npm for reveal.js. On Debian or Ubuntu: sudo apt install npm")
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    if subprocess.run(command, cwd=deck.TEMPLATES, stdout=subprocess.DEVNULL, check=False).returncode:
        raise run.RunError("npm could not install reveal.js (above are its words). It needs the npm registry, once.")
    done.touch()


def course() -> dict[str, NotebookNode]:
    """Return the notebooks of the course, {name: notebook}."""
    return {path.stem: nbformat.read(path, as_version=4) for path in run.course(run.NOTEBOOKS, only=[])}


def pages(notebooks: dict[str, NotebookNode]) -> Iterator[tuple[str, str]]:
    """Make all pages, one after the other: (file name, page)."""
    whole = lecture.assemble(notebooks)
    for name, notebook in notebooks.items():
        yield name + deck.SUFFIX, deck.page(deck.signed(name, notebook), run.NOTEBOOKS, notebooks)
    yield lecture.NAME + deck.SUFFIX, deck.page(whole, run.NOTEBOOKS, notebooks)
    yield "index.html", index(notebooks, whole)


def index(notebooks: dict[str, NotebookNode], whole: NotebookNode) -> str:
    """Return the page that leads to all decks, the lecture first."""
    decks = {lecture.NAME: whole} | notebooks
    template = (deck.TEMPLATES / "index.html.j2").read_text("utf-8")
    rows = [
        {
            "address": name + deck.SUFFIX,
            "title": deck.title(notebook),
            "slides": len(deck.cut(name, notebook)),
            "objectives": re.findall(r"^\d+\. (.+)", deck.cut(name, notebook)[0].cells[0].source, re.M),
        }
        for name, notebook in decks.items()
    ]
    return Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(template).render(decks=rows)


def main() -> int:
    """Write all slides and return the exit status."""
    try:
        fetch_reveal()
        notebooks = course()
        for name, page in pages(notebooks):
            target = artifacts.root() / "slides" / name
            with artifacts.atomic(target) as part:
                part.write_text(page, encoding="utf-8")
            print(run.shown(target))
        if missing := lecture.missing(lecture.entries(notebooks)):
            slides = ", ".join(map(str, missing))
            raise run.RunError(f"The lecture is not whole: no cell has a tag for these of its slides: {slides}.")
    except run.RunError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
