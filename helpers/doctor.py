"""What is wrong with a .tflite file, in one page: `python -m helpers.doctor FILE [--pictures FOLDER] ...`."""

import argparse
import contextlib
import sys
from pathlib import Path

from helpers.base import artifacts
from helpers.diagnosis import examination, page
from helpers.measure import input_range

SEVERE, NOT_EXAMINED = 1, 2  # exit statuses


def main(argv: list[str] | None = None) -> None:
    """Examine a .tflite file and print what is wrong with it, and what to do.

    Args:
        argv: the arguments; by default those of the command line.

    Raises:
        SystemExit: with status 1 if a finding is severe, with 2 and one sentence if the file could not be examined.
    """
    arguments = _arguments(argv)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # progress bars are no result
            report = examination.examine(arguments.file, arguments.pictures, arguments.float32, arguments.range)
        if arguments.html:
            with artifacts.atomic(arguments.html) as part:
                part.write_text(page.as_html(report), "utf-8")
    except (OSError, ValueError) as problem:
        print(problem, file=sys.stderr)
        raise SystemExit(NOT_EXAMINED) from None
    print(page.as_json(report) if arguments.json else page.as_text(report))
    if report.severe:
        raise SystemExit(SEVERE)


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m helpers.doctor",
        description="Say what is quantized in a .tflite file, what is wrong with it, and what to do.",
        epilog="Exit status: 0, or 1 if a finding is severe, or 2 if the file could not be examined.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a .tflite file")
    parser.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="pictures as the network sees them in use, in subfolders or not"
    )
    parser.add_argument("--float32", type=Path, metavar="FILE", help="the same network before it was quantized")
    parser.add_argument(
        "--range", choices=input_range.CONVENTIONS, help="of the pixels (default: what the input's scale tells)"
    )
    parser.add_argument("--html", type=Path, metavar="PAGE", help="write the report as a page for a browser")
    parser.add_argument("--json", action="store_true", help="print the report for a program")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
