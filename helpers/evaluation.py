"""Score any .tflite file on any data source: `python -m helpers.evaluation FILE [--data ...]`."""

import argparse
import contextlib
import sys
from pathlib import Path

from helpers.measure import evaluation
from helpers.measure.accuracy import Score
from helpers.pictures import datasets
from helpers.pictures.conventions import SIZE, SPLITS
from helpers.tflite.interpreter import KERNEL_SETS


def main(argv: list[str] | None = None) -> None:
    """Score any .tflite file on any data source: `python -m helpers.evaluation FILE [--data ...]`.

    Args:
        argv: the arguments; by default those of the command line.

    Raises:
        SystemExit: with one sentence, and so with status 1, if the file or the data are no good.
    """
    arguments = _arguments(argv)
    try:
        size = evaluation.input_size(arguments.file, arguments.kernels)
        with contextlib.redirect_stdout(sys.stderr):  # progress bars are no result
            pets = datasets.load(arguments.data, verbose=False)
            split = arguments.split or evaluation.usual_split(pets, by_hand=arguments.data is not None)
            images, labels = evaluation.labelled(pets, split, size)
            score = Score(evaluation.probabilities(arguments.file, images, arguments.kernels), labels)
    except (OSError, RuntimeError, ValueError) as problem:
        raise SystemExit(str(problem)) from None
    print(f"Data: {evaluation.scored(pets, split)}")
    if size != SIZE:
        print(f"Pictures: resized from {SIZE} × {SIZE} to the {size} × {size} that the model takes")
    for line in evaluation.report(arguments.file, score, split, arguments.kernels):
        print(line)


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m helpers.evaluation",
        description="Say how often a .tflite file is right about cats and dogs, how sure that is, and what it needs.",
        epilog="The pictures go in as the whole suite prepares them: squeezed to a square, divided by 255.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a .tflite file, float32 or quantized")
    parser.add_argument(
        "--data",
        help="photographs, drawn, or a folder with the subfolders cat/ and dog/ (default: PTQ_DATASET, or else the "
        "photographs if they are on this machine and the drawn pets if they are not)",
    )
    parser.add_argument(
        "--split",
        choices=(*SPLITS, "all"),
        help="pictures to score (default: all of a folder that --data names; else those of the test split)",
    )
    parser.add_argument("--kernels", choices=KERNEL_SETS, default="XNNPACK", help="(default: XNNPACK)")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
