"""Execute the course's notebooks in order and write them as HTML: what `make run` and `make refresh` call.

    python tools/run.py                     execute all, write artifacts/html/, print the comparison
    python tools/run.py --only 02_convert   execute one
    python tools/run.py --refresh           execute on the drawn pets and store the outputs in them

Each notebook gets a kernel of its own, in the notebooks' folder. A cell that fails ends the run with exit
status 1; the executed copy up to that cell is written all the same.
"""

import argparse
import asyncio
import contextlib
import functools
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import export
from helpers.base import artifacts, machine, memory, metrics, undisturbed
from helpers.course import course_map
from nb import CellExecutionError, DeadKernelError, NotebookClient, NotebookNode, nbformat

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
NUMBERED = "[0-9][0-9]_*.ipynb"  # the course; solutions and loose notebooks are no part of a run
SOLUTIONS = Path("solutions") / "solutions.ipynb"  # the notebooks link to it, so its page stands beside theirs
# Where the machine has the room, two of a line run at a time. 00 computes next to nothing. Those of the second line
# need the network of 01, and of each other at most the files of 02, which begins.
FIRST = ("00_start_here", "01_train")
SIDE_BY_SIDE = (
    "02_convert",
    "03_why_quantize",
    "04_how_to_quantize",
    "05_tradeoffs",
    "06_other_parts",
    "07_on_the_board",
    "09_fewer_bits",
)
SUMMARY = "08_summary"
LANES, LANE_BYTES = 2, 2.5e9
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")  # of the libraries, in each lane
# What a later notebook needs and no training goes into, made from the beginning of a notebook on.
BESIDE = {
    "01_train": "from helpers.networks import published; published.files()",
}
PATIENCE = 5  # the niceness of what is made beside: a quarter of a core that a notebook wants, all of one that is idle
DURATIONS = "run_times.json"
QUIET = "--log-level=CRITICAL"  # Jupyter's own remarks; what a cell prints is not touched
# A kernel ends when its exit functions have run. Python would take TensorFlow's objects to pieces first, for a second.
LEAVE = "--IPKernelApp.exec_lines=import atexit, os; atexit.register(os._exit, 0)"
QUIET_KERNEL = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}  # else the debugger warns of frozen modules
KEPT_METADATA = ("slideshow", "tags", "editable")  # of a cell; editors leave the rest behind
LIVE = "application/vnd.jupyter.widget-view+json"  # a figure with sliders, which needs a kernel and a web address
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class RunError(Exception):
    """A notebook did not run to its end; the message says where and why."""


# --- choosing -----------------------------------------------------------------------------------------------


def course(folder: Path, only: list[str]) -> list[Path]:
    """Return the numbered notebooks in order, or those of them whose names begin as one of `only`.

    Raises:
        RunError: there is no such notebook.
    """
    notebooks = sorted(folder.glob(NUMBERED))
    prefixes = tuple(Path(name).stem for name in only)
    for prefix in prefixes:
        if not any(path.stem.startswith(prefix) for path in notebooks):
            names = ", ".join(path.stem for path in notebooks)
            raise RunError(f"There is no notebook {prefix!r}. Expected one of: {names}.")
    if not notebooks:
        raise RunError(f"There is no notebook named like 01_train.ipynb in {folder}.")
    return [path for path in notebooks if not prefixes or path.stem.startswith(prefixes)]


# --- executing ----------------------------------------------------------------------------------------------


class Progress:
    """What a run is doing: a line when a notebook begins and one when it ends; on a terminal, its cells are counted."""

    def __init__(self, durations: Path):
        self.durations = durations  # a file that keeps how long each notebook took
        self.running: dict[str, str] = {}  # {name: "cell 3 of 40"}
        self.starts: dict[str, float] = {}
        self.lock = threading.RLock()
        self.live = sys.stdout.isatty()

    def last(self) -> dict[str, float]:
        """Return how many seconds each notebook took the last time that it ran to its end."""
        with contextlib.suppress(OSError, ValueError):
            return {str(name): float(seconds) for name, seconds in json.loads(self.durations.read_text()).items()}
        return {}

    def begin(self, name: str) -> None:
        """Say that a notebook begins."""
        before = self.last().get(name)
        self.starts[name] = time.monotonic()
        self.show(name, "begins", f"the last time it took {minutes(before)}" if before else "")

    def count(self, name: str, cell: int, cells: int) -> None:
        """Say that a code cell starts."""
        with self.lock:
            self.running[name] = f"{name}: cell {cell} of {cells}"
            if self.live:
                print(f"\r\x1b[K{'; '.join(self.running.values())}", end="", flush=True)

    def end(self, name: str, cells: int, problem: bool) -> None:
        """Write how long a notebook took, and keep it for the next time."""
        seconds = time.monotonic() - self.starts[name]
        with self.lock:
            self.running.pop(name, None)
            if not problem:
                with artifacts.atomic(self.durations) as part:
                    part.write_text(json.dumps(self.last() | {name: round(seconds, 1)}, indent=1) + "\n")
            self.show(name, f"{cells:>3} cells", f"{minutes(seconds):>12}{'  FAILED' if problem else ''}")

    def show(self, name: str, what: str, more: str) -> None:
        """Write a line that stays."""
        with self.lock:
            line = f"{name:<18} {what:<9}  {more}".rstrip()
            print(("\r\x1b[K" if self.live else "") + line, flush=True)


