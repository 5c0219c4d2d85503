"""The page that takes a reader's own picture, in a browser without a network: dropped, pasted, chosen, taken."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import browser
from helpers.base.data import project
from helpers.networks import converted
from helpers.pictures import conventions, own_folder
from helpers.tflite import interpreter

sys.path.insert(0, str(project() / "tools"))
import alive  # noqa: E402

pytest_plugins = ["browser", "small"]

ENOUGH = 30_000  # milliseconds


@pytest.fixture(scope="module")
def files():
    return converted.pretrained_files()


@pytest.fixture(scope="module")
def address(files, tmp_path_factory):
    target = tmp_path_factory.mktemp("site") / "pet.html"
    page = alive.pet(files["float32"], files["int8"], json.loads(alive.CARD.read_text("utf-8")))
    target.write_text(page, encoding="utf-8")
    return target


@pytest.fixture
def opened(tab, address):
    def open_it(**options):
        page, seen = tab(**options)
        page.goto(address.as_uri())
        page.get_by_text("Use the camera").wait_for()
        return page, seen

    return open_it


@pytest.fixture(scope="module")
def pictures(small_folder, tmp_path_factory):
    """A drawn cat as it is, and larger ones in other forms: {name: path}."""
    source = Image.open(min(small_folder.glob("cat/*.png"))).convert("RGB")
    folder = tmp_path_factory.mktemp("pictures")
    clear = source.resize((250, 317)).convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was turned by 90 degrees
    source.resize((96, 96)).save(folder / "as_it_is.png")
    clear.save(folder / "see_through.png")
    source.resize((640, 480)).save(folder / "turned.jpg", quality=95, exif=turned)
    source.resize((37, 51)).save(folder / "small.png")
    return {path.stem: path for path in folder.iterdir()}


def expected(files, path):
    """Return what TensorFlow Lite says of a picture, {kind: probabilities}."""
    numbers, found = conventions.normalise(own_folder.read_picture(path)[np.newaxis]), {}
    for kind, model in files.items():
        ready = interpreter.load(model)
        found[kind] = interpreter.run(ready, interpreter.quantize_input(numbers, ready.get_input_details()[0]))[0]
    return found


def answered(page):
    """Return what the page says once it has an answer, and the probabilities of a cat in it, {kind: percent}."""
    page.wait_for_function("document.querySelector('.answer').textContent.includes('says')", timeout=ENOUGH)
    rows = page.locator(".bar").all_inner_texts()
    found = {row.split()[0]: float(re.search(r"cat ([\d.]+)%", row)[1]) for row in rows}
    return page.locator(".answer").inner_text(), found


def test_scaling_is_that_of_pillow():
    """Byte for byte: larger, smaller, and not at all."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed")
    rng = np.random.default_rng(0)
    for height, width in [(96, 96), (317, 250), (40, 500), (97, 1), (600, 800)]:
        image = rng.integers(0, 256, (height, width, 3), np.uint8)
        pixels = np.dstack([image, np.full((height, width), 255, np.uint8)]).tobytes()
        script = (
            f"import {{ scaled }} from {json.dumps((alive.live.WEB / 'photo.js').as_uri())};"
            "import { readFileSync } from 'node:fs';"
            f"process.stdout.write(scaled(new Uint8ClampedArray(readFileSync(0)), {width}, {height}, 96));"
        )
        done = subprocess.run(
            [node, "--input-type=module", "-e", script], input=pixels, capture_output=True, check=True
        )
        ours = np.frombuffer(done.stdout, np.uint8).reshape(96, 96, 3)
        theirs = np.asarray(Image.fromarray(image).resize((96, 96), Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(ours, theirs)


@browser.needed
@pytest.mark.parametrize(
    "name, tolerance", [("as_it_is", 0.05), ("small", 0.05), ("see_through", 2.0), ("turned", 3.0)]
)
def test_a_dropped_picture_is_answered_as_tensorflow_lite_does(opened, files, pictures, name, tolerance):
    """To the digits shown; what is transparent, and JPEG, is decoded a little differently here and there."""
    page, seen = opened()
    browser.give(page, ".drop", pictures[name])
    sentence, cats = answered(page)
    for kind, probabilities in expected(files, pictures[name]).items():
        assert abs(cats[kind] - 100 * probabilities[0]) <= tolerance, (kind, cats, probabilities)
    assert sentence.startswith("float32 says ")
    assert ("They agree." in sentence) == ((cats["float32"] > 50) == (cats["int8"] > 50))
    assert seen.errors == [] and seen.requests == []


@browser.needed
def test_chosen_where_the_keyboard_leads_and_pasted(opened, pictures):
    page, seen = opened()
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.id") != "given":
        page.keyboard.press("Tab")
    page.set_input_files(":focus", pictures["as_it_is"])
    first, _ = answered(page)
    page.evaluate("document.querySelector('.answer').textContent = ''")
    browser.give(page, ".drop", pictures["as_it_is"], "paste")
    pasted, _ = answered(page)
    assert pasted.split(" The ")[0] == first.split(" The ")[0], "the same but for the times"
    assert page.locator("canvas.chosen").get_attribute("aria-label").startswith("your picture as the network sees it")
    assert seen.errors == [] and seen.requests == []


@browser.needed
def test_what_is_no_picture_is_named_and_the_page_goes_on(opened, pictures, tmp_path):
    page, seen = opened()
    (tmp_path / "notes.txt").write_text("no picture")
    browser.give(page, ".drop", tmp_path / "notes.txt")
    page.get_by_text("notes.txt is none that this browser can read").wait_for()
    browser.give(page, ".drop", pictures["as_it_is"])
    answered(page)
    assert seen.errors == [] and seen.requests == []


@browser.needed
def test_the_camera_is_asked_for_and_let_go(opened):
    page, seen = opened(permissions=["camera"])
    assert page.locator("video").count() == 0
    page.get_by_text("Use the camera").click()
    page.get_by_text("Take the picture").click()
    answered(page)
    assert page.locator("video").count() == 0, "let go"
    page.get_by_text("Use the camera").click()
    page.get_by_text("Stop the camera").click()
    assert page.locator("video").count() == 0
    assert seen.errors == [] and seen.requests == []


@browser.needed
def test_a_camera_that_is_refused_is_no_dead_end(opened, pictures):
    page, seen = opened()
    page.evaluate("() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error()); }")
    page.get_by_text("Use the camera").click()
    page.get_by_text("choose a picture instead").wait_for()
    browser.give(page, ".drop", pictures["as_it_is"])
    answered(page)
    assert seen.errors == [] and seen.requests == []


@browser.needed
@pytest.mark.parametrize("width, height", [(360, 740), (1280, 720), (1920, 1080)])
def test_nothing_overflows(opened, pictures, width, height):
    page, seen = opened(width=width, height=height)
    browser.give(page, ".drop", pictures["as_it_is"])
    answered(page)
    page.screenshot(path=browser.screenshots("site") / f"pet_{width}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert seen.errors == [] and seen.requests == []


def test_it_is_small_and_says_what_was_measured(address):
    text, card = address.read_text("utf-8"), json.loads(alive.CARD.read_text("utf-8"))
    score = card["results"]["test"]["int8"]
    assert address.stat().st_size < 3_000_000
    assert f"int8 on {score['right'] / score['pictures']:.1%} (" in text
