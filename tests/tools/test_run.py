"""The runner, on tiny notebooks: what it prints, what it writes, and what it leaves alone when something fails."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import export
import run
from helpers.base import undisturbed
from helpers.course import course_map
from helpers.networks import published

RUNNER = Path(run.__file__)
FORMULA = "The step is $s = \\frac{x_{max} - x_{min}}{255}$, see [the next notebook](02_next.ipynb#scale)."
PROGRESS = 'import sys\nprint("\\r 10 %", end="\\r 90 %\\r      \\r")\nprint("done")'
FIGURE = (
    'import base64\nfrom IPython.display import Image\nImage(base64.b64decode("aGVsbG8="), format="png", alt="x > 0")'
)


def write(path: Path, *cells: str, **metadata) -> Path:
    """Write a notebook of code cells, with a formula on top."""
    code = [new_code_cell(source) for source in cells]
    notebook = new_notebook(cells=[new_markdown_cell(FORMULA), *code], metadata=metadata)
    nbformat.write(notebook, path)
    return path


def call(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """Call the runner on a folder as a terminal would, with the results beside the notebooks."""
    environment = {**os.environ, "PTQ_ARTIFACTS": str(folder / "artifacts"), "PTQ_DATASET": "photographs"}
    command = [sys.executable, str(RUNNER), "--folder", str(folder), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder, check=False)


# --- a run ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    """A run of three notebooks, of which the second fails: its folder, and what was printed."""
    folder = tmp_path_factory.mktemp("course")
    write(folder / "01_first.ipynb", PROGRESS, FIGURE)
    write(folder / "02_next.ipynb", "a = 1", "b = a / 0  # here", "print('never')")
    write(folder / "03_last.ipynb", "print('not reached')")
    write(folder / "scratch.ipynb", "1 / 0")
    before = (folder / "02_next.ipynb").read_bytes()
    done = call(folder)
    assert (folder / "02_next.ipynb").read_bytes() == before  # only --refresh changes a notebook
    return folder, done


def test_a_failing_cell_ends_the_run(failing):
    folder, done = failing
    assert done.returncode == 1
    assert re.match(
        r"01_first +begins\n01_first +2 cells +\d+ s\n02_next +begins\n02_next +3 cells +\d+ s  FAILED\n", done.stdout
    )
    assert "03_last" not in done.stdout + done.stderr


def test_the_message_says_where_and_why(failing):
    _, done = failing
    assert "02_next.ipynb: cell 2 of 3 failed." in done.stderr
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert "html" in done.stderr.splitlines()[-1]
    assert "\x1b" not in done.stderr
    assert "Warning" not in done.stderr and "WARNING" not in done.stderr


def test_the_pages_are_kept_up_to_the_failing_cell(failing):
    folder, _ = failing
    assert {path.name for path in (folder / "artifacts" / "html").iterdir()} == {"01_first.html", "02_next.html"}
    page = (folder / "artifacts" / "html" / "02_next.html").read_text("utf-8")
    assert "ZeroDivisionError" in page


def test_of_a_live_figure_the_still_picture_is_kept():
    data = {run.LIVE: {"model_id": "1"}, "image/png": "aGVsbG8=", "text/plain": "a figure"}
    cell = new_code_cell("figure", outputs=[new_output("execute_result", data), new_output("stream", text="a line")])
    run.keep_still(cell)
    assert set(cell.outputs[0].data) == {"image/png", "text/plain"}


def test_a_page_asks_nothing_of_the_network(failing):
    folder, _ = failing
    page = (folder / "artifacts" / "html" / "01_first.html").read_text("utf-8")
    loaded = re.findall(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)\s*=\s*["']?([^"'>\s]+)""", page)
    assert all(address.startswith("data:") for address in loaded)
    assert not re.search(r"""\bimport\s*\(|@import|url\(["']?https?:""", page)
    assert re.search(r'<img[^>]+src="data:image/png;base64,aGVsbG8="', page)
    assert 'alt="x &gt; 0"' in page


def test_a_page_shows_formulas_and_leads_to_the_next_page(failing):
    folder, _ = failing
    page = (folder / "artifacts" / "html" / "01_first.html").read_text("utf-8")
    assert "<mfrac>" in page and "$s" not in page
    assert 'href="02_next.html#scale"' in page


def test_a_dead_kernel_is_named(tmp_path):
    write(tmp_path / "01_dies.ipynb", "import os\nos._exit(1)")
    done = call(tmp_path)
    assert done.returncode == 1
    assert "01_dies.ipynb: cell 1 of 1 failed." in done.stderr and "kernel died" in done.stderr


