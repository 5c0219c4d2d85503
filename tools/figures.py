"""Write the figures of the README from the outputs that are stored in the notebooks: `make figures`.

A cell with the tag `figure-NAME` gives its picture to docs/figures/NAME.png.  Stored outputs are those of the drawn
pets, so no photograph can come out of them.
"""

import base64
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

import run
from helpers.base import artifacts

TAG = "figure-"
FIGURES = run.NOTEBOOKS.parent / "docs" / "figures"


def pictures(notebook: NotebookNode) -> dict[str, bytes]:
    """Return the PNG of each tagged cell, {name: bytes}.

    Raises:
        RunError: a tagged cell has no picture among its outputs.
    """
    images = {}
    for cell in notebook.cells:
        for name in (tag.removeprefix(TAG) for tag in cell.metadata.get("tags", []) if tag.startswith(TAG)):
            encoded = [
                output.data["image/png"] for output in cell.get("outputs", []) if "image/png" in output.get("data", {})
            ]
            if not encoded:
                raise run.RunError(f"The cell tagged {TAG}{name} shows no picture: run it, or take the tag off.")
            images[name] = base64.b64decode(encoded[0])
    return images


def main(notebooks: Path = run.NOTEBOOKS, target: Path = FIGURES) -> int:
    """Write every tagged figure of the course and return the exit status."""
    try:
        for path in run.course(notebooks, only=[]):
            for name, picture in pictures(nbformat.read(path, as_version=4)).items():
                with artifacts.atomic(target / f"{name}.png") as part:
                    part.write_bytes(picture)
                print(run.shown(target / f"{name}.png"))
    except run.RunError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
