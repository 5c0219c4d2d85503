# ruff: noqa: E402  the imports follow what they need
"""Jupyter's packages for notebooks, imported without what takes most of the time and none of our notebooks needs."""

import sys

# jsonschema, with which nbformat checks notebooks, can check international addresses, which notebooks do not have. For
# that it would load a package that reads a grammar for 0.7 s, and goes without if the package is not there.
sys.modules.setdefault("rfc3987_syntax", None)

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

__all__ = ["CellExecutionError", "DeadKernelError", "NotebookClient", "NotebookNode", "nbformat"]