def minutes(seconds: float) -> str:
    """Return a duration as '2 min 05 s' or '48 s'."""
    whole, rest = divmod(round(seconds), 60)
    return f"{whole} min {rest:02d} s" if whole else f"{rest} s"


def execute(path: Path, environment: dict[str, str], progress: Progress) -> tuple[NotebookNode, str]:
    """Execute one notebook in a kernel of its own.

    Returns:
        the executed notebook, and what went wrong in words ("" if nothing did).
    """
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code:  # a cell that is not reached must not show the output of an earlier run
        cell.outputs, cell.execution_count = [], None
    notebook.metadata.pop("widgets", None)  # the state of widgets of an earlier run
    cell, cells = 0, sum(bool(one.source.strip()) for one in code)

    def next_cell(**_) -> None:
        nonlocal cell
        cell += 1
        progress.count(path.stem, cell, cells)

    client = NotebookClient(
        notebook,
        timeout=None,  # training on the photographs takes as long as it takes; Ctrl-C ends a run
        kernel_name="python3",
        extra_arguments=[QUIET, LEAVE],
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        on_cell_execute=next_cell,
    )
    progress.begin(path.stem)
    try:
        with joined(client, environment):
            client.execute(env=environment)
    except CellExecutionError as error:
        problem = _explain(path, cell, cells, last_lines(error.traceback))
    except (asyncio.CancelledError, AssertionError):  # what nbclient makes of Ctrl-C before and during a cell
        raise KeyboardInterrupt from None
    except DeadKernelError:
        problem = _explain(path, cell, cells, "    The kernel died: killed, out of memory, or a library aborted.")
    else:
        problem = ""
    for one in code:
        show_as_terminal(one)
        keep_still(one)
    progress.end(path.stem, cells, bool(problem))
    return notebook, problem


@contextlib.contextmanager
def joined(client: NotebookClient, environment: dict[str, str]) -> Iterator[None]:
    """Let a kernel that is started in the block take part in a run: what another one times holds it still.

    It starts when nothing is being timed.
    """
    if undisturbed.VARIABLE not in environment:
        yield
        return
    folder = Path(environment[undisturbed.VARIABLE])
    with contextlib.ExitStack() as stack, contextlib.ExitStack() as starting:
        starting.enter_context(undisturbed.one_block_at_a_time(folder))

        def started(**_) -> None:
            stack.enter_context(undisturbed.member(folder, client.km.provisioner.pgid))
            starting.close()

        client.on_notebook_start = started
        yield


def _explain(path: Path, cell: int, cells: int, reason: str) -> str:
    return f"{path.name}: cell {cell} of {cells} failed.\n\n{reason}\n"


def last_lines(traceback: str, count: int = 12) -> str:
    """Return the end of a traceback, indented, without its colours."""
    lines = [line.rstrip() for line in ANSI.sub("", traceback).strip().splitlines()]
    return "\n".join("    " + line for line in lines[-count:])


def show_as_terminal(cell: NotebookNode) -> None:
    """Keep of each printed line what stands after the last carriage return of a progress bar."""
    for output in cell.outputs:
        if output.output_type == "stream":
            lines = output.text.replace("\r\n", "\n").split("\n")
            output.text = "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1].rstrip(" ") for line in lines)
    cell.outputs = [o for o in cell.outputs if o.output_type != "stream" or o.text.strip("\n")]


@contextlib.contextmanager
def beside(environment: dict[str, str]) -> Iterator[Callable[[str], None]]:
    """Give a function that starts what `BESIDE` has for a notebook; at the end of the block, wait for all of it.

    If the block raises, the processes are stopped. If one fails, nobody hears of it: the notebook that needs what is
    missing makes it, and says what is wrong.
    """
    silent = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    with contextlib.ExitStack() as stack:

        def start(name: str) -> None:
            if name in BESIDE and undisturbed.VARIABLE in environment:
                folder = Path(environment[undisturbed.VARIABLE])
                command = [sys.executable, "-c", BESIDE[name]]
                with undisturbed.one_block_at_a_time(folder):
                    options = {"env": environment, "cwd": folder, "start_new_session": True, **silent}
                    process = stack.enter_context(subprocess.Popen(command, **options))
                    give_way(process.pid)
                    stack.enter_context(undisturbed.member(folder, process.pid))
                processes.append(process)

        processes: list[subprocess.Popen] = []
        try:
            yield start
        except BaseException:
            for process in processes:
                undisturbed.send(process.pid, signal.SIGKILL)
            raise


