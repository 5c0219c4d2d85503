"""JupyterLab for the tests: a server with notebooks, and what a reader does with one of them in a browser.

The server has a folder of its own for notebooks, settings and kernels, so that nothing of the user's helps or is
touched. Notebooks are copied into it without their outputs: what is seen was made there.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
from playwright.sync_api import Locator, Page, expect

from browser import Seen

PATIENCE = 120  # seconds for anything but a whole notebook: a server that starts, a page that opens, a cell, a key
NOTEBOOK = 500  # seconds for all cells of one
NOTHING_FROM_OUTSIDE = {"fetchNews": "false", "checkForUpdates": False}

expect.set_options(timeout=PATIENCE * 1000)


class Lab:
    """A JupyterLab server on this machine, with a folder that is served."""

    def __init__(self, folder: Path):
        self.folder, self.served, self.log = folder, folder / "notebooks", folder / "log.txt"
        self.served.mkdir()
        self.setting("@jupyterlab/apputils-extension/notification", NOTHING_FROM_OUTSIDE)
        words = ["--no-browser", "--ip=127.0.0.1", "--allow-root", "--IdentityProvider.token=", "--ServerApp.password="]
        words += [f"--ServerApp.root_dir={self.served}", "--LabApp.expose_app_in_browser=True"]
        self.process = self._start("jupyterlab", words)
        self.address = self._wait()

    def _start(self, module: str, words: list[str]) -> subprocess.Popen:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
        own = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime"}
        for name, folder in {**own, "IPYTHONDIR": "ipython"}.items():
            environment[name] = str(self.folder / folder)
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", module, *words]
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=self.served)

    def _wait(self) -> str:
        """Return the address, which the server writes down when it has found a free port, as soon as it answers."""
        until = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < until:
            with contextlib.suppress(OSError, IndexError, ValueError):
                (server,) = (self.folder / "runtime").glob("jpserver-*[0-9].json")
                address = json.loads(server.read_text())["url"]
                with urllib.request.urlopen(address + "api/status", timeout=PATIENCE):
                    return address
            time.sleep(0.2)
        self.close()
        raise RuntimeError(f"JupyterLab did not start:\n{self.log.read_text()[-2000:]}")

    def close(self) -> None:
        """End the server and its kernels."""
        self.process.terminate()
        self.process.wait(PATIENCE)

    def setting(self, plugin: str, values: dict) -> None:
        """Choose settings of a plugin of JupyterLab, as its settings editor does."""
        path = self.folder / "config" / "lab" / "user-settings" / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))

    def add(self, notebook: Path, outputs: bool = False, folder: str = "", **environment: str) -> str:
        """Copy a notebook into a folder, give it a kernel with variables of its own, and return the copy's address."""
        copied = nbformat.read(notebook, as_version=4)
        if not outputs:
            for cell in copied.cells:
                if cell.cell_type == "code":
                    cell.outputs, cell.execution_count = [], None
        self._kernel(notebook.stem, environment)
        copied.metadata.kernelspec = {"name": notebook.stem, "display_name": notebook.stem, "language": "python"}
        (self.served / folder).mkdir(exist_ok=True)
        nbformat.write(copied, self.served / folder / notebook.name)
        return f"{folder}/{notebook.name}".removeprefix("/")

    def _kernel(self, name: str, environment: dict[str, str]) -> None:
        path = self.folder / "data" / "kernels" / name / "kernel.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        path.write_text(json.dumps({"argv": argv, "display_name": name, "language": "python", "env": environment}))

    def window(self, tab: tuple[Page, Seen]) -> "Window":
        """Open JupyterLab in a tab of the browser."""
        return Window(*tab, self)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Lab]:
    """Run a server for a while."""
    lab = Lab(folder)
    try:
        yield lab
    finally:
        lab.close()


# --- the window -------------------------------------------------------------------------------------------------------

OPEN = """async path => {
    const lab = window.jupyterapp;
    await lab.serviceManager.kernelspecs.refreshSpecs();
    return (await lab.commands.execute("docmanager:open", {path})).id;
}"""


class Window:
    """JupyterLab in a browser: a reader opens notebooks in it, one beside the other, and sees one at a time."""

    def __init__(self, page: Page, seen: Seen, lab: Lab):
        self.page, self.seen, self.served = page, seen, lab.served
        page.set_default_timeout(PATIENCE * 1000)
        page.goto(f"{lab.address}lab?reset", wait_until="domcontentloaded")
        page.wait_for_function("() => window.jupyterapp?.restored.then(() => true)")

    def open(self, name: str) -> "Notebook":
        """Open a notebook that the server has, and wait until its kernel is idle."""
        cells = len(nbformat.read(self.served / name, as_version=4).cells)
        return Notebook(self, name, self.page.evaluate(OPEN, name), cells)


# --- one notebook -----------------------------------------------------------------------------------------------------

# Each of these is asked of the notebook that is seen.
READY = """([id, count]) => {
    const panel = window.jupyterapp.shell.currentWidget;
    return panel?.id === id && panel.context.isReady && panel.sessionContext.session?.kernel?.status === "idle"
        && panel.node.querySelectorAll(".jp-Notebook .jp-Cell").length === count;
}"""

RUN_ALL = """() => {
    window.allHaveRun = false;
    window.jupyterapp.commands.execute("notebook:run-all-cells").finally(() => { window.allHaveRun = true; });
}"""

FIND = """words => window.jupyterapp.shell.currentWidget.content.widgets.findIndex(
    cell => cell.model.type === "code" && cell.model.sharedModel.getSource().includes(words))"""

