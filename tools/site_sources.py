"""The sources from which Sphinx makes the pages of the course: the notebooks as they are stored, and the guides.

Nothing is run.  Shown are the notebooks of the repository, whose outputs are those of the drawn pets: a run keeps its
executed copies as pages only, and they may hold photographs, which must not get onto a public site.
"""

import base64
import binascii
import hashlib
import html
import json
import os
import posixpath
import re
import shutil
import struct
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from nbformat import NotebookNode

import badges
import deck
import run
from helpers.course import hand_in, my_course

PROJECT = run.NOTEBOOKS.parent
TEMPLATES = deck.TEMPLATES / "site"
FIGURES = "_figures"  # beside the pages
SUMMARY, GLOSSARY = "08_summary", "Glossary"
GUIDES = {f"docs/{name}.md": f"{name}.md" for name in ("instructors", "where_it_runs", "asked_in_public")}
FILES = "files"  # what a page offers to download, for want of the repository's address
PNG = "image/png"
PREDICTION = "prediction"  # the tag of a cell that asks for one, or answers it; its code is nothing to read

LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
BADGE = re.compile(r"\[!\[([^\]]*)\]\([^)]*\)\]\(([^)]*)\)")  # a picture from another host, with a link
PICTURE = re.compile(r"^!\[[^\]]*\]\([^)]*\)\n*", re.M)
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.M)
INSIDE = re.compile(r'src="data:image/png;base64,([^"]+)"')
NOTEBOOK = re.compile(r'href="([^":]+)\.ipynb(?=[#"])')
TERM = re.compile(r"^\| \*\*(.+?)\*\* \| (.+) \| (\d+) \|$", re.M)
ROW = re.compile(r"^\| \[`(\w+)`\]\([^)]*\) \| (.+) \|$", re.M)


class SiteError(Exception):
    """The site could not be made; the message says why and what to do."""


@dataclass
class Course:
    """Where the course is found, and the pictures that its pages have shown so far.

    Attributes:
        repository: OWNER/NAME at GitHub, or None.
        branch: the branch to which links lead.
        figures: {file name: content}.
    """

    repository: str | None = None
    branch: str = "main"
    figures: dict[str, bytes] = field(default_factory=dict)

    def figure(self, content: str, folders: int = 0) -> str:
        """Keep a picture, given as base64, and return `src` and size of its <img>.

        Args:
            content: the PNG file.
            folders: how deep the page lies.

        Raises:
            SiteError: it is no PNG.
        """
        try:
            data = base64.b64decode(content)
            width, height = struct.unpack(">II", data[16:24])
        except (binascii.Error, struct.error):
            raise SiteError("A stored output says that it is a PNG picture, and is none: make refresh.") from None
        name = f"{hashlib.sha256(data).hexdigest()[:16]}.png"
        self.figures[name] = data
        return f'src="{"../" * folders}{FIGURES}/{name}" width="{width}" height="{height}"'


def notebooks() -> dict[str, Path]:
    """Return the notebooks of the site in order, {path of the source: file}."""
    files = [*run.course(run.NOTEBOOKS, only=[]), run.NOTEBOOKS / run.SOLUTIONS]
    return {path.relative_to(run.NOTEBOOKS).as_posix(): path for path in files}


def places() -> dict[str, str]:
    """Return which page shows which file of the project, {path of the file: path of the source}."""
    return {path.relative_to(PROJECT).as_posix(): name for name, path in notebooks().items()} | GUIDES


# --- links ------------------------------------------------------------------------------------------------------------


