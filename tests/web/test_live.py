"""Live figures in a page from a disk, in a browser without a network: moved by mouse and keys, held against Python."""

import base64
import json
import re
import sys

import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

import browser
from helpers import plots
from helpers.base.data import project
from helpers.course import predictions, progress
from helpers.integer import one_value
from helpers.measure import accuracy
from helpers.networks.plans import PRETRAINED_INT8 as SHIPPED
from helpers.numbers import errors, floats, quantization

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


RNG = np.random.default_rng(0)
LAYERS = {
    "bell": RNG.normal(0, 0.25, 5000).astype(np.float32),
    "positive": RNG.uniform(0.1, 2, (16, 3, 3, 3)).astype(np.float32),
    "one value": np.full(8, 0.5, np.float32),
}
OUTLIERS = RNG.standard_t(5, 60_000).astype(np.float32)
LABELS = RNG.integers(0, 2, 700)
SECOND = 1 / (1 + np.exp(-RNG.normal(3 * LABELS - 1.5, 1.5)))
SCORE = accuracy.Score(np.stack([1 - SECOND, SECOND], 1).astype(np.float32), LABELS)


@pytest.fixture(scope="module")
def layer():
    """The first convolution of the network that comes with the suite, before a picture of noise."""
    return one_value.first_convolution(SHIPPED, RNG.integers(-128, 128, (96, 96, 3), np.int8))


@pytest.fixture(scope="module")
def address(tmp_path_factory, layer):
    path = tmp_path_factory.mktemp("live") / "page.html"
    pictures = [
        plots.number_line(VALUES),
        plots.number_bits(floats.in_formats("3.14", scale=9.9 / 255)),
        plots.comb(LAYERS),
        plots.zero_on_a_code(),
        plots.one_convolution(layer),
        plots.clipping(OUTLIERS, "outliers"),
        plots.confusion(SCORE, ["cat", "dog"]),
    ]
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


@pytest.fixture
def linked(opened, address):
    """Open one page after the other at the addresses that somebody might send, {state: query} or a list of queries."""

    def each(queries):
        page, seen = opened()
        for query in queries:
            page.goto(address + query.replace(" ", "%20"))
            yield page
        clean(seen)

    return each


def sentence(page, name):
    return page.locator(f'[data-figure="{name}"] .live-sentence').inner_text()


def title(page, name):
    return page.locator(f'[data-figure="{name}"] h4').inner_text()


def title_of(picture):
    """Return what stands above a still figure."""
    figure = picture.figure
    return figure.get_suptitle() or figure.axes[0].get_title(loc="left")


def live_names():
    """Return the names of the figures that `web/live.js` knows."""
    words = (live.WEB / "live.js").read_text("utf-8").split("FIGURES = {")[1].split("}")[0]
    return [part.split(":")[0].strip() for part in words.split(",")]


def drag(page, grip, across, down=0.0):
    """Drag the middle of an element by some pixels."""
    grip.scroll_into_view_if_needed()
    box = grip.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + across, y + down, steps=8)
    page.mouse.up()
    page.mouse.move(x + 2 * across, y + down)  # let go: nothing moves any more


def test_the_still_picture_is_replaced_and_says_the_same(opened):
    page, seen = opened()
    assert page.locator(".live").count() == len(live_names()) == 7
    assert page.locator(".jp-OutputArea-output img").count() == 0
    assert sentence(page, "number_line") == plots.number_line(VALUES).alt
    assert title(page, "number_line") == "10 numbers, 8 codes: 2 can no longer be told apart"
    clean(seen)


def test_every_state_says_what_python_says(linked):
    """States that an instructor sends as links."""
    places, zeros = [(-5.4, 4.5), (-5.4, 9.9), (0.0, 4.5)], ["anywhere", "on a code", "in the middle"]
    states = [(*places[(i + j) % 3], bits, zeros[j]) for i, bits in enumerate((2, 5, 8)) for j in range(3)]
    query = "?number_line.low={}&number_line.high={}&number_line.bits={}&number_line.zero={}"
    for page, state in zip(linked(query.format(*state) for state in states), states, strict=True):
        picture = plots.number_line(VALUES, *state)
        assert sentence(page, "number_line") == picture.alt
        assert title(page, "number_line") == title_of(picture)


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
    svg = page.locator('[data-figure="number_line"] svg').bounding_box()
    drag(page, page.locator('[data-figure="number_line"] .handle').first, 0.86 * svg["width"] / 20 * 2.4)  # of 20
    assert sentence(page, "number_line") == plots.number_line(VALUES, low=-3.0).alt
    clean(seen)


