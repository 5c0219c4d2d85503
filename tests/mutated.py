"""Files that are whole FlatBuffers with a number in them that makes no sense: what changed bytes seldom lead to."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from helpers.tflite.edit import packed

NUMBERS = (-2, -1, 0, 1, 2, 3, 7, 127, 1_000, 2**31 - 1)


def mutated(build, number: int) -> bytes:
    """Return a file in which one to three numbers have other values, but none of the constants; `number` decides."""
    rng = np.random.default_rng(number)
    while True:
        model = build()
        places = list(_places(model))
        for place in rng.choice(len(places), rng.integers(1, 4), replace=False):
            _change(*places[place], rng)
        try:
            return packed(model)
        except (TypeError, AttributeError, ValueError, OverflowError):  # a number that its field cannot hold
            continue


def _places(part: object):
    """Find all numbers in an object of the schema and in what it holds: (who has it, name or index)."""
    for name, value in vars(part).items():
        if isinstance(value, bool | int | float):
            yield part, name
        elif isinstance(value, list | np.ndarray) and name != "data":
            items = list(value)
            if any(isinstance(item, int | float | np.integer) for item in items):
                setattr(part, name, items)
                yield from ((items, i) for i in range(len(items)))
                yield part, name
            for item in items:
                if hasattr(item, "Pack"):
                    yield from _places(item)
        elif hasattr(value, "Pack"):
            yield from _places(value)


def _change(owner: object, key: str | int, rng: np.random.Generator) -> None:
    """Give a number another value, or take the last number off a list."""
    if isinstance(owner, list):
        owner[key] = int(rng.choice(NUMBERS))
    elif isinstance(getattr(owner, key), list):
        setattr(owner, key, getattr(owner, key)[:-1])
    elif isinstance(owner, schema.BufferT):
        setattr(owner, key, int(rng.integers(0, 2_000)))  # where values lie behind the FlatBuffer, and how many
    else:
        setattr(owner, key, int(rng.choice(NUMBERS)))