# --- two at a time --------------------------------------------------------------------------------------------

# Notebooks meet by files: `tell` makes one, `wait` looks for it until it is there, for half a minute at most.
MEETS = """
import os, pathlib, time
home = pathlib.Path(os.environ["PTQ_ARTIFACTS"])
def tell(name):
    (home / name).touch()
def wait(*names, step=0.02):
    end, looked = time.time() + 30, []
    while time.time() < end and not all((home / name).exists() for name in names):
        looked.append(time.time())
        time.sleep(step)
    return [*looked, time.time()]
"""
TIMES = """
import time
from helpers.measure import latency
moments = []
def call():
    moments.append(time.time())
    time.sleep(0.05)
    moments.append(time.time())
latency.interleave({"call": call}, rounds=20, warm_up=0)
print("timed", moments[0], moments[-1])
"""
COUNTS = """
tell("counting")
moments = wait("timed", step=0.001)
pauses = [pair for pair in zip(moments, moments[1:]) if pair[1] - pair[0] > 0.5]
print("still", *sum(pauses, ()))
"""


def numbers(page: Path, word: str) -> list[float]:
    """Return the numbers that a notebook printed behind a word."""
    return [float(number) for number in re.search(rf"{word} ([\d. ]*)", page.read_text("utf-8"))[1].split()]


@pytest.fixture
def lanes(tmp_path, monkeypatch):
    """A function that runs notebooks in a folder side by side, {name: cells}; it returns the folder of the pages."""
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setattr(run, "lanes_of_this_machine", lambda: 2)

    def execute(cells: dict[str, str], beside: dict[str, str] | None = None) -> Path:
        monkeypatch.setattr(run, "SIDE_BY_SIDE", tuple(cells))
        monkeypatch.setattr(run, "BESIDE", beside or {})
        paths = [write(tmp_path / f"{name}.ipynb", source) for name, source in cells.items()]
        return run.run(paths, dict(os.environ), refresh=False)

    return execute


@pytest.mark.skipif(not undisturbed.POSSIBLE, reason="this system cannot hold a process still")
def test_what_is_timed_holds_the_other_notebook_still(lanes):
    """The other notebook writes down when it was awake: not in the second that was timed."""
    timing = MEETS + "wait('counting')\n" + TIMES + "tell('timed')"
    pages = lanes({"03_times": timing, "04_counts": MEETS + COUNTS})
    first, last = numbers(pages / "03_times.html", "timed")
    still = numbers(pages / "04_counts.html", "still")
    assert any(before < first and last < after for before, after in zip(still[::2], still[1::2], strict=True))


@pytest.mark.skipif(not undisturbed.POSSIBLE, reason="this system cannot hold a process still")
def test_two_that_time_take_turns(lanes):
    pages = lanes({"03_times": TIMES, "04_times": TIMES})
    one, other = sorted(numbers(pages / f"{name}.html", "timed") for name in ("03_times", "04_times"))
    assert one[1] < other[0], "the later one began when the first had ended"


def test_after_a_failure_no_other_begins(lanes, capsys):
    with pytest.raises(run.RunError, match="03_a.ipynb: cell 1 of 1 failed"):
        lanes({"03_a": "1 / 0", "04_b": "import time\ntime.sleep(3)", "05_c": "1", "06_d": "1 / 0"})
    printed = capsys.readouterr().out
    assert "04_b" in printed and "06_d" not in printed


@pytest.mark.skipif(not undisturbed.POSSIBLE, reason="this system cannot hold a process still")
def test_ctrl_c_ends_both(lanes):
    """Also where the tests run in the background of a shell, which lets what it starts there ignore Ctrl-C."""
    start, before = time.monotonic(), signal.signal(signal.SIGINT, signal.default_int_handler)
    main, sleeps = threading.main_thread().ident, MEETS + "tell('{}')\ntime.sleep(60)"

    def press_when_both_sleep():
        meet = {}
        exec(MEETS, meet)
        meet["wait"]("03_a", "04_b")
        signal.pthread_kill(main, signal.SIGINT)

    try:
        threading.Thread(target=press_when_both_sleep).start()
        with pytest.raises(KeyboardInterrupt):
            lanes({name: sleeps.format(name) for name in ("03_a", "04_b")})
        assert all((Path(os.environ["PTQ_ARTIFACTS"]) / name).exists() for name in ("03_a", "04_b"))
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - start < 40


