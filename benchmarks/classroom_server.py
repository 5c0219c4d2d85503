"""Three students on one JupyterHub: do they get in each other's way, and how much memory does a student need?

    sudo .venv/bin/python benchmarks/classroom_server.py --shared FOLDER [--notebooks 04 05]

Needs Linux, root (for three users of the system, made for this and deleted afterwards), PyPI's jupyterhub beside
the course, and npm's configurable-http-proxy on the path.  FOLDER holds the artifacts of a `make run`; it is copied,
and the copy is what all share and none may write.

A hub is started with docs/server/jupyterhub_config.py.  Three students run the notebooks at the same time; in the
middle, the kernel of one is killed.  Checked: the others reach the end, the shared files are what they were, nothing
half-written lies about, and none can read what another hands in.  Printed: seconds from a fresh server to the first
student's first result, and the memory of a student at rest and at the peak (PSS: a page that several share counts
in parts).
"""

import argparse
import contextlib
import hashlib
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from pathlib import Path

import nbformat
import websocket

ROOT = Path(__file__).resolve().parent.parent
STUDENTS = ("ptq-ada", "ptq-bea", "ptq-cyd")
VICTIM = STUDENTS[1]
PORT = 18765
CONFIG = """
load_subconfig({config!r})
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {port} + 1
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{port2}"
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie_secret"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allowed_users = set({students!r})
c.JupyterHub.services = [{{"name": "trial", "api_token": {token!r}}}]
scopes = ["admin:servers", "access:servers", "admin:users"]
c.JupyterHub.load_roles = [{{"name": "trial", "scopes": scopes, "services": ["trial"]}}]
c.Spawner.cmd = [{python!r}, "-m", "jupyterhub.singleuser"]
c.Spawner.environment["PTQ_SHARED"] = {shared!r}
c.Spawner.environment["PTQ_DATASET"] = "drawn"
c.Spawner.http_timeout = c.Spawner.start_timeout = 120
c.Spawner.mem_limit = c.Spawner.cpu_limit = None  # a plain hub cannot set them
"""


class Hub:
    """A hub on this machine, asked by its REST API."""

    def __init__(self, folder: Path, shared: Path):
        self.token, self.folder = secrets.token_hex(16), folder
        values = {"folder": folder, "shared": str(shared), "token": self.token, "students": STUDENTS}
        values |= {"config": str(ROOT / "docs" / "server" / "jupyterhub_config.py"), "python": sys.executable}
        (folder / "config.py").write_text(CONFIG.format(port=PORT, port2=PORT + 2, **values))
        with (folder / "log.txt").open("wb") as log:
            command = [sys.executable, "-m", "jupyterhub", "-f", str(folder / "config.py")]
            self.process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)

    def ask(self, path: str, method: str = "GET", body: dict | None = None) -> dict | None:
        """Send a request and return its answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", data, method=method)
        request.add_header("Authorization", f"token {self.token}")
        with urllib.request.urlopen(request, timeout=120) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def wait(self, path: str, ready, seconds: float = 120) -> None:
        """Wait until an answer is as it should be."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                if ready(self.ask(path)):
                    return
            time.sleep(0.2)
        raise SystemExit(f"The hub did not answer in time:\n{(self.folder / 'log.txt').read_text()[-3000:]}")

    def start(self, student: str) -> None:
        """Start the server of a student."""
        with contextlib.suppress(urllib.error.HTTPError):
            self.ask(f"/hub/api/users/{student}", "POST")
        self.ask(f"/hub/api/users/{student}/server", "POST")
        self.wait(f"/hub/api/users/{student}", lambda user: bool(user["server"]))


