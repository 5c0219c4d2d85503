"""Memory that a new program can have: read from what systems print, added up by hand; no error where none is told."""

import os
import subprocess
import sys
import types

import pytest

from helpers.base import memory

# As Linux and macOS print them, shortened to what matters and what could be taken for it.
MEMINFO = """MemTotal:       24683652 kB
MemFree:        18955252 kB
MemAvailable:   23495004 kB
Buffers:           73812 kB
SwapFree:        1000000 kB
"""
VM_STAT = """Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                               12345.
Pages active:                            200000.
Pages inactive:                          150000.
Pages speculative:                         5000.
Pages throttled:                              7.
Pages wired down:                         90000.
Pages purgeable:                           3000.
"Translation faults":                 123456789.
Pages stored in compressor:               60000.
"""


# --- what Linux prints ------------------------------------------------------------------------------------------------


def test_linux_says_it_in_units_of_1024_bytes():
    assert memory.from_meminfo(MEMINFO) == 24_058_884_096  # 23,495,004 · 1,024
    assert memory.from_meminfo("MemAvailable: 1 kB") == 1024
    assert memory.from_meminfo("MemAvailable:        0 kB\n") == 0, "nothing is not the same as not known"


@pytest.mark.parametrize(
    "text",
    [
        "",
        MEMINFO.replace("MemAvailable:   23495004 kB\n", ""),  # before Linux 3.14
        MEMINFO.replace("MemAvailable", "HugeMemAvailable"),
        MEMINFO.replace("23495004 kB", "23495004 MB"),
        MEMINFO.replace("23495004 kB", "unknown"),
        MEMINFO.replace("23495004 kB", "-5 kB"),
        MEMINFO[: MEMINFO.index(" kB\nBuffers")],
    ],
    ids=["nothing", "no line", "another line", "another unit", "no number", "below zero", "cut off"],
)
def test_linux_that_says_something_else_is_not_understood(text):
    assert memory.from_meminfo(text) is None


# --- what macOS prints ------------------------------------------------------------------------------------------------


def test_macos_counts_pages_that_are_free_inactive_or_speculative():
    assert memory.from_vm_stat(VM_STAT) == 2_741_780_480  # (12,345 + 150,000 + 5,000) · 16,384
    intel = VM_STAT.replace("16384", "4096").replace("Pages speculative:                         5000.\n", "")
    assert memory.from_vm_stat(intel) == 664_965_120  # (12,345 + 150,000) · 4,096


@pytest.mark.parametrize(
    "text",
    [
        "",
        VM_STAT.partition("\n")[0],
        VM_STAT.partition("\n")[2],
        VM_STAT.replace("16384 bytes", "unknown size"),
        VM_STAT.replace("Pages ", "Seiten "),
    ],
    ids=["nothing", "no pages", "no size", "an unknown size", "another language"],
)
def test_macos_that_says_something_else_is_not_understood(text):
    assert memory.from_vm_stat(text) is None


# --- asked of the system ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="the other systems are asked in their own ways")
def test_this_computer_has_no_more_than_is_built_in():
    available = memory.available()
    assert available is not None and 2**20 < available < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_linux_is_asked_for_its_file(monkeypatch, tmp_path):
    (tmp_path / "meminfo").write_text(MEMINFO)
    opened = []
    monkeypatch.setattr(memory.sys, "platform", "linux")
    monkeypatch.setattr(memory, "Path", lambda path: opened.append(path) or tmp_path / "meminfo")
    assert memory.available() == 24_058_884_096 and opened == ["/proc/meminfo"]
    (tmp_path / "meminfo").write_bytes(b"\xff\xfe\n" + MEMINFO.encode())
    assert memory.available() == 24_058_884_096, "bytes that are no text do no harm"
    (tmp_path / "meminfo").unlink()
    assert memory.available() is None


def test_macos_is_asked_with_vm_stat(monkeypatch):
    commands = []
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    monkeypatch.setattr(
        memory.subprocess, "run", lambda words, **_: commands.append(words) or types.SimpleNamespace(stdout=VM_STAT)
    )
    assert memory.available() == 2_741_780_480 and commands == [["vm_stat"]]


@pytest.mark.parametrize(
    "problem",
    [FileNotFoundError(), subprocess.CalledProcessError(1, "vm_stat"), subprocess.TimeoutExpired("vm_stat", 10)],
    ids=["no command", "it fails", "it hangs"],
)
def test_a_macos_that_does_not_tell_is_no_error(monkeypatch, problem):
    def run(*_, **__):
        raise problem

    monkeypatch.setattr(memory.sys, "platform", "darwin")
    monkeypatch.setattr(memory.subprocess, "run", run)
    assert memory.available() is None


@pytest.mark.parametrize(("answers", "expected"), [(1, 3_000_000_000), (0, None)])
def test_windows_fills_in_what_it_is_handed(monkeypatch, answers, expected):
    """Its function says whether it could; more than 32 bits must fit."""

    def fill_in(pointer):
        pointer._obj.available = 3_000_000_000
        return answers

    kernel = types.SimpleNamespace(GlobalMemoryStatusEx=fill_in)
    monkeypatch.setattr(memory.sys, "platform", "win32")
    monkeypatch.setattr(memory.ctypes, "windll", types.SimpleNamespace(kernel32=kernel), raising=False)
    assert memory.available() == expected


@pytest.mark.parametrize("platform", ["freebsd14", "emscripten", "win32"])
def test_a_system_that_is_not_known_is_no_error(monkeypatch, platform):
    """Nor is a Windows without its library, as any other system would be."""
    monkeypatch.setattr(memory.sys, "platform", platform)
    monkeypatch.delattr(memory.ctypes, "windll", raising=False)
    assert memory.available() is None
