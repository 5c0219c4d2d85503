"""Live figures in pages: the modules of `web/` as one script, which replaces still pictures where scripts run.

A page from a disk may not load modules, so they are put into the page: each becomes a function that is called once,
in the order in which they need each other.  There is no other build step; a static server serves `web/` as it is.
"""

import re
from pathlib import Path

WEB = Path(__file__).resolve().parent.parent / "web"
IMPORT = re.compile(r'^import \{([^}]*)\} from "([^"]+)";\n', re.M)
ALIVE = re.compile(r"\bdata-(?:live|prediction)=")  # what a page has that comes to life
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class) (\w+))", re.M)


def bundle(entry: Path = WEB / "live.js") -> str:
    """Return a module and all that it imports as one script, which leaves the module's exports in `modules.<name>`.

    Raises:
        ValueError: a module imports or exports in a way that is not used here.
    """
    parts: dict[Path, str] = {}
    _collect(entry.resolve(), parts)
    return "".join(["const modules = {};\n", *parts.values()])


def _collect(path: Path, parts: dict[Path, str]) -> None:
    """Add a module behind all that it imports."""
    if path in parts:
        return
    source = path.read_text("utf-8")
    for _, name in IMPORT.findall(source):
        _collect((path.parent / name).resolve(), parts)
    names = ", ".join(EXPORT.findall(source))
    source = IMPORT.sub(lambda found: f"const {{{_renamed(found[1])}}} = modules.{Path(found[2]).stem};\n", source)
    source = EXPORT.sub("", source)
    if wrong := re.search(r"^(import|export)\b.*", source, re.M):
        raise ValueError(f"{path.name} has a line that tools/live.py does not know: {wrong[0]}")
    parts[path] = f"modules.{path.stem} = (() => {{\n{source}return {{ {names} }};\n}})();\n"


def _renamed(names: str) -> str:
    """Return the names of an import as those of a destructuring: 'a as b' becomes 'a: b'."""
    return re.sub(r"(\w+) as (\w+)", r"\1: \2", names)


def script() -> str:
    """Return the script that brings the figures and predictions of a page to life."""
    return f"(() => {{\n{bundle()}modules.live.bringToLife();\n}})();\n"


def inserted(page: str) -> str:
    """Return a page with the style and the script in it, if it has a live figure or a prediction."""
    if not ALIVE.search(page):
        return page
    style = (WEB / "live.css").read_text("utf-8")
    head, tail = page.split("</body>", 1)  # a deck has its scripts, in which these words stand as well, behind it
    return f"{head}<style>\n{style}</style>\n<script>\n{script()}</script>\n</body>{tail}"
