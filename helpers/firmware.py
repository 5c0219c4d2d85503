"""Write a network as C, and compile it for microcontrollers: `python -m helpers.firmware [FILE]`."""

import argparse
import sys
from pathlib import Path

from helpers.base.tables import Table
from helpers.board import arduino, building, compiled_network, firmware
from helpers.board.compiled_network import Firmware
from helpers.networks import converted
from helpers.pictures import conventions, datasets
from helpers.tflite import interpreter, trial


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m helpers.firmware",
        description="Write a full-int8 network as C, compile it for microcontrollers where a compiler is found "
        "(arm-none-eabi-gcc, or PyPI's ziglang), and make the folder that Arduino flashes.",
    )
    parser.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="a full-int8 .tflite file (default: your own network)"
    )
    parser.add_argument("--folder", type=Path, help="where to write (default: firmware/ beside the file)")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command line.

    Raises:
        SystemExit: with one sentence, and so with status 1, if the file is no good or a compiler refused.
    """
    arguments = _arguments(argv)
    try:
        pets = datasets.load(verbose=False)
        path = arguments.file or converted.file(pets, "int8")
        folder = arguments.folder or path.parent / "firmware"
        size = firmware.picture_size(path)
        trial.check(path)
        details = interpreter.load(path).get_input_details()[0]
        images, _ = pets.arrays("test", size=size)
        picture = conventions.normalise(images[:1])
        arduino.write(path, interpreter.quantize_input(picture, details)[0], folder)
        made = _compiled(path, folder)
    except (OSError, ValueError, RuntimeError, NotImplementedError) as problem:
        raise SystemExit(str(problem)) from None
    if made:
        print(_table(made), end="\n\n")
    print(f"To flash with Arduino: {folder / arduino.NAME}")


def _compiled(path: Path, folder: Path) -> dict[Path, Firmware]:
    """Compile a network for all processors that there is a compiler for, {program: what it is}."""
    made = {}
    for name, version in compiled_network.VERSIONS.items():
        if not building.compilers(version.core):
            print(
                f"Not compiled for {version.core}: neither arm-none-eabi-gcc (on Debian or Ubuntu: sudo apt install "
                "gcc-arm-none-eabi) nor the package ziglang (python -m pip install ziglang) was found.",
                file=sys.stderr,
            )
            break
        try:
            built = compiled_network.build(path, version, folder / name)
        except ValueError as reason:  # layers that cannot run in bands
            print(reason, file=sys.stderr)
        else:
            made[folder / name / compiled_network.PROGRAM] = built
    return made


def _table(made: dict[Path, Firmware]) -> Table:
    rows = [[one.version.label, f"{one.flash:,}", f"{one.ram:,}", str(path)] for path, one in made.items()]
    compilers = ", ".join(sorted({one.made_by for one in made.values()}))
    return Table(["version", "flash (bytes)", "RAM without stack", "program"], rows, f"Compiled by {compilers}")


if __name__ == "__main__":
    main()