def give_way(process: int) -> None:
    """Let a process that has just started, and what it starts, have less of a core that somebody else wants."""
    with contextlib.suppress(OSError):  # Linux shares a core among sessions first, and then among processes
        Path(f"/proc/{process}/autogroup").write_text(str(PATIENCE))
    os.setpriority(os.PRIO_PROCESS, process, PATIENCE)


# --- writing ------------------------------------------------------------------------------------------------


def keep_still(cell: NotebookNode) -> None:
    """Of a figure with sliders keep the still picture: pages have no kernel to move it."""
    for output in cell.outputs:
        output.get("data", {}).pop(LIVE, None)


def write_html(notebook: NotebookNode, path: Path, folder: Path) -> Path:
    """Write the executed notebook as one HTML page into `folder` and return the page's path."""
    target = folder / f"{path.stem}.html"
    with artifacts.atomic(target) as part:
        part.write_text(export.page(notebook, path.stem, path.parent), encoding="utf-8")
    return target


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Remove from an executed notebook what differs between two equal runs, in place; return it."""
    notebook.metadata = nbformat.from_dict(
        {
            **{key: value for key, value in notebook.metadata.items() if key in ("title", "authors")},
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    count = 0
    for cell in notebook.cells:
        kept = {k: v for k, v in cell.metadata.items() if k in KEPT_METADATA}
        if cell.cell_type == "code" and export.HIDDEN in kept.get("tags", ()):
            kept["jupyter"] = {"source_hidden": True}  # what JupyterLab reads; the deck and the pages read the tag
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type == "code" and cell.source.strip():
            count += 1
            cell.execution_count = count
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count
    return notebook


def printed_to_stderr(notebook: NotebookNode) -> str:
    """Say which cells wrote to standard error, and what: in a committed notebook there is no such output."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    lines = [
        f"  cell {number}: {output.text.strip()[:500]}"
        for number, cell in enumerate(code, 1)
        for output in cell.outputs
        if output.get("name") == "stderr"
    ]
    return "\n".join(lines)


def write_notebook(notebook: NotebookNode, path: Path) -> None:
    """Store an executed notebook with its outputs, whole or not at all.

    Raises:
        RunError: a cell wrote to standard error.
    """
    if printed := printed_to_stderr(notebook):
        raise RunError(f"{path.name} was not refreshed, because it writes to standard error:\n\n{printed}\n")
    nbformat.validate(normalise(notebook))
    with artifacts.atomic(path) as part:
        nbformat.write(notebook, part)


# --- the whole run ------------------------------------------------------------------------------------------


