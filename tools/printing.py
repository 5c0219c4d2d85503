"""PDFs, printed by a headless Chromium from pages on the disk; and the whole course as one page to print."""

import html
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import site_sources

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = "There are no PDFs, for they are printed by Chromium, and there is none (Debian: sudo apt install chromium)."
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--no-sandbox",  # the pages are our own, and no container lets a sandbox start
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # nothing is asked of the network
    "--no-pdf-header-footer",
    "--generate-pdf-document-outline",
)
PATIENCE = 120  # seconds

# The generic font for formulas may know nothing of the places of subscripts.
MATH_FONT = '"STIX Two Math", "Cambria Math", "Latin Modern Math", "STIXMath", "DejaVu Math TeX Gyre", math'
POINTS = (
    8.8,
    8.4,
    8.0,
    7.6,
    7.2,
    6.8,
)  # sizes of the letters on the cheat sheet; the first that fits, for fonts differ

ARTICLE = re.compile(r'<article class="bd-article">(.*)</article>', re.S)
ID = re.compile(r'(?<=[\s"])id="([^"]*)"')
HREF = re.compile(r'href="([^"]*)"')
SOURCE = re.compile(r'src="(?:\.\./)*([^":]+)"')
HEADING = re.compile(r'<section id="([^"]*)">\s*(?:<span id="[^"]*"></span>\s*)*<h([12])>(.*?)</h\2>', re.S)
MINUTES = re.compile(r" \(\d+ minutes\)$")
HEADERLINK = re.compile(r'<a class="headerlink".*?</a>', re.S)
OBJECT = re.compile(rb"(?m)^(\d+) 0 obj\n(<<.*?)endobj", re.S)
ASIDE = re.compile(r"<details\b(?:(?!<details\b).)*?</details>", re.S)  # folded code, notes for instructors


def chromium() -> str | None:
    """Return the browser that prints, or None: the one that the variable CHROMIUM names, or what is installed."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def to_pdf(browser: str, page: Path, target: Path) -> None:
    """Print a page.

    Raises:
        SiteError: the browser did not write a PDF.
    """
    with tempfile.TemporaryDirectory(prefix="ptq-print-", ignore_cleanup_errors=True) as profile:
        command = [browser, *FLAGS, f"--user-data-dir={profile}", f"--print-to-pdf={target}", page.resolve().as_uri()]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
            said = done.stderr.strip().splitlines()[-1:]
        except (OSError, subprocess.TimeoutExpired) as error:
            said = [str(error)]
    if not target.exists() or not target.read_bytes().startswith(b"%PDF"):
        raise site_sources.SiteError(f"{browser} did not print {page.name}: {' '.join(said) or 'it says nothing'}")


def page_count(pdf: bytes) -> int:
    """Return how many pages a PDF of Chromium's has."""
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))


def page_numbers(pdf: bytes) -> dict[str, int]:
    """Return on which page of Chromium's PDF the places are to which links lead; nothing if that cannot be read."""
    objects = {int(number): body for number, body in OBJECT.findall(pdf)}
    root = re.search(rb"/Type /Catalog\s+/Pages (\d+) 0 R\s+/Dests (\d+) 0 R", pdf)
    if root is None:
        return {}
    pages = {number: count for count, number in enumerate(_leaves(int(root[1]), objects), 1)}
    found = re.findall(rb"/(\S+) \[(\d+) 0 R", objects.get(int(root[2]), b""))
    names = [
        (re.sub(rb"#([\dA-F]{2})", lambda code: bytes([int(code[1], 16)]), name), int(page)) for name, page in found
    ]
    return {name.decode("utf-8", "replace"): pages[page] for name, page in names if page in pages}


def _leaves(number: int, objects: dict[int, bytes]) -> list[int]:
    """Return the pages below an object of a PDF's tree of pages, in order."""
    kids = re.search(rb"/Kids \[([^\]]*)\]", objects.get(number, b""))
    if kids is None:
        return [number]
    return [leaf for kid in re.findall(rb"(\d+) 0 R", kids[1]) for leaf in _leaves(int(kid), objects)]


