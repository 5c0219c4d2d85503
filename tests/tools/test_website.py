"""The site that `make site` writes: every link leads somewhere, nothing is asked of the network, PDFs are whole.

It is built twice, with stubs in front for the live pages: as a copy without an address builds it, with PDFs, and as
one with an address and slides, without a browser.
"""

import ast
import html.parser
import json
import re
from collections import defaultdict
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

import alive
import browser
import cheat_sheet
import printing
import site_sources
import website
from helpers.base.data import project
from helpers.course import hand_in
from site_sources import Course, SiteError

pytest_plugins = ["browser"]
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # what Sphinx says of its extensions

STUB = (
    '<!DOCTYPE html><html lang="en"><title>Live</title><h1>Live</h1><a href="course/index.html">The course</a></html>'
)
ADDRESS = Course("ada/eight-bits", "main")
NAMES = [name.removesuffix(".ipynb") for name in site_sources.notebooks()]
GUIDES = ["instructors", "where_it_runs", "asked_in_public"]
PAGES = [*NAMES, *GUIDES, "index", "glossary", "cheat_sheet", "slides", "search"]
LOOKED_AT = ("index", "04_how_to_quantize", "glossary", "cheat_sheet", "slides")  # of which screenshots are kept
WIDTHS = (360, 1280, 1920)
NEXT_TO_NOTHING = 120  # pages of the PDF that the course surely has


def stubs() -> dict[str, str]:
    """Return what stands for the live pages."""
    return dict.fromkeys(alive.PAGES.values(), STUB)