def test_what_cannot_run_side_by_side_runs_alone():
    paths = run.course(run.NOTEBOOKS, [])
    found = [[path.stem for path in group] for group in run.groups(paths, 2)]
    assert [len(group) for group in found] == [len(run.FIRST), len(run.SIDE_BY_SIDE), 1]
    assert [*map(set, found)] == [set(run.FIRST), set(run.SIDE_BY_SIDE), {run.SUMMARY}]
    assert [len(group) for group in run.groups(paths, 1)] == [1] * len(paths)


@pytest.mark.parametrize("lanes", [1, 2])
def test_the_summary_comes_last(lanes):
    paths = run.course(run.NOTEBOOKS, [])
    assert [path.stem for path in paths] == sorted(path.stem for path in paths)
    *others, last = [path.stem for group in run.groups(paths, lanes) for path in group]
    assert last == run.SUMMARY and sorted([*others, last]) == [path.stem for path in paths]


def test_who_makes_what_the_others_use_begins_and_then_the_longest():
    minutes = {Path(station.file).stem: station.run_minutes for station in course_map.stations()}
    first, *others = (path.stem for path in run.groups(run.course(run.NOTEBOOKS, []), 2)[1])
    assert first == "02_convert"
    together = [minutes[name] for name in others]
    assert together == sorted(together, reverse=True), "so that none is left alone at the end"


@pytest.mark.parametrize(
    ("cores", "free", "expected"), [(2, 8e9, 2), (8, 64e9, 2), (1, 8e9, 1), (2, 4e9, 1), (2, None, 1)]
)
def test_two_lanes_need_two_cores_and_memory(monkeypatch, cores, free, expected):
    monkeypatch.setattr(run.machine, "cores", lambda: cores)
    monkeypatch.setattr(run.memory, "available", lambda: free)
    assert run.lanes_of_this_machine() == (expected if undisturbed.POSSIBLE else 1)


# --- what is made beside a notebook ---------------------------------------------------------------------------

LATER = "wait('html/03_a.html', 'html/04_b.html')\ntime.sleep(0.3)\ntell('made')"


@pytest.mark.skipif(not undisturbed.POSSIBLE, reason="this system cannot hold a process still")
def test_a_run_waits_for_what_is_made_beside(lanes):
    pages = lanes({"03_a": "1", "04_b": "2"}, {"03_a": MEETS + LATER})
    assert (pages.parent / "made").exists()


def test_a_process_that_fails_is_left_to_the_notebooks(lanes, capfd):
    lanes({"03_a": "1", "04_b": "2"}, {"03_a": "1 / 0"})
    assert "ZeroDivisionError" not in "".join(capfd.readouterr())


def test_a_notebook_that_fails_stops_it(lanes):
    start = time.monotonic()
    with pytest.raises(run.RunError):
        lanes({"03_a": "1 / 0", "04_b": "2"}, {"03_a": "import time\ntime.sleep(60)"})
    assert time.monotonic() - start < 30


def test_beside_stand_what_later_notebooks_ask_for(monkeypatch):
    asked = []
    monkeypatch.setattr(published, "files", lambda: asked.append("files"))
    for code in run.BESIDE.values():
        exec(code, {})
    assert asked == ["files"]
    assert set(run.BESIDE) < {path.stem for path in run.course(run.NOTEBOOKS, [])}


# --- what is printed ------------------------------------------------------------------------------------------


def test_a_notebook_that_begins_says_how_long_it_took_the_last_time(tmp_path, capsys):
    progress = run.Progress(tmp_path / "times.json")
    progress.begin("01_a")
    assert capsys.readouterr().out == "01_a               begins\n"
    progress.starts["01_a"] -= 83
    progress.end("01_a", 4, problem=False)
    run.Progress(tmp_path / "times.json").begin("01_a")
    assert "the last time it took 1 min 23 s" in capsys.readouterr().out


def test_a_failure_is_no_duration(tmp_path):
    progress = run.Progress(tmp_path / "times.json")
    progress.begin("01_a")
    progress.end("01_a", 4, problem=True)
    assert progress.last() == {}
    (tmp_path / "times.json").write_text("half a fi")
    assert progress.last() == {}


# --- refreshing ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory):
    """A refresh of two notebooks, of which the second writes to standard error."""
    folder = tmp_path_factory.mktemp("refresh")
    show = 'import os\nprint(os.environ["PTQ_DATASET"], os.listdir(os.environ["PTQ_ARTIFACTS"]))'
    write(folder / "01_first.ipynb", PROGRESS, show, "40 + 2", widgets={}, colab={"x": 1})
    write(folder / "02_loud.ipynb", "import warnings\nwarnings.warn('look out')")
    before = [nbformat.read(path, 4) for path in sorted(folder.glob("*.ipynb"))]
    return folder, before, call(folder, "--refresh")


