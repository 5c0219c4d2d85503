"""Compiling kernels.c: the compilers that are here, and how they are called."""

import dataclasses
import functools
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from helpers.base import artifacts, console
from helpers.board import processors, programs, routines
from helpers.board.processors import CORES
from helpers.board.routines import COMPILERS, MANIFEST, SOURCES

LINKER = "-Wl,--build-id=none,-z,max-page-size=16"
REASONS = ("overflowed", "will not fit", "error")  # in what compilers and linkers say, the best first
BEFORE = re.compile(r"(\S*\bld(\.lld)?: )?(error: )?")  # a reason, who says it
FLAGS = ("-std=gnu11", "-O2", "-ffreestanding", "-fwrapv", "-Wall", "-Wextra", LINKER)
GCC_FLAGS = ("-static", "-nostdlib", "-fno-tree-loop-distribute-patterns", "-Wl,--entry=0")  # there is no memset
ZIG_FLAGS = ("-fno-sanitize=undefined", "-Wl,--gc-sections")  # of its library only what is called


@dataclasses.dataclass(frozen=True)
class Compiler:
    """A C compiler for some of the processors.

    Attributes:
        name: "GCC" or "Zig".
        command: how it is called.
        version: what it says of itself.
    """

    name: str
    command: tuple[str, ...]
    version: str


def compilers(core: str) -> list[Compiler]:
    """Return the compilers found here for a processor: GCC on the path, and PyPI's ziglang."""
    gcc = shutil.which("aarch64-linux-gnu-gcc" if processors.look_up_core(core).wide else "arm-none-eabi-gcc")
    available = [_compiler("GCC", gcc)] if gcc else []
    if importlib.util.find_spec("ziglang") is not None:
        available.append(_compiler("Zig", sys.executable, "-m", "ziglang"))
    return available


@functools.cache
def _compiler(name: str, *command: str) -> Compiler:
    arguments = [*command, "version" if name == "Zig" else "--version"]
    result = subprocess.run(arguments, capture_output=True, text=True, check=True)
    version = result.stdout.splitlines()[0]
    return Compiler(name, command, f"ziglang {version}" if name == "Zig" else version)


def command(compiler: Compiler, core: str) -> list[str]:
    """Return the command that compiles kernels.c for a processor, to be run with `call` beside its sources."""
    chosen = processors.look_up_core(core)
    if compiler.name == "Zig":
        target, processor = chosen.zig
        keep = f"-Wl,--entry={routines.routines_of(core)[0]}"  # and with it all that is in kernels.c
        return [*compiler.command, "cc", "-target", target, f"-mcpu={processor}", *FLAGS, *ZIG_FLAGS, keep,
                "-T", "link.ld", "kernels.c"]  # fmt: skip
    return [*compiler.command, *chosen.gcc, *FLAGS, *GCC_FLAGS, "-T", "link.ld", "kernels.c", "-lgcc"]


def build(core: str, path: Path, compiler: Compiler) -> None:
    """Compile kernels.c for a processor; write the program beside `path`, then rename it.

    Raises:
        RuntimeError: the compiler refused.
    """
    refusal = f"{compiler.version} did not compile kernels.c for {core}"
    call(command(compiler, core), routines.FOLDER, path, refusal)


def call(words: Sequence[str], folder: Path, path: Path, refusal: str) -> None:
    """Let a compiler make a program; write it beside `path`, then rename it.

    Args:
        words: the command, without `-o` and the program.
        folder: of the sources.
        path: of the program.
        refusal: the beginning of the message, if it comes to one.

    Raises:
        RuntimeError: the compiler refused, or the linker; the message has its own words.
    """
    with artifacts.atomic(Path(path).resolve()) as part:
        result = subprocess.run(
            [*words, "-o", str(part)], cwd=folder, capture_output=True, text=True, check=False, env=_english()
        )
        if result.returncode != 0:
            lines = (result.stderr.strip() or "without a word").splitlines()
            known = (line for word in REASONS for line in lines if word in line)
            reason = BEFORE.sub("", next(known, lines[0]), count=1).replace(f"{part.parent}/", "")
            raise RuntimeError(f"{refusal}: {reason}")
        part.chmod(0o644)  # nothing in it can be started by itself


def _english() -> dict[str, str]:
    """Return the environment in which compilers speak English."""
    return os.environ | {"LC_ALL": "C"}


def rebuilt(folder: Path, name: str | None = None) -> dict[str, Compiler]:
    """Compile the programs again, for all processors that a compiler is found for, into a folder.

    `counts.measured(folder, cores)` counts them then.

    Args:
        folder: is made if it is missing.
        name: "GCC" or "Zig"; if left out, the first one found for each processor.

    Returns:
        The compiler of each processor.

    Raises:
        NotImplementedError: there is no compiler.
        RuntimeError: it refused.
    """
    available = {core: [c for c in compilers(core) if name in (None, c.name)] for core in CORES}
    chosen = {core: known[0] for core, known in available.items() if known}
    if not chosen:
        raise NotImplementedError(
            "The programs cannot be built here: neither arm-none-eabi-gcc, nor aarch64-linux-gnu-gcc, nor the package "
            "ziglang was found. Those that come with the suite need no compiler."
        )
    for core in console.progress(chosen, "Compiling", "program"):
        build(core, folder / CORES[core].file, chosen[core])
    return chosen


def build_all() -> None:
    """Compile all programs with all compilers, where they belong; write down their SHA-256 and how they were built.

    Raises:
        NotImplementedError: a compiler is missing for a processor; nothing has been built.
        RuntimeError: one refused.
    """
    for name in COMPILERS:
        missing = [core for core in CORES if name not in [compiler.name for compiler in compilers(core)]]
        if missing:
            raise NotImplementedError(
                f"There is no {name} here for {', '.join(missing)}: all programs stay as they were."
            )
    built = {name: rebuilt(programs.folder(name), name) for name in COMPILERS}
    known = {name: {core: _record(name, core, used[core]) for core in used} for name, used in built.items()}
    sources = {name: artifacts.sha256(routines.FOLDER / name) for name in SOURCES}
    with artifacts.atomic(routines.FOLDER / MANIFEST) as part:
        part.write_text(json.dumps({"sources": sources, "programs": known}, indent=2) + "\n", encoding="utf-8")


def _record(name: str, core: str, compiler: Compiler) -> dict[str, str]:
    """Return what the manifest says of a program: its file, SHA-256, compiler, and the command that built it."""
    words = [*command(compiler, core), "-o", CORES[core].file][len(compiler.command) :]
    called = [Path(compiler.command[0]).name] if name == "GCC" else ["python", "-m", "ziglang"]
    return {
        "file": CORES[core].file,
        "sha256": artifacts.sha256(programs.folder(name) / CORES[core].file),
        "compiler": compiler.version,
        "command": " ".join([*called, *words]),
    }
