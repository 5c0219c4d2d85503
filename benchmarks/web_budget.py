"""What do the live pages weigh, when do they answer, and how long does a picture take in the browser?

    python benchmarks/web_budget.py [--rounds 5] [--slow 4]

Opens each live page of `artifacts/site/` (from `make site`) in a headless Chromium that reaches no other machine,
several times, each time in a new window.  "Interactive" is when the first answer of a network stands on the page.
`--slow` divides the processor's speed, as Chromium's developer tools do for "a phone": 4 is their "low-end" setting.

The time of a picture is that of the int8 network that comes with the suite, in a worker, and beside it that of the
integer network in NumPy on the same pictures; the two take turns, and the ratio is taken within each round.

The budget (3 MB, 2 s, 60 ms) is checked; the exit status is 1 where it is exceeded without --slow.
"""

import argparse
import base64
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests")]

import alive  # noqa: E402
import browser  # noqa: E402
import live  # noqa: E402
from helpers.base import artifacts  # noqa: E402
from helpers.integer.network import load_network  # noqa: E402
from helpers.networks.plans import PRETRAINED_INT8  # noqa: E402

MEGABYTES, SECONDS, MILLISECONDS = 3.0, 2.0, 60.0
FIRST_SIGN = {  # of life: what stands on a page when it can be used
    "front": "document.querySelector('.answer')?.textContent.startsWith('It is')",
    "pet": "document.querySelector('.drop') !== null",
}
TIME = """([source, model, count]) => new Promise((resolve) => {
    const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    worker.addEventListener("message", ({ data }) => resolve(data));
    worker.postMessage([model, count]);
})"""
WORKER = """
addEventListener("message", ({ data: [model, count] }) => {
    const bytes = Uint8Array.from(atob(model), (letter) => letter.charCodeAt(0));
    const network = new modules.network.Network(bytes.buffer);
    const codes = new Int8Array(96 * 96 * 3).map((_, i) => i % 251);
    network.run(codes);
    const start = performance.now();
    for (let i = 0; i < count; i++) network.run(codes);
    postMessage((performance.now() - start) / count);
});"""


def interactive(chromium, address: str, sign: str, slow: float) -> float:
    """Return how many seconds a page takes from nothing to its first sign of life."""
    with browser.tabs(chromium) as tab:
        page, seen = tab()
        if slow > 1:
            page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slow})
        start = time.perf_counter()
        page.goto(address, wait_until="commit")
        page.wait_for_function(sign, polling=10)
        seconds = time.perf_counter() - start
        assert not seen.requests and not seen.errors, (seen.requests, seen.errors)
    return seconds


def in_the_browser(chromium, count: int = 20) -> float:
    """Return the milliseconds of one picture through the int8 network, in a worker."""
    model = base64.b64encode(PRETRAINED_INT8.read_bytes()).decode("ascii")
    with browser.tabs(chromium) as tab:
        page, _ = tab()
        return page.evaluate(TIME, [live.bundle(live.WEB / "network.js") + WORKER, model, count])


def in_numpy(count: int = 20) -> float:
    """Return the milliseconds of one picture through the integer network, one at a time."""
    network = load_network(PRETRAINED_INT8)
    codes = (np.arange(96 * 96 * 3) % 251).astype(np.int8).reshape(1, 96, 96, 3)
    network.tensors(codes)
    start = time.perf_counter()
    for _ in range(count):
        network.tensors(codes)
    return 1000 * (time.perf_counter() - start) / count


def main() -> int:
    """Measure, print, and return the exit status."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slow", type=float, default=1)
    arguments = parser.parse_args()
    folder, kept = artifacts.root() / "site", True
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser.CHROMIUM, args=browser.FLAGS)
        for name, sign in FIRST_SIGN.items():
            path = folder / alive.PAGES[name]
            size = path.stat().st_size / 1e6
            times = [interactive(chromium, path.as_uri(), sign, arguments.slow) for _ in range(arguments.rounds)]
            middle = float(np.median(times))
            print(f"{name}: {size:.2f} MB, interactive after {middle:.2f} s ({min(times):.2f} to {max(times):.2f})")
            kept &= size < MEGABYTES and (middle < SECONDS or arguments.slow > 1)
        pairs = [(in_the_browser(chromium), in_numpy()) for _ in range(arguments.rounds)]
        chromium.close()
    here, there = np.median(pairs, axis=0)
    ratio = np.median([a / b for a, b in pairs])
    print(f"a picture: {here:.0f} ms in the browser, {there:.0f} ms in NumPy; ratio {ratio:.2f}")
    return int(not (kept and here < MILLISECONDS))


if __name__ == "__main__":
    sys.exit(main())