# Select a cell, as a click on its frame does, and return its number in the order in which cells have run.
CHOOSE = """node => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = notebook.widgets.findIndex(cell => cell.node === node);
    notebook.mode = "command";
    notebook.node.focus();
    return notebook.activeCell.model.executionCount;
}"""

HAS_RUN = """([node, before]) => {
    const model = window.jupyterapp.shell.currentWidget.content.widgets.find(cell => cell.node === node).model;
    return model.executionState === "idle" && model.executionCount !== null && model.executionCount !== before;
}"""

CLOSE = """async () => {
    const panel = window.jupyterapp.shell.currentWidget;
    await panel.sessionContext.shutdown();
    panel.dispose();
    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
}"""

# Of each code cell: what its outputs are, and what of them is shown on the page.
CELLS = """() => {
    const panel = window.jupyterapp.shell.currentWidget;
    return panel.content.widgets.filter(cell => cell.model.type === "code").map(cell => {
        const outputs = cell.model.outputs.toJSON(), area = cell.outputArea.node;
        const shown = selector => [...area.querySelectorAll(selector)];
        const holding = kind => outputs.filter(output => output.data && kind in output.data).length;
        return {
            source: cell.model.sharedModel.getSource().trim(),
            ran: cell.model.executionCount !== null,
            errors: outputs.filter(o => o.output_type === "error").map(o => `${o.ename}: ${o.evalue}`),
            stderr: outputs.filter(o => o.name === "stderr").map(o => [o.text].flat().join("")),
            figures: holding("image/png"),
            images: shown("img").map(image => image.complete && image.naturalWidth > 0),
            widgets: holding("application/vnd.jupyter.widget-view+json"),
            boxes: shown(".jp-OutputArea-output > .jupyter-widgets").map(
                box => box.childElementCount > 0 && box.offsetHeight >= 20),
        };
    });
}"""


class Notebook:
    """A notebook that is open in JupyterLab: what a reader does with it, and what is seen of it."""

    def __init__(self, window: Window, name: str, panel: str, cells: int):
        self.window, self.page, self.name, self._id = window, window.page, name, panel
        self.show()
        self.page.wait_for_function(READY, arg=[panel, cells])

    def show(self) -> Locator:
        """Bring the notebook to the front, and return its panel."""
        self.page.evaluate("id => window.jupyterapp.shell.activateById(id)", self._id)
        return self.page.locator(f'[id="{self._id}"]')

    def run_all(self) -> None:
        """Run all cells, up to the first that fails, and wait for the last."""
        self.show()
        self.page.evaluate(RUN_ALL)
        self.page.wait_for_function("window.allHaveRun", timeout=NOTEBOOK * 1000)

    def problems(self) -> list[str]:
        """Say what is wrong with the cells: not run, failed, a warning, a figure or a widget that is not shown."""
        self.show()
        self.page.wait_for_function("[...document.querySelectorAll('.jp-OutputArea img')].every(i => i.complete)")
        problems = []
        for cell in self.page.evaluate(CELLS):
            what = [*cell["errors"], *cell["stderr"]]
            if cell["source"] and not cell["ran"]:
                what.append("has not run")
            if not all(cell["images"]) or len(cell["images"]) < cell["figures"]:
                what.append(f"{cell['figures']} figures, of which are shown: {cell['images']}")
            if not all(cell["boxes"]) or len(cell["boxes"]) != cell["widgets"]:
                what.append(f"{cell['widgets']} widgets, of which are shown: {cell['boxes']}")
            problems += [f"{self.name}, {cell['source'][:60]!r}: {words}" for words in what]
        return problems + self.complaints()

    def complaints(self) -> list[str]:
        """Say what the window asked of other machines, and which errors its console shows, since it was last asked."""
        asked = [f"{self.name} asked for {address}" for address in self.window.seen.requests]
        found = asked + [f"{self.name}, in the console: {error}" for error in self.window.seen.errors]
        self.window.seen.forget()
        return found

    def outputs(self) -> str:
        """Return the words of all outputs."""
        return "\n".join(self.show().locator(".jp-OutputArea-output").all_text_contents())

    def code(self, words: str) -> Locator:
        """Return the first code cell in which some words stand, be it collapsed or not."""
        panel = self.show()
        return panel.locator(".jp-Cell").nth(self.page.evaluate(FIND, words))

    def top(self) -> Locator:
        """Return the first cell."""
        return self.show().locator(".jp-Cell").first

    def live(self) -> Locator:
        """Return the code cells that show widgets."""
        return self.show().locator(".jp-CodeCell").filter(has=self.page.locator(".jupyter-widgets"))

    def run(self, cell: Locator, keys: str = "Shift+Enter") -> None:
        """Run one cell with the keyboard and wait for it."""
        before = cell.evaluate(CHOOSE)
        self.page.keyboard.press(keys)
        self.page.wait_for_function(HAS_RUN, arg=[cell.element_handle(), before])

    def paste(self, cell: Locator, source: str) -> None:
        """Replace the source of a cell, as one who has copied it."""
        cell.locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.insert_text(source)

    def screenshot(self, path: Path, cell: Locator | None = None) -> None:
        """Keep a picture of what is seen, with a cell in view."""
        if cell is not None:
            cell.scroll_into_view_if_needed()
            self.page.wait_for_timeout(500)  # JupyterLab draws what comes into view a moment later
        self.page.screenshot(path=path)

    def close(self) -> None:
        """End the kernel and close the notebook, without saving it.

        JupyterLab's own errors while it takes a notebook to pieces (React finds a button gone) are not the notebook's.
        """
        self.show()
        self.page.evaluate(CLOSE)
        self.window.seen.forget()
