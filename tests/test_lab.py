"""JupyterLab in a real browser: what a reader sees who opens a notebook, moves a slider, answers, and presents.

Notebooks that need pictures and a trained network run in JupyterLab in `test_alone.py`.
"""

import itertools
import re
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

import browser
import deck
import lab
from helpers import report
from helpers.course import hand_in

pytest_plugins = ["browser"]
pytestmark = [pytest.mark.slow, browser.needed]

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
SOLUTIONS = NOTEBOOKS / "solutions" / "solutions.ipynb"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The server that the notebooks of this file are opened from."""
    with lab.serving(tmp_path_factory.mktemp("lab")) as serving:
        yield serving


@pytest.fixture(scope="module")
def course(chromium, server):
    """A function that opens a notebook: `course(path)`, without outputs; with them for `outputs=True`.

    All stand in one window, as a reader's do. Each opening has a folder of its own, and so a kernel of its own.
    """
    numbers = itertools.count()
    with browser.tabs(chromium) as tab:
        window = server.window(tab(1280, 900))

        def opened(path: Path, folder: str | None = None, **options) -> lab.Notebook:
            place = f"opened_{next(numbers)}" if folder is None else folder
            return window.open(server.add(path, folder=place, **options))

        yield opened


def begun(course, name: str, *cells: str) -> lab.Notebook:
    """Open a notebook and run, with Shift+Enter, the cells in which some words stand."""
    notebook = course(NOTEBOOKS / f"{name}.ipynb")
    for words in cells:
        notebook.run(notebook.code(words))
    return notebook


@pytest.fixture(scope="module")
def first(course):
    """The first page, of which all cells have run."""
    notebook = course(NOTEBOOKS / "00_start_here.ipynb")
    notebook.run_all()
    return notebook


@pytest.fixture(scope="module")
def why(course):
    """`03_why_quantize`, with the cells that need no network run: a float's bits."""
    return begun(course, "03_why_quantize", "from helpers import", "live.explore(bits")


@pytest.fixture(scope="module")
def how(course):
    """`04_how_to_quantize`, with the cells that need no network run: the number line."""
    return begun(course, "04_how_to_quantize", "from helpers import", "numbers = [", "def line(", "live.explore(line")


# --- opening and running ----------------------------------------------------------------------------------------------


def test_the_first_page_is_whole(first):
    first.screenshot(browser.screenshots("lab") / "00_start_here.png", first.code("live.explore"))
    assert first.problems() == []


def test_the_solutions_are_right(course):
    notebook = course(SOLUTIONS)
    notebook.run_all()
    assert notebook.problems() == []
    asked = sum("exercises.check(" in cell.source for cell in nbformat.read(SOLUTIONS, as_version=4).cells)
    assert re.sub(r"✓ \w+: right\s+", "", notebook.outputs()) == ""
    assert notebook.outputs().count(": right") == asked > 15
    notebook.close()


def test_before_a_kernel_runs_a_live_figure_is_its_still_picture(course):
    notebook = course(NOTEBOOKS / "00_start_here.ipynb", outputs=True)
    shown = notebook.code("live.explore(").locator(".jp-OutputArea-output")
    expect(shown.locator("img")).to_have_js_property("complete", True)
    notebook.screenshot(browser.screenshots("lab") / "00_before_running.png", shown)
    assert shown.locator("img").evaluate("image => image.naturalWidth") > 300
    assert shown.locator(".jupyter-widgets").count() == 0
    assert notebook.complaints() == []
    notebook.close()


def test_plumbing_is_folded_until_it_is_clicked(first):
    """A cell that only draws shows what it draws; a click on the dots opens its code."""
    drawing, idea = first.code("live.explore("), first.code("exercises.check(")
    assert drawing.locator(".cm-content").count() == 0
    assert idea.locator(".cm-content").count() == 1
    expect(drawing.locator(".jp-OutputArea-output").first).to_be_visible()
    drawing.locator(".jp-Placeholder-content").first.click()
    expect(drawing.locator(".cm-content")).to_contain_text("live.explore(")


