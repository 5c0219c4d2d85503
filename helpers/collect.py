"""Read what a class handed in: `python -m helpers.collect FOLDER` writes a mark book and a page about the room."""

import argparse
from pathlib import Path

from helpers import plots
from helpers.base import artifacts
from helpers.course import classroom, classroom_page

MARKS, PAGE = "marks.csv", "room.html"


def main(argv: list[str] | None = None) -> None:
    """Run the command line.

    Raises:
        SystemExit: with one sentence, and so with status 1, if the folder is no good or nothing can be written.
    """
    arguments = _arguments(argv)
    whole = arguments.folder.resolve()  # "." has no name
    target = arguments.out or whole.with_name(f"{whole.name}_collected")
    try:
        room = classroom.read(arguments.folder)
        texts = {target / MARKS: classroom.marks(room), target / PAGE: classroom_page.of(room, _pictures(room))}
        for path, text in texts.items():
            with artifacts.atomic(path) as part:  # a spreadsheet knows UTF-8 by the mark in front
                part.write_text(text, encoding="utf-8-sig" if path.suffix == ".csv" else "utf-8", newline="")
    except (OSError, ValueError) as problem:
        raise SystemExit(str(problem)) from None
    for file, why in room.refused.items():
        print(f"Left out: {file}: {why}.")
    print(classroom_page.summary(room), end="\n\n")
    for path in texts:
        print(path)


def _pictures(room: classroom.Room) -> dict[str, tuple[bytes, str]]:
    """Return the figures of the page; none, if nobody has measured anything."""
    found = classroom.points(room.handed.values())
    if not found:
        return {}
    picture = plots.speed_ups_of_a_class(found)
    return {"One experiment on many machines": (picture.png(), picture.alt)}


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m helpers.collect",
        description="Read the .json files that students handed in, name those that are no good and go on, and write a "
        f"mark book ({MARKS}) and a page about what the room believed ({PAGE}).",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="with the files, in it or below it")
    parser.add_argument("--out", type=Path, help="where to write (default: FOLDER_collected, beside FOLDER)")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
