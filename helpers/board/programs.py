"""The compiled programs: read from their ELF files, checked against the manifest."""

import dataclasses
import json
import struct
from pathlib import Path

from helpers.base import artifacts
from helpers.board import processors, routines
from helpers.board.routines import COMPILERS, MANIFEST


@dataclasses.dataclass(frozen=True)
class Program:
    """The parts of an ELF file that matter.

    Attributes:
        segments: what lies where.
        functions: where the functions begin.
        symbols: where everything else with a name is.
    """

    segments: tuple[tuple[int, bytes], ...]
    functions: dict[str, int]
    symbols: dict[str, int] = dataclasses.field(default_factory=dict)


def read_program(path: Path) -> Program:
    """Read an ELF file of 32 or 64 bits, little endian (System V ABI, "Object Files").

    Raises:
        ValueError: it is no ELF file, or a broken one.
    """
    content = Path(path).read_bytes()
    if content[:4] != b"\x7fELF":
        raise ValueError(f"{Path(path).name} is no ELF file: it should begin with b'\\x7fELF', found {content[:4]!r}.")
    try:
        return _parsed(content, wide=content[4] == 2)
    except (struct.error, IndexError, ValueError):
        raise ValueError(f"{Path(path).name} is a broken ELF file of {len(content):,} bytes: build it again.") from None


def _parsed(content: bytes, wide: bool) -> Program:
    header, segment, section, symbol = (
        ("<32xQQ6xHHHHH", "<I4xQQ8xQ16x", "<4xI16xQQI12x", "<IB3xQ8x")
        if wide
        else ("<28xII6xHHHHH", "<III4xI12x", "<4xI8xIII12x", "<II4xB3x")
    )
    segments_at, sections_at, segment_bytes, segments, section_bytes, sections, _ = struct.unpack_from(header, content)
    loaded = []
    for i in range(segments):
        kind, offset, address, size = struct.unpack_from(segment, content, segments_at + i * segment_bytes)
        if kind == 1 and size:  # PT_LOAD
            loaded.append((address, content[offset : offset + size]))
    places = [struct.unpack_from(section, content, sections_at + i * section_bytes) for i in range(sections)]
    functions, symbols = {}, {}
    for kind, offset, size, link in places:
        if kind == 2:  # SHT_SYMTAB
            for at in range(offset, offset + size, struct.calcsize(symbol)):
                name, *fields = struct.unpack_from(symbol, content, at)
                info, value = fields if wide else fields[::-1]
                start = places[link][1] + name
                word = content[start : content.index(b"\0", start)].decode()
                if info & 15 == 2:  # STT_FUNC
                    functions[word] = value & (~0 if wide else ~1)
                elif word and info & 15 < 2:  # STT_NOTYPE, STT_OBJECT
                    symbols[word] = value
    return Program(tuple(loaded), functions, symbols)


# --- the programs -------------------------------------------------------------------------------------------------


def read_manifest() -> dict:
    """Return what was recorded when the programs were built: sources, compilers, commands, SHA-256."""
    return json.loads((routines.FOLDER / MANIFEST).read_text(encoding="utf-8"))


def folder(compiler: str) -> Path:
    """Return the folder with the programs of a compiler.

    Raises:
        KeyError: no programs of this compiler come with the suite.
    """
    if compiler not in COMPILERS:
        raise KeyError(f"Expected one of {', '.join(COMPILERS)}, or a folder; found {compiler!r}.")
    return routines.FOLDER / compiler.lower()


def load_program(core: str, programs: str | Path) -> Program:
    """Return the program for a processor.

    Args:
        core: a name in `processors.CORES`.
        programs: a name in `COMPILERS`, for those that come with the suite, which must have the bytes that were
            recorded; or a folder with others.

    Raises:
        KeyError: there is no such processor or compiler.
        FileNotFoundError: the program is missing.
        ValueError: it is not the one that was built, or no ELF file.
    """
    chosen = processors.look_up_core(core)
    path = (programs if isinstance(programs, Path) else folder(programs)) / chosen.file
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no program {path.name} for {core} in {path.parent}: fetch data/microcontroller/ again, or build "
            "it with python -m helpers.microcontroller --build."
        )
    if not isinstance(programs, Path):
        expected, actual = read_manifest()["programs"][programs][core]["sha256"], artifacts.sha256(path)
        if actual != expected:
            raise ValueError(
                f"{path.name} is not the program that was recorded: its SHA-256 should begin with {expected[:12]} and "
                f"begins with {actual[:12]}. Fetch it again, or build it with "
                "python -m helpers.microcontroller --build."
            )
    return read_program(path)
