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
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

import export
from helpers.base import artifacts, machine, metrics
from helpers.course import summary

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
NUMBERED = "[0-9][0-9]_*.ipynb"  # the course; solutions and loose notebooks are no part of a run
SOLUTIONS = Path("solutions") / "solutions.ipynb"  # the notebooks link to it, so its page stands beside theirs
# What later notebooks need and no training goes into, made beside notebooks that time no network and leave a core idle.
BESIDE = {
    "02_convert": "from helpers.networks import published as p; [p.files(name) for name in p.ARCHITECTURES]",
    "04_how_to_quantize": "from helpers.networks import mobilenet\n"
    "from helpers.pictures import datasets\n"
    "mobilenet.files(datasets.load())",
}
QUIET_KERNEL = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}  # else the debugger warns of frozen modules
KEPT_METADATA = ("slideshow", "tags", "jupyter", "editable")  # of a cell; editors leave the rest behind
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
    """One line for each notebook; on a terminal it counts the cells, elsewhere it is written at the end."""

    def __init__(self, name: str, cells: int):
        self.name, self.cells, self.cell = name, cells, 0
        self.start = time.monotonic()
        self.live = sys.stdout.isatty()

    def next_cell(self, **_) -> None:
        """Say that the next code cell starts; nbclient calls this."""
        self.cell += 1
        if self.live:
            print(f"\r\x1b[K{self.name:<16} cell {self.cell} of {self.cells}", end="", flush=True)

    def close(self, how: str = "") -> None:
        """Write the line that stays."""
        took = minutes(time.monotonic() - self.start)
        line = f"{self.name:<16} {self.cell:>3} cells  {took:>12}  {how}".rstrip()
        print(("\r\x1b[K" if self.live else "") + line, flush=True)


def minutes(seconds: float) -> str:
    """Return a duration as '2 min 05 s' or '48 s'."""
    whole, rest = divmod(round(seconds), 60)
    return f"{whole} min {rest:02d} s" if whole else f"{rest} s"


def execute(path: Path, environment: dict[str, str]) -> tuple[NotebookNode, str]:
    """Execute one notebook in a kernel of its own.

    Returns:
        the executed notebook, and what went wrong in words ("" if nothing did).
    """
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code:  # a cell that is not reached must not show the output of an earlier run
        cell.outputs, cell.execution_count = [], None
    notebook.metadata.pop("widgets", None)  # the state of widgets of an earlier run
    progress = Progress(path.stem, sum(bool(cell.source.strip()) for cell in code))
    client = NotebookClient(
        notebook,
        timeout=None,  # training on the photographs takes as long as it takes; Ctrl-C ends a run
        kernel_name="python3",
        extra_arguments=["--log-level=CRITICAL"],  # Jupyter's own remarks; what a cell prints is not touched
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        on_cell_execute=progress.next_cell,
    )
    try:
        client.execute(env=environment)
    except CellExecutionError as error:
        problem = _explain(path, progress, last_lines(error.traceback))
    except (asyncio.CancelledError, AssertionError):  # what nbclient makes of Ctrl-C before and during a cell
        raise KeyboardInterrupt from None
    except DeadKernelError:
        problem = _explain(path, progress, "    The kernel died: killed, out of memory, or a library aborted.")
    else:
        problem = ""
    for cell in code:
        show_as_terminal(cell)
        keep_still(cell)
    progress.close("FAILED" if problem else "")
    return notebook, problem


def _explain(path: Path, progress: Progress, reason: str) -> str:
    return f"{path.name}: cell {progress.cell} of {progress.cells} failed.\n\n{reason}\n"


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
def beside(path: Path, environment: dict[str, str]) -> Iterator[None]:
    """While a notebook runs in the block, let a process of its own make what `BESIDE` says, and wait for its end.

    If the block raises, the process is stopped. If the process fails, nobody hears of it: the notebook that needs what
    is missing makes it, and says what is wrong.
    """
    if path.stem not in BESIDE or machine.cores() < 2:
        yield
        return
    silent = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    command = [sys.executable, "-c", BESIDE[path.stem]]
    with subprocess.Popen(command, env=environment, cwd=path.parent, **silent) as process:
        try:
            yield
        except BaseException:
            process.kill()
            raise


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
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in KEPT_METADATA})
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
    """Execute notebooks in order and return the folder of their pages.

    Raises:
        RunError: a cell failed, or a refreshed notebook wrote to standard error. Later ones are not executed.
    """
    folder = artifacts.root() / "html"
    for path in paths:
        sequential = refresh or path == paths[-1]  # stored outputs show what each notebook makes for itself
        with contextlib.nullcontext() if sequential else beside(path, environment):
            notebook, problem = execute(path, environment)
            page = write_html(notebook, path, folder)
            if problem:
                raise RunError(f"{problem}\nThe copy up to that cell: {shown(page)}")
            if refresh:
                write_notebook(notebook, path)
    solutions = paths[0].parent / SOLUTIONS
    if solutions.exists():
        write_html(nbformat.read(solutions, as_version=4), solutions, folder / SOLUTIONS.parent)
    return folder


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
    except RunError as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. What was finished is kept; the next run goes on from there.", file=sys.stderr)
        return 130
    print(f"{'Together':<16} {minutes(time.monotonic() - start):>23}   Executed copies: {shown(folder)}")
    if not args.only and not args.refresh:
        print_comparison()
    return 0


if __name__ == "__main__":
    sys.exit(main())