def test_a_number_taken_apart_says_what_python_says(opened):
    page, seen = opened()
    for number in ["0.1", "-2.75", "1e-7", "0.0000001", "65504", "1e6", "1e-42", "-0", "4.94"]:
        page.locator('[data-figure="number_bits"] input').fill(number)
        expected = plots.number_bits(floats.in_formats(number, scale=9.9 / 255)).alt
        found = sentence(page, "number_bits")
        for ours, theirs in zip(found.split("; "), expected.split("; "), strict=True):  # bits, whatever is behind them
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


# --- weights, and the comb that is left of them ---------------------------------------------------------------------


def test_every_comb_says_what_python_says(linked):
    states = [(name, bits) for name in LAYERS for bits in (2, 3, 8)]
    for page, (name, bits) in zip(linked(f"?comb.layer={n}&comb.bits={b}" for n, b in states), states, strict=True):
        assert sentence(page, "comb") == plots.comb(LAYERS, name, bits).alt
        used = len(np.unique(quantization.fake_quantize(LAYERS[name], bits)))
        assert title(page, "comb").endswith(f" become {used}")
        assert page.locator('[data-figure="comb"] rect.comb').count() == used


def test_a_layer_is_chosen_and_the_keyboard_takes_bits_away(opened):
    page, seen = opened()
    figure = page.locator('[data-figure="comb"]')
    figure.locator("select").select_option("positive")
    figure.locator("input[type=range]").focus()
    page.keyboard.press("ArrowLeft")
    assert sentence(page, "comb") == plots.comb(LAYERS, "positive", 3).alt
    assert "comb.layer=positive" in page.url and "comb.bits=3" in page.url
    figure.locator("button").click()
    assert sentence(page, "comb") == plots.comb(LAYERS).alt and figure.locator("select").input_value() == "bell"
    clean(seen)


# --- scale and zero point -------------------------------------------------------------------------------------------


def test_zero_and_its_code_are_where_python_has_them(linked):
    states = [(-5.4, 4.5, 8), (0.25, 3, 4), (-8, 7, 4), (-10, 2.1, 2), (0, 6, 8), (2, 10, 3)]
    query = "?zero_point.low={}&zero_point.high={}&zero_point.bits={}"
    for page, state in zip(linked(query.format(*state) for state in states), states, strict=True):
        picture = plots.zero_on_a_code(*state)
        assert sentence(page, "zero_point") == picture.alt
        assert title(page, "zero_point") == title_of(picture)
        code = quantization.affine_parameters(*state)[1]
        assert f"0 is code {code}," in page.locator('[data-figure="zero_point"] svg').text_content()


def test_the_range_of_the_codes_is_dragged_and_moved_by_keys(opened):
    page, seen = opened()
    figure = page.locator('[data-figure="zero_point"]')
    width = figure.locator("svg").bounding_box()["width"]
    drag(page, figure.locator(".handle").last, 0.94 * width / 21 * 2)  # 2 of 21 to the right
    assert sentence(page, "zero_point") == plots.zero_on_a_code(-5.4, 6.5).alt
    figure.locator("input[type=range]").first.focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    assert sentence(page, "zero_point") == plots.zero_on_a_code(-5.6, 6.5).alt
    clean(seen)


# --- one convolution in integers ------------------------------------------------------------------------------------


def test_each_step_of_a_convolution_is_pythons(linked, layer):
    places = [(0, 0, 0), (47, 47, 15), (20, 3, 7), (47, 0, 1), (5, 47, 12)]
    query = "?convolution.row={}&convolution.column={}&convolution.channel={}"
    for page, place in zip(linked(query.format(*place) for place in places), places, strict=True):
        picture = plots.one_convolution(layer, *place)
        assert sentence(page, "convolution") == picture.alt
        assert title(page, "convolution") == title_of(picture)


def test_a_pixel_is_clicked_and_its_steps_come_one_by_one(opened, layer):
    page, seen = opened()
    figure = page.locator('[data-figure="convolution"]')
    figure.locator("image.clickable").scroll_into_view_if_needed()
    box = figure.locator("image.clickable").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 10.5 / 48, box["y"] + box["height"] * 33.5 / 48)
    assert sentence(page, "convolution") == plots.one_convolution(layer, 33, 10, 0).alt
    figure.get_by_label("steps shown").focus()
    page.keyboard.press("Home")
    steps = one_value.trace(layer, 33, 10, 0)
    assert sentence(page, "convolution").endswith(f"{steps[0][0]}: {steps[0][1]:,}.")
    page.keyboard.press("ArrowRight")
    assert sentence(page, "convolution").endswith(f"{steps[1][0]}: {steps[1][1]:,}.")
    clean(seen)


