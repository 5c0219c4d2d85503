"""Where the course runs: the files for Binder, Codespaces and Colab agree with the project, and so do the badges."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import badges
from helpers.base.data import project

PROJECT = project()
PYTHONS = SpecifierSet(re.search(r'requires-python = "([^"]+)"', (PROJECT / "pyproject.toml").read_text("utf-8"))[1])
PINS = (PROJECT / "requirements.txt").read_text("utf-8").splitlines()
WHERE = badges.PAGE.read_text("utf-8")


def pin(name: str, lines: list[str]) -> str:
    """Return the version that a list of requirements pins for a package."""
    (version,) = [line.partition("==")[2] for line in lines if line.startswith(f"{name}==")]
    return version


# --- Codespaces, Binder, Notebook 7 ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def container() -> dict:
    return json.loads((PROJECT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))


def test_the_container_has_a_python_of_the_project(container):
    assert re.fullmatch(r"mcr\.microsoft\.com/devcontainers/python:([\d.]+)-bookworm", container["image"])[1] in PYTHONS


@pytest.mark.skipif(not shutil.which("make"), reason="make is not there")
def test_the_container_calls_a_target_of_the_makefile(container):
    command = container["updateContentCommand"].split()
    assert command[0] == "make"
    done = subprocess.run([*command, "--dry-run"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_container_finds_the_environment_and_the_first_page(container):
    venv = re.search(r"^VENV := (\S+)$", (PROJECT / "Makefile").read_text("utf-8"), re.M)[1]
    code, codespaces = (container["customizations"][name] for name in ("vscode", "codespaces"))
    assert code["settings"]["python.defaultInterpreterPath"] == f"${{containerWorkspaceFolder}}/{venv}/bin/python"
    assert codespaces["openFiles"] == [badges.FIRST]


def test_binder_installs_what_everybody_installs():
    folder = PROJECT / ".binder"  # with this folder Binder reads no other, so nothing may be missing or too many
    assert {path.name for path in folder.iterdir()} == {"requirements.txt", "runtime.txt"}
    named = re.findall(r"^-r (.+)$", (folder / "requirements.txt").read_text("utf-8"), re.M)
    assert [(folder / name).resolve() for name in named] == [PROJECT / "requirements.txt"]
    assert re.fullmatch(r"python-([\d.]+)\n", (folder / "runtime.txt").read_text("utf-8"))[1] in PYTHONS


def test_one_notebook_that_fits_the_jupyterlab():
    """Notebook 7.6 is made of JupyterLab 4.6, and so on; the page and Binder name the same one."""
    notebook = pin("notebook", (PROJECT / ".binder" / "requirements.txt").read_text("utf-8").splitlines())
    assert notebook.split(".")[1] == pin("jupyterlab", PINS).split(".")[1]
    assert set(re.findall(r"notebook==([\d.]+)", WHERE)) == {notebook}


# --- Colab -----------------------------------------------------------------------------------------------------------


def test_colab_keeps_its_own_jupyter_and_gets_all_that_the_helpers_import():
    """What pip installs there, without extras, holds what the helpers import and nothing of Jupyter or the tests."""
    needed = {Requirement(line).name for line in setup_pins()[""]}
    texts = [path.read_text("utf-8") for path in (PROJECT / "helpers").rglob("*.py")]
    imported = {name for text in texts for name in re.findall(r"^ *(?:import|from) ([\w-]+)", text, re.M)}
    names = {"PIL": "pillow", "tensorflow_datasets": "tensorflow-datasets", "ai_edge_litert": "ai-edge-litert"}
    imported -= set(sys.stdlib_module_names) | {"helpers"}
    ours = {names.get(name, name.replace("_", "-")) for name in imported}
    assert {"ipywidgets", "tensorflow", "pillow"} <= ours
    brought_along = {"flatbuffers", "IPython", "ml-dtypes"}  # by the pinned packages themselves
    assert ours - needed == brought_along & ours
    assert not {"jupyterlab", "ipykernel", "nbconvert", "pytest"} & needed


def test_colab_needs_one_line():
    (cell,) = re.findall(r"^```\n(.*?)\n```$", badges.COLAB, re.M | re.S)
    assert cell == "%pip install -q {package}"
    assert PINS[-1] == "-e ."


def setup_pins() -> dict[str, list[str]]:
    """Return what setup.py makes of the pins, without calling setuptools."""
    source = (PROJECT / "setup.py").read_text("utf-8").partition("\nPINS = ")[0]
    scope: dict = {}
    exec(source, scope)
    return scope["pins"]("\n".join(PINS))


# --- the address -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/ada/eight-bits",
        "https://github.com/ada/eight-bits.git",
        "https://github.com/ada/eight-bits/",
        "https://ada:secret@github.com/ada/eight-bits.git",
        "git@github.com:ada/eight-bits.git",
        "ssh://git@github.com/ada/eight-bits.git",
        "ssh://git@github.com:22/ada/eight-bits.git",
    ],
)
def test_forms_of_one_address(address):
    assert badges.repository(address) == "ada/eight-bits"


def test_a_dot_in_a_name_is_part_of_it():
    assert badges.repository("git@github.com:ada/eight.bits.git") == "ada/eight.bits"


@pytest.mark.parametrize(
    "address",
    [
        "https://gitlab.com/ada/eight-bits",
        "git@example.org:ada/eight-bits.git",
        "https://github.com/ada",
        "https://github.com/ada/eight-bits/tree/main",
        "https://notgithub.com/ada/eight-bits",
        "https://example.org/github.com/ada/eight-bits",
        "../eight-bits",
        "",
    ],
)
def test_other_addresses_are_refused(address):
    with pytest.raises(badges.BadgeError, match=r"^Expected an address at GitHub, found .*Give one such as"):
        badges.repository(address)


def test_a_refusal_shows_no_password():
    with pytest.raises(badges.BadgeError, match="'https://gitlab.com/ada/bits'"):
        badges.repository("https://ada:secret@gitlab.com/ada/bits")


# --- what is written -------------------------------------------------------------------------------------------------

BEFORE, AFTER = "# Grüße\r\n\n", "\n\nend without a line end"


@pytest.fixture
def page(tmp_path) -> Path:
    """A page with markers, and odd line ends, in a git repository without a remote."""
    subprocess.run(["git", "init", "-q", "-b", "lecture/2", tmp_path], check=True)
    path = tmp_path / "page.md"
    path.write_bytes(f"{BEFORE}{badges.BEGIN}\nold\n{badges.END}{AFTER}".encode())
    return path


def remote(page: Path, address: str) -> None:
    subprocess.run(["git", "-C", page.parent, "remote", "add", "origin", address], check=True)


@pytest.mark.parametrize("given", [True, False], ids=["given", "remote"])
def test_everything_else_stays_byte_for_byte(page, capsys, given):
    address = "git@github.com:ada/eight-bits.git"
    if not given:
        remote(page, address)
    assert badges.main([address] if given else [], page) == 0
    new = badges.block("ada/eight-bits", "lecture/2")
    assert page.read_bytes() == f"{BEFORE}{badges.BEGIN}\n{new}\n{badges.END}{AFTER}".encode()
    assert capsys.readouterr().out == "page.md: the badges now lead to ada/eight-bits, branch lecture/2.\n"
    assert sorted(path.name for path in page.parent.iterdir()) == [".git", "page.md"]


def test_twice_is_once(page, capsys):
    remote(page, "https://github.com/ada/eight-bits")
    badges.main([], page)
    written = page.stat()
    assert badges.main([], page) == 0
    assert (page.stat().st_ino, page.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
    assert "lead already to ada/eight-bits" in capsys.readouterr().out


def test_another_address_replaces_the_first(page):
    assert badges.main(["https://github.com/ada/eight-bits"], page) == 0
    assert badges.main(["https://github.com/grace/eight-bits"], page) == 0
    text = page.read_text("utf-8")
    assert "grace/eight-bits" in text and "ada/" not in text


@pytest.mark.parametrize(
    ("address", "message"),
    [(None, "has no git remote 'origin'"), ("https://gitlab.com/ada/bits", "found 'https://gitlab.com/ada/bits'")],
)
def test_without_an_address_at_github_nothing_is_written(page, capsys, address, message):
    before = page.read_bytes()
    if address:
        remote(page, address)
    assert badges.main([], page) == 1
    assert message in capsys.readouterr().err
    assert page.read_bytes() == before


@pytest.mark.parametrize(
    "text",
    [
        "no markers",
        badges.BEGIN,
        f"{badges.END} {badges.BEGIN}",
        f"{badges.BEGIN} {badges.END} {badges.BEGIN} {badges.END}",
        f"{badges.END} {badges.BEGIN} {badges.END}",
    ],
)
def test_a_page_without_the_markers_is_left_alone(page, capsys, text):
    page.write_text(text)
    assert badges.main(["https://github.com/ada/eight-bits"], page) == 1
    assert badges.BEGIN in capsys.readouterr().err
    assert page.read_text() == text


def test_without_git_there_is_no_address(page, monkeypatch, capsys):
    remote(page, "https://github.com/ada/eight-bits")
    monkeypatch.setenv("PATH", "")
    assert badges.main([], page) == 1
    assert capsys.readouterr().err.startswith("This copy of the project does not know its address")


def test_links_lead_to_files_of_the_project():
    at = "lecture/2"
    text = badges.block("ada/eight-bits", at)
    links = re.findall(r"\]\((https://[^\s()]+)\)", text)
    notebooks = sorted(path.name for path in (PROJECT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    assert len(links) == 2 * 4 + len(notebooks)  # a picture and a target each, and every notebook on Colab
    parts = [urlsplit(link) for link in links]

    colab = [unquote(part.path) for part in parts if part.netloc.startswith("colab") and part.path.endswith(".ipynb")]
    opened = [path.removeprefix(f"/github/ada/eight-bits/blob/{at}/") for path in colab]
    assert opened == [badges.FIRST, *(f"notebooks/{name}" for name in notebooks)]

    (binder,) = [part for part in parts if part.path.startswith("/v2/")]
    assert binder.path == "/v2/gh/ada/eight-bits/lecture%2F2"
    assert parse_qs(binder.query) == {"urlpath": [f"lab/tree/{badges.FIRST}"]}

    (tests,) = [part for part in parts if "/actions/" in part.path and part.path.endswith(".yml")]
    workflow = PROJECT / ".github" / "workflows" / Path(tests.path).name
    assert re.search(r"^name: test$", workflow.read_text("utf-8"), re.M)
    assert (PROJECT / badges.FIRST).is_file()


def test_the_first_cell_on_colab_takes_the_same_repository():
    text = badges.block("ada/eight-bits", "a;b")
    assert "\n%pip install -q 'git+https://github.com/ada/eight-bits@a;b'\n" in text


def test_the_page_has_what_the_command_writes():
    """Without an address, or with one: no badge was made up or mended by hand."""
    match = re.search(r"https://colab\.research\.google\.com/github/([^/]+/[^/]+)/blob/(.+?)/notebooks/", WHERE)
    new = badges.block(match[1], unquote(match[2])) if match else badges.block(None)
    assert badges.replaced(WHERE, new) == WHERE