def test_an_exercise_leads_to_its_solution(course, server):
    """The link in the text opens the solutions where the exercise's own heading is in view."""
    server.add(SOLUTIONS, outputs=True, folder="solutions")
    notebook = course(NOTEBOOKS / "00_start_here.ipynb", folder="")
    notebook.page.get_by_role("link", name="Solution").click()
    heading = notebook.page.get_by_role("heading", name="the codes of a byte").last
    expect(heading).to_be_in_viewport()
    assert notebook.complaints() == []
    notebook.close()


# What is read in a theme: the colour of words and of what lies behind them, which is that of the nearest painted box.
READ = """panel => {
    const paint = one => getComputedStyle(one).backgroundColor;
    const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
    const clear = colour => { const [, , , alpha = 1] = numbers(colour); return alpha < 1; };
    const found = [];
    const texts = document.createTreeWalker(panel.querySelector(".jp-Notebook"), NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
        const parent = text.parentElement;
        if (!text.data.trim() || !parent.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
        if (parent.closest(".jp-InputArea-editor, .jp-InputPrompt, .jp-OutputPrompt, .jp-InternalAnchorLink")) continue;
        if (parent.closest(".jp-Toolbar, img + a, style")) continue;
        let behind = parent;
        while (clear(paint(behind)) && behind.parentElement) behind = behind.parentElement;
        const colours = [getComputedStyle(parent).color, paint(behind)].map(numbers);
        found.push([text.data.trim().slice(0, 40), ...colours]);
    }
    return found;
}"""


def luminance(colour: list[float]) -> float:
    """Return the relative luminance of an sRGB colour (WCAG 2.2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour[:3])]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: list[float], second: list[float]) -> float:
    """Return how far two colours are apart, from 1 to 21 (WCAG 2.2)."""
    low, high = sorted([luminance(first), luminance(second)])
    return (high + 0.05) / (low + 0.05)


def test_words_can_be_read_in_both_themes(course):
    """Words have a contrast of at least 4.5 to what lies behind them; the colours of code are JupyterLab's own."""
    notebook = course(NOTEBOOKS / "00_start_here.ipynb", outputs=True)
    page = notebook.page
    for theme, light in (("JupyterLab Dark", "false"), ("JupyterLab Light", "true")):
        page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
        page.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg=light)
        page.wait_for_timeout(500)  # the style sheet of the theme is read
        for place in ("live.explore(", "environment.check("):
            name = f"{theme.split()[1].lower()}_{place.partition('.')[0]}.png"
            notebook.screenshot(browser.screenshots("lab") / name, notebook.code(place))
        seen = {words: contrast(front, behind) for words, front, behind in notebook.show().evaluate(READ)}
        assert len(seen) > 60
        assert {words: round(value, 1) for words, value in seen.items() if value < 4.5} == {}, theme
    assert notebook.complaints() == []
    notebook.close()


# --- moving -----------------------------------------------------------------------------------------------------------


def press(notebook: lab.Notebook, cell, name: str, key: str) -> None:
    """Put the focus on a slider by its name, press a key, and wait until the picture is another one."""
    picture = cell.locator("img.widget-image")
    before = picture.get_attribute("src"), picture.screenshot()
    cell.locator(".widget-slider", has_text=name).get_by_role("slider").focus()
    notebook.page.keyboard.press(key)
    expect(picture).not_to_have_attribute("src", before[0])
    expect(picture).to_have_js_property("complete", True)
    assert picture.screenshot() != before[1], "the picture shows something else"