def built(folder: Path, address: Course, program: str | None) -> tuple[Path, list[str]]:
    """Build a site; return its folder and what was said."""
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PTQ_ARTIFACTS", str(folder))
        patch.setattr(website, "address", lambda: address)
        website.build(folder / "site", stubs, program, said.append)
    return folder / "site", said


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A site without an address; with PDFs where there is a browser."""
    return built(tmp_path_factory.mktemp("plain"), Course(), browser.CHROMIUM)


@pytest.fixture(scope="module")
def site(plain):
    return plain[0]


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    """A site with an address and slides; without a browser."""
    folder = tmp_path_factory.mktemp("public")
    (folder / "slides").mkdir()
    (folder / "slides" / "index.html").write_text(STUB.replace("course/", "../course/"))
    return built(folder, ADDRESS, None)


# --- links ------------------------------------------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    """What counts in a page: its ids, links, what it loads, headings, pictures.

    Attributes:
        ids: each id, as often as it stands there.
        links: the addresses to which one can go.
        loaded: the addresses of what the page loads by itself.
        tags: {name: attributes of each such element}.
    """

    def __init__(self, text: str):
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.tags: dict[str, list[dict]] = defaultdict(list)
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        self.tags[tag].append(told)
        if "id" in told:
            self.ids.append(told["id"])
        if tag in ("a", "area") and "href" in told:
            self.links.append(told["href"])
        elif tag == "form" and "action" in told:
            self.links.append(told["action"])
        elif tag == "link" and told.get("rel") not in ("next", "prev", "search", "index"):
            self.loaded.append(told["href"])
        elif "href" in told:
            self.links.append(told["href"])
        if "src" in told:
            self.loaded.append(told["src"])


def pages_of(folder: Path) -> dict[Path, Page]:
    """Return all pages of a site."""
    return {path: Page(path.read_text("utf-8")) for path in sorted(folder.rglob("*.html"))}


def broken(folder: Path) -> list[str]:
    """Return the links within a site that lead nowhere, and what pages load that is not there."""
    pages, found = pages_of(folder), []
    for path, page in pages.items():
        for address in [*page.links, *page.loaded]:
            file, _, anchor = address.partition("#")
            if re.match(r"[\w+.-]+:", address):
                continue
            target = (path.parent / unquote(file.partition("?")[0])).resolve() if file else path
            there = target.is_file() and target.is_relative_to(folder.resolve())
            ids = pages[target].ids if there and target in pages else None
            if not there or (anchor and ids is not None and unquote(anchor) not in ids and anchor not in ids):
                found.append(f"{path.relative_to(folder)}: {address}")
    return found


@pytest.mark.parametrize("which", ["plain", "public"])
def test_every_link_leads_somewhere(which, request):
    assert broken(request.getfixturevalue(which)[0].resolve()) == []


def test_broken_links_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="#here"></a><a href="#gone"></a><a href="b.html"></a><img src="c">'
    )
    assert broken(tmp_path) == ["a.html: #gone", "a.html: b.html", "a.html: c"]


@pytest.mark.parametrize("which", ["plain", "public"])
def test_pages_load_nothing_from_elsewhere(which, request):
    """Links to elsewhere are https, and only links."""
    for path, page in pages_of(request.getfixturevalue(which)[0]).items():
        outside = [address for address in page.loaded if re.match(r"(?!data:)[\w+.-]+:|//", address)]
        assert outside == [], path.name
        schemes = {match[0] for address in page.links if (match := re.match(r"[\w+.-]+:|//", address))}
        assert schemes <= {"https:"}, path.name
    for style in request.getfixturevalue(which)[0].rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", style.read_text("utf-8")), style.name


def test_all_pages_are_reached_from_the_first(site):
    pages, reached, waiting = pages_of(site), set(), [site / "index.html"]
    while waiting:
        path = waiting.pop()
        if path in pages and path not in reached:
            reached.add(path)
            links = (link.partition("#")[0].partition("?")[0] for link in pages[path].links)
            waiting += [Path(path.parent / unquote(link)).resolve() for link in links if link and ":" not in link]
    assert {path.relative_to(site) for path in pages} == {path.relative_to(site) for path in reached}


# --- what stands on the pages -----------------------------------------------------------------------------------------


def test_pages_can_be_read_by_everybody(site):
    for path, page in pages_of(site / "course").items():
        assert page.tags["html"][0]["lang"] == "en", path.name
        assert len(page.tags["h1"]) == 1, path.name
        assert "#main-content" in page.links and "main-content" in page.ids, path.name
        assert [image for image in page.tags["img"] if not image.get("alt")] == [], path.name
        assert len(page.ids) == len(set(page.ids)), path.name


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_whole(site, name):
    """All its figures with their words, all its sections, the code; to download it is as it is stored."""
    source = site_sources.run.NOTEBOOKS / f"{name}.ipynb"
    text = (site / "course" / f"{name}.html").read_text("utf-8")
    page, notebook = Page(text), nbformat.read(source, as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    told = [output.metadata["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    alts = [image.get("alt") for image in page.tags["img"]]
    assert [one["alt"] for one in told if one["alt"] not in alts] == []
    live = [json.loads(div["data-live"]) for div in page.tags["div"] if "data-live" in div]
    assert live == [one["live"] for one in told if "live" in one]
    assert ("live.js" in text) == bool(live or "data-prediction=" in text)
    headings = re.findall(
        r"^#{2,3} (.+)$", "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown"), re.M
    )
    assert [words for words in headings if words.replace("`", "").replace(" ", "-") not in page.ids] == []
    assert "image/png;base64" not in text and "widget-view" not in text
    assert (site / "course" / "_sources" / f"{name}.ipynb").read_bytes() == source.read_bytes()
    assert any(link.endswith(f"_sources/{name}.ipynb") for link in page.links)


def test_formulas_are_mathml(site):
    text = (site / "course" / "04_how_to_quantize.html").read_text("utf-8")
    notebook = nbformat.read(site_sources.run.NOTEBOOKS / "04_how_to_quantize.ipynb", as_version=4)
    sources = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert len(re.findall(r"<math\b", text)) >= sources.count("$$") // 2 > 1
    assert "mathjax" not in text.lower() and "\\frac" not in text


def test_notes_for_instructors_are_folded(site):
    text = (site / "course" / "04_how_to_quantize.html").read_text("utf-8")
    notes = re.findall(r"<details><summary>For instructors</summary>\s*(.*?)</details>", text, re.S)
    assert len(notes) > 5 and all(note.lstrip().startswith(("<p>", "<ul", "<ol")) for note in notes)


def test_what_needs_a_kernel_is_left_out(site):
    text = "".join((site / "course" / f"{name}.html").read_text("utf-8") for name in NAMES)
    assert hand_in.ANSWERS.strip("*") not in text and "predictions.ask(" not in re.sub("<[^>]+>", "", text)


def test_the_glossary_has_every_term_of_the_notebook(site):
    summary = nbformat.read(site_sources.run.NOTEBOOKS / "08_summary.ipynb", as_version=4)
    rows = [line for cell in summary.cells for line in cell.source.splitlines() if line.startswith("| **")]
    text = (site / "course" / "glossary.html").read_text("utf-8")
    terms = re.findall(r'<dt id="term-[^"]*">(.*?)<a', text)
    assert len(rows) > 20 and terms == [row.split("**")[1] for row in rows]


def test_another_form_of_the_glossary_is_refused():
    summary = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("## Glossary\n\n| **code** | an integer |")]
    )
    with pytest.raises(SiteError, match="should have one section '## Glossary'"):
        site_sources.glossary(summary)


# --- with an address, and without -------------------------------------------------------------------------------------


def test_without_an_address_one_can_only_download(plain):
    site, said = plain
    text = (site / "course" / "04_how_to_quantize.html").read_text("utf-8")
    assert "colab" not in text and "mybinder" not in text
    assert website.NO_ADDRESS in said
    card = next((site / "course" / "_downloads").rglob("README.md"))
    assert card.read_bytes() == (project() / "data" / "checkpoints" / "README.md").read_bytes()


def test_with_an_address_a_click_opens_a_notebook(public):
    site, said = public
    for name in NAMES:
        links = Page((site / "course" / f"{name}.html").read_text("utf-8")).links
        path = f"notebooks/{name}.ipynb"
        assert f"https://colab.research.google.com/github/ada/eight-bits/blob/main/{path}" in links
        assert f"https://mybinder.org/v2/gh/ada/eight-bits/main?urlpath=lab/tree/{path}" in links
    assert "https://github.com/ada/eight-bits/blob/main/data/checkpoints/README.md" in (
        Page((site / "course" / "01_train.html").read_text("utf-8")).links
    )
    assert "No badges yet" not in (site / "course" / "where_it_runs.html").read_text("utf-8")
    assert website.NO_ADDRESS not in said


def test_the_address_is_that_of_the_remote(monkeypatch):
    monkeypatch.setattr(website.badges, "origin", lambda folder: "git@github.com:ada/eight-bits.git")
    assert website.address().repository == "ada/eight-bits"
    monkeypatch.setattr(website.badges, "origin", lambda folder: "https://gitlab.com/ada/eight-bits")
    assert website.address().repository is None


def test_slides_come_along_where_they_have_been_made(public, site):
    with_slides = Page((public[0] / "course" / "slides.html").read_text("utf-8")).links
    assert "../slides/index.html" in with_slides and (public[0] / "slides" / "index.html").exists()
    assert "make slides" in (site / "course" / "slides.html").read_text("utf-8")


def test_without_a_browser_there_are_no_pdfs(public):
    site, said = public
    assert printing.MISSING in said and "apt install chromium" in printing.MISSING
    assert [*site.rglob("*.pdf")] == []
    assert [link for page in pages_of(site).values() for link in page.links if link.endswith(".pdf")] == []


def test_a_link_to_nothing_is_refused(tmp_path):
    with pytest.raises(SiteError, match="docs/instructors.md has a link to ../gone.md, and there is no such file"):
        site_sources.relocated("[x](../gone.md)", "docs/instructors.md", "instructors.md", Course(), tmp_path)


def test_a_picture_that_is_none_is_refused():
    with pytest.raises(SiteError, match="says that it is a PNG picture, and is none"):
        Course().figure("aGVs")


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_a_build_that_fails_leaves_the_old_site(tmp_path, monkeypatch, capsys):
    """Here Sphinx has something to complain about: a link to a heading that is not there."""
    old = tmp_path / "site" / "index.html"
    old.parent.mkdir()
    old.write_text("old")
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path))
    monkeypatch.setattr(site_sources, "guide", lambda *_: "# A guide\n\n[x](#gone)\n")
    assert website.main() == 1
    assert "Sphinx complains of the course" in (said := capsys.readouterr().err) and "gone" in said
    assert [*tmp_path.rglob("*")] == [old.parent, old] and old.read_text() == "old"


def test_a_browser_that_does_not_print_is_named(tmp_path):
    (tmp_path / "page.html").write_text("<p>")
    with pytest.raises(SiteError, match="did not print page.html"):
        printing.to_pdf(str(tmp_path / "no_browser"), tmp_path / "page.html", tmp_path / "page.pdf")


def test_a_sheet_that_fits_on_no_page_is_refused(tmp_path, monkeypatch):
    two = b"%PDF\n1 0 obj\n<</Type /Page\n>>\nendobj\n2 0 obj\n<</Type /Page\n>>\nendobj"
    monkeypatch.setattr(printing, "to_pdf", lambda browser, page, target: target.write_bytes(two))
    with pytest.raises(SiteError, match="does not fit on one page, not even in letters of 6.8 points"):
        printing.print_sheet("", str, tmp_path, tmp_path / "sheet.pdf")


# --- the cheat sheet and the PDFs -------------------------------------------------------------------------------------


def test_the_sheet_says_what_was_measured(site):
    """With other measurements it says other things."""
    told = json.loads(cheat_sheet.REFERENCE.read_text("utf-8"))
    int8 = told["comparison"]["models"]["int8"]
    text = (site / "course" / "cheat_sheet.html").read_text("utf-8")
    assert f"{int8['same_as_float32']:,} of {int8['pictures']:,}" in text and f"{int8['bytes'] / 1e3:,.0f}" in text
    int8 |= {"same_as_float32": 1111, "bytes": 777_000, "arena_bytes": 300_000}
    other = cheat_sheet.fragment(told)
    assert "1,111 of" in other and "777" in other and "neither fits" in other
    del told["board"]
    with pytest.raises(SiteError, match="leaves out what the cheat sheet shows: 'board'"):
        cheat_sheet.fragment(told)


def test_the_code_of_the_sheet_is_that_of_the_course():
    """Every option that it sets is set in notebook 2 as well, to the same."""
    notebook = nbformat.read(site_sources.run.NOTEBOOKS / "02_convert.ipynb", as_version=4)
    (cell,) = [c.source for c in notebook.cells if "TFLITE_BUILTINS_INT8" in c.source and c.cell_type == "code"]

    def options(code: str) -> dict[str, str]:
        assigned = [node for node in ast.parse(code).body if isinstance(node, ast.Assign)]
        return {ast.unparse(target): ast.unparse(node.value) for node in assigned for target in node.targets}

    sheet, course = options(cheat_sheet.CODE), options(cell)
    own = {"converter", "converter.representative_dataset"}
    assert len(sheet) == 6 and {key: course.get(key) for key in sheet if key not in own} == {
        key: value for key, value in sheet.items() if key not in own
    }
    assert own <= course.keys()


@browser.needed
def test_the_sheet_is_one_page_of_a4(site):
    pdf = (site / "course" / website.SHEET_PDF).read_bytes()
    (size,) = re.findall(rb"/Type /Page\b(?!s).*?/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf, re.S)
    assert [round(float(edge) * 25.4 / 72) for edge in size] == [210, 297]


@browser.needed
def test_the_pdf_of_the_course_is_whole(site):
    """All chapters, in order, with their pages in the contents."""
    pdf = (site / "course" / website.COURSE_PDF).read_bytes()
    count = len(re.findall(rb"/Type /Page\b(?!s)", pdf))
    assert count > NEXT_TO_NOTHING
    starts = printing.page_numbers(pdf)
    pages = [starts[printing.key(name)] for name in NAMES]
    assert pages == sorted(set(pages)) and pages[0] > 2 and pages[-1] <= count
    assert not (site / "course" / "to_print.html").exists()


def test_the_whole_course_leads_within_itself(site):
    """Every link of the page that is printed, to another place of it, leads there; figures are found."""
    text = printing.whole(site / "course", NAMES, {})
    page = Page(text)
    inner = {link[1:] for link in page.links if link.startswith("#")} - {""}
    assert len(inner) > 100 and sorted(inner - set(page.ids)) == []
    assert [src for src in page.loaded if not (site / "course" / src).is_file()] == []
    assert "For instructors" not in text and "Show the code" not in text


# --- in a browser -----------------------------------------------------------------------------------------------------


@browser.needed
def test_nothing_overflows(site, tab):
    """Each page, from a phone to the last row."""
    page, seen = tab(WIDTHS[0], 740)
    wide = []
    for name in PAGES:
        page.goto((site / "course" / f"{name}.html").as_uri())
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 740})
            if name in LOOKED_AT:
                shot = browser.screenshots("site") / f"{name}_{width}.jpg"
                page.screenshot(path=shot, type="jpeg", quality=60)
            if page.evaluate("document.documentElement.scrollWidth") > width:
                wide.append((name, width))
    assert wide == []
    assert seen.errors == [] and seen.requests == []


@browser.needed
def test_the_search_finds_a_word(site, tab):
    page, seen = tab()
    page.goto((site / "course" / "index.html").as_uri())
    page.keyboard.press("Control+k")
    page.locator("dialog input[type=search]").fill("per-channel")
    page.keyboard.press("Enter")
    page.locator("#search-results li a").first.wait_for()
    found = page.locator("#search-results li a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert any("04_how_to_quantize" in link for link in found)
    page.locator("#search-results li a").first.click()
    page.wait_for_selector("article h1")
    assert seen.errors == [] and seen.requests == []


@browser.needed
def test_code_can_be_copied_and_outputs_not(site, tab):
    page, seen = tab(permissions=["clipboard-read", "clipboard-write"])
    page.goto((site / "course" / "04_how_to_quantize.html").as_uri())
    cell = page.locator("div.cell_input", has_text="def dequantize").first
    cell.hover()
    cell.locator("button.copybtn").click()
    page.wait_for_function("navigator.clipboard.readText().then(text => text.startsWith('def dequantize(codes'))")
    assert page.locator("div.cell_output button.copybtn").count() == 0
    assert seen.errors == [] and seen.requests == []


@browser.needed
def test_live_figures_come_alive(site, tab):
    page, seen = tab()
    page.goto((site / "course" / "04_how_to_quantize.html").as_uri())
    hosts = page.locator("[data-live]").count()
    assert hosts >= 2 and page.locator("[data-live] svg").count() >= hosts
    figure = page.locator(".live", has=page.locator("svg[aria-label*='with 16 codes']")).first
    figure.locator("input[type=range]").nth(2).focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("svg[aria-label*='with 32 codes']").count() == 1
    assert seen.errors == [] and seen.requests == []


@browser.needed
def test_figures_can_be_read_in_the_dark(site, tab):
    """They are drawn in black, so their ground stays white."""
    page, seen = tab(color_scheme="dark")
    page.goto((site / "course" / "04_how_to_quantize.html").as_uri())
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    image = page.locator(".figure img").first
    image.scroll_into_view_if_needed()
    assert image.evaluate("image => getComputedStyle(image).backgroundColor") == "rgb(255, 255, 255)"
    page.screenshot(path=browser.screenshots("site") / "dark.png")
    assert seen.errors == [] and seen.requests == []
