"""*Asked in public*: every row leads to a section and to threads, and no thread of a notebook is missing there."""

import json
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
PAGE = (PROJECT / "docs" / "asked_in_public.md").read_text("utf-8")
ROWS = [line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| ") and "](" in line]
THREAD = re.compile(r"\[([\w-]+) (\d+)\]\(https://github\.com/([\w-]+)/([\w-]+)/(?:issues|pull)/(\d+)\)")


def text(notebook: str, kind: str = "markdown") -> str:
    cells = json.loads((PROJECT / "notebooks" / f"{notebook}.ipynb").read_text("utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == kind)


def test_there_are_questions():
    assert len(ROWS) >= 6 and all(len(row) == 4 for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=[row[0].strip()[:40] for row in ROWS])
def test_a_row_leads_to_a_section_and_to_threads(row):
    _, answer, where, asked = row
    section, notebook = re.search(r"\[Notebook \d+, \*(.+?)\*\]\(\.\./notebooks/(\w+)\.ipynb\)", where).groups()
    assert re.search(rf"^#+ {re.escape(section)}( \(\d+ minutes\))?$", text(notebook), re.M)
    threads = THREAD.findall(asked)
    assert threads and asked.count("](") == len(threads)
    assert all(named == repository and number == linked for named, number, _, repository, linked in threads)
    assert len(answer.split()) > 15


def test_the_threads_that_notebooks_name_are_on_the_page():
    listed, named = {thread[2:] for thread in THREAD.findall(PAGE)}, set()
    for path in (PROJECT / "notebooks").glob("[0-9]*.ipynb"):
        named |= {thread[2:] for thread in THREAD.findall(text(path.stem))}
    assert named and named <= listed