def print_sheet(browser: str, page: Callable[[float], str], work: Path, target: Path) -> None:
    """Print the cheat sheet on one page, in the largest letters that fit.

    Args:
        browser: Chromium.
        page: returns it with letters of a size in points.
        work: a folder for what is needed meanwhile.
        target: the PDF.

    Raises:
        SiteError: it does not fit, or was not printed.
    """
    for points in POINTS:
        source = work / "cheat_sheet.html"
        source.write_text(page(points), encoding="utf-8")
        to_pdf(browser, source, target)
        if page_count(target.read_bytes()) == 1:
            return
    raise site_sources.SiteError(
        f"The cheat sheet does not fit on one page, not even in letters of {POINTS[-1]} points."
    )


def print_whole(browser: str, folder: Path, names: Iterable[str], target: Path) -> None:
    """Print some pages as one PDF, twice, for where the headings are is known after the first time.

    Raises:
        SiteError: see `whole` and `to_pdf`.
    """
    names, source, numbers = list(names), folder / "to_print.html", {}
    for _ in range(2):
        source.write_text(whole(folder, names, numbers), encoding="utf-8")
        to_pdf(browser, source, target)
        numbers = page_numbers(target.read_bytes())
    source.unlink()


@dataclass
class Chapter:
    """A page as a part of the whole.

    Attributes:
        name: its address from the folder of the pages, without .html.
        body: its article, HTML.
        headings: [(id, level, words)], of the first two levels.
    """

    name: str
    body: str
    headings: list[tuple[str, int, str]]

    @property
    def contents(self) -> list[tuple[str, str]]:
        """What the contents name of it: [(id, words)]; every notebook closes with the same two headings."""
        inner = [(place, MINUTES.sub("", words)) for place, level, words in self.headings if level == 2]
        return [(place, words) for place, words in inner if words not in ("Recap", "Three questions")]


def whole(folder: Path, names: Iterable[str], numbers: dict[str, int]) -> str:
    """Return some pages as one, with contents; links between them lead from one to the other within it.

    Args:
        folder: where the pages are, and where the page is to stand.
        names: their addresses from there, without .html, in order.
        numbers: what the contents say of each heading, {its id in the whole: page}.

    Raises:
        SiteError: a page has another form than the theme gives it.
    """
    names = list(names)
    chapters = [chapter(folder, name, names) for name in names]
    values = {"chapters": chapters, "numbers": numbers, "key": key, "math_font": MATH_FONT}
    return site_sources.template("course_print.html.j2", **values)


def chapter(folder: Path, name: str, names: list[str]) -> Chapter:
    """Return a page as a chapter: see `whole`."""
    found = ARTICLE.search((folder / f"{name}.html").read_text("utf-8"))
    if found is None:
        raise site_sources.SiteError(f"{name}.html has no article: has the theme changed?")
    up = Path(name).parent
    body = HEADERLINK.sub("", ASIDE.sub("", found[1])).replace(' loading="lazy"', "")
    body = SOURCE.sub(lambda link: f'src="{link[1]}"', body)
    body = ID.sub(lambda one: f'id="{key(name, one[1])}"', body)
    body = HREF.sub(lambda link: f'href="{_within(link[1], name, up, names)}"', body)
    return Chapter(name, body, [(place, int(level), _plain(words)) for place, level, words in HEADING.findall(body)])


def key(name: str, place: str = "") -> str:
    """Return the id that a place of a page, or a page, has in the whole."""
    return f"{name.replace('/', '-')}--{place}"


def _within(address: str, name: str, up: Path, names: list[str]) -> str:
    """Return where a link of a chapter leads in the whole; one to a page that is no chapter leads nowhere else."""
    path, _, place = html.unescape(address).partition("#")
    if re.match(r"[\w+.-]+:", path):
        return address
    target = os.path.normpath(up / path).removesuffix(".html") if path else name
    if target in names:
        return "#" + html.escape(key(target, place))
    return "#"


def _plain(words: str) -> str:
    """Return a heading without its markup, but for formulas."""
    return re.sub(r"</?(?!math|/?m[a-z]+\b)\w+[^>]*>", "", words).strip()
