"""Live figures in a page from a disk, in a browser without a network: moved by mouse and keys, held against Python."""

import base64
import itertools
import sys

import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

import browser
from helpers import plots
from helpers.base.data import project
from helpers.numbers import floats

sys.path.insert(0, str(project() / "tools"))
import export  # noqa: E402
import live  # noqa: E402

pytest_plugins = ["browser"]
pytestmark = browser.needed

VALUES = [-5.4, -3.7, -1.92, -0.013, 0.0, 0.01, 0.47, 2.5, 2.512, 4.5]
SIZES = [(360, 740), (1280, 720), (1920, 1080)]


def page_of(*pictures):
    """Return a page as `make run` writes it, with some pictures as outputs."""
    cells = []
    for picture in pictures:
        data, about = picture._repr_mimebundle_()
        encoded = {"image/png": base64.b64encode(data["image/png"]).decode(), "text/plain": picture.alt}
        cells.append(new_code_cell("...", outputs=[new_output("display_data", encoded, metadata=about)]))
    return export.page(new_notebook(cells=cells), "A page", project())


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    path = tmp_path_factory.mktemp("live") / "page.html"
    pictures = [plots.number_line(VALUES), plots.number_bits(floats.in_formats("3.14", scale=9.9 / 255))]
    path.write_text(page_of(*pictures), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def opened(tab, address):
    def open_at(query="", **options):
        page, seen = tab(**options)
        page.goto(address + query)
        return page, seen

    return open_at


def clean(seen):
    assert seen.errors == [] and seen.requests == []


def sentence(page, name):
    return page.locator(f'[data-figure="{name}"] .live-sentence').inner_text()


def test_the_still_picture_is_replaced_and_says_the_same(opened):
    page, seen = opened()
    assert page.locator(".live").count() == 2
    assert page.locator(".jp-OutputArea-output img").count() == 0
    assert sentence(page, "number_line") == plots.number_line(VALUES).alt
    assert (
        page.locator('[data-figure="number_line"] h4').inner_text()
        == "10 numbers, 8 codes: 2 can no longer be told apart"
    )
    clean(seen)


@pytest.mark.parametrize(
    "low, high, bits, zero",
    itertools.product([-5.4, -2.0, 0.0], [4.5, 9.9], [2, 5, 8], ["anywhere", "on a code", "in the middle"]),
)
def test_every_state_says_what_python_says(opened, low, high, bits, zero):
    """A state that an instructor sends as a link."""
    if low == -5.4 or bits == 5:
        query = f"?number_line.low={low}&number_line.high={high}&number_line.bits={bits}&number_line.zero={zero}"
        page, seen = opened(query.replace(" ", "%20"))
        picture = plots.number_line(VALUES, low, high, bits, zero)
        assert sentence(page, "number_line") == picture.alt
        title = picture.figure.axes[0].get_title(loc="left")
        assert page.locator('[data-figure="number_line"] h4').inner_text() == title
        clean(seen)


def test_the_keyboard_moves_it_and_the_address_keeps_it(opened):
    page, seen = opened()
    bits = page.locator('[data-figure="number_line"] input[type=range]').nth(2)
    bits.focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    assert sentence(page, "number_line") == plots.number_line(VALUES, bits=4).alt
    assert "number_line.bits=4" in page.url
    page.get_by_label("in the middle").check()
    assert sentence(page, "number_line") == plots.number_line(VALUES, bits=4, zero="in the middle").alt
    page.locator('[data-figure="number_line"] button').click()
    assert sentence(page, "number_line") == plots.number_line(VALUES).alt and "?" not in page.url
    assert page.get_by_label("anywhere").is_checked()
    clean(seen)


def test_the_end_of_the_range_is_dragged(opened):
    page, seen = opened()
    grip = page.locator('[data-figure="number_line"] .handle').first.bounding_box()
    svg = page.locator('[data-figure="number_line"] svg').bounding_box()
    x, y = grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 0.86 * svg["width"] / 20 * 2.4, y, steps=8)  # 2.4 to the right, of 20 from end to end
    page.mouse.up()
    page.mouse.move(x + 300, y)  # let go: nothing moves any more
    assert sentence(page, "number_line") == plots.number_line(VALUES, low=-3.0).alt
    clean(seen)


@pytest.mark.parametrize("number", ["0.1", "-2.75", "1e-7", "0.0000001", "65504", "1e6", "1e-42", "-0", "4.94"])
def test_a_number_taken_apart_says_what_python_says(opened, number):
    page, seen = opened()
    page.locator('[data-figure="number_bits"] input').fill(number)
    expected = plots.number_bits(floats.in_formats(number, scale=9.9 / 255)).alt
    found = sentence(page, "number_bits")
    for ours, theirs in zip(found.split("; "), expected.split("; "), strict=True):  # bits, whatever the digits behind
        assert ours.split(" stores ")[0] == theirs.split(" stores ")[0]
    if number in ("0.1", "-2.75", "4.94"):
        assert found == expected
    clean(seen)


def test_what_is_no_number_leaves_the_last_picture(opened):
    page, seen = opened()
    before = page.locator('[data-figure="number_bits"] svg').inner_html()
    page.locator('[data-figure="number_bits"] input').fill("three")
    assert sentence(page, "number_bits") == "Expected a number such as 3.14; found “three”."
    assert page.locator('[data-figure="number_bits"] svg').inner_html() == before
    clean(seen)


def test_a_bit_is_clicked_and_flipped_by_the_keyboard(opened):
    """The last bit of the exponent of 3.14 in float32: twice the number, half the number."""
    page, seen = opened()
    page.locator('[data-bit="float32-8"]').click()
    number = float(page.locator('[data-figure="number_bits"] input').input_value())
    assert number == float(np.float32(3.14)) * 2
    page.locator('[data-bit="float32-0"]').focus()
    page.keyboard.press("Enter")
    assert float(page.locator('[data-figure="number_bits"] input').input_value()) == -number
    assert page.evaluate("document.activeElement.dataset.bit") == "float32-0"
    clean(seen)


@pytest.mark.parametrize("width, height", SIZES)
def test_it_fits_on_every_screen(opened, width, height):
    page, seen = opened(width=width, height=height)
    page.screenshot(path=browser.screenshots("live") / f"{width}.png", full_page=True)
    figures = page.locator(".live").all()
    for figure in figures:
        box = figure.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width + 1
    assert page.evaluate("document.querySelectorAll('.live').length") == 2
    clean(seen)


# --- the script -------------------------------------------------------------------------------------------------------


def test_pages_without_a_live_figure_have_no_script():
    picture = plots.number_line(VALUES)
    picture.live = None
    assert "<script" not in page_of(picture)


def test_a_module_that_the_bundle_does_not_understand_is_refused(tmp_path):
    (tmp_path / "odd.js").write_text("export default 3;\n")
    with pytest.raises(ValueError, match=r"odd\.js has a line that tools/live\.py does not know: export default 3;"):
        live.bundle(tmp_path / "odd.js")
