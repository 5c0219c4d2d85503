"""Write each notebook of the course as slides, one HTML page that asks nothing of the network: `make slides`.

Open a page in any browser; S opens the speaker's view with the notes, and `?print-pdf` at the end of the address
prints it. The pages show the outputs that are stored in the notebooks.

reveal.js comes from npm, pinned in slides/package-lock.json; it is fetched once.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
from nbconvert.exporters.slides import SlidesExporter

import export
import run
from helpers import artifacts

DECK = run.HERE.parent / "slides"
REVEAL = DECK / "node_modules" / "reveal.js"


def fetch_reveal() -> None:
    """Install the pinned reveal.js beside the template, once.

    Raises:
        RunError: there is no npm, or npm could not install it.
    """
    pins, done = DECK / "package-lock.json", DECK / "node_modules" / ".package-lock.json"  # npm writes it last
    if done.exists() and done.stat().st_mtime >= pins.stat().st_mtime:
        return
    npm = shutil.which("npm")
    if npm is None:
        raise run.RunError("The slides need npm for reveal.js. On Debian or Ubuntu: sudo apt install npm")
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    if subprocess.run(command, cwd=DECK, stdout=subprocess.DEVNULL, check=False).returncode:
        raise run.RunError("npm could not install reveal.js (above are its words). It needs the npm registry, once.")
    done.touch()


def deck(notebook: nbformat.NotebookNode, name: str, folder: Path) -> str:
    """Return a notebook as one page of slides.

    Args:
        notebook: the notebook with its outputs and slide types.
        name: the page's title.
        folder: where the notebook's relative pictures are found.
    """
    parts = {
        "reveal_css": REVEAL / "dist" / "reveal.css",
        "reveal_js": REVEAL / "dist" / "reveal.js",
        "notes_js": REVEAL / "plugin" / "notes" / "notes.js",
        "css": DECK / "deck.css",
    }
    inside = {key: path.read_text("utf-8") for key, path in parts.items()}
    exporter = export.exporter(SlidesExporter, (DECK / "deck.html.j2").read_text("utf-8"))
    metadata = {"name": name, "path": str(folder)}
    return exporter.from_notebook_node(notebook, {"metadata": metadata, "deck": inside})[0]


def main() -> int:
    """Write all slides and return the exit status."""
    try:
        fetch_reveal()
        for path in run.course(run.HERE, only=[]):
            target = artifacts.root() / "slides" / f"{path.stem}.slides.html"
            page = deck(nbformat.read(path, as_version=4), path.stem, path.parent)
            with artifacts.atomic(target) as part:
                part.write_text(page, encoding="utf-8")
            print(run.shown(target))
    except run.RunError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