def test_the_picture_follows_its_slider(how):
    line = how.code("live.explore(line")
    for name, key, value in (("bits", "ArrowRight", "5"), ("low", "ArrowRight", "-5.3"), ("bits", "PageUp", "8")):
        press(how, line, name, key)
        expect(line.locator(".widget-slider", has_text=name).get_by_role("slider")).to_have_attribute(
            "aria-valuetext", value
        )
    how.screenshot(browser.screenshots("lab") / "04_slider.png", line)
    line.get_by_role("combobox").select_option("in the middle")
    assert how.complaints() == []


def test_what_cannot_be_drawn_says_why_in_words(why):
    cell = why.code("live.explore(bits")
    box, picture = cell.get_by_role("textbox").last, cell.locator("img.widget-image")
    before = picture.get_attribute("src")
    box.fill("a third")
    box.press("Enter")
    expect(cell.locator(".widget-html-content", has_text="a third")).to_be_visible()
    why.screenshot(browser.screenshots("lab") / "03_not_a_number.png", cell)
    assert picture.get_attribute("src") == before, "the last picture stays"
    box.fill("-0.15625")
    box.press("Enter")
    expect(picture).not_to_have_attribute("src", before)
    expect(cell.locator(".widget-html-content", has_text="a third")).to_have_count(0)
    assert why.complaints() == []


# --- answering --------------------------------------------------------------------------------------------------------


def solution(name: str) -> str:
    """Return the solution's cell of an exercise."""
    cells = nbformat.read(SOLUTIONS, as_version=4).cells
    (source,) = [cell.source for cell in cells if f'exercises.check("{name}"' in cell.source]
    return source


PATHS = [  # the notebook, the exercise, what a student forgets of the solution, and what the hint says
    ("first", "codes_of_a_byte", ("2**8", "2**8 - 1"), "count the posts"),
    ("why", "value_of_bits", ("(exponent - 127)", "exponent"), "subtract 127"),
    ("how", "scale_and_zero_point", ("/ 255", "/ 256"), "256 levels have 255 steps"),
]


@pytest.mark.parametrize(("opened", "name", "slip", "hint"), PATHS, ids=[path[1] for path in PATHS])
def test_a_student_is_led_to_the_right_answer(request, opened, name, slip, hint):
    notebook = request.getfixturevalue(opened)
    cell = notebook.code(f'exercises.check("{name}"')
    right = solution(name)
    wrong = right.replace(*slip)
    assert wrong != right

    notebook.run(cell)
    expect(cell.locator(".jp-OutputArea-output")).to_have_text(f"… {name}: not attempted yet\n")
    for answer, words in ((wrong, re.compile(f"^✗ {name}: .*{hint}")), (right, f"✓ {name}: right\n")):
        notebook.paste(cell, answer)
        notebook.run(cell)
        expect(cell.locator(".jp-OutputArea-output")).to_have_text(words)
        notebook.screenshot(browser.screenshots("lab") / f"{name}_{'wrong' if answer == wrong else 'right'}.png", cell)
    assert notebook.complaints() == []


# --- what is kept -----------------------------------------------------------------------------------------------------

RESTART = """async () => {
    await window.jupyterapp.commands.execute("notebook:clear-all-cell-outputs");
    await window.jupyterapp.shell.currentWidget.sessionContext.restartKernel();
}"""


