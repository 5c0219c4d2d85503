"""Who has just come sees something before anything is trained: the first half of 04 (and 00, in `test_lab.py`)."""

import json

import nbformat

from helpers.base import data

pytest_plugins = ["small"]

FIRST_HALF_ENDS = "## Weight compression"

RUN = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
for source in json.load(open(sys.argv[1])):
    shell.run_cell(source).raise_error()
print("\\nloaded:", [name for name in ("tensorflow", "keras") if name in sys.modules])
"""


def test_half_of_04_needs_no_training_and_makes_nothing(python, tmp_path, home):
    cells = nbformat.read(data.project() / "notebooks" / "04_how_to_quantize.ipynb", as_version=4).cells
    end = next(i for i, cell in enumerate(cells) if cell.source.startswith(FIRST_HALF_ENDS))
    code = [cell.source for cell in cells[:end] if cell.cell_type == "code"]
    assert len(code) > 0.4 * sum(cell.cell_type == "code" for cell in cells)
    (tmp_path / "cells.json").write_text(json.dumps(code))
    done = python("-c", RUN, str(tmp_path / "cells.json"), artifacts=home)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "loaded: []" in done.stdout
    assert not home.exists() or [*home.rglob("*")] == []
