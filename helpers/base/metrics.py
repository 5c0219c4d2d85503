"""`metrics.json`: what a run measured, with the machine and the versions that it was measured on."""

import json

from helpers.base import artifacts, machine

METRICS = "metrics.json"


def read() -> dict:
    """Return `metrics.json` as a dictionary {data source: {section: values}}; empty if there is none yet."""
    path = artifacts.root() / METRICS
    return json.loads(path.read_text()) if path.exists() else {}


def record(source: str, section: str, values: dict) -> None:
    """Write one section of measurements into `metrics.json`, under the data they were measured on.

    The machine and the versions are written with them, so that a number never stands alone.
    """
    with artifacts.one_at_a_time(
        artifacts.root() / METRICS
    ):  # else two notebooks could each write without what the other has added
        metrics = read()
        metrics.setdefault(source, {})["machine"] = machine.describe()
        metrics[source][section] = values
        with artifacts.atomic(artifacts.root() / METRICS) as part:
            part.write_text(json.dumps(metrics, indent=2) + "\n")