def test_predictions_and_attempts_outlive_the_kernel_and_are_handed_in(course, tmp_path, monkeypatch):
    """A button, what was said before the explanation, a wrong and a right answer, a new kernel, the report."""
    monkeypatch.setenv("PTQ_PROGRESS", str(tmp_path / "progress.json"))
    notebook = course(NOTEBOOKS / "00_start_here.ipynb", PTQ_PROGRESS=str(tmp_path / "progress.json"))
    asked, said = notebook.code("predictions.ask("), notebook.code("predictions.said(")

    def run_them():
        for cell in (notebook.code("from helpers.course import course_map"), asked, said):
            notebook.run(cell)

    run_them()
    asked.get_by_role("button", name="(a)").click()
    expect(said).to_contain_text("You said (a).")
    asked.get_by_role("button", name="(b)").click()
    expect(said).to_contain_text("You said (a) first, then (b).")
    expect(asked).to_contain_text("on this machine, and nowhere else")
    notebook.screenshot(browser.screenshots("lab") / "00_prediction.png", asked)
    notebook.page.evaluate(RESTART)
    run_them()
    expect(said).to_contain_text("You said (a) first, then (b).")
    expect(asked.get_by_role("button", name="(b)")).to_have_class(re.compile("mod-active"))
    cell = notebook.code("exercises.check(")
    for answer in ("255", "2**8"):
        notebook.paste(cell, solution("codes_of_a_byte").replace("2**8", answer))
        notebook.run(cell)
    notebook.run(notebook.code("my_course.by_notebook()"))
    expect(notebook.code("my_course.by_notebook()")).to_contain_text("1 of 1")
    assert notebook.complaints() == []
    notebook.close()

    report.main(["--name", "Ada", "--folder", str(tmp_path)])
    handed = hand_in.read(tmp_path / "ada.json")
    kept = handed["progress"]["exercises"]["codes_of_a_byte"]
    assert kept["attempts"] == 2 and kept["solved"] and "count the posts" in kept["hints"][0]
    page = (tmp_path / "ada.html").read_text("utf-8")
    assert "a_weight_comes_back" in page and "codes_of_a_byte" in page and "count the posts" in page


# --- presenting -------------------------------------------------------------------------------------------------------

ON_SLIDE = """panel => [...panel.querySelectorAll(".jp-Notebook .jp-Cell")].map(
    cell => cell.classList.contains("jp-deck-mod-visible"))"""


def on_slide(notebook: lab.Notebook) -> list[int]:
    """Return the numbers of the cells that the slide shows."""
    return [number for number, visible in enumerate(notebook.show().evaluate(ON_SLIDE)) if visible]


def test_an_instructor_presents_with_what_is_alive(how):
    """The extension jupyterlab-slideshow: its button, forward with Space, a slider, a cell that runs, Escape."""
    cells = nbformat.read(NOTEBOOKS / "04_how_to_quantize.ipynb", as_version=4).cells
    kinds = [deck.slide_type(cell) for cell in cells]
    target = next(number for number, cell in enumerate(cells) if "live.explore(line" in cell.source)
    line, page = how.code("live.explore(line"), how.page

    how.top().click()
    how.show().get_by_role("button", name="Toggle Deck").click()
    expect(page.locator(".jp-Deck")).to_be_visible()
    seen = set(on_slide(how))
    while target not in on_slide(how):
        before = page.evaluate("window.jupyterapp.shell.currentWidget.content.activeCellIndex")
        page.keyboard.press("Space")
        page.wait_for_function(
            "number => window.jupyterapp.shell.currentWidget.content.activeCellIndex > number", arg=before
        )
        seen |= set(on_slide(how))
    page.keyboard.press("Shift+Space")
    page.wait_for_function(f"window.jupyterapp.shell.currentWidget.content.activeCellIndex < {target}")
    page.keyboard.press("Space")
    page.wait_for_function(f"window.jupyterapp.shell.currentWidget.content.activeCellIndex >= {target}")
    hidden = {number for number in range(target) if kinds[number] in deck.UNSEEN}
    assert seen & set(range(target)) == set(range(target)) - hidden, "every cell is on a slide, but what is skipped"
    assert len(hidden) > 2

    press(how, line, "bits", "ArrowLeft")
    assert target in on_slide(how), "the arrow moved the slider, not the slide"
    how.screenshot(browser.screenshots("lab") / "04_presenting.png")

    how.run(line, "Control+Enter")
    assert target in on_slide(how), "Control+Enter stays on the slide"
    expect(line.locator("img.widget-image")).to_be_visible()

    page.keyboard.press("Escape")
    expect(page.locator(".jp-Deck")).to_have_count(0)
    assert how.complaints() == []
