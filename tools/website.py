"""The whole site: the live pages in front, and the course with everything around it behind them: `make site`.

    python tools/website.py

writes `artifacts/site/`, which opens from a disk or from any server and asks nothing of the network.  The notebooks are
shown as they are stored, and not run.
"""

import functools
import io
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.docutils import docutils_namespace, patch_docutils

import alive
import badges
import cheat_sheet
import live
import printing
import run
import site_sources
import sphinx_course
from helpers.base import artifacts
from site_sources import Course, SiteError

COURSE, SLIDES = "course", "slides"  # folders of the site
SHEET_PDF, COURSE_PDF = "cheat_sheet.pdf", "course.pdf"
NO_ADDRESS = (
    "The pages have no buttons for Colab and Binder, for this copy of the project has no git remote 'origin' at "
    "GitHub; downloading works."
)
LAUNCH = {
    "notebook_interface": "jupyterlab",
    "binderhub_url": "https://mybinder.org",
    "colab_url": "https://colab.research.google.com",
}
# For who develops the theme, reads another language, or links here from another project built by Sphinx.
NEEDLESS = ("**/*.map", "_static/*.html", "_static/locales", ".buildinfo", "objects.inv")


def address() -> Course:
    """Return where the repository is, as far as this copy of the project knows."""
    try:
        name = badges.repository(badges.origin(site_sources.PROJECT))
    except badges.BadgeError:
        return Course()
    return Course(name, badges.branch(site_sources.PROJECT))


def settings(course: Course, static: Path) -> dict:
    """Return what Sphinx is told beyond conf.py.

    Args:
        course: where the repository is.
        static: a folder with more files for all pages.
    """
    others = [(path, words) for path, words in alive.LINKS.items() if not path.startswith(f"{COURSE}/")]
    told = {
        "html_context": {"live_pages": others, "default_mode": "auto"},
        "html_static_path": [str(site_sources.TEMPLATES / "_static"), str(static)],
    }
    if course.repository:
        options = {
            "repository_url": f"https://github.com/{course.repository}",
            "repository_branch": course.branch,
            "path_to_docs": "notebooks",
            "use_repository_button": True,
            "launch_buttons": LAUNCH,
        }
        told |= {f"html_theme_options.{key}": value for key, value in options.items()}
    return told


def write_pages(sources: Path, target: Path, told: dict) -> None:
    """Let Sphinx write the pages of the course.

    Args:
        sources: what it reads.
        target: the folder of the pages.
        told: see `settings`.

    Raises:
        SiteError: Sphinx failed, or had something to complain about.
    """
    complaints = io.StringIO()
    doctrees = target.parent / "doctrees"
    try:
        with patch_docutils(str(site_sources.TEMPLATES)), docutils_namespace():
            app = Sphinx(
                sources, site_sources.TEMPLATES, target, doctrees, "html", told, status=None, warning=complaints
            )
            app.build()
    except SphinxError as error:
        raise SiteError(f"Sphinx could not write the course: {error}") from error
    if complaints.getvalue().strip():
        raise SiteError(f"Sphinx complains of the course:\n\n{run.ANSI.sub('', complaints.getvalue())}")


def write_live(folder: Path) -> None:
    """Write style and script of the live figures, once for all pages."""
    folder.mkdir(parents=True)
    (folder / sphinx_course.LIVE["css"]).write_text((live.WEB / "live.css").read_text("utf-8"), encoding="utf-8")
    (folder / sphinx_course.LIVE["js"]).write_text(live.script(), encoding="utf-8")


def write_course(target: Path, work: Path, course: Course, browser: str | None, slides: bool) -> None:
    """Write the pages of the course, without the PDFs.

    Args:
        target: their folder.
        work: a folder for what is needed meanwhile.
        course: where the repository is.
        browser: what will print the PDFs, if anything.
        slides: whether the site has slides.

    Raises:
        SiteError: a part of the course has not the form that is read here.
    """
    sources, static = work / "sources", work / "static"
    sources.mkdir(parents=True)
    write_live(static)
    site_sources.write(sources, course, cheat_sheet.fragment(), slides, browser is not None)
    write_pages(sources, work / "pages", settings(course, static))
    (work / "pages").rename(target)
    site_sources.figures(course, target / site_sources.FIGURES)
    for name, path in site_sources.notebooks().items():  # not as they were prepared for Sphinx
        shutil.copyfile(path, target / "_sources" / name)
    for pattern in NEEDLESS:
        for path in list(target.glob(pattern)):
            artifacts.remove(path)


def print_pages(folder: Path, work: Path, browser: str) -> None:
    """Print the cheat sheet and the whole course into the folder of the pages.

    Raises:
        SiteError: see `printing`.
    """
    page = functools.partial(cheat_sheet.page, cheat_sheet.fragment())
    printing.print_sheet(browser, page, work, folder / SHEET_PDF)
    names = [name.removesuffix(".ipynb") for name in site_sources.notebooks()]
    printing.print_whole(browser, folder, names, folder / COURSE_PDF)


def build(
    target: Path,
    live_pages: Callable[[], dict[str, str]] = alive.pages,
    browser: str | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Write the site, whole or not at all.

    Args:
        target: its folder; what stands there is replaced.
        live_pages: makes the pages in front, {name of the file: page}.
        browser: Chromium, which prints the PDFs; without one there are none.
        say: hears what is done.

    Raises:
        SiteError: a part of it could not be made.
    """
    course, slides = address(), artifacts.root() / SLIDES
    has_slides = (slides / "index.html").exists()
    with artifacts.atomic(target) as part, ThreadPoolExecutor(1) as beside:
        work = part.parent / "work"
        part.mkdir()
        done = _clock(say)
        write_course(part / COURSE, work, course, browser, has_slides)
        done(f"the course: {len(list((part / COURSE).rglob('*.html')))} pages")
        printed = beside.submit(print_pages, part / COURSE, work, browser) if browser else None
        for name, page in live_pages().items():
            (part / name).write_text(page, encoding="utf-8")
        if has_slides:
            shutil.copytree(slides, part / SLIDES)
        done("the live pages in front" + ", the slides" * has_slides)
        if printed:
            printed.result()
            done("the PDFs")
    for missing in (() if browser else (printing.MISSING,)) + (() if course.repository else (NO_ADDRESS,)):
        say(missing)


def _clock(say: Callable[[str], None]) -> Callable[[str], None]:
    """Return a function that says what is done, and how long it took since the last time."""
    last = time.monotonic()

    def done(what: str) -> None:
        nonlocal last
        now = time.monotonic()
        say(f"{what:<36} {now - last:5.1f} s")
        last = now

    return done


def main() -> int:
    """Write the site and return the exit status."""
    target = artifacts.root() / "site"
    try:
        build(target, browser=printing.chromium(), say=functools.partial(print, flush=True))
    except (SiteError, run.RunError, artifacts.UnwritableError) as error:
        print(error, file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    print(f"{run.shown(target / 'index.html')}  {size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
