"""Score any .tflite file on any data source: `python -m helpers.evaluation FILE [--data ...]`."""

import argparse
import contextlib
import sys
from pathlib import Path

from helpers.measure import evaluation, input_range
from helpers.pictures.conventions import SPLITS
from helpers.tflite.interpreter import KERNEL_SETS


def main(argv: list[str] | None = None) -> None:
    """Score any .tflite file on any data source: `python -m helpers.evaluation FILE [--data ...]`.

    Args:
        argv: the arguments; by default those of the command line.

    Raises:
        SystemExit: with one sentence, and so with status 1, if the file or the data are no good.
    """
    arguments = _arguments(sys.argv[1:] if argv is None else argv)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # progress bars are no result
            lines = evaluation.evaluate(**vars(arguments))
    except (OSError, RuntimeError, ValueError) as problem:
        raise SystemExit(" ".join(str(problem).split())) from None
    print(*lines, sep="\n")


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m helpers.evaluation",
        description="Say how often a .tflite file is right about cats and dogs, how sure that is, and what it needs.",
        epilog="A model takes one picture, in colour or grey, of any size, and gives two numbers, for cat and for dog, "
        "or one for the dog: probabilities or logits. Pictures are squeezed into its size.",
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
    parser.add_argument(
        "--range",
        dest="range_name",
        choices=input_range.CONVENTIONS,
        help="what the model wants the pixels to be (default: what the scale of its input or its first operators "
        f"tell, else {input_range.USUAL})",
    )
    parser.add_argument("--kernels", choices=KERNEL_SETS, default="XNNPACK", help="(default: XNNPACK)")
    return parser.parse_args(_joined(words))


def _joined(words: list[str]) -> list[str]:
    """Write `--range -1..1` as `--range=-1..1`, for argparse takes a word with a minus in front for an option."""
    joined: list[str] = []
    for word in words:
        if word in input_range.CONVENTIONS and joined and joined[-1].startswith("--") and "=" not in joined[-1]:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


if __name__ == "__main__":
    main()