def test_the_map_of_a_filter_is_that_of_the_integer_network(opened, layer):
    """Every pixel of the picture that the page paints, read back from it."""
    page, seen = opened("?convolution.channel=5")
    pixels = page.evaluate("""async () => {
        const image = new Image(), canvas = document.createElement("canvas");
        image.src = document.querySelector("image.clickable").getAttribute("href");
        await image.decode();
        [canvas.width, canvas.height] = [image.width, image.height];
        canvas.getContext("2d").drawImage(image, 0, 0);
        return Array.from(canvas.getContext("2d").getImageData(0, 0, image.width, image.height).data);
    }""")
    codes = np.array(pixels).reshape(*layer.shape[:2], 4)[..., 0] - 128
    np.testing.assert_array_equal(codes, layer.outputs(5))
    clean(seen)


# --- clipping -------------------------------------------------------------------------------------------------------


def test_clipping_costs_and_buys_what_python_finds(linked):
    """From weights counted by size, in 4,096 bins: to a tenth of a decibel."""
    ends, farthest = [0.05, 0.2, 0.55, 0.8, 1], np.abs(OUTLIERS).max()
    for page, end in zip(linked(f"?clip.end={end}" for end in ends), ends, strict=True):
        for bits in (8, 4):
            scale = np.float32(end * farthest / (2 ** (bits - 1) - 1))
            clipped = errors.sqnr(OUTLIERS, quantization.fake_quantize(OUTLIERS, bits, scale=scale))
            gain = clipped - errors.sqnr(OUTLIERS, quantization.fake_quantize(OUTLIERS, bits))
            shown = float(re.search(rf"([+-][\d.]+) dB \({bits} bits\)", title(page, "clip"))[1])
            assert abs(shown - gain) < 0.11, (end, bits, shown, gain)
        inside = 100 * np.mean(np.abs(OUTLIERS) <= end * farthest)
        assert abs(float(title(page, "clip").split(":")[0].rsplit(" ", 1)[1]) - inside) < 0.05


def test_clipping_begins_where_the_still_picture_is(opened):
    page, seen = opened()
    picture = plots.clipping(OUTLIERS, "outliers")
    for ours, theirs in zip(
        *(re.split(r"[ ,;]+", text) for text in (sentence(page, "clip"), picture.alt)), strict=True
    ):
        assert ours == theirs or abs(float(ours) - float(theirs)) <= max(0.1, 0.05 * abs(float(theirs)))
    assert title(page, "clip") == title_of(picture)
    clean(seen)