def run(paths: list[Path], environment: dict[str, str], refresh: bool) -> Path:
    """Execute notebooks in order, the summary last, and return the folder of their pages.

    Raises:
        RunError: a cell failed, or a refreshed notebook wrote to standard error. Later ones are not executed.
    """
    folder, progress = artifacts.root() / "html", Progress(artifacts.root() / DURATIONS)
    lanes = 1 if refresh or len(paths) == 1 else lanes_of_this_machine()  # a stored output shows a notebook's own work
    with together(environment, lanes) as environment, beside(environment) as start_beside:

        def one(path: Path, threads: dict[str, str]) -> None:
            start_beside(path.stem)
            notebook, problem = execute(path, environment | threads, progress)
            page = write_html(notebook, path, folder)
            if problem:
                raise RunError(f"{problem}\nThe copy up to that cell: {shown(page)}")
            if refresh:
                write_notebook(notebook, path)

        stop = functools.partial(end_all, environment)
        for group in groups(paths, lanes):
            share = max(1, machine.cores() // lanes)
            shared = len(group) > 1 and group[0].stem in SIDE_BY_SIDE
            threads = dict.fromkeys(THREADS, str(share)) if shared else {}
            side_by_side(functools.partial(one, threads=threads), group, lanes, stop)
    solutions = paths[0].parent / SOLUTIONS
    if solutions.exists():
        write_html(nbformat.read(solutions, as_version=4), solutions, folder / SOLUTIONS.parent)
    return folder


def lanes_of_this_machine() -> int:
    """Return how many notebooks run at a time: two with two cores and memory for both, where processes can be held."""
    free = memory.available()
    return LANES if undisturbed.POSSIBLE and machine.cores() >= LANES and (free or 0) > LANES * LANE_BYTES else 1


@contextlib.contextmanager
def together(environment: dict[str, str], lanes: int) -> Iterator[dict[str, str]]:
    """Give the variables for notebooks that run at the same time: how they hold each other still."""
    if lanes == 1:
        yield environment
        return
    with tempfile.TemporaryDirectory(prefix="ptq-run-", ignore_cleanup_errors=True) as folder:
        try:
            yield environment | {undisturbed.VARIABLE: folder}
        finally:
            end_all({undisturbed.VARIABLE: folder})


def end_all(environment: dict[str, str]) -> None:
    """Kill what is left of a run's processes."""
    for group in undisturbed.groups(Path(environment[undisturbed.VARIABLE])):
        undisturbed.send(group, signal.SIGKILL)


def groups(paths: list[Path], lanes: int) -> list[list[Path]]:
    """Return the notebooks in order, those next to each other that may run side by side in one group.

    The summary comes last, because it shows what the others have measured.  In a group, the first in the order comes
    first, which makes what the others use; then the longest.
    """
    minutes_of = {Path(station.file).stem: station.run_minutes for station in course_map.stations()}
    lines = {name: line for line in (FIRST, SIDE_BY_SIDE) for name in line} if lanes > 1 else {}
    paths = sorted(paths, key=lambda path: path.stem == SUMMARY)  # the others stay in their order
    keys = [lines.get(path.stem, path.stem) for path in paths]
    pairs = itertools.groupby(zip(keys, paths, strict=True), lambda pair: pair[0])
    grouped = [[path for _, path in group] for _, group in pairs]
    return [group[:1] + sorted(group[1:], key=lambda path: -minutes_of.get(path.stem, 0)) for group in grouped]


@contextlib.contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Call a function if Ctrl-C ends the block: kernels hear nothing of it, and their threads would be waited for."""
    try:
        yield
    except KeyboardInterrupt:
        stop()
        raise


def side_by_side(one: Callable[[Path], None], group: list[Path], lanes: int, stop: Callable[[], None]) -> None:
    """Execute a group of notebooks, so many at a time; after one that failed, no other begins.

    Raises:
        RunError: a notebook failed; the first of them by name.
    """
    if len(group) == 1:
        one(group[0])
        return
    waiting, running, failures = list(group), {}, {}
    with ThreadPoolExecutor(lanes) as pool, stopping(stop):
        while running or (waiting and not failures):
            while waiting and not failures and len(running) < lanes:
                path = waiting.pop(0)
                running[pool.submit(one, path)] = path
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                path = running.pop(future)
                if future.exception():
                    failures[path] = future.exception()
    if failures:
        raise failures[min(failures)]


def refresh_environment(artifacts_folder: str | None) -> dict[str, str]:
    """Return the variables under which stored outputs are made: with the drawn pets."""
    environment = {**os.environ, "PTQ_DATASET": "drawn"}
    return environment | ({"PTQ_ARTIFACTS": artifacts_folder} if artifacts_folder else {})


def shown(path: Path) -> str:
    """Return a path as seen from the working directory, where that is shorter."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def print_comparison() -> None:
    """Print the table of what was measured, if anything was."""
    if metrics.read():
        from helpers.course import summary  # with SciPy, which nothing before needs

        print(f"\n{summary.comparison_table()}")


def arguments(words: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--only", action="append", default=[], metavar="NAME", help="a notebook; may be repeated")
    add("--refresh", action="store_true", help="run on the drawn pets and store the outputs in the notebooks")
    add("--keep-artifacts", action="store_true", help="with --refresh: reuse what earlier runs made")
    add("--folder", type=Path, default=NOTEBOOKS, help="where the notebooks are (default: notebooks/)")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the command line and return the exit status: 0, 1 for a notebook that failed, 130 for Ctrl-C."""
    args, start = arguments(words), time.monotonic()
    try:
        paths = course(args.folder.resolve(), args.only)
        with tempfile.TemporaryDirectory(prefix="ptq-", ignore_cleanup_errors=True) as empty:
            if args.refresh:
                environment = refresh_environment(None if args.keep_artifacts else empty)
            else:
                environment = dict(os.environ)
            folder = run(paths, environment | QUIET_KERNEL, args.refresh)
    except (RunError, artifacts.UnwritableError) as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. What was finished is kept; the next run goes on from there.", file=sys.stderr)
        return 130
    print(f"{'Together':<18} {minutes(time.monotonic() - start):>24}   Executed copies: {shown(folder)}")
    if not args.only and not args.refresh:
        print_comparison()
    return 0


if __name__ == "__main__":
    sys.exit(main())
