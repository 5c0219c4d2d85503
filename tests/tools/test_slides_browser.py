"""Every slide of every deck in a browser: it fits, it can be read from the last row, it asks nothing of the network.

A picture of each slide, and a sheet with all of a deck, are left in the folder of screenshots.
"""

import io
import math
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

import browser
import deck
import lecture
import slides

pytest_plugins = ["browser"]

WIDTH, HEIGHT = 1280, 720
SMALLEST = 14  # pixels on that screen, for words as for figures
DECKS = [*(path.stem for path in slides.run.course(slides.run.NOTEBOOKS, only=[])), lecture.NAME]

pytestmark = [
    browser.needed,
    pytest.mark.skipif(
        not deck.REVEAL.exists() and not shutil.which("npm"),
        reason="No slides were looked at: without npm there is no reveal.js (Debian: sudo apt install npm).",
    ),
]

# Go to a slide, show all of its fragments, and say what is wrong with it: {found: {what: details}, words: its first}.
LOOK = """([column, row, smallest]) => {
    Reveal.slide(column, row, 1000);
    const slide = Reveal.getCurrentSlide(), found = [];
    const px = number => `${Math.round(number * 10) / 10} px`;
    if (slide.scrollHeight > slide.clientHeight)
        found.push(`${slide.scrollHeight - slide.clientHeight} px too high`);
    const seen = [...slide.querySelectorAll("*")].filter(one => one.checkVisibility() && !one.closest("aside, math"));
    for (const one of [slide, ...seen]) {
        const hidden = getComputedStyle(one).overflowX !== "visible" && one.clientWidth > 0 && one.tagName !== "A";
        const cut = hidden ? one.scrollWidth - one.clientWidth : 0;
        const outside = one.getBoundingClientRect().right - innerWidth;
        if (Math.max(cut, outside) > 1) {
            found.push(`${px(Math.max(cut, outside))} too wide: ${one.textContent.trim().slice(0, 40)}`);
            break;
        }
    }
    for (const image of seen.filter(one => one.tagName === "IMG")) {
        const scale = Math.min(image.clientWidth / image.naturalWidth, image.clientHeight / image.naturalHeight);
        const letters = Number(image.dataset.smallestText) * scale, name = image.alt.slice(0, 40);
        if (!image.complete || !image.naturalWidth) found.push(`a figure is not shown: ${name}`);
        else if (!image.dataset.smallestText) found.push(`a figure does not say how small its text is: ${name}`);
        else if (letters < smallest - 0.05) found.push(`text of ${px(letters)} in a figure: ${name}`);
    }
    const texts = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT), small = {};
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
        const parent = text.parentElement, style = getComputedStyle(parent);
        if (!text.data.trim() || !parent.checkVisibility() || parent.closest("aside, img + a, style")) continue;
        const size = parseFloat(style.fontSize) * Reveal.getScale();
        if (size < smallest) small[size] = text.data.trim().slice(0, 40);
    }
    for (const [size, words] of Object.entries(small)) found.push(`text of ${px(size)}: ${words}`);
    return {found, words: slide.innerText.trim().replace(/\\s+/g, " ").slice(0, 50)};
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """All pages, as `make slides` writes them."""
    slides.fetch_reveal()
    made = tmp_path_factory.mktemp("slides")
    for name, page in slides.pages(slides.course()):
        (made / name).write_text(page, encoding="utf-8")
    return made


def ready(page) -> None:
    """Wait until a deck is there."""
    page.wait_for_function("window.Reveal?.isReady()")


def opened(tab, folder: Path, name: str, query: str = ""):
    """Open a deck and wait until it is ready."""
    page, seen = tab(WIDTH, HEIGHT)
    page.goto((folder / f"{name}{deck.SUFFIX}").as_uri() + query)
    ready(page)
    return page, seen


def places(page) -> list[list[int]]:
    """Return column and row of each slide of an open deck."""
    return page.evaluate("Reveal.getSlides().map(s => Reveal.getIndices(s)).map(i => [i.h, i.v ?? 0])")


def sheet(pictures: list[Image.Image], columns: int = 5, width: int = 384) -> Image.Image:
    """Return all slides of a deck on one sheet."""
    height = width * HEIGHT // WIDTH
    whole = Image.new("RGB", (columns * width, math.ceil(len(pictures) / columns) * height), "#888888")
    for number, picture in enumerate(pictures):
        small = picture.resize((width - 4, height - 4), Image.Resampling.BILINEAR, reducing_gap=2)
        whole.paste(small, (number % columns * width + 2, number // columns * height + 2))
    return whole


@pytest.mark.parametrize("name", DECKS)
def test_each_slide_fits_and_can_be_read(tab, folder, name):
    page, seen = opened(tab, folder, name)
    kept, complaints, pictures = browser.screenshots(f"slides_{name}"), [], []
    for number, place in enumerate(places(page), 1):
        looked = page.evaluate(LOOK, [*place, SMALLEST])
        complaints += [f"{name}, slide {number} ({looked['words']!r}): {what}" for what in looked["found"]]
        shot = page.screenshot(path=kept / f"{number:02}.jpg", type="jpeg", quality=60)
        pictures.append(Image.open(io.BytesIO(shot)))
    sheet(pictures).save(kept / "all.jpg", quality=60)
    assert len(pictures) > 10
    if wrong := complaints + seen.requests + seen.errors:
        pytest.fail(f"{len(wrong)} complaints\n" + "\n".join(wrong), pytrace=False)


# --- presenting -------------------------------------------------------------------------------------------------------

NOW = "() => { const at = Reveal.getIndices(); return [at.h, at.v ?? 0, at.f ?? -1]; }"


def test_a_clicker_walks_through_everything(tab, folder):
    """The arrow to the right, which clickers send: every slide comes once, in order, with its builds."""
    page, seen = opened(tab, folder, "00_start_here")
    wanted, bar = places(page), "document.querySelector('.progress span').getBoundingClientRect().width"
    walked, number, before = [places(page)[0]], page.locator(".slide-number"), page.evaluate(NOW)
    assert page.evaluate(bar) == 0
    while not page.evaluate("Reveal.isLastSlide() && !Reveal.availableFragments().next"):
        page.keyboard.press("ArrowRight")
        now = page.evaluate(NOW)
        assert now != before, f"stuck at {before}"
        if now[:2] != walked[-1]:
            walked.append(now[:2])
            assert number.inner_text().split() == [str(len(walked)), "/", str(len(wanted))]
        before = now
    assert walked == wanted
    page.wait_for_function(f"{bar} >= innerWidth - 1")
    assert seen.requests + seen.errors == []


def test_the_speaker_has_the_notes(tab, folder):
    """S opens a second window: it shows the notes of the slide, which the room does not see, and follows it."""
    page, seen = opened(tab, folder, "01_train")
    with page.expect_popup() as opening:
        page.keyboard.press("s")
    speaker = opening.value
    notes = speaker.locator(".speaker-controls-notes .value")
    notes.get_by_text("how large is the network").wait_for()
    assert not page.locator("aside.notes").first.is_visible()
    speaker.screenshot(path=browser.screenshots("slides") / "speaker.png")
    place = page.evaluate("Reveal.getIndices(document.querySelectorAll('aside.notes')[1].closest('section'))")
    page.evaluate("place => Reveal.slide(place.h, place.v)", place)
    notes.get_by_text("input channels").wait_for()
    upcoming = speaker.frame_locator("#upcoming-slide iframe").locator("section.present").last
    upcoming.wait_for()
    assert seen.requests + seen.errors == []


def test_a_deck_prints_to_pdf(tab, folder):
    """One page for each slide, of the slide's size."""
    page, seen = opened(tab, folder, "00_start_here", "?print-pdf")
    page.wait_for_selector(".pdf-page")
    count = page.locator(".pdf-page").count()
    printed = page.pdf(prefer_css_page_size=True, print_background=True)
    pages = re.findall(rb"/Type\s*/Page\b[^s].*?/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", printed, re.S)
    assert count == len(slides.deck.cut("", slides.course()["00_start_here"])) == len(pages)
    sizes = {(round(float(width)), round(float(height))) for width, height in pages}
    assert sizes == {(WIDTH * 72 // 96, HEIGHT * 72 // 96)}, "in points, 72 to an inch of 96 pixels"
    (browser.screenshots("slides") / "00_start_here.pdf").write_bytes(printed)
    assert seen.requests + seen.errors == []


def test_the_index_opens_every_deck(tab, folder):
    page, seen = tab(WIDTH, HEIGHT)
    page.goto((folder / "index.html").as_uri())
    page.screenshot(path=browser.screenshots("slides") / "index.png", full_page=True)
    addresses = page.locator("h2 a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert sorted(addresses) == sorted(f"{name}{deck.SUFFIX}" for name in DECKS)
    page.get_by_role("link", name="Post-training quantization: the lecture").click()
    ready(page)
    assert page.title() == "Post-training quantization: the lecture"
    page.locator("section.present footer.from a:visible").click()
    assert page.url.endswith("index.html")
    assert seen.requests + seen.errors == []


def test_formulas_are_drawn(tab, folder):
    """They are MathML, which the browser sets by itself: each has a size, and a sum is higher than a letter."""
    page, _ = opened(tab, folder, "04_how_to_quantize")
    sizes = page.evaluate("""() => {
        const found = [];
        for (const math of document.querySelectorAll("section:not(.stack) math")) {
            const at = Reveal.getIndices(math.closest("section"));
            Reveal.slide(at.h, at.v, 1000);
            const box = math.getBoundingClientRect();
            found.push([box.width, box.height, math.querySelector("munder, munderover") !== null]);
        }
        return found;
    }""")
    assert len(sizes) > 5 and min(min(width, height) for width, height, _ in sizes) > 5
    sums = [height for _, height, has_sum in sizes if has_sum]
    assert sums and min(sums) > 1.3 * min(height for _, height, _ in sizes)


def test_a_live_figure_moves_on_its_slide(tab, folder):
    """The arrow keys belong to the slider while it has the focus; the deck stays where it is."""
    page, seen = opened(tab, folder, "04_how_to_quantize")
    page.evaluate("""() => {
        const { h, v } = Reveal.getIndices(document.querySelector('[data-figure="number_line"]').closest("section"));
        Reveal.slide(h, v, 100);
    }""")
    before, figure = page.evaluate("Reveal.getIndices()"), page.locator('[data-figure="number_line"]')
    figure.locator("input[type=range]").nth(2).focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    assert "with 16 codes" in figure.locator("svg").get_attribute("aria-label")
    assert page.evaluate("Reveal.getIndices()") == before
    assert seen.errors == [] and seen.requests == []
