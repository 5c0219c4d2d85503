"""The figures of the README: those of the tagged cells, and the stored ones are up to date."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

import figures
import run

PICTURE = new_output("display_data", {"image/png": "aGVsbG8="})


def tagged(*outputs: nbformat.NotebookNode) -> nbformat.NotebookNode:
    cell = new_code_cell("plot()", outputs=list(outputs), metadata={"tags": ["hide-input", "figure-first"]})
    return new_notebook(cells=[new_code_cell("other()", outputs=[PICTURE]), cell])


def test_a_tagged_cell_gives_its_picture(tmp_path, capsys):
    nbformat.write(tagged(PICTURE), tmp_path / "01_a.ipynb")
    assert figures.main(tmp_path, tmp_path / "out") == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["first.png"]
    assert (tmp_path / "out" / "first.png").read_bytes() == b"hello"
    assert "first.png" in capsys.readouterr().out


def test_a_tagged_cell_without_a_picture(tmp_path, capsys):
    nbformat.write(tagged(new_output("stream", text="no")), tmp_path / "01_a.ipynb")
    assert figures.main(tmp_path, tmp_path / "out") == 1
    assert capsys.readouterr().err == "The cell tagged figure-first shows no picture: run it, or take the tag off.\n"
    assert not (tmp_path / "out").exists()


def test_the_readme_shows_the_stored_figures():
    readme = (figures.FIGURES.parent.parent / "README.md").read_text("utf-8")
    shown = set(re.findall(r"\]\(docs/figures/(\w+)\.png\)", readme))
    stored = {}
    for path in run.course(run.NOTEBOOKS, only=[]):
        stored |= figures.pictures(nbformat.read(path, as_version=4))
    assert shown == set(stored) == {path.stem for path in figures.FIGURES.glob("*.png")}
    assert 2 <= len(shown) <= 3
    for name, picture in stored.items():
        assert (figures.FIGURES / f"{name}.png").read_bytes() == picture, f"`make figures` would change {name}.png"


def test_the_readme_says_what_its_first_figure_shows():
    """Bytes and accuracies of float32 and int8, as the figure's own description has them."""
    readme = (figures.FIGURES.parent.parent / "README.md").read_text("utf-8")
    cells = nbformat.read(run.NOTEBOOKS / "08_summary.ipynb", as_version=4).cells
    (cell,) = [cell for cell in cells if "figure-overview" in cell.metadata.get("tags", [])]
    alt = cell.outputs[0].metadata["image/png"]["alt"]
    (large, exact), (small, coded) = (
        re.search(rf"{kind} ([\d,]+) kB, ([\d.]+)%", alt).groups() for kind in ("float32", "int8")
    )
    said = (
        f"the int8 file has {small} kB instead of {large} kB, and it is right on {coded}% of 2,000 test pictures where "
    )
    assert f"{said}float32 is right on {exact}%" in readme


@pytest.mark.parametrize("name", ["overview", "number_line", "ram"])
def test_the_figures_are_described_in_the_readme(name):
    readme = (figures.FIGURES.parent.parent / "README.md").read_text("utf-8")
    assert len(re.search(rf"!\[([^\]]*)\]\(docs/figures/{name}\.png\)", readme)[1]) >= 40
