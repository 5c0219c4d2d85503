"""How much memory a new program can have, asked of the operating system."""

import contextlib
import ctypes
import re
import subprocess
import sys
from pathlib import Path


def available() -> int | None:
    """Return the bytes that a program can have without making the system swap; None where the system does not tell."""
    read = {"linux": _linux, "darwin": _macos, "win32": _windows}.get(sys.platform)
    with contextlib.suppress(OSError, subprocess.SubprocessError, AttributeError, TypeError):
        return read()
    return None


def from_meminfo(text: str) -> int | None:
    """Return what Linux's /proc/meminfo calls available: free, or given back when a program asks for it."""
    line = re.search(r"^MemAvailable: +(\d+) kB$", text, re.MULTILINE)
    return int(line[1]) * 1024 if line else None


def from_vm_stat(text: str) -> int | None:
    """Return what macOS's `vm_stat` counts as free, inactive and speculative, which a program can have."""
    size = re.search(r"page size of (\d+) bytes", text)
    pages = re.findall(r"^Pages (?:free|inactive|speculative): +(\d+)\.$", text, re.MULTILINE)
    return int(size[1]) * sum(map(int, pages)) if size and pages else None


def _linux() -> int | None:
    return from_meminfo(Path("/proc/meminfo").read_text(encoding="ascii", errors="replace"))


def _macos() -> int | None:
    completed = subprocess.run(["vm_stat"], capture_output=True, text=True, timeout=10, check=True)  # noqa: S607
    return from_vm_stat(completed.stdout)


class _MemoryStatus(ctypes.Structure):
    """Windows' MEMORYSTATUSEX (sysinfoapi.h)."""

    _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong)] + [
        (name, ctypes.c_ulonglong)
        for name in ("total", "available", "page_total", "page_free", "virtual_total", "virtual_free", "extended")
    ]


def _windows() -> int | None:
    status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
    return status.available if ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else None
