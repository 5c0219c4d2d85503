"""The settings in the project's root `conftest.py`: how the two processes of `make test` share the cores."""

import importlib.util
import os
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parent.parent / "conftest.py"


@pytest.fixture
def settings():
    """The root's conftest.py as a module of its own."""
    spec = importlib.util.spec_from_file_location("settings_of_the_project", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def shares(settings, monkeypatch):
    """A function that returns the cores of each of so many processes, on a machine with these cores."""

    def share(cores: set[int], count: int) -> list[set[int]]:
        now = {}
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: cores, raising=False)
        monkeypatch.setattr(os, "sched_setaffinity", lambda _, given: now.update(cores=set(given)), raising=False)
        found = []
        for number in range(count):
            now["cores"] = cores
            settings.stay_on_its_cores({"workerid": f"gw{number}", "workercount": count})
            found.append(now["cores"])
        return found

    return share


@pytest.mark.parametrize("cores", [{0, 1}, {2, 5}, set(range(8)), set(range(7))])
def test_two_processes_have_all_cores_and_none_in_common(shares, cores):
    first, second = shares(cores, 2)
    assert first | second == cores
    assert not first & second
    assert abs(len(first) - len(second)) <= 1


def test_on_one_core_both_stay_where_they_are(shares):
    assert shares({3}, 2) == [{3}, {3}]


def test_a_system_without_such_a_setting_is_left_alone(settings, monkeypatch):
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    assert settings.stay_on_its_cores({"workerid": "gw0", "workercount": 2}) is None


@pytest.mark.skipif("PYTEST_XDIST_WORKER_COUNT" not in os.environ, reason="the tests do not run side by side")
@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not bind processes to cores")
def test_this_process_has_its_share():
    count = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    assert len(os.sched_getaffinity(0)) <= -(-os.cpu_count() // count) or count > os.cpu_count()