class Kernel:
    """A kernel on a student's server, over the same web socket that JupyterLab uses."""

    def __init__(self, hub: Hub, student: str, folder: str):
        base = f"/user/{student}/api"
        session = {"name": "", "path": f"{folder}/x.ipynb", "type": "notebook", "kernel": {"name": "python3"}}
        self.id = hub.ask(f"{base}/sessions", "POST", session)["kernel"]["id"]
        address = f"ws://127.0.0.1:{PORT}{base}/kernels/{self.id}/channels"
        self.socket = websocket.create_connection(address, header=[f"Authorization: token {hub.token}"], timeout=300)

    def run(self, code: str) -> str:
        """Run a cell; return the error that it ends with, "" if there is none."""
        number = uuid.uuid4().hex
        header = {"msg_id": number, "msg_type": "execute_request", "username": "", "session": "trial", "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        self.socket.send(json.dumps(message))
        error = ""
        while True:
            answer = self._receive()
            if answer["parent_header"].get("msg_id") != number:
                continue
            if answer["msg_type"] == "error":
                error = f"{answer['content']['ename']}: {answer['content']['evalue']}"
            if answer["msg_type"] == "status" and answer["content"]["execution_state"] == "idle":
                return error

    def _receive(self) -> dict:
        """Return the next message; one with buffers, as widgets send, has its JSON between the first two offsets."""
        kind, data = self.socket.recv_data()
        if kind == websocket.ABNF.OPCODE_BINARY:
            start, end = (int.from_bytes(data[4 * n : 4 * n + 4], "big") for n in (1, 2))
            data = data[start:end]
        return json.loads(data)


def memory(student: str) -> float:
    """Return the megabytes that all processes of a student take (PSS)."""
    number, total = pwd.getpwnam(student).pw_uid, 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if process.stat().st_uid == number:
                rollup = (process / "smaps_rollup").read_text()
                total += int(rollup.split("Pss:")[1].split()[0])
    return total / 1024


def digest(folder: Path) -> str:
    """Return one SHA-256 of all files of a folder."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return found.hexdigest()


@contextlib.contextmanager
def students():
    """Make the users of the system, each with a home folder that is theirs alone, and delete them afterwards."""
    for name in STUDENTS:
        subprocess.run(["useradd", "--create-home", name], check=True)
        home = Path(pwd.getpwnam(name).pw_dir)
        home.chmod(0o700)
        shutil.copytree(ROOT / "notebooks", home / "course" / "notebooks")
        subprocess.run(["chown", "-R", f"{name}:", str(home)], check=True)
    try:
        yield
    finally:
        for name in STUDENTS:
            subprocess.run(["pkill", "-KILL", "-u", name], check=False)
            time.sleep(0.5)
            subprocess.run(["userdel", "--remove", name], check=False, capture_output=True)


def work(hub: Hub, student: str, notebooks: list[str], results: dict, middle: threading.Event) -> None:
    """Run notebooks, cell by cell, and write down what happened."""
    try:
        for stem in notebooks:
            (path,) = (ROOT / "notebooks").glob(f"{stem}_*.ipynb")
            kernel = Kernel(hub, student, "course/notebooks")
            cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
            for n, source in enumerate(cells):
                if error := kernel.run(source):
                    results[student] = f"{path.stem}, cell {n + 1} of {len(cells)}: {error}"
                    return
                results.setdefault("first", time.monotonic())
                if n == len(cells) // 2:
                    middle.set()
        results[student] = "reached the end"
    except Exception as error:  # the socket of a killed kernel
        results[student] = f"stopped: {type(error).__name__}"


def handed_in(student: str) -> Path:
    """Hand something in as a student, and return the file."""
    home = Path(pwd.getpwnam(student).pw_dir)
    command = [
        "runuser",
        "-u",
        student,
        "--",
        "env",
        f"PTQ_ARTIFACTS={home}/artifacts",
        f"HOME={home}",
        sys.executable,
        "-m",
    ]
    subprocess.run([*command, "helpers.report", "--name", student], check=True, capture_output=True, cwd=home)
    return home / "artifacts" / "hand_in" / f"{student}.json"


def main() -> int:
    """Run the trial and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--notebooks", nargs="+", default=["04", "05"])
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("Run it as root: it makes three users of the system, and deletes them afterwards.")
    with tempfile.TemporaryDirectory(prefix="ptq-hub-") as name, students():
        folder = Path(name)
        folder.chmod(0o755)
        shared = folder / "shared"
        shutil.copytree(
            arguments.shared, shared, ignore=shutil.ignore_patterns("screenshots", "site", "html", "*.json.lock")
        )
        subprocess.run(["chmod", "-R", "a+rX,a-w", str(shared)], check=True)
        before, results, middle, peaks = digest(shared), {}, threading.Event(), dict.fromkeys(STUDENTS, 0.0)
        begin, hub = time.monotonic(), Hub(folder, shared)
        try:
            hub.wait("/hub/api/", lambda answer: "version" in answer)
            for student in STUDENTS:
                hub.start(student)
            print("a server at rest:", ", ".join(f"{memory(student):.0f} MB" for student in STUDENTS))
            threads = [
                threading.Thread(target=work, args=(hub, s, arguments.notebooks, results, middle)) for s in STUDENTS
            ]
            for thread in threads:
                thread.start()
            killed = False
            while any(thread.is_alive() for thread in threads):
                for student in STUDENTS:
                    peaks[student] = max(peaks[student], memory(student))
                if middle.is_set() and not killed:
                    killed = True
                    subprocess.run(["pkill", "-KILL", "-u", VICTIM, "-f", "ipykernel"], check=False)
                    with contextlib.suppress(Exception):  # its socket waits for a kernel that is gone
                        time.sleep(1)
                if killed and all(not t.is_alive() for t, s in zip(threads, STUDENTS, strict=True) if s != VICTIM):
                    break
                time.sleep(0.5)
            print(f"from a fresh server to the first result: {results.get('first', begin) - begin:.0f} s")
            print("at the peak:", ", ".join(f"{peaks[student]:.0f} MB" for student in STUDENTS))
            for student in STUDENTS:
                print(f"{student}: {results.get(student, 'killed')}")
            fine = all(results.get(s) == "reached the end" for s in STUDENTS if s != VICTIM)
            print(f"the shared files are what they were: {digest(shared) == before}")
            halves = [p for s in STUDENTS for p in Path(pwd.getpwnam(s).pw_dir).rglob("*.partial") if s != VICTIM]
            path = handed_in(STUDENTS[0])
            seen = subprocess.run(
                ["runuser", "-u", STUDENTS[2], "--", "cat", str(path)], capture_output=True, check=False
            )
            print(f"one reads what another hands in: {seen.returncode == 0}; half-written files: {len(halves)}")
            return int(not (fine and digest(shared) == before and seen.returncode != 0 and not halves))
        finally:
            hub.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                hub.process.wait(20)


if __name__ == "__main__":
    sys.exit(main())
