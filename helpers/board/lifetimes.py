"""When each tensor is first written and last read, as TensorFlow Lite Micro counts before the first picture.

Its clock moves on with every operator, and with every graph that an operator enters: IF and WHILE run other graphs,
and CALL_ONCE runs the one that sets variables (`AllocationInfoBuilder::MarkAllocationLifetimes` in
micro_allocation_info.cc, https://github.com/tensorflow/tflite-micro).
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from helpers.tflite.errors import Unreadable
from helpers.tflite.inspect import Graph, Operator

CALLED = {  # operators that run other graphs, and the settings that say which
    "IF": ("then_subgraph_index", "else_subgraph_index"),
    "WHILE": ("cond_subgraph_index", "body_subgraph_index"),
    "CALL_ONCE": ("init_subgraph_index",),
}
MOST = 1_000_000  # moments; a file with more is one whose graphs call each other over and over
NEVER, BEFORE = -2, -1  # on the clock: what no operator uses, and what is there before the first operator


@dataclasses.dataclass(frozen=True)
class Moment:
    """A tick of the clock: an operator of a graph runs, or (step None) the graph is entered."""

    graph: int
    step: int | None


@dataclasses.dataclass
class Spans:
    """What is alive when, as (first, last) moments.

    Attributes:
        tensors: of each tensor that needs memory among the activations, {(graph, tensor): span}; (-1, -1) for one that
            no operator uses.
        operators: of each operator that runs, {(graph, number): span}; that of WHILE lasts as long as its graphs.
        moments: what happens at each moment; without other graphs, moment n is operator n.
    """

    tensors: dict[tuple[int, int], tuple[int, int]]
    operators: dict[tuple[int, int], tuple[int, int]] = dataclasses.field(default_factory=dict)
    moments: list[Moment] = dataclasses.field(default_factory=list)


def spans(graphs: Sequence[Graph], path: Path) -> Spans:
    """Return when the tensors and the operators of a file are alive.

    Constants are not among the tensors, nor are states and the handles of variables: all of these have other places.

    Args:
        graphs: from `inspect.graphs`.
        path: of the file, for messages.

    Raises:
        Unreadable: its graphs call each other in circles.
    """
    found = Spans(
        {
            (number, tensor.index): (NEVER, NEVER)
            for number, graph in enumerate(graphs)
            for tensor in graph.tensors
            if tensor.data is None and not tensor.variable and tensor.index not in _handles(graph)
        }
    )
    _walk(graphs, 0, found, (0,), path)
    found.tensors = {key: _from_the_first_operator(span) for key, span in found.tensors.items()}
    return found


def _handles(graph: Graph) -> set[int]:
    """Return the tensors that VAR_HANDLE makes: numbers of variables, kept beside the operator."""
    return {i for step in graph.operators if step.name == "VAR_HANDLE" for i in step.outputs}


def _from_the_first_operator(span: tuple[int, int]) -> tuple[int, int]:
    """Let what is there before the first operator begin with it, and put what is never used before it.

    An input that no operator reads stays until the first one has run; TensorFlow Lite Micro takes its place at once.
    """
    first, last = span
    return (-1, -1) if last == NEVER else (max(first, 0), max(last, 0))


def _walk(graphs: Sequence[Graph], number: int, found: Spans, entered: tuple[int, ...], path: Path) -> None:
    """Let a graph run, with all that it calls."""
    graph = graphs[number]
    _begin(found, number, (*graph.inputs, *graph.outputs))
    for step, operator in enumerate(graph.operators):
        found.moments.append(Moment(number, step))
        begin = len(found.moments) - 1
        _begin(found, number, operator.outputs)
        for called in _called(operator):
            if called in entered or len(found.moments) > MOST:
                raise Unreadable(
                    f"{path.name} cannot be planned: operator {step} of graph {number}, {operator.name}, calls graph "
                    f"{called}, which it is part of. Convert it again."
                )
            found.moments.append(Moment(called, None))
            _walk(graphs, called, found, (*entered, called), path)
        _use(found, number, (*operator.inputs, *operator.outputs))
        found.operators[number, step] = (begin, len(found.moments) - 1)
    _use(found, number, graph.outputs)


def _called(operator: Operator) -> list[int]:
    return [operator.options[key] for key in CALLED.get(operator.name, ()) if key in operator.options]


def _begin(found: Spans, number: int, indices: Sequence[int]) -> None:
    now = len(found.moments) - 1
    found.tensors |= {(number, i): (now, now) for i in indices if (number, i) in found.tensors}


def _use(found: Spans, number: int, indices: Sequence[int]) -> None:
    now = len(found.moments) - 1
    found.tensors |= {(number, i): (found.tensors[number, i][0], now) for i in indices if (number, i) in found.tensors}
