"""The files for a class on one server: they name what the course has, and the configuration can be read by a hub."""

import re
import runpy
from types import SimpleNamespace

import yaml

from helpers.base import shared
from helpers.base.data import project

SERVER, GUIDE = project() / "docs" / "server", (project() / "docs" / "server.md").read_text("utf-8")


def settings() -> SimpleNamespace:
    """Return what the configuration sets, as a hub would read it."""
    found = SimpleNamespace(Spawner=SimpleNamespace(environment={}), JupyterHub=SimpleNamespace())
    runpy.run_path(str(SERVER / "jupyterhub_config.py"), {"get_config": lambda: found})
    return found


def test_the_hub_gives_each_student_the_shared_folder_and_one_of_their_own():
    environment = settings().Spawner.environment
    assert environment[shared.VARIABLE] == "/srv/ptq/shared"
    assert environment["PTQ_ARTIFACTS"] == "~/artifacts", "a tilde is the home folder of whoever works"


def test_the_guide_fills_the_folders_that_the_configuration_names():
    config = settings()
    (command,) = config.Spawner.cmd
    assert f"git clone ADDRESS {command.split('/.venv')[0]}\n" in GUIDE
    assert f"PTQ_ARTIFACTS={config.Spawner.environment[shared.VARIABLE]} make run" in GUIDE
    assert "docs/server/jupyterhub_config.py" in GUIDE


def test_kubernetes_gets_the_same():
    values = yaml.safe_load((SERVER / "values.yaml").read_text("utf-8"))["singleuser"]
    assert values["extraEnv"][shared.VARIABLE] == settings().Spawner.environment[shared.VARIABLE]
    (mount,) = values["storage"]["extraVolumeMounts"]
    assert mount["mountPath"] == values["extraEnv"][shared.VARIABLE] and mount["readOnly"]
    assert values["memory"]["limit"] == settings().Spawner.mem_limit


def test_targets_and_scripts_of_the_guide_exist():
    makefile = (project() / "Makefile").read_text("utf-8")
    for target in re.findall(r"make ([\w./]+)$", GUIDE, re.M):
        assert target == ".venv/installed" or re.search(rf"^{target}:", makefile, re.M), target
    for path in re.findall(r"`((?:benchmarks|docs)/[\w./]+)`", GUIDE):
        assert (project() / path).exists(), path
