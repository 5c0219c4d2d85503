"""Download the photographs: `python -m helpers.datasets photographs`."""

import contextlib
import sys

from helpers.pictures import photographs


def main(argv: list[str] | None = None) -> None:
    """Download and prepare the photographs, once.

    Raises:
        SystemExit: with one sentence, if the words are others or the photographs cannot be had.
    """
    if (sys.argv[1:] if argv is None else argv) != ["photographs"]:
        sys.exit("Usage: python -m helpers.datasets photographs")
    try:
        with contextlib.suppress(KeyboardInterrupt):
            print(photographs.download())
    except ConnectionError as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
