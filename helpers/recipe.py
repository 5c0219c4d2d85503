"""Train the network of the suite on photographs again: `python -m helpers.recipe`."""

import argparse
import dataclasses
import shlex
import sys
from pathlib import Path

from helpers.base import artifacts
from helpers.networks import recipe
from helpers.networks.recipe import STORED, WEIGHTS, Recipe
from helpers.pictures import conventions, photographs


def stages(text: str) -> tuple[tuple[int, int], ...]:
    """Read "64:36,80:26" as ((64, 36), (80, 26))."""
    return tuple((int(size), int(epochs)) for size, epochs in (stage.split(":") for stage in text.split(",")))


def main(argv: list[str]) -> None:
    """Train on the photographs, as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m helpers.recipe", description="Train by a `Recipe`.")
    parser.add_argument("--out", type=Path, default=artifacts.root() / "recipe", help="folder for state and result")
    parser.add_argument("--start", type=Path, help="weights to start from instead of random ones")
    for field in dataclasses.fields(Recipe):
        kind = stages if field.name == "stages" else field.type
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, default=field.default, help="%(default)s")
    options = vars(parser.parse_args(argv))
    if not photographs.prepared():
        sys.exit(f"The photographs are not in {photographs.tfds_folder()}: run `make photos`, or set TFDS_DATA_DIR.")
    out, start, (first, second, _) = options.pop("out"), options.pop("start"), photographs.EIGHTY_TEN_TEN
    facts = {"data": "cats_vs_dogs", "split": [first, second], "command": shlex.join([*parser.prog.split(), *argv])}
    try:
        training, validation = recipe.photographs(first, STORED), recipe.photographs(second, conventions.SIZE)
        card = recipe.keep(recipe.train(training, validation, Recipe(**options), out, start=start), out, **facts)
        print(f"{out / WEIGHTS}: {card['validation_accuracy']:.2%} of the validation pictures are right.")
    except (KeyboardInterrupt, ValueError) as problem:
        sys.exit(str(problem) or "Stopped: the same command goes on after the last whole epoch.")


if __name__ == "__main__":
    main(sys.argv[1:])
