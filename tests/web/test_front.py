"""The front page and the engine in a browser without a network: what they compute, how they move, how they look."""

import base64
import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import browser
from helpers.base.data import project
from helpers.integer.network import load_network
from helpers.measure.accuracy import wilson
from helpers.networks import converted
from helpers.networks.plans import PRETRAINED_INT8 as SHIPPED
from helpers.numbers import quantization
from helpers.pictures import conventions
from helpers.tflite import edit, interpreter

sys.path.insert(0, str(project() / "tools"))
import alive  # noqa: E402
import live  # noqa: E402

pytest_plugins = ["browser", "small"]
pytestmark = browser.needed

HERE = Path(__file__).parent
ASK = """([source, data]) => new Promise((resolve) => {
    const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    worker.addEventListener("message", (event) => resolve(event.data));
    worker.addEventListener("error", (event) => resolve(event.message));
    worker.postMessage(data);
})"""
COUNT = 40  # pictures
ENOUGH = 60_000  # milliseconds


@pytest.fixture(scope="module")
def files():
    return converted.pretrained_files()


@pytest.fixture(scope="module")
def address(files, small_folder, tmp_path_factory):
    """The front page around the network that comes with the suite and some drawn pictures."""
    paths = sorted(small_folder.glob("*/*.png"), key=lambda path: path.name)[:COUNT]  # a cat, a dog, a cat ...
    images = np.stack([np.asarray(Image.open(path).convert("RGB").resize((96, 96))) for path in paths])
    labels = np.array([int(path.parent.name == "dog") for path in paths])
    target = tmp_path_factory.mktemp("site") / "index.html"
    target.write_text(alive.front(images, labels, files["float32"], files["int8"]), encoding="utf-8")
    return target


@pytest.fixture
def opened(tab, address):
    def open_at(query="", **options):
        page, seen = tab(**options)
        page.goto(address.as_uri() + query)
        page.wait_for_function("document.querySelector('.answer')?.textContent.startsWith('It is')", timeout=ENOUGH)
        return page, seen

    return open_at


def settled(page, words):
    """Wait until the answer has some words in it, and return it."""
    page.wait_for_function(
        "words => document.querySelector('.answer').textContent.includes(words)", arg=words, timeout=ENOUGH
    )
    return page.locator(".answer").inner_text()


