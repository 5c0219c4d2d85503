"""The settings in the project's root `conftest.py`: how the two processes of `make test` share the cores."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
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


# --- which tests run in which process --------------------------------------------------------------------------------


def test_the_course_runs_in_one_process_and_first(tmp_path):
    """A small project with the same settings: a notebook, two files that use `pets`, and others that do not."""
    line = "open({log!r}, 'a').write(__import__('os').environ['PYTEST_XDIST_WORKER'] + ' {name}\\n')"
    log = str(tmp_path / "log.txt")
    shutil.copy(FILE, tmp_path)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "tests").mkdir()
    cells = [nbformat.v4.new_code_cell(line.format(log=log, name="cell"))]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "notebooks" / "01_a.ipynb")
    (tmp_path / "tests" / "conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef pets():\n    pass\n@pytest.fixture\ndef files(pets):\n    pass\n"
    )
    for name, test in {"a": "", "b": "", "c": "pets", "d": "files"}.items():
        source = f"def test_it({test}):\n    {line.format(log=log, name=test or 'file_' + name)}\n"
        (tmp_path / "tests" / f"test_{name}.py").write_text(source)
    settings = "[pytest]\naddopts = --nbval-lax\nmarkers =\n    course\n    slow\n"
    (tmp_path / "pytest.ini").write_text(settings)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PTQ_", "PYTEST_"))}
    subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "-q", "tests", "notebooks"], cwd=tmp_path, env=env, check=True
    )
    ran = [text.split() for text in Path(log).read_text().splitlines()]
    course = {worker for worker, name in ran if not name.startswith("file_")}
    assert len(course) == 1
    assert [name for worker, name in ran if worker in course][:3] == ["cell", "pets", "files"]
    assert len(ran) == 5
