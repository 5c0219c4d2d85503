"""Write what you hand in, a page to read and a file for your teacher: `python -m helpers.report --name "Ada"`."""

import argparse
import json
import sys
from pathlib import Path

from helpers.base import artifacts, data
from helpers.course import hand_in, report_page

NOTEBOOKS = (data.project() or Path.cwd()) / "notebooks"


def main(argv: list[str] | None = None) -> None:
    """Run the command line.

    Raises:
        SystemExit: with one sentence, and so with status 1, if there is no name or something cannot be read or written.
    """
    arguments = _arguments(argv)
    try:
        handed = hand_in.collect(arguments.name or _asked(), arguments.notebooks)
        folder = arguments.folder or artifacts.root() / "hand_in"
        stem = hand_in.file_name(handed["name"])
        text = json.dumps(handed, indent=1, ensure_ascii=False) + "\n"
        written = {folder / f"{stem}.json": text, folder / f"{stem}.html": report_page.of(handed)}
        for path, text in written.items():
            with artifacts.atomic(path) as part:
                part.write_text(text, encoding="utf-8")
    except (OSError, ValueError) as problem:
        raise SystemExit(str(problem)) from None
    print("Both files hold the same, one for people and one for programs:")
    for line in hand_in.contents(handed):
        print(f"  - {line}")
    print("Nothing has been sent. To hand in, send the .json file:")
    for path in written:
        print(f"  {path}")


def _asked() -> str:
    """Ask for a name where somebody can answer."""
    return input("Your name, as it is to stand on what you hand in: ") if sys.stdin.isatty() else ""


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m helpers.report",
        description="Write your predictions, your code, your measurements and your answers into one page and one file. "
        "Nothing is sent; the command prints what the files hold.",
    )
    parser.add_argument("--name", help="yours, as it is to stand on it (asked for if it is left out)")
    parser.add_argument("--folder", type=Path, help="where to write (default: hand_in/ in the folder of the artifacts)")
    parser.add_argument("--notebooks", type=Path, default=NOTEBOOKS, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
