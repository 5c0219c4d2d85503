"""Train the family of MobileNets again: `python -m helpers.family`."""

import argparse
import os
import shlex
import sys
from pathlib import Path

from helpers.base import artifacts
from helpers.networks import mobilenet
from helpers.networks.mobilenet import SOURCES


def main(argv: list[str] | None = None) -> None:
    """Train the family on one data set, as the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m helpers.family", description="Train the MobileNets of the suite on one data set."
    )
    parser.add_argument("--data", choices=SOURCES, required=True, help="the pictures to train on")
    parser.add_argument("--out", type=Path, help="folder for states and results; by default among the artifacts")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="at a time (default: one for each core)")
    arguments = parser.parse_args(argv)
    folder = arguments.out or artifacts.root() / arguments.data / "mobilenet"
    try:
        cards = mobilenet.train_all(
            arguments.data, folder, arguments.processes, shlex.join([*parser.prog.split(), "--data", arguments.data])
        )
    except (KeyboardInterrupt, OSError) as problem:
        sys.exit(str(problem) or "Stopped: the same command goes on after the last whole epoch.")
    for card in sorted(cards, key=lambda card: (card["width"], card["size"])):
        accuracy = card["results"]["validation"]["accuracy"]
        print(f"{folder / card['weights']}: {accuracy:.2%} of the validation pictures are right.")


if __name__ == "__main__":
    main()
