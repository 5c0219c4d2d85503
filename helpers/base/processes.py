"""Start a module of this package in a process of its own, wherever the package is."""

import os
import sys

from helpers.base.data import PACKAGE


def command(module: str, *words: object) -> list[str]:
    """Return what runs a module with this Python, such as "helpers.recipe" with the words "--out", folder."""
    return [sys.executable, "-P", "-m", module, *map(str, words)]


def environment() -> dict[str, str]:
    """Return this process's environment, in which the other one finds `helpers` even where it is not installed."""
    path = filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
