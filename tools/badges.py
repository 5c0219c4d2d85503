"""Write into docs/where_it_runs.md where the course can be opened with one click: `make badges`.

    python tools/badges.py                                  the address of the git remote `origin`
    python tools/badges.py https://github.com/OWNER/NAME    another address

Until then the page has none, for a badge with a made-up address would lead nowhere.  The links lead to the branch
that is checked out.  Everything between the two markers of the page is written anew, the rest stays as it is.
"""

import argparse
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import run
from helpers.base import artifacts

PAGE = run.NOTEBOOKS.parent / "docs" / "where_it_runs.md"
BEGIN, END = "<!-- badges: what stands here is written by make badges -->", "<!-- end of badges -->"
GITHUB = re.compile(
    r"(?:(?:https|ssh|git)://(?:[^@/\s]+@)?|[\w.-]+@)github\.com(?::\d+)?[:/]"
    r"(?P<owner>[A-Za-z\d-]+)/(?P<name>[\w.-]+?)(?:\.git)?/?"
)
FIRST = "notebooks/00_start_here.ipynb"
WORKFLOW = "test.yml"
NO_ADDRESS = "No badges yet: `make badges` writes them here once the project has an address at GitHub."

# It brings what everybody needs; Colab's own Jupyter stays as it is, and nobody runs the tests there.
COLAB = """\
A notebook on Colab opens alone, on a new machine, and its first cell says `No module named 'helpers'`. Put this line \
into a new cell above it, run it, and begin. It takes about two minutes; should Colab ask afterwards to restart the \
session, because it had loaded an older NumPy already, agree.

```
%pip install -q {package}
```"""


class BadgeError(Exception):
    """The badges could not be written; the message says why and what to do."""


# --- the address ----------------------------------------------------------------------------------------------


def repository(address: str) -> str:
    """Return OWNER/NAME of an address at github.com, in any form that git takes.

    Raises:
        BadgeError: it is no such address.
    """
    match = GITHUB.fullmatch(address.strip())
    if match is None:
        public = re.sub(r"//[^@/\s]+@", "//", address)  # what stands before an @ may be a password
        raise BadgeError(
            f"Expected an address at GitHub, found {public!r}: Colab, Binder and Codespaces open repositories from "
            "there. Give one such as: python tools/badges.py https://github.com/OWNER/NAME"
        )
    return f"{match['owner']}/{match['name']}"


def origin(folder: Path) -> str:
    """Return the address of the git remote `origin`.

    Raises:
        BadgeError: there is none.
    """
    if address := _git(folder, "remote", "get-url", "origin"):
        return address
    raise BadgeError(
        "This copy of the project does not know its address, for it has no git remote 'origin'. Add it, or give it: "
        "python tools/badges.py https://github.com/OWNER/NAME"
    )


def branch(folder: Path) -> str:
    """Return the name of the branch that is checked out, or `main`."""
    return _git(folder, "branch", "--show-current") or "main"


def _git(folder: Path, *words: str) -> str:
    """Return what git prints, or nothing where it fails or is missing."""
    try:
        done = subprocess.run(["git", "-C", folder, *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


# --- what is written ------------------------------------------------------------------------------------------


def badge(words: str, picture: str, link: str) -> str:
    """Return a picture with a link, in Markdown."""
    return f"[![{words}]({picture})]({link})"


def colab(name: str, at: str, notebook: str) -> str:
    """Return the address at which Colab opens a notebook of a repository."""
    return f"https://colab.research.google.com/github/{name}/blob/{quote(at)}/{notebook}"


def badges(name: str, at: str) -> list[str]:
    """Return a badge each for the tests, Colab, Binder and Codespaces."""
    tests = f"https://github.com/{name}/actions/workflows/{WORKFLOW}"
    binder = f"https://mybinder.org/v2/gh/{name}/{quote(at, safe='')}?urlpath={quote('lab/tree/' + FIRST, safe='')}"
    codespaces = f"https://codespaces.new/{name}/tree/{quote(at)}"
    return [
        badge("Tests", f"{tests}/badge.svg", tests),
        badge("Open in Colab", "https://colab.research.google.com/assets/colab-badge.svg", colab(name, at, FIRST)),
        badge("Launch on Binder", "https://mybinder.org/badge_logo.svg", binder),
        badge("Open in GitHub Codespaces", "https://github.com/codespaces/badge.svg", codespaces),
    ]


def block(name: str | None, at: str = "main") -> str:
    """Return what stands between the markers: the badges, if there is an address, and the first cell on Colab."""
    lines = [NO_ADDRESS]
    if name:
        notebooks = [path.name for path in run.course(run.NOTEBOOKS, only=[])]
        links = [f"[{notebook[:2]}]({colab(name, at, f'notebooks/{notebook}')})" for notebook in notebooks]
        lines = [*badges(name, at), "", f"Each notebook on Colab: {' · '.join(links)}"]
    address = f"https://github.com/{name}" if name else "ADDRESS"
    cell = COLAB.format(package=shlex.quote(f"git+{address}@{at}"))
    return "\n".join([*lines, "", cell])


def replaced(text: str, new: str) -> str:
    """Return a text with other words between the markers.

    Raises:
        BadgeError: the markers are not there once each, in order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in rest or END in before + after:
        raise BadgeError(f"Expected these two lines once each in the page, in this order:\n{BEGIN}\n{END}")
    return f"{before}{begin}\n{new}\n{end}{after}"


def write(page: Path, new: str) -> bool:
    """Write a block into a page, whole or not at all; return whether that changed anything.

    Raises:
        BadgeError: its markers are missing.
    """
    old = page.read_bytes().decode("utf-8")  # not as text: line ends stay as they are
    text = replaced(old, new)
    if text != old:
        with artifacts.atomic(page) as part:
            part.write_bytes(text.encode("utf-8"))
    return text != old


def main(words: list[str] | None = None, page: Path = PAGE) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "address", nargs="?", help="of the repository at GitHub; that of the remote `origin` if left out"
    )
    address = parser.parse_args(words).address
    try:
        name, at = repository(address or origin(page.parent)), branch(page.parent)
        changed = write(page, block(name, at))
    except BadgeError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{page.name}: the badges {'now lead' if changed else 'lead already'} to {name}, branch {at}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
