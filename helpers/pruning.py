"""Train the AlexNet-shaped network again: `python -m helpers.pruning --data ...`."""

import argparse
import shlex
import sys
from pathlib import Path

from helpers.networks import alexnet
from helpers.networks.alexnet import PLANS
from helpers.pictures import datasets


def main(argv: list[str]) -> None:
    """Train one of the suite's checkpoints, as the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m helpers.pruning", description="Train the AlexNet-shaped network of the suite."
    )
    parser.add_argument("--data", choices=sorted(PLANS), required=True, help="the pictures to train on")
    parser.add_argument("--out", type=Path, help="folder for state and result; by default among the artifacts")
    arguments = parser.parse_args(argv)
    try:
        pets = datasets.load(arguments.data)
        folder = arguments.out or pets.folder / "alexnet"
        card = alexnet.train(
            pets, folder, PLANS[arguments.data], shlex.join([*parser.prog.split(), "--data", arguments.data])
        )
        accuracy = card["results"]["validation"]["accuracy"]
        print(f"{folder / card['weights']}: {accuracy:.2%} of the validation pictures are right.")
    except (KeyboardInterrupt, OSError) as problem:
        sys.exit(str(problem) or "Stopped: the same command goes on after the last whole epoch.")


if __name__ == "__main__":
    main(sys.argv[1:])
