"""Settings for every test, the helpers' and the notebooks': which pictures, and where results go.

It stands in the root folder so that `pytest notebooks/01_train.ipynb` on its own has the same settings.
"""

import os
import shutil
from pathlib import Path

PROJECT = Path(__file__).parent
RESULTS = PROJECT / "artifacts" / "test"
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
    own = not os.environ.get("PTQ_ARTIFACTS")
    if own:
        os.environ["PTQ_ARTIFACTS"] = str(RESULTS)
    if own and config.getoption("fresh") and RESULTS.is_dir():  # a folder of the caller's is never emptied
        for path in RESULTS.iterdir():
            if path.name != KEPT:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def pytest_report_header():
    shown = Path(os.environ["PTQ_ARTIFACTS"]).resolve()
    return f"pictures: drawn pets; results: {os.path.relpath(shown)}"
