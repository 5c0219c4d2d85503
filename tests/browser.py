"""A headless Chromium for the tests: it reaches this machine only, and keeps what went wrong on its pages.

A test module asks for it with `pytest_plugins = ["browser"]` and marks its tests `@browser.needed`; where there is no
Chromium they are skipped, and the reason says how to get one.

PYTEST_DONT_REWRITE: there is no `assert` in here, and tests import it before pytest does.
"""

import base64
import contextlib
import os
import re
import shutil
from pathlib import Path

import pytest

from helpers.base import artifacts

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
QUIET = ("--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update")
CAMERA = "--use-fake-device-for-media-stream"  # a film of Chromium's own, for a page that asks for the camera
FLAGS = [*QUIET, CAMERA, "--disable-sync", "--disable-quic", "--no-sandbox"]  # no container lets a sandbox start
OUTSIDE = re.compile(r"^(?:https?|wss?)://(?!127\.0\.0\.1[:/]|localhost[:/])")

needed = pytest.mark.skipif(
    not CHROMIUM, reason="Nothing was looked at in a browser: there is no Chromium (Debian: sudo apt install chromium)."
)


class Seen:
    """What a page did that it should not: requests to other machines (all refused), errors in its console."""

    def __init__(self, context):
        self.requests: list[str] = []
        self.errors: list[str] = []
        context.route(OUTSIDE, self._refuse)
        context.on("page", self._listen)

    def forget(self) -> None:
        """Keep nothing of what was seen so far."""
        self.requests.clear()
        self.errors.clear()

    def _refuse(self, route) -> None:
        self.requests.append(route.request.url)
        route.abort()

    def _listen(self, page) -> None:
        page.on("websocket", lambda socket: self.requests.append(socket.url) if OUTSIDE.match(socket.url) else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)


@pytest.fixture(scope="module")
def chromium():
    """The browser (`playwright.sync_api.Browser`), one for the tests of a file."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@contextlib.contextmanager
def tabs(chromium):
    """Yield a function that opens a page of a size in pixels and gives it back with what was `Seen` of it."""
    contexts = []

    def new(width: int = 1280, height: int = 720, **options):
        contexts.append(chromium.new_context(viewport={"width": width, "height": height}, **options))
        seen = Seen(contexts[-1])
        return contexts[-1].new_page(), seen

    yield new
    for context in contexts:
        context.close()


@pytest.fixture
def tab(chromium):
    """What `tabs` yields, for one test."""
    with tabs(chromium) as new:
        yield new


# A file as a browser hands it to a page when it is dropped or pasted.
GIVE = """([selector, kind, data, name]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0)), given = new DataTransfer();
    given.items.add(new File([bytes], name));
    const event = kind === "paste"
        ? new ClipboardEvent("paste", { clipboardData: given, bubbles: true })
        : new DragEvent(kind, { dataTransfer: given, bubbles: true, cancelable: true });
    document.querySelector(selector).dispatchEvent(event);
}"""


def give(page, selector: str, path: Path, kind: str = "drop") -> None:
    """Drop a file onto an element of a page, or paste it there."""
    page.evaluate(GIVE, [selector, kind, base64.b64encode(path.read_bytes()).decode("ascii"), path.name])


def screenshots(name: str) -> Path:
    """Return the folder for the screenshots of one page; CI keeps what is in there."""
    folder = artifacts.root() / "screenshots" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
