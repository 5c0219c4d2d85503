"""The page that shows a reader's own progress, in a browser: the same tables as in the notebooks, and nothing kept."""

import json
import sys

import pytest

import browser
from helpers.base.data import project
from helpers.course import exercises, hand_in, my_course, progress

sys.path.insert(0, str(project() / "tools"))
import alive  # noqa: E402

pytest_plugins = ["browser"]
pytestmark = browser.needed


@pytest.fixture
def kept(tmp_path, monkeypatch, capsys):
    """Somebody's progress, and the file in which it is."""
    monkeypatch.setenv(progress.ELSEWHERE, str(tmp_path / "progress.json"))
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path))
    for name, choice in [("always_cat", "a"), ("always_cat", "c"), ("higher_threshold", "b"), ("most_damage", "c")]:
        progress.predicted(name, choice)
    exercises.check("codes_of_a_byte", 256)
    exercises.check("quantize", lambda x, scale, zero_point: x)
    return tmp_path / "progress.json"


@pytest.fixture
def opened(tab, tmp_path):
    def open_it(**options):
        page, seen = tab(**options)
        (tmp_path / "my_course.html").write_text(alive.my_course(), encoding="utf-8")
        page.goto((tmp_path / "my_course.html").as_uri())
        return page, seen

    return open_it


def rows(page, number):
    table = page.locator("table").nth(number)
    return [row.locator("td").all_inner_texts() for row in table.locator("tbody tr").all()]


def test_it_shows_what_the_notebooks_show(opened, kept):
    page, seen = opened()
    browser.give(page, ".drop", kept)
    page.get_by_text("it has not left this page").wait_for()
    assert rows(page, 0) == my_course.by_notebook().rows
    assert rows(page, 1) == my_course.by_topic().rows
    assert page.evaluate("localStorage.length") == 0
    assert seen.errors == [] and seen.requests == []


def test_a_hand_in_is_read_as_well(opened, kept, tmp_path):
    page, seen = opened(width=360, height=740)
    handed = hand_in.collect("Ada", project() / "notebooks")
    (tmp_path / "ada.json").write_text(json.dumps(handed), encoding="utf-8")
    browser.give(page, ".drop", tmp_path / "ada.json")
    page.get_by_text("Read from ada.json").wait_for()
    assert rows(page, 0)[-1] == my_course.by_notebook().rows[-1]
    page.screenshot(path=browser.screenshots("site") / "my_course_360.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert seen.errors == [] and seen.requests == []


@pytest.mark.parametrize("content", ["{", "[]", '{"version": 2, "predictions": {}, "exercises": {}}', '{"version": 1}'])
def test_what_is_no_progress_is_said(opened, tmp_path, content):
    page, seen = opened()
    (tmp_path / "other.json").write_text(content)
    browser.give(page, ".drop", tmp_path / "other.json")
    page.get_by_text("other.json is neither").wait_for()
    assert page.locator("table").count() == 0
    assert seen.errors == [] and seen.requests == []
