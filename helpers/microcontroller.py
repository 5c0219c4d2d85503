"""Count what C kernels and a whole network execute in emulated processors: `python -m helpers.microcontroller`."""

import argparse
import sys
import tempfile
from pathlib import Path

from helpers.board import building, compiled_network, counts, emulator, inference, verdicts
from helpers.board.compiled_network import VERSIONS
from helpers.board.cycles import MANUALS
from helpers.board.routines import COMPILERS, DEPTHWISE, POINTWISE, RECORDED
from helpers.networks.plans import PRETRAINED_INT8


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m helpers.microcontroller",
        description="Count the instructions of small C kernels and of a whole network in emulated processors.",
    )
    parser.add_argument("--build", action="store_true", help="first compile all programs again (GCC and Zig)")
    parser.add_argument("--record", action="store_true", help=f"write the counts to {RECORDED}")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    arguments = _arguments(argv)
    try:
        if arguments.build:
            building.build_all()
            with tempfile.TemporaryDirectory() as folder:
                compiled_network.build_all(Path(folder))
        if arguments.record:
            if not emulator.installed():
                raise NotImplementedError(
                    "Nothing can be counted here: the packages unicorn and capstone are not installed."
                )
            counted = {name: counts.measured(name) for name in COMPILERS}
            counts.record(counted)
            whole = inference.measure_all(PRETRAINED_INT8, inference.example(PRETRAINED_INT8), VERSIONS.values())
            inference.record(whole)
        else:
            counted = counts.instruction_counts()
            whole = inference.instruction_counts(PRETRAINED_INT8, inference.example(PRETRAINED_INT8))
    except (NotImplementedError, RuntimeError, FileNotFoundError, ValueError, TimeoutError) as error:
        print(error, file=sys.stderr)
        return 1
    for compiler, found in counted.items():
        for layer in (POINTWISE, DEPTHWISE):
            print(compiler, counts.count_table(found, layer), sep=" · ", end="\n\n")
    for core in MANUALS:
        for layer in (POINTWISE, DEPTHWISE):
            print(verdicts.verdict_table(counted, core, layer), end="\n\n")
    print(inference.table(whole.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