def test_the_end_of_a_layers_range_is_dragged_and_moved_by_keys(opened):
    page, seen = opened("?clip.end=0.5")
    figure = page.locator('[data-figure="clip"]')
    width = figure.locator("svg").bounding_box()["width"] * (480 - 56 - 16) / 960  # of the histogram
    drag(page, figure.locator(".handle").last, 0.25 * width / 2)
    assert "clip.end=0.75" in page.url
    drag(page, figure.locator(".handle").first, 0.25 * width / 2)
    assert "clip.end=0.5" in page.url, "the other end moves along"
    figure.locator("input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    assert "clip.end=0.505" in page.url
    clean(seen)


# --- the threshold --------------------------------------------------------------------------------------------------


def test_the_confusion_with_any_threshold_is_pythons(linked):
    stops = [0.05, 0.15, 0.5, 0.7, 0.95]
    for page, stop in zip(linked(f"?confusion.threshold={stop}" for stop in stops), stops, strict=True):
        picture = plots.confusion(SCORE, ["cat", "dog"], threshold=stop)
        assert sentence(page, "confusion") == picture.alt
        assert title(page, "confusion") == title_of(picture)


def test_the_threshold_is_moved_by_keys(opened):
    page, seen = opened()
    page.locator('[data-figure="confusion"] input').focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert sentence(page, "confusion") == plots.confusion(SCORE, ["cat", "dog"], threshold=0.65).alt
    clean(seen)


# --- on every screen ------------------------------------------------------------------------------------------------


def test_nonsense_in_the_address_is_read_with_care(linked):
    queries = ["clip.end=7", "comb.bits=3.5", "comb.layer=none", "convolution.row=-1", "zero_point.low=x"]
    for page, query in zip(linked(f"?{query}" for query in queries), queries, strict=True):
        name = query.split(".")[0]
        asked = sentence(page, name)
        page.locator(f'[data-figure="{name}"] button').click()
        assert sentence(page, name) == asked


def test_a_phone_gets_figures_of_its_own(opened, layer):
    """The number line stands upright, bits are large enough for a finger, and all say the same."""
    page, seen = opened(width=360, height=740, has_touch=True)
    box = page.locator('[data-figure="number_line"] svg').bounding_box()
    assert box["height"] > box["width"]
    drag(page, page.locator('[data-figure="number_line"] .handle').first, 0, 520 / 480 * box["width"] / 20 * 2.4)
    assert sentence(page, "number_line") == plots.number_line(VALUES, low=-3.0).alt
    bit = page.locator('[data-bit="float32-8"]')
    assert min(bit.bounding_box()[side] for side in ("width", "height")) > 36
    bit.tap()
    assert float(page.locator('[data-figure="number_bits"] input').input_value()) == float(np.float32(3.14)) * 2
    assert sentence(page, "convolution") == plots.one_convolution(layer).alt
    page.set_viewport_size({"width": 1280, "height": 720})  # turned, say
    page.wait_for_function("""() => {
        const { width, height } = document.querySelector('[data-figure="number_line"] svg').getBoundingClientRect();
        return width > height;
    }""")
    clean(seen)


@pytest.mark.parametrize("width, height", SIZES)
def test_it_fits_on_every_screen(opened, width, height):
    page, seen = opened(width=width, height=height)
    page.screenshot(path=browser.screenshots("live") / f"{width}.png", full_page=True)
    figures = page.locator(".live").all()
    for figure in figures:
        box = figure.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width + 1
        inner = figure.locator("svg").bounding_box()
        assert inner["x"] + inner["width"] <= box["x"] + box["width"] + 1
    clean(seen)


# --- predictions ----------------------------------------------------------------------------------------------------


def test_a_prediction_in_a_page_says_what_was_said(tab, tmp_path, monkeypatch):
    """Two of them; nothing is kept, and the address stays as it is."""
    monkeypatch.setenv(progress.ELSEWHERE, str(tmp_path / "progress.json"))
    cells = []
    for name in ("equal_bits", "always_cat"):
        for bundle in (predictions.ask(name)._repr_mimebundle_()[0], predictions.sentence(name)):
            data = {kind: bundle[kind] for kind in ("text/html", "text/plain")}
            cells.append(new_code_cell("...", outputs=[new_output("display_data", data)]))
    (tmp_path / "page.html").write_text(export.page(new_notebook(cells=cells), "A page", project()), encoding="utf-8")
    page, seen = tab()
    page.goto((tmp_path / "page.html").as_uri())
    buttons = page.get_by_role("group", name="Your prediction").first.get_by_role("button")
    assert buttons.all_inner_texts() == ["(a)", "(b)", "(c)"]
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.textContent") != "(b)":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    said = page.locator('[data-said="equal_bits"]')
    assert said.inner_text() == "You said (b)." and page.locator('[data-said="always_cat"]').inner_text() == ""
    buttons.last.click()
    assert said.inner_text() == "You said (c)."
    assert [button.get_attribute("aria-pressed") for button in buttons.all()] == ["false", "false", "true"]
    assert "?" not in page.url and not (tmp_path / "progress.json").exists()
    clean(seen)


# --- in the notebooks -----------------------------------------------------------------------------------------------


def test_every_slider_of_the_course_moves_in_pages_as_well():
    """What `live.explore` shows has a figure of `web/` in its output."""
    explored, alive = 0, set()
    for path in sorted((project() / "notebooks").glob("[0-9]*.ipynb")):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            if "live.explore(" in "".join(cell["source"]):
                explored += 1
                (output,) = cell["outputs"]
                alive.add(output["metadata"]["image/png"]["live"]["figure"])
    assert explored == 8 and alive == set(live_names())


def test_the_convolution_of_the_course_shows_a_value_that_is_not_clipped():
    """Else its last steps would have nothing to show."""
    cells = json.loads((project() / "notebooks" / "04_how_to_quantize.ipynb").read_text("utf-8"))["cells"]
    (alt,) = [
        output["metadata"]["image/png"]["alt"]
        for cell in cells
        for output in cell.get("outputs", [])
        if "one_convolution(" in "".join(cell["source"])
    ]
    before, after = re.search(r"plus the zero point, -?\d+: (-?\d+) and clipped to .*: (-?\d+)\.$", alt).groups()
    assert before == after and abs(int(after)) < 50


# --- the script -------------------------------------------------------------------------------------------------------


def test_pages_without_a_live_figure_have_no_script():
    picture = plots.number_line(VALUES)
    picture.live = None
    assert "<script" not in page_of(picture)


def test_a_module_that_the_bundle_does_not_understand_is_refused(tmp_path):
    (tmp_path / "odd.js").write_text("export default 3;\n")
    with pytest.raises(ValueError, match=r"odd\.js has a line that tools/live\.py does not know: export default 3;"):
        live.bundle(tmp_path / "odd.js")