def shown_bytes(page):
    """Return the pictures as the page has decoded them, uint8 [n, 96, 96, 3]."""
    data, width = page.evaluate((HERE / "sheet.js").read_text("utf-8").split("\n", 1)[1].rstrip().rstrip(";"))
    whole = np.frombuffer(base64.b64decode(data), np.uint8).reshape(-1, width, 4)[..., :3]
    size = conventions.SIZE
    columns = width // size
    return np.stack([whole[n // columns * size :, n % columns * size :][:size, :size] for n in range(COUNT)])


def probabilities(model, images):
    """Return what TensorFlow Lite says of pictures, one after the other."""
    ready = interpreter.load(model)
    entry = ready.get_input_details()[0]
    inputs = interpreter.quantize_input(conventions.normalise(images), entry)
    return np.concatenate([interpreter.run(ready, one[np.newaxis]) for one in inputs])


def words(row):
    return f"{('cat', 'dog')[int(np.argmax(row))]} ({100 * row.max():.1f}%)"


# --- the front page ---------------------------------------------------------------------------------------------------


def test_it_answers_as_tensorflow_lite_does(opened, files):
    """float32, and with weights of four bits and a scale for each layer; activations of eight bits move it a little."""
    page, seen = opened("?weightBits=4&scales=layer&picture=2")
    images = shown_bytes(page)

    def rounded(tensor):
        return quantization.fake_quantize(tensor.data, 4) if tensor.data.ndim > 1 else tensor.data

    four = edit.with_values(files["float32"], rounded, "weights")
    before, after = (probabilities(model, images[2:3])[0] for model in (files["float32"], four))
    answer = settled(page, "4-bit")
    assert f"float32 says {words(before)}" in answer
    found = float(answer.rsplit("(", 1)[1].split("%")[0]) / 100
    assert abs(found - after.max()) < 0.05, (answer, after)
    assert seen.errors == [] and seen.requests == []


def test_the_accuracy_counts_up_to_what_the_int8_file_has(opened, files):
    page, seen = opened()
    page.wait_for_function("document.querySelector('.score').dataset.done === 'true'", timeout=ENOUGH)
    images, labels = (
        shown_bytes(page),
        np.array(page.evaluate("JSON.parse(document.getElementById('told').textContent).labels")),
    )
    right = int((probabilities(files["int8"], images).argmax(1) == labels).sum())
    text = page.locator(".score").inner_text()
    counted = int(text.split()[0])
    assert abs(counted - right) <= 1 and f"of {COUNT} pictures" in text
    low, high = wilson(counted, COUNT)
    assert text.endswith(f"{100 * counted / COUNT:.1f}% ({100 * low:.1f}% to {100 * high:.1f}%)")
    assert seen.errors == [] and seen.requests == []


def test_keyboard_and_mouse_move_it(opened):
    page, seen = opened()
    page.locator("#weightBits").focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    settled(page, "3-bit weights and 8-bit")
    assert "weightBits=3" in page.url
    assert page.locator(".comb-words").inner_text().endswith("with 3 bits.")
    dog = page.evaluate("JSON.parse(document.getElementById('told').textContent).labels.indexOf(1)")
    page.locator(".thumbnails button").nth(dog).click()
    settled(page, "It is a dog")
    assert f"picture={dog}" in page.url or dog == 0
    assert page.locator(".thumbnails button").nth(dog).get_attribute("aria-pressed") == "true"
    page.get_by_label("layer", exact=True).check()
    page.locator(".front select").select_option(label="conv5")
    page.wait_for_function("document.querySelector('.comb-words').textContent.startsWith('18,432')", timeout=ENOUGH)
    assert "scales=layer" in page.url and "layer=conv5" in page.url
    assert int(page.locator(".comb-words").inner_text().split(", ")[-1].split()[0]) <= 7, "codes from -3 to 3"
    assert page.locator(".map-row canvas").count() == 3 * 8
    assert seen.errors == [] and seen.requests == []


def test_a_link_with_nonsense_in_it_is_read_with_care(opened):
    page, seen = opened("?weightBits=99&activationBits=two&picture=-4&layer=conv99&scales=none")
    settled(page, "8-bit weights and 8-bit activations")
    assert "?" not in page.url
    assert seen.errors == [] and seen.requests == []


@pytest.mark.parametrize("width, height", [(360, 740), (1280, 720), (1920, 1080)])
def test_nothing_overflows(opened, width, height):
    page, seen = opened(width=width, height=height)
    page.screenshot(path=browser.screenshots("site") / f"front_{width}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert seen.errors == [] and seen.requests == []


def test_it_is_small(address):
    assert address.stat().st_size < 3_000_000


def test_ranges_of_another_network_are_refused(files, tmp_path):
    with pytest.raises(ValueError, match="Expected the same operators in"):
        alive.ranges(files["float32"], _shorter(files["int8"], tmp_path))


def _shorter(path, folder):
    """Return one operator of a file, as a file."""
    (folder / "shorter.tflite").write_bytes(edit.excerpt(path, 3))
    return folder / "shorter.tflite"


# --- the engine -------------------------------------------------------------------------------------------------------


def test_the_engine_in_a_browser_is_right_in_every_value(tab, tmp_path):
    """32 pictures, in a worker; all tensors by their SHA-256."""
    page, seen = tab()
    (tmp_path / "engine.html").write_text("<!DOCTYPE html><title>Engine</title>")
    page.goto((tmp_path / "engine.html").as_uri())
    codes = np.random.default_rng(1).integers(-128, 128, (32, 96, 96, 3), np.int8)
    source = live.bundle(live.WEB / "network.js") + (HERE / "engine_worker.js").read_text("utf-8")
    told = {"model": SHIPPED.read_bytes(), "codes": codes.tobytes()}
    data = {name: base64.b64encode(content).decode("ascii") for name, content in told.items()} | {"count": len(codes)}
    found = page.evaluate(ASK, [source, data])
    network, digest = load_network(SHIPPED), hashlib.sha256()
    for one in codes:
        tensors = network.tensors(one[np.newaxis])
        for step, _ in network.steps:
            digest.update(tensors[step.outputs[0]].tobytes())
    assert found == list(digest.digest())
    assert seen.errors == [] and seen.requests == []
