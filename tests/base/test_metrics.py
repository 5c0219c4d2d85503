"""The notebook of measurements: each stands under its data, with the machine, whoever else writes."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest

from helpers.base import metrics
from helpers.base.machine import PACKAGES

pytest_plugins = ["small"]


def test_no_measurements_yet(home):
    assert metrics.read() == {}


def test_measurements_stand_under_their_data_with_the_machine(home):
    metrics.record("drawn", "training", {"accuracy": 0.9})
    metrics.record("photographs", "training", {"accuracy": 0.8})
    metrics.record("drawn", "comparison", {"bytes": 1})
    metrics.record("drawn", "training", {"accuracy": 0.95})
    measured = metrics.read()
    machine = measured["drawn"].pop("machine")
    assert measured["drawn"] == {"training": {"accuracy": 0.95}, "comparison": {"bytes": 1}}
    assert measured["photographs"]["training"] == {"accuracy": 0.8}
    assert machine["cores"] == os.cpu_count()
    assert {"tensorflow", "numpy"} <= set(machine["versions"]) <= set(PACKAGES)  # what is installed
    assert machine["versions"]["numpy"] == numpy.__version__
    assert [path.name for path in home.iterdir()] == [metrics.METRICS]


def test_measurements_that_several_write_at_once_are_all_there(home):
    def write(number):
        metrics.record("drawn", f"section {number}", {"number": number})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(24)))
    measured = metrics.read()["drawn"]
    assert {section: values["number"] for section, values in measured.items() if section != "machine"} == {
        f"section {number}": number for number in range(24)
    }


def test_measurements_that_cannot_be_written_leave_the_old_ones(home):
    metrics.record("drawn", "training", {"accuracy": 0.9})
    before = (home / metrics.METRICS).read_bytes()
    with pytest.raises(TypeError):
        metrics.record("drawn", "comparison", {"accuracy": object()})
    assert (home / metrics.METRICS).read_bytes() == before
