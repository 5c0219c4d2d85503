"""A file is tried in a process of its own: what runs passes; what does not, or ends the process, is one sentence."""

import subprocess
import sys
import time

import pytest

import odd_files
from helpers.tflite import interpreter, own_process, trial, trial_process
from helpers.tflite.errors import Unreadable
from odd_files import graph, model, tensor

DYING = "import os; os.abort()"
SLEEPING = "import time; time.sleep(60)"


def written(build, folder):
    path = folder / "odd.tflite"
    path.write_bytes(odd_files.content(build))
    return path


def becomes(code: str, monkeypatch) -> None:
    """Let the process do something else."""
    monkeypatch.setattr(own_process.processes, "command", lambda *_: [sys.executable, "-c", code])


@pytest.mark.parametrize("kernels", interpreter.KERNEL_SETS)
def test_what_runs_passes(kernels, tmp_path):
    assert trial.check(written(odd_files.small, tmp_path), kernels) is None


@pytest.mark.parametrize(
    "build", [odd_files.streaming, odd_files.loop, odd_files.lstm, odd_files.texts, odd_files.READ["input [16000]"]]
)
def test_what_is_unusual_and_runs_passes(build, tmp_path):
    """On zeros, in this process: variables, loops, memory, texts, an input without a batch."""
    trial_process.run_on_zeros(interpreter.load(odd_files.content(build)))


def test_what_tflite_refuses_is_one_sentence_with_the_names(tmp_path):
    path = written(odd_files.READ["tensor that nothing makes"], tmp_path)
    with pytest.raises(
        interpreter.Refused,
        match=r"^odd\.tflite is no model TFLite can run: Input tensor 1 \('t1'\) lacks data\. Convert it again.*\.$",
    ) as told:
        trial.check(path)
    assert isinstance(told.value, ValueError) and not isinstance(told.value, trial.Died)
    with pytest.raises(interpreter.Refused, match=r"Encountered unresolved custom op: Some_PostProcess.*"):
        trial.check(written(odd_files.custom, tmp_path), "reference")


def test_an_input_that_takes_no_zeros_is_refused():
    handle = lambda: model(graph([tensor([], "resource")], [], [0], [0]))  # noqa: E731
    with pytest.raises(interpreter.Refused):
        trial_process.run_on_zeros(interpreter.load(odd_files.content(handle)))


def deadly():
    """A network whose means go into the tensor of its input, in a shape with which the next kernel divides by zero."""
    whole = odd_files.small()
    whole.subgraphs[0].operators[1].outputs = [0]
    return whole


def test_what_ends_a_process_does_not_end_this_one(tmp_path):
    path = written(deadly, tmp_path)
    code = "from pathlib import Path; from helpers.tflite import trial_process; trial_process.main('{}', 'reference')"
    done = subprocess.run([sys.executable, "-c", code.format(path)], capture_output=True, check=False)
    assert done.returncode < 0, "else this is no file of that kind any more"
    with pytest.raises(
        trial.Died,
        match=r"^odd\.tflite is no model TFLite can run: the reference kernels ended the process that tried it "
        r"\(SIG\w+\)\. It is not loaded in this process; convert it again\.$",
    ):
        trial.check(path, "reference")


def test_a_process_that_dies_is_told_from_one_that_refuses(tmp_path, monkeypatch):
    becomes(DYING, monkeypatch)
    with pytest.raises(trial.Died, match=r"the XNNPACK kernels ended the process that tried it \(SIGABRT\)\."):
        trial.check(written(odd_files.small, tmp_path))


def test_a_trial_has_a_time_limit(tmp_path, monkeypatch):
    becomes(SLEEPING, monkeypatch)
    monkeypatch.setattr(trial, "SECONDS", 0.2)
    started = time.monotonic()
    with pytest.raises(interpreter.Refused, match=r"it took longer than 0\.2 seconds on zeros"):
        trial.check(written(odd_files.small, tmp_path))
    assert time.monotonic() - started < 10


def test_what_cannot_be_read_is_not_tried(tmp_path, monkeypatch):
    becomes(DYING, monkeypatch)
    with pytest.raises(Unreadable, match="'t1', has 22 bytes where float16"):
        trial.check(written(odd_files.REFUSED["a shorter buffer"][0], tmp_path))
    with pytest.raises(FileNotFoundError, match="no model file .*none.tflite"):
        trial.check(tmp_path / "none.tflite")
    with pytest.raises(KeyError, match="found 'fast'"):
        trial.check(tmp_path / "none.tflite", "fast")


def test_what_only_our_reader_does_not_know_is_tried(tmp_path):
    """TFLite says itself that it has no scales along two axes, or values in another file."""
    with pytest.raises(interpreter.Refused, match="external buffer"):
        trial.check(written(odd_files.REFUSED["values in another file"][0], tmp_path))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not keep the limit")
def test_a_process_gets_no_more_memory_than_it_may():
    code = "from helpers.tflite import trial_process as t; t.stay_within(1 << 30); import numpy; numpy.ones(1 << 28)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MemoryError" in done.stderr
