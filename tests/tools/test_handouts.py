"""Handouts: every exercise and question, with room to write and without an answer; as PDF where there is a browser."""

import html
import re

import pytest

import assignment
import handouts
import nb
import printing
import run
import site_sources
from helpers.course import exercises


@pytest.fixture(scope="module")
def notebooks():
    return {path.stem: nb.nbformat.read(path, as_version=4) for path in run.course(run.NOTEBOOKS, [])}


def test_every_exercise_and_question_is_asked_and_none_is_answered(notebooks):
    pages = handouts.pages(notebooks)
    assert list(pages) == [*notebooks, "all"]
    graded = [name for name in exercises.CHECKS if not name.startswith(assignment.RACES)]
    assert pages["all"].count('class="task"') == len(graded) + 3 * len(notebooks)
    for answers in assignment.model_answers(assignment.GUIDE.read_text("utf-8")).values():
        assert all(html.escape(answer) not in pages["all"] for answer in answers)
    for name, (solution, _) in assignment.solutions(run.NOTEBOOKS).items():
        body = html.escape(solution.splitlines()[-1].strip(), quote=False)
        assert body not in pages["all"] or name.startswith(assignment.RACES), body
    assert "minutes)" not in pages["all"], "the heading of a section"
    assert "Solution" not in pages["all"] and "<a " not in pages["all"]


def test_a_function_has_its_first_line_and_room(notebooks):
    page = handouts.pages(notebooks)["02_convert"]
    task = page[page.index("def quantize(x, scale, zero_point):") :]
    assert task[: task.index("</div></div>")].count("<hr>") == handouts.LINES["function"]


def test_without_a_browser_there_are_pages(notebooks, tmp_path):
    one = {"02_convert": notebooks["02_convert"]}
    written = handouts.write(tmp_path / "handouts", None, one, lambda *_: pytest.fail("nothing prints"))
    assert [path.name for path in written] == ["02_convert.html", "all.html"]


def test_what_cannot_be_printed_leaves_the_old_handouts(notebooks, tmp_path):
    one, target = {"02_convert": notebooks["02_convert"]}, tmp_path / "handouts"
    handouts.write(target, None, one, None)

    def fail(*_):
        raise site_sources.SiteError("no paper")

    with pytest.raises(site_sources.SiteError, match="no paper"):
        handouts.write(target, "a browser", one, fail)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["handouts"]
    assert (target / "all.html").exists()


@pytest.mark.skipif(printing.chromium() is None, reason="Nothing was printed: there is no Chromium.")
def test_the_pdf_has_its_fonts_inside(notebooks, tmp_path):
    one = {"04_how_to_quantize": notebooks["04_how_to_quantize"]}
    written = handouts.write(tmp_path / "handouts", printing.chromium(), one, printing.to_pdf)
    assert {path.stem for path in written} == {"04_how_to_quantize", "all", "cheat_sheet"}
    pdf = (tmp_path / "handouts" / "all.pdf").read_bytes()
    assert 2 <= printing.page_count(pdf) <= 4
    assert printing.page_count((tmp_path / "handouts" / "cheat_sheet.pdf").read_bytes()) == 1
    assert re.search(rb"/FontFile[23]?\b", pdf) and pdf.count(b"/Type /FontDescriptor") == pdf.count(b"/FontFile2")
