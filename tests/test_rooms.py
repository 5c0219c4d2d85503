"""The rooms of `helpers/`: arrows point down, what only does arithmetic loads no TensorFlow, and no file is long."""

import ast
import functools
import graphlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import helpers

PROJECT = Path(__file__).resolve().parent.parent
HELPERS = PROJECT / "helpers"

# From the bottom to the top: a module imports from its own room and from the rooms before it.
ROOMS = (
    "base",
    "numbers",
    "tflite",
    "pictures",
    "integer",
    "measure",
    "networks",
    "methods",
    "board",
    "diagnosis",
    "course",
    "plots",
)
LONGEST = 650  # lines
LIGHT = (
    "helpers.numbers.quantization",
    "helpers.tflite.inspect",
    "helpers.integer.network",
    "helpers.integer.comparison",
    "helpers.measure.accuracy",
    "helpers.measure.latency",
    "helpers.measure.pareto",
    "helpers.measure.energy",
    "helpers.board.estimates",
    "helpers.course.claims",
    "helpers.course.environment",
    "helpers.course.summary",
    "helpers.networks.converted",
    "helpers.networks.pretrained",
    "helpers.pictures.datasets",
    "helpers.plots",
)
HEAVY = {"tensorflow", "keras", "tensorflow_datasets", "ai_edge_quantizer", "jax", "torch"}
OWN = set(sys.stdlib_module_names) | {"helpers"}


def imports(source: str) -> set[str]:
    """Return what a source imports from `helpers` at run time, anywhere in it: modules, and names in them."""
    tree, modules = ast.parse(source), set()
    hints = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    unseen = {below for node in hints for below in ast.walk(node)}
    for node in ast.walk(tree):
        if node in unseen:
            continue
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "the helpers are imported by their full name"
            modules |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.removeprefix("helpers.") for name in modules if name.startswith("helpers.")}


@functools.cache
def graph() -> dict[str, set[str]]:
    """Return which module imports which: {"numbers.errors": {"base.tables", ...}}."""
    paths = [path for path in HELPERS.rglob("*.py") if path.name != "__init__.py"]
    sources = {".".join(path.relative_to(HELPERS).with_suffix("").parts): path.read_text("utf-8") for path in paths}
    return {name: imports(source) & set(sources) for name, source in sources.items()}


def room(module: str) -> str:
    """Return the room of a module; the commands stand above all rooms."""
    return module.partition(".")[0] if module.partition(".")[0] in ROOMS else ""


def test_imports_are_read():
    source = "import os\nfrom helpers import a, b\nfrom helpers.c.d import E\ndef f():\n    import helpers.e.f\n"
    source += "if TYPE_CHECKING:\n    from helpers.g import H\n"
    assert imports(source) == {"a", "b", "c.d", "c.d.E", "e.f"}


def test_there_are_these_rooms_and_no_others():
    folders = {path.name for path in HELPERS.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(ROOMS)


def test_each_room_says_what_it_is_for():
    for name in ROOMS:
        assert ast.get_docstring(ast.parse((HELPERS / name / "__init__.py").read_text("utf-8")))


@pytest.mark.parametrize("module", sorted(graph()))
def test_arrows_point_down(module: str):
    below = ROOMS[: ROOMS.index(room(module)) + 1] if room(module) else ROOMS
    wrong = {needed for needed in graph()[module] if room(needed) not in below}
    assert not wrong, f"{module} imports {wrong}: a room imports only from {', '.join(below)}"


def test_there_are_no_circles():
    graphlib.TopologicalSorter(graph()).prepare()  # raises CycleError, which names the circle


def test_a_command_is_thin():
    """What people type stands at the top, each a few lines around a room: no other command and no room imports it."""
    commands = {path.stem for path in HELPERS.glob("*.py")} - {"__init__"}
    known = {
        "collect",
        "datasets",
        "doctor",
        "evaluation",
        "family",
        "firmware",
        "microcontroller",
        "pruning",
        "recipe",
        "report",
    }
    assert commands == known
    assert [name for name, needed in graph().items() if needed & commands] == []
    assert max(len((HELPERS / f"{name}.py").read_text("utf-8").splitlines()) for name in commands) <= 80


@pytest.mark.parametrize("path", sorted(HELPERS.rglob("*.py")), ids=lambda path: path.relative_to(HELPERS).as_posix())
def test_no_file_is_long(path: Path):
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST


def test_no_helper_knows_a_notebook():
    """A hand-in holds what a student wrote into them; that file alone reads notebooks, in a folder that it is given."""
    known = re.compile(r"notebooks/\d\d_|\bipynb\b")
    assert [path.name for path in HELPERS.rglob("*.py") if known.search(path.read_text("utf-8"))] == ["hand_in.py"]


# --- what texts say of the files --------------------------------------------------------------------------------------

TEXTS = [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md"), *(PROJECT / "data").rglob("*.md")]
TEXTS += [*(PROJECT / "notebooks").rglob("*.ipynb"), *(PROJECT / "data").rglob("*.[ch]"), PROJECT / "requirements.txt"]
NAMED = re.compile(r"\b(?:helpers|tools|tests|data|docs|benchmarks|notebooks)(?:[/\\][\w-]+)+\.\w+")


def prose(path: Path) -> str:
    """Return what a file says to its reader: of a notebook the markdown, without the code and the outputs."""
    text = path.read_text("utf-8")
    if path.suffix != ".ipynb":
        return text
    return "\n\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown")


def test_named_files_are_seen():
    assert NAMED.findall(r"see `helpers/board/arena.py` and tools\run.py, not helpers.board") == [
        "helpers/board/arena.py",
        r"tools\run.py",
    ]


@pytest.mark.parametrize("path", sorted(TEXTS), ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_files_that_a_text_names_are_there(path: Path):
    named = {name.replace("\\", "/") for name in NAMED.findall(prose(path))}
    assert [name for name in sorted(named) if not (PROJECT / name).exists()] == []


def test_the_newest_entry_of_the_changelog_is_this_version():
    newest = re.search(r"^## (\S+)", (PROJECT / "CHANGELOG.md").read_text("utf-8"), re.M)[1]
    assert newest == helpers.__version__


# --- what an import brings along -----------------------------------------------------------------------------------


def loaded(module: str) -> tuple[set[str], float]:
    """Return the packages that a fresh process has loaded after an import, and the seconds that this took."""
    script = (
        "import json, sys, time; start = time.perf_counter(); __import__(sys.argv[1]); "
        "print(json.dumps([sorted({name.partition('.')[0] for name in sys.modules}), time.perf_counter() - start]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, module], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    names, seconds = json.loads(done.stdout)
    return set(names), seconds


@pytest.mark.parametrize("module", LIGHT)
def test_arithmetic_loads_no_tensorflow(module: str):
    names, _ = loaded(module)
    assert names & HEAVY == set()


def test_numbers_are_numpy_alone():
    names, _ = loaded("helpers.numbers.quantization")
    assert {name for name in names - OWN if not name.startswith("_")} <= {"numpy", "site", "sitecustomize"}


def test_tensorflow_would_be_seen():
    names, _ = loaded("helpers.base.tf")
    assert {"tensorflow", "keras"} <= names
