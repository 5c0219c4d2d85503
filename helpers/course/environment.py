"""What is here and what is missing: the packages as pinned, the machine, the pictures, and what is optional.

Nothing is changed and nothing is asked of the network.  All that is imported here is Python's own, and what imports
nothing else: a check that needs the packages could not say that they are missing.
"""

import dataclasses
import os
import platform
import re
import shutil
import sys
from importlib import metadata

from helpers.base import data, machine, memory
from helpers.base.tables import Table
from helpers.board import building, processors
from helpers.measure import processor
from helpers.pictures import photographs

GIGABYTE = 1e9
PYTHONS = ((3, 11), (3, 13))  # the oldest and the newest that the pins allow
MEMORY = 4 * GIGABYTE  # for one notebook beside a browser
DISK = 2 * GIGABYTE  # for everything that the course writes
INSTALL = "python -m pip install -r requirements.txt"
OPTIONAL = "optional: "


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line of the check.

    Attributes:
        what: was looked for.
        result: what was seen, in words.
        to_do: what to do or what it means if that is not as it should be; "" if all is well.
    """

    what: str
    result: str
    to_do: str = ""


def check() -> Table:
    """Return what was found, with what to do where something is missing; the caption says whether all is well."""
    findings = [_python(), _packages(), _cores(), _memory(), _disk(), _instructions(), _pictures(), *_optional()]
    unmet = [f.what for f in findings if f.to_do and not f.to_do.startswith(OPTIONAL)]
    verdict = f"Look at: {', '.join(unmet)}" if unmet else "Everything that the course needs is here"
    return Table(["what", "found", "what to do"], [[f.what, f.result, f.to_do or "–"] for f in findings], verdict)


# --- needed -------------------------------------------------------------------------------------------------------


def _python(version: tuple[int, int] = sys.version_info[:2]) -> Finding:
    installed = ".".join(map(str, version))
    low, high = (".".join(map(str, limit)) for limit in PYTHONS)
    to_do = "" if PYTHONS[0] <= version <= PYTHONS[1] else f"install one from {low} to {high}"
    return Finding("Python", installed, to_do)


PIN = re.compile(r"(?P<name>[\w.-]+) *== *(?P<version>[\w.+!-]+) *(?:;(?P<marker>.*))?")
CONDITION = re.compile(r"(sys_platform|platform_machine) *== *[\"']([^\"']*)[\"']")


def pins() -> dict[str, str]:
    """Return the packages that requirements.txt pins for this system, {name: version}.

    Where the suite is installed without it, the same pins stand in what pip knows about the package.
    """
    folder = data.project()
    file = folder and folder / "requirements.txt"
    lines = file.read_text("utf-8").splitlines() if file else metadata.requires(data.DISTRIBUTION) or []
    pinned = [pin for pin in map(PIN.fullmatch, lines) if pin and _applies(pin["marker"] or "")]
    return {pin["name"]: pin["version"] for pin in pinned}


def _applies(marker: str) -> bool:
    """Whether a pin's marker holds: the pins know `sys_platform`, `platform_machine`, and the extras of the package."""
    system = {"sys_platform": sys.platform, "platform_machine": platform.machine()}
    return "extra" not in marker and all(system[name] == value for name, value in CONDITION.findall(marker))


def _packages() -> Finding:
    pinned = pins()
    other = {name: _version(name) for name, version in pinned.items() if _version(name) != version}
    result = f"{len(pinned) - len(other)} of {len(pinned)} as pinned"
    if other:
        result += ": " + ", ".join(f"{name} {version or 'missing'}" for name, version in other.items())
    return Finding("packages", result, INSTALL if other else "")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cores() -> Finding:
    count = os.cpu_count() or 1
    return Finding("cores", str(count), "" if count > 1 else "all of it takes about twice as long")


def _memory(free: float | None = None) -> Finding:
    free = memory.available() if free is None else free
    if free is None:
        return Finding("free memory", "not known")
    return Finding("free memory", f"{free / GIGABYTE:.0f} GB", "" if free >= MEMORY else "one notebook at a time")


def _disk(free: float | None = None) -> Finding:
    folder = data.artifacts_folder()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free if free is None else free
    to_do = f"make room for {DISK / GIGABYTE:.0f} GB, or set PTQ_ARTIFACTS to a folder elsewhere"
    return Finding("free disk", f"{free / GIGABYTE:.0f} GB", "" if free >= DISK else to_do)


def _instructions() -> Finding:
    """What the processor has for integers is never a fault: notebook 3 explains what follows from it."""
    best = processor.features().best
    return Finding("instructions for int8", best.name if best else "none found", "")


def _pictures() -> Finding:
    """The photographs if they are there; else drawn pets, drawn by the first notebook that needs them."""
    if photographs.prepared():
        return Finding("pictures", "photographs, prepared")
    return Finding("pictures", "drawn pets", f"{OPTIONAL}for real photographs run: make photos")


# --- optional -----------------------------------------------------------------------------------------------------


def _optional() -> list[Finding]:
    """What only some cells use, with what happens without it."""
    compilers = [compiler.name for core in processors.CORES for compiler in building.compilers(core)]
    micro = machine.importable("tflite_micro")
    parts = {
        "TensorFlow Lite Micro": (micro, "notebook 7 computes the arena instead of measuring it"),
        "emulator": (machine.importable("unicorn", "capstone"), "notebook 7 shows recorded counts of instructions"),
        "cross compiler": (bool(compilers), "one cell of notebook 7 cannot build its programs again"),
        "npm": (shutil.which("npm"), "make slides needs it once"),
    }
    return [
        Finding(what, "yes" if installed else "no", "" if installed else f"{OPTIONAL}{without}")
        for what, (installed, without) in parts.items()
    ]
