"""Keep what a run on the photographs measured: `artifacts/metrics.json` becomes `data/reference_results.json`.

    PTQ_DATASET=photographs make run && .venv/bin/python tools/reference.py

The notebooks show these results beside the reader's own.
"""

import json
import sys
from pathlib import Path

from helpers.base import artifacts, metrics
from helpers.course.summary import REFERENCE

SECTIONS = (
    "machine",
    "training",
    "conversion",
    "why",
    "integers",
    "comparison",
    "bits",
    "frontier",
    "parts",
    "board",
    "fewer_bits",
)


def main(target: Path = REFERENCE) -> int:
    """Write the results of a whole run on the photographs and return the exit status."""
    measured = metrics.read().get("photographs", {})
    if missing := [section for section in SECTIONS if section not in measured]:
        print(
            f"metrics.json holds no {', '.join(missing)} on the photographs: run all notebooks there.", file=sys.stderr
        )
        return 1
    with artifacts.atomic(target) as part:
        part.write_text(json.dumps({section: measured[section] for section in SECTIONS}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
