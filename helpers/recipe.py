"""Train the network of the suite on photographs again: `python -m helpers.recipe`."""

import argparse
import dataclasses
import shlex
import sys
from pathlib import Path

from helpers.base import artifacts
from helpers.networks import recipe
from helpers.networks.recipe import NETWORKS, PRECISIONS, STORED, Recipe
from helpers.pictures import photographs

PROGRAM = "python -m helpers.recipe"


def stages(text: str) -> tuple[tuple[int, int], ...]:
    """Read "64:36,80:26" as ((64, 36), (80, 26))."""
    return tuple((int(size), int(epochs)) for size, epochs in (stage.split(":") for stage in text.split(",")))


def existing(path: str) -> Path:
    """Read the path of a file that is there."""
    if not Path(path).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {path}")
    return Path(path)


def arguments(argv: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Train by a `Recipe`.")
    add = parser.add_argument
    add("--network", choices=NETWORKS, default="residual_cnn", help="what is trained (default: %(default)s)")
    add("--out", type=Path, help="folder for state and result (default: recipe/NETWORK among the artifacts)")
    add("--start", type=existing, help="weights to start from instead of random ones")
    add("--teacher", type=existing, action="append", default=[], help="weights of a large_residual_cnn to learn from")
    for field in dataclasses.fields(Recipe):
        kind = stages if field.name == "stages" else field.type
        usual = ", ".join(f"{getattr(plan, field.name)} for {name}" for name, (_, plan, _) in NETWORKS.items())
        choices = PRECISIONS if field.name == "precision" else None
        add(f"--{field.name.replace('_', '-')}", type=kind, choices=choices, help=f"default: {usual}")
    return parser.parse_args(argv)


def main(argv: list[str]) -> None:
    """Train on the photographs, as the command line says."""
    options = arguments(argv)
    make, usual, size = NETWORKS[options.network]
    given = {field.name: getattr(options, field.name) for field in dataclasses.fields(Recipe)}
    plan = dataclasses.replace(usual, **{name: value for name, value in given.items() if value is not None})
    folder = options.out or artifacts.root() / "recipe" / options.network
    if not photographs.prepared():
        sys.exit(f"The photographs are not in {photographs.tfds_folder()}: run `make photos`, or set TFDS_DATA_DIR.")
    first, second, _ = photographs.EIGHTY_TEN_TEN
    facts = {"data": "cats_vs_dogs", "split": [first, second], "command": shlex.join([*PROGRAM.split(), *argv])}
    try:
        training, validation = recipe.photographs(first, STORED), recipe.photographs(second, size)
        run = recipe.train(training, validation, plan, folder, make, options.start, options.teacher)
        card = recipe.keep(run, folder, **facts)
        print(f"{folder / card['weights']}: {card['validation_accuracy']:.2%} of the validation pictures are right.")
    except (KeyboardInterrupt, OSError, ValueError) as problem:
        sys.exit(str(problem) or "Stopped: the same command goes on after the last whole epoch.")


if __name__ == "__main__":
    main(sys.argv[1:])