def relocated(text: str, here: str, there: str, course: Course, folder: Path) -> str:
    """Let the links of a Markdown text lead from its page to where they led from its file.

    What has no page of its own is found in the repository, or beside the pages if nobody knows its address.

    Args:
        text: the Markdown.
        here: path of the file in the project.
        there: path of its source in `folder`.
        course: where the repository is.
        folder: where the sources are.

    Raises:
        SiteError: a link leads nowhere.
    """

    def mend(link: re.Match) -> str:
        path, mark, anchor = link[0].partition("#")
        if not path or re.match(r"[\w+.-]+:", path):
            return link[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(here), path))
        if target in (pages := places()):
            return posixpath.relpath(pages[target], posixpath.dirname(there) or ".") + mark + anchor
        if not (PROJECT / target).exists():
            raise SiteError(f"{here} has a link to {link[0]}, and there is no such file.")
        return _elsewhere(target, course, folder, there)

    return LINK.sub(mend, text)


def _elsewhere(target: str, course: Course, folder: Path, there: str) -> str:
    """Return where a file of the project is found that is no page."""
    path = PROJECT / target
    if course.repository:
        kind = "tree" if path.is_dir() else "blob"
        return f"https://github.com/{course.repository}/{kind}/{course.branch}/{target}"
    path = path / "README.md" if path.is_dir() else path
    copy = folder / FILES / path.relative_to(PROJECT)
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, copy)
    return "path:" + posixpath.relpath(copy.relative_to(folder).as_posix(), posixpath.dirname(there) or ".")


def github_anchors(text: str) -> str:
    """Turn links within a text from GitHub's anchors, which are in small letters, into Jupyter's."""
    anchors = {re.sub(r"[^\w\- ]", "", words).lower().replace(" ", "-"): words for words in HEADING.findall(text)}
    names = {f"#{anchor}": f"#{words.replace(' ', '-')}" for anchor, words in anchors.items()}
    return LINK.sub(lambda link: names.get(link[0], link[0]), text)


# --- notebooks --------------------------------------------------------------------------------------------------------


def prepared(notebook: NotebookNode, name: str, course: Course, folder: Path) -> NotebookNode:
    """Return a notebook as the site shows it: pictures in files of their own, links to pages.

    Args:
        notebook: as nbformat read it.
        name: path of its source in `folder`.
        course: where the repository is; gets the pictures.
        folder: where the sources are.

    Raises:
        SiteError: a link leads nowhere, or a picture is none.
    """
    copy = nbformat.from_dict(notebook)
    copy.cells = [cell for cell in copy.cells if not _needs_a_kernel(cell)]
    copy.metadata.setdefault("language_info", {})["pygments_lexer"] = "ipython3"
    for cell in copy.cells:
        if cell.cell_type == "markdown":
            cell.source = relocated(cell.source, f"notebooks/{name}", name, course, folder)
        elif cell.cell_type == "code":
            run.keep_still(cell)
            cell.metadata.pop("jupyter", None)  # what JupyterLab folds has the tag as well
            if PREDICTION in cell.metadata.get("tags", ()):
                cell.metadata["tags"] = ["remove-input"]
            for output in cell.outputs:
                _show(output, name.count("/"), course)
    return copy


def _needs_a_kernel(cell: NotebookNode) -> bool:
    """Whether nothing of a cell can be used on a page: it is there to write into, or to press a button."""
    asks = PREDICTION in cell.metadata.get("tags", ()) and not cell.get("outputs")
    return asks or cell.source.startswith(hand_in.ANSWERS)  # on a page nobody can write


def _show(output: NotebookNode, folders: int, course: Course) -> None:
    """Turn the pictures of an output into HTML, with all that is known of them, and its links into those to pages."""
    data = output.get("data", {})
    if "text/html" in data:
        text = INSIDE.sub(lambda found: course.figure(found[1], folders), data["text/html"])
        output.data = {"text/html": NOTEBOOK.sub(r'href="\1.html', text)}
    elif PNG in data:
        output.data = {"text/html": _figure(data[PNG], output.metadata.get(PNG, {}), folders, course)}
        output.metadata = {}


