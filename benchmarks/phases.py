"""Where does a run of the course spend its time, and how much memory does it take?

    python benchmarks/phases.py [--only 03_why_quantize] [--folder FOLDER]

Executes the notebooks as `make run` does, in order and each by itself, in an empty folder (or in FOLDER, where what is
there is reused).  Inside each kernel a second thread looks every 5 milliseconds at what the first one is doing, and
books the time since the last look on the innermost function that belongs to a phase.  Printed are the seconds of each
phase in each notebook, how many cores were busy in it, and the largest memory of the kernel and of any process that it
started.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

# A phase, and the files and functions whose time it is: innermost first, so that calibrating is not converting.
PHASES = {
    "importing": ("<frozen importlib._bootstrap>",),
    "drawing": ("pictures/drawn_dataset.py", "pictures/drawn_pets.py", "pictures/painting.py", "datasets.py:_draw"),
    "reading": ("pictures/datasets.py",),
    "training": ("trainer.py:fit", "networks/training.py", "methods/qat.py"),
    "calibrating": ("optimize/calibrator.py", "ai_edge_quantizer/calibrator.py", "methods/ranges.py"),
    "converting": (
        *("lite/python/lite.py", "lite/python/convert.py", "ai_edge_quantizer/", "tflite/convert.py"),
        *("tflite/edge_quantizer.py", "tflite/from_keras.py", "tflite/edit.py", "networks/published.py"),
    ),
    "timing": ("latency.py:interleave", "ceilings.py:read_bandwidth"),
    "scoring": (
        *("measure/accuracy.py", "tflite/interpreter.py", "trainer.py:predict", "methods/simulation.py"),
        *("helpers/integer/", "measure/debugging.py", "measure/runtimes.py", "measure/pareto.py:scores"),
        *("networks/checkpoints.py",),
    ),
    "board": ("helpers/board/", "tflite/micro.py"),
    "figures": ("site-packages/matplotlib/", "helpers/plots/", "course/live.py"),
}
INTERVAL = 0.005  # seconds
VARIABLE = "PHASES_FILE"  # where the kernel leaves its record


def phase(frame) -> str:
    """Return the phase of the innermost frame that belongs to one, or "other"."""
    while frame is not None:
        file, name = frame.f_code.co_filename, frame.f_code.co_name
        for what, places in PHASES.items():
            for place in places:
                path, _, function = place.partition(":")
                if path in file and function in ("", name):
                    return what
        frame = frame.f_back
    return "other"


# --- inside a kernel -----------------------------------------------------------------------------------------------


def watch() -> None:
    """Begin to book this process's time, until it ends; the record is written every second."""
    seconds, busy, path, main = Counter(), Counter(), Path(os.environ[VARIABLE]), threading.main_thread().ident

    def look() -> None:
        last, last_busy = written, _ = time.perf_counter(), time.process_time()
        while True:
            time.sleep(INTERVAL)
            what, now, now_busy = phase(sys._current_frames().get(main)), time.perf_counter(), time.process_time()
            seconds[what], last = seconds[what] + now - last, now
            busy[what], last_busy = busy[what] + now_busy - last_busy, now_busy
            if now - written > 1:
                written = now
                path.write_text(json.dumps({"seconds": seconds, "busy": busy, "memory": memory()}))

    threading.Thread(target=look, daemon=True).start()


def memory() -> tuple[float, float]:
    """Return the most memory that this process has had, and that any of its children has had, in GB."""
    unit = 1e9 if sys.platform == "darwin" else 1e6
    own, children = (
        resource.getrusage(who).ru_maxrss / unit for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    status = Path("/proc/self/status")
    if status.exists():  # on Linux, getrusage begins with what the process had that started this one
        own = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / unit
    return own, children


# --- outside -------------------------------------------------------------------------------------------------------


def measured(path: Path, environment: dict[str, str]) -> dict:
    """Execute a notebook and return its record, with all that is not the kernel's own as "starting"."""
    import nbformat

    import run

    copy = path.with_name(f".phases_{path.name}")  # in its folder, for what it opens there
    notebook = nbformat.read(path, as_version=4)
    begin = nbformat.v4.new_code_cell("import phases\nphases.watch()")
    end = nbformat.v4.new_code_cell("import time\ntime.sleep(1.1)")  # the last second is written, too
    notebook.cells = [begin, *notebook.cells, end]
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record.json"
        start = time.perf_counter()
        try:
            nbformat.write(notebook, copy)
            progress = run.Progress(Path(folder) / run.DURATIONS)
            _, problem = run.execute(copy, environment | {VARIABLE: str(record)}, progress)
        finally:
            copy.unlink(missing_ok=True)
        whole = time.perf_counter() - start - 1.1
        if problem:
            raise SystemExit(problem)
        numbers = json.loads(record.read_text())
    seconds = numbers["seconds"]
    seconds["other"] = max(0.0, seconds.get("other", 0.0) - 1.1)
    seconds["starting"] = max(0.0, whole - sum(seconds.values()))
    return numbers


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--folder", type=Path, help="artifacts to reuse, instead of an empty folder")
    arguments = parser.parse_args()
    here = Path(__file__).resolve().parent
    sys.path.insert(0, str(here.parent / "tools"))
    import run

    with tempfile.TemporaryDirectory() as empty:
        environment = {
            **os.environ,
            "PTQ_ARTIFACTS": str((arguments.folder or Path(empty)).resolve()),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(here), os.environ.get("PYTHONPATH")))),
        }
        records = {path.stem: measured(path, environment) for path in run.course(run.NOTEBOOKS, arguments.only)}
    print_table(records)


def print_table(records: dict[str, dict]) -> None:
    """Print seconds by phase and notebook, the sums, and the memory."""
    phases = ["starting", *PHASES, "other"]
    columns = [name.split("_")[0] for name in records]
    print("\n" + f"{'seconds':12}" + "".join(f"{c:>7}" for c in columns) + f"{'all':>7}{'cores':>7}")
    for what in phases:
        row = [record["seconds"].get(what, 0.0) for record in records.values()]
        busy = sum(record["busy"].get(what, 0.0) for record in records.values())
        print(f"{what:12}" + "".join(f"{s:7.1f}" for s in row) + f"{sum(row):7.1f}{busy / max(sum(row), 0.1):7.2f}")
    row = [sum(record["seconds"].values()) for record in records.values()]
    print(f"{'together':12}" + "".join(f"{s:7.1f}" for s in row) + f"{sum(row):7.1f}\n")
    for i, what in enumerate(("GB, kernel", "GB, others")):
        row = [record["memory"][i] for record in records.values()]
        print(f"{what:12}" + "".join(f"{g:7.2f}" for g in row) + f"{max(row):7.2f}")


if __name__ == "__main__":
    main()
