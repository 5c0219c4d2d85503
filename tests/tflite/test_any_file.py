"""Every tool answers every file: a result, or one sentence of its own that names the tensor or the operator.

The files of `odd_files` stand for what occurs; then bytes of small files are changed at random, `FLIPS` times.
"""

import functools
import itertools
import re
from collections import Counter

import pytest

import odd_files
from flipped import FLIPS, flipped
from helpers.board import arena, firmware
from helpers.tflite import edit, inspect, interpreter, micro, trial
from helpers.tflite.errors import Unreadable
from mutated import mutated

OWN = (Unreadable, edit.Uneditable, arena.Unplannable, firmware.NoProgram)
OWN += (interpreter.Refused, micro.Refused, micro.TooSlow, micro.NotInstalled)

TOOLS = {
    "tensors": inspect.tensors,
    "operators": inspect.operators,
    "graph": inspect.graph,
    "outputs": inspect.outputs,
    "layer weights": inspect.layer_weights,
    "tables": lambda path: (inspect.dtype_table({"a": path}), inspect.tensor_table(path, (0, -1))),
    "sizes": lambda path: inspect.size_table({"a": path}),
    "details": lambda path: [tensor.details for tensor in inspect.tensors(path)],
    "excerpt": edit.excerpt,
    "excerpt of one": functools.partial(edit.excerpt, step=0),
    "flash image": edit.flash_image,
    "other weights": lambda path: edit.replace_weights(path, lambda tensor: tensor.data),
    "plan": lambda path: arena.plan(arena.buffers(path)),
    "liveness": arena.liveness_table,
    "planned RAM": arena.planned,
    "C array": lambda path: firmware.write(path, path.parent),
    "program": lambda path: firmware.program(path, 1000),
}


PROCESSES = {  # what lets TensorFlow Lite, or TensorFlow Lite Micro, run a file in a process of its own
    "trial": trial.check,
    "trial on the reference kernels": functools.partial(trial.check, kernels="reference"),
    "measured arena": micro.arena,
    "refusal": micro.refusal,
    "RAM": arena.ram,
}


def answer(tool, path) -> str:
    """Return what a tool says: "" for a result, or the sentence of an exception of ours; any other one is raised."""
    try:
        tool(path)
    except OWN as problem:
        return str(problem)
    return ""


def written(build, folder):
    path = folder / "odd.tflite"
    path.write_bytes(odd_files.content(build))
    return path


# --- what occurs ------------------------------------------------------------------------------------------------------

DOES_NOT = {  # what a tool cannot do with a file that is all right
    "texts": {
        "details": "is of type string",
        **dict.fromkeys(("plan", "liveness", "planned RAM"), "'t2' cannot be comp"),
    },
    "variants": {
        "details": "is of type variant",
        **dict.fromkeys(("plan", "liveness", "planned RAM"), "'t1' cannot be computed: its number type is variant"),
    },
    "no operators": dict.fromkeys(("tables", "excerpt of one"), "has 0 operators, counted from 0"),
    **{
        situation: {"details": "'t1', is of type resource; expected numbers"}
        for situation in odd_files.READ
        if situation.startswith("variables")
    },
    **{
        situation: {"other weights": "t1 is sparse or a list of texts: other values need another number of bytes"}
        for situation in odd_files.READ
        if situation.startswith("sparse")
    },
}


@pytest.mark.parametrize("situation", odd_files.READ)
def test_what_occurs_is_read(situation, tmp_path):
    path = written(odd_files.READ[situation], tmp_path)
    for name, tool in TOOLS.items():
        said, expected = answer(tool, path), DOES_NOT.get(situation, {}).get(name, "")
        if name == "program":
            assert re.match(r"Expected one input|Expected an int8 input|odd.tflite uses (CUSTOM|DENSIFY)", said)
        else:
            assert expected in said and bool(expected) == bool(said), f"{name}: {said}"


@pytest.mark.parametrize("situation", odd_files.REFUSED)
def test_what_cannot_be_right_is_refused_by_every_tool(situation, tmp_path):
    build, why = odd_files.REFUSED[situation]
    path = written(build, tmp_path)
    for tool in TOOLS.values():
        assert re.match(rf"odd\.tflite cannot be read: .*{why}.*\.$", answer(tool, path))


def test_sparse_values_that_do_not_fit_are_refused_where_they_are_asked_for(tmp_path):
    build, why = odd_files.UNDENSE
    path = written(build, tmp_path)
    assert not answer(inspect.operators, path) and not answer(inspect.bytes_by_purpose, path)
    for tool in ("tensors", "graph", "layer weights", "tables", "plan"):
        assert re.match(
            rf"odd\.tflite cannot be read: {why}\. Convert or download it again\.$", answer(TOOLS[tool], path)
        )


def test_graphs_that_call_each_other_in_circles_are_read_and_not_planned(tmp_path):
    path = written(odd_files.circle, tmp_path)
    assert [step.name for step in inspect.operators(path)] == ["WHILE"]
    for tool in ("plan", "liveness"):
        assert "operator 0 of graph 0, WHILE, calls graph 0, which it is part of" in answer(TOOLS[tool], path)


# --- bytes changed at random ------------------------------------------------------------------------------------------


def answers(contents, folder, tools=TOOLS) -> tuple[Counter, Counter]:
    """Feed every tool with files, and return how many each read, and what was said instead.

    Any exception that is not one of ours goes on, and fails the test; so does a sentence of several lines.
    """
    path, read, sentences = folder / "odd.tflite", Counter(), Counter()
    for content in contents:
        path.write_bytes(content)
        for name, tool in tools.items():
            said = answer(tool, path)
            assert not said or (said.count("\n") == 0 and said.endswith(".")), said
            read[name] += not said
            sentences[re.sub(r"-?\d[\d,]*|'[^']*'|\[.*?\]|\(.*?\)", "#", said)] += bool(said)
    return read, sentences


def test_a_file_with_changed_bytes_is_read_or_refused_in_a_sentence(tmp_path):
    content = odd_files.content(odd_files.small)
    read, sentences = answers((flipped(content, number) for number in range(FLIPS)), tmp_path)
    assert 100 < read["tensors"] < FLIPS and len(sentences) > 20, "some changes hurt, in many places"


@pytest.mark.parametrize("build", [odd_files.streaming, odd_files.sparse])
def test_so_is_one_of_another_kind(build, tmp_path):
    content = odd_files.content(build)
    read, _ = answers((flipped(content, number) for number in range(FLIPS // 10)), tmp_path)
    assert 0 < read["tensors"] < FLIPS // 10


def test_so_is_a_whole_file_with_numbers_that_make_no_sense(tmp_path):
    builds = [*odd_files.READ.values(), odd_files.small, odd_files.circle]
    contents = (mutated(builds[number % len(builds)], number) for number in range(FLIPS // 4))
    read, sentences = answers(contents, tmp_path)
    assert FLIPS / 12 < read["tensors"] < FLIPS / 4 and len(sentences) > 60


def readable(folder):
    """Make files of the last kind that can be read, one after the other."""
    path = folder / "readable.tflite"
    for number in itertools.count():
        path.write_bytes(mutated(odd_files.small, number))
        if not answer(inspect.tensors, path):
            yield path.read_bytes()


def test_what_runs_files_does_so_in_a_process_of_its_own(tmp_path):
    """On some of them: all take minutes, and end no otherwise."""
    count = FLIPS // 200
    read, _ = answers(itertools.islice(readable(tmp_path), count), tmp_path, PROCESSES)
    assert 0 < read["trial"] < count
