"""The machine and the versions that a measurement belongs to."""

import contextlib
import importlib.util
import os
import platform
from importlib import metadata
from pathlib import Path

THREADS = 2  # threads for scoring; latency is measured elsewhere, with one

PACKAGES = (
    "tensorflow",
    "keras",
    "tensorflow-datasets",
    "numpy",
    "scipy",
    "ai-edge-litert",
    "ai-edge-quantizer",
    "tflite-micro",
    "unicorn",
)


def describe() -> dict:
    """Return the machine and the versions that a measurement belongs to."""
    versions = {name: metadata.version(name) for name in PACKAGES if _installed(name)}
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": versions,
    }


def importable(*modules: str) -> bool:
    """Whether all these modules are installed; none is imported."""
    return all(importlib.util.find_spec(name) is not None for name in modules)


def _installed(package: str) -> bool:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return bool(metadata.version(package))
    return False


def _processor() -> str:
    """Return the processor's name where the system tells it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