def _figure(content: str, told: dict, folders: int, course: Course) -> str:
    """Return a figure as HTML, with its alternative text, and with what makes it live."""
    alt, live = html.escape(told.get("alt", "")), told.get("live")
    spec = f' data-live="{html.escape(json.dumps(live))}"' if live else ""
    return f'<div class="figure"{spec}><img {course.figure(content, folders)} alt="{alt}" loading="lazy"></div>'


# --- other pages ------------------------------------------------------------------------------------------------------


def guide(path: str, course: Course, folder: Path) -> str:
    """Return a Markdown file of the project as a page: badges become links, for they are pictures of other hosts."""
    text = (PROJECT / path).read_text("utf-8")
    if PROJECT / path == badges.PAGE:
        text = badges.replaced(text, badges.block(course.repository, course.branch)).replace(badges.NO_ADDRESS, "")
    text = BADGE.sub(r"[\1](\2)", text)
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.S)
    return relocated(github_anchors(text), path, places()[path], course, folder)


def glossary(summary: NotebookNode) -> list[tuple[str, str, str]]:
    """Return what the glossary of notebook 8 says, [(term, meaning, number of the notebook)].

    Raises:
        SiteError: the notebook has no glossary, or a row of it has another form.
    """
    sources = [cell.source for cell in summary.cells if cell.cell_type == "markdown"]
    text = re.split(rf"^## {GLOSSARY}$", "\n\n".join(sources), flags=re.M)
    section = re.split(r"^## ", text[1], flags=re.M)[0] if len(text) == 2 else ""
    rows = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| term |")]
    terms = TERM.findall(section)
    if not terms or len(terms) != len(rows):
        raise SiteError(f"{SUMMARY} should have one section '## {GLOSSARY}' with rows | **term** | meaning | number |.")
    return terms


def afterwards() -> dict[str, str]:
    """Return what one can do after each notebook, as the README says it, {name: words}.

    Raises:
        SiteError: the README leaves out a notebook.
    """
    told = dict(ROW.findall((PROJECT / "README.md").read_text("utf-8")))
    if missing := [name for name in notebooks() if "/" not in name and Path(name).stem not in told]:
        raise SiteError(f"The table of the course in README.md leaves out {', '.join(missing)}.")
    return told


def introduction() -> str:
    """Return how the README begins, up to its first picture, without its title and that picture."""
    text = (PROJECT / "README.md").read_text("utf-8").partition("\n")[2]
    return PICTURE.sub("", text.split("\n## ")[0]).strip()


def template(name: str, **values) -> str:
    """Fill in a template of the site."""
    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template(name).render(**values)


def write(folder: Path, course: Course, sheet: str, slides: bool, printable: bool) -> None:
    """Write all sources into a folder.

    Args:
        folder: an empty folder.
        course: where the repository is; gets the pictures.
        sheet: the cheat sheet, HTML.
        slides: whether the slides stand beside the pages.
        printable: whether there will be PDFs.

    Raises:
        SiteError: a link leads nowhere, or a part of the course has not the form that is read here.
    """
    read = {name: nbformat.read(path, as_version=4) for name, path in notebooks().items()}
    for name, notebook in read.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(prepared(notebook, name, course, folder), target)
    for path, name in GUIDES.items():
        (folder / name).write_text(guide(path, course, folder), encoding="utf-8")
    values = {
        "titles": (names := my_course.titles()),
        "told": afterwards(),
        "introduction": introduction(),
        "terms": glossary(read[f"{SUMMARY}.ipynb"]),
        "names": {name[:2].lstrip("0") or "0": name for name in names},
        "sheet": sheet,
        "slides": slides,
        "printable": printable,
    }
    for source in ("index.md", "glossary.md", "cheat_sheet.md", "slides.md"):
        (folder / source).write_text(template(f"{source}.j2", **values), encoding="utf-8")


def figures(course: Course, folder: Path) -> None:
    """Write the pictures of all pages into a folder."""
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103
    for name, data in course.figures.items():
        (folder / name).write_bytes(data)