def test_refresh_stores_clean_outputs(refreshed):
    folder, before, _ = refreshed
    notebook = nbformat.read(folder / "01_first.ipynb", as_version=4)
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3]
    assert code[0].outputs[0].text == "done\n"
    assert code[2].outputs[0].data["text/plain"] == "42"
    assert [cell.id for cell in notebook.cells] == [cell.id for cell in before[0].cells]
    assert all(cell.metadata == {} for cell in notebook.cells)


def test_refresh_uses_the_drawn_pets_in_an_empty_folder(refreshed):
    folder, _, _ = refreshed
    notebook = nbformat.read(folder / "01_first.ipynb", as_version=4)
    assert notebook.cells[2].outputs[0].text == "drawn []\n"


def test_refresh_refuses_what_writes_to_standard_error(refreshed):
    folder, before, done = refreshed
    assert done.returncode == 1
    assert "02_loud.ipynb was not refreshed" in done.stderr and "look out" in done.stderr
    assert nbformat.read(folder / "02_loud.ipynb", as_version=4) == before[1]
    assert sorted(path.name for path in folder.iterdir()) == ["01_first.ipynb", "02_loud.ipynb", "artifacts"]


# --- the parts -----------------------------------------------------------------------------------------------


def test_course_is_the_numbered_notebooks_in_order(tmp_path):
    for name in ("02_b", "01_a", "notes", "10_c"):
        write(tmp_path / f"{name}.ipynb")
    assert [path.stem for path in run.course(tmp_path, [])] == ["01_a", "02_b", "10_c"]
    assert [path.stem for path in run.course(tmp_path, ["10", "notebooks/01_a.ipynb"])] == ["01_a", "10_c"]
    with pytest.raises(run.RunError, match="no notebook '03_x'. Expected one of: 01_a, 02_b, 10_c"):
        run.course(tmp_path, ["03_x"])


def test_course_needs_notebooks(tmp_path):
    with pytest.raises(run.RunError, match="There is no notebook"):
        run.course(tmp_path, [])


def test_normalise_keeps_slides_and_tags_and_renumbers():
    kept = {"slideshow": {"slide_type": "slide"}, "tags": ["hide-input"]}
    result = new_output("execute_result", {"text/plain": "1"}, execution_count=9)
    cell = new_code_cell("1", execution_count=9, outputs=[result], metadata={**kept, "execution": {"a": "b"}})
    notebook = run.normalise(new_notebook(cells=[new_markdown_cell("text"), cell]))
    assert notebook.cells[1].metadata == {**kept, "jupyter": {"source_hidden": True}}
    assert notebook.cells[1].execution_count == notebook.cells[1].outputs[0].execution_count == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\rb\n", "b\n"), ("\r 1 %\r 9 %\r    \rdone\n", "done\n"), ("a\r\nb\r\n", "a\nb\n"), (" x\n  y\n", " x\n  y\n")],
)
def test_progress_bars_leave_what_a_terminal_shows(text, shown):
    cell = new_code_cell("", outputs=[new_output("stream", name="stdout", text=text)])
    run.show_as_terminal(cell)
    assert cell.outputs[0].text == shown


def test_a_bar_that_vanishes_leaves_nothing():
    cell = new_code_cell("", outputs=[new_output("stream", name="stdout", text="\r 9 %\r    \r")])
    run.show_as_terminal(cell)
    assert cell.outputs == []


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s")])
def test_minutes(seconds, words):
    assert run.minutes(seconds) == words


def test_a_formula_that_cannot_be_read_is_shown_as_it_stands():
    assert export.formula("a < b", "inline").startswith("<math")
    assert export.formula("a < b_c_d", "inline") == "<code>a &lt; b_c_d</code>"


def test_what_is_folded_stays_inside_its_fold(tmp_path):
    """HTML that opens in one piece and closes in another, with Markdown between; beside a picture, which is put in."""
    (tmp_path / "dot.png").write_bytes(b"hello")
    source = '<details><summary>For you</summary>\n\nSome *words*.\n\n</details>\n\n<img src="dot.png" alt="a dot">'
    shown = export.markdown(source, tmp_path)
    assert re.fullmatch(
        r"\s*<details><summary>For you</summary>\s*<p>Some <em>words</em>\.</p>\s*</details>\s*<img .*", shown, re.S
    )
    assert 'src="data:image/png;base64,aGVsbG8="' in shown


def test_aligned_equations_and_formulas_in_headings_are_set():
    assert "<mtable" in export.formula("\\begin{aligned} a &= b \\\\ c &= d \\end{aligned}", "block")
    assert "<mfrac>" in export.markdown("## The step $s = \\frac{a}{b}$")
