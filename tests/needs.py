"""What some tests need of the machine that they run on, and a machine that lacks it.

`no_micro` is for test modules that say `pytest_plugins = ["needs"]`.

PYTEST_DONT_REWRITE: there is no `assert` in here, and tests import it before pytest does.
"""

import os
import platform

import pytest

from helpers.board import emulator
from helpers.tflite import micro

needs_micro = pytest.mark.skipif(not micro.installed(), reason="TensorFlow Lite Micro is not installed")
emulated = pytest.mark.skipif(not emulator.installed(), reason="unicorn and capstone are not installed here")

MEASURED_HERE = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="how optimised kernels round depends on the processor"
)


@pytest.fixture
def no_micro(tmp_path, monkeypatch):
    """A system for which there is no TensorFlow Lite Micro."""
    (tmp_path / "tflite_micro.py").write_text("raise ImportError\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
