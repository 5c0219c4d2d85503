"""Settings for every test, the helpers' and the notebooks': which pictures, where results go, and who runs what.

It stands in the root folder so that `pytest notebooks/01_train.ipynb` on its own has the same settings.

`make test` runs two processes side by side (`-n 2`, pytest-xdist), each on half of the cores.  One begins with the
course: every cell of every notebook in order, in one folder, as a reader runs them, and after them the tests that use
what they made.  The other begins with the tests, file by file, those with slow ones first.  So no two trainings ever
write to the same folder.
"""

import gc
import os
import shutil
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent
RESULTS = PROJECT / "artifacts" / "test"
COURSE = "course"  # the mark, and the name under which pytest's cache keeps who has it
KEPT = "tensorflow_datasets"  # the drawn pets: their builder has a version, so old ones cannot pass for new


def pytest_addoption(parser):
    parser.addoption(
        "--fresh",
        action="store_true",
        help="delete what earlier tests trained and converted (the drawn pictures stay), so that nothing old "
        "hides a mistake; what `make test` does",
    )


def pytest_configure(config):
    # The stored outputs that the notebooks are compared with are those of the drawn pets.
    os.environ["PTQ_DATASET"] = "drawn"
    if config.getoption("numprocesses", None):  # each process has a core, on which NumPy's idle threads would spin
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if hasattr(config, "workerinput"):
        stay_on_its_cores(config.workerinput)
    own = not os.environ.get("PTQ_ARTIFACTS")  # the processes of a parallel run get it from the one that starts them
    if own:
        os.environ["PTQ_ARTIFACTS"] = str(RESULTS)
    if own and config.getoption("fresh") and RESULTS.is_dir():  # a folder of the caller's is never emptied
        for path in RESULTS.iterdir():
            if path.name != KEPT:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def stay_on_its_cores(worker: dict) -> None:
    """Give each process of a parallel run its share of the cores, and all that it starts: kernels, browsers, threads.

    Left to themselves, the threads of TensorFlow, XNNPACK and NumPy in each process expect to have all cores, and spin
    while they wait for one that another process has: two notebooks side by side took twice as long as one after the
    other.
    """
    if not hasattr(os, "sched_setaffinity"):  # macOS and Windows let a process run where it likes
        return
    number, count = int(worker["workerid"].removeprefix("gw")), worker["workercount"]
    if share := sorted(os.sched_getaffinity(0))[number::count]:
        os.sched_setaffinity(0, share)


def pytest_report_header():
    shown = Path(os.environ["PTQ_ARTIFACTS"]).resolve()
    return f"pictures: drawn pets; results: {os.path.relpath(shown)}"


# --- in which order, and side by side with what ---------------------------------------------------------------------


def pytest_itemcollected(item):
    """Mark what belongs to the course: the cells, and the tests that use `pets` (`tests/conftest.py`)."""
    if is_cell(item) or "pets" in getattr(item, "fixturenames", ()):
        item.add_marker(COURSE)


def is_cell(item) -> bool:
    return item.path.suffix == ".ipynb"


def pytest_collection_modifyitems(config, items):
    """Sort: the course comes last, or first where another process runs the rest; in it, the notebooks come first."""
    parallel = hasattr(config, "workerinput")
    slow = {item.path for item in items if item.get_closest_marker("slow")}

    def place(item) -> tuple[bool, ...]:
        course = item.get_closest_marker(COURSE) is not None
        return course != parallel, not is_cell(item), parallel and item.path not in slow

    items.sort(key=place)
    if parallel:  # for the process that deals the tests out, which knows nothing of them but their names
        config.cache.set(COURSE, [item.nodeid for item in items if item.get_closest_marker(COURSE)])


def pytest_collection_finish():
    """Let the garbage collector pass over what lives to the end anyway: TensorFlow's modules, and all the tests."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Deal out whole units in the order above, whatever `--dist` says: the course, and file by file the rest.

    xdist's own groups would do, but up to 3.8.0 it writes them where pytest 9.2 no longer looks.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Units(LoadScopeScheduling):
        def schedule(self):
            self.course = frozenset(config.cache.get(COURSE, ()))
            super().schedule()

        def _split_scope(self, nodeid: str) -> str:
            return COURSE if nodeid in self.course else nodeid.partition("::")[0]

    config.option.loadscopereorder = False
    return Units(config, log)
