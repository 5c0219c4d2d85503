"""`metrics.json`: what a run measured, with the machine and the versions that it was measured on."""

import contextlib
import json
from collections.abc import Iterator

from helpers.base import artifacts, machine

METRICS = "metrics.json"


def read() -> dict:
    """Return `metrics.json` as a dictionary {data source: {section: values}}; empty if there is none yet."""
    path = artifacts.root() / METRICS
    return json.loads(path.read_text()) if path.exists() else {}


def forget(source: str) -> None:
    """Remove what was measured on a data source; nothing is left of it in `metrics.json`."""
    with _changed() as metrics:
        metrics.pop(source, None)


@contextlib.contextmanager
def _changed() -> Iterator[dict]:
    """Give `metrics.json` to a block that changes it, and write it afterwards; two notebooks take turns."""
    path = artifacts.root() / METRICS
    with artifacts.one_at_a_time(path):
        metrics = read()
        yield metrics
        with artifacts.atomic(path) as part:
            part.write_text(json.dumps(metrics, indent=2) + "\n")


def record(source: str, section: str, values: dict) -> None:
    """Write one section of measurements into `metrics.json`, under the data they were measured on.

    The machine and the versions are written with them, so that a number never stands alone.
    """
    with _changed() as metrics:
        metrics.setdefault(source, {})["machine"] = machine.describe()
        metrics[source][section] = values
