"""What a reader has done and what is open, and how well they predicted, as tables."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

from helpers.base.tables import Table
from helpers.course import course_map, exercises, predictions, progress


@dataclasses.dataclass(frozen=True)
class Share:
    """How many of some predictions were made, and how many were right.

    Attributes:
        done: so many were made.
        right: so many of those whose answer does not depend on the run were right at first.
        judged: so many of them have such an answer.
        total: so many there are.
    """

    done: int
    right: int
    judged: int
    total: int


def predicted(kept: Mapping[str, Mapping], asked: Iterable[predictions.Prediction]) -> Share:
    """Return how many of some predictions were made, and how many of them were right at first.

    Args:
        kept: "predictions" of a record of progress.
        asked: the predictions to count.
    """
    asked = list(asked)
    made = [(one, kept[one.name]) for one in asked if one.name in kept]
    judged = [first_choice(record) in one.right for one, record in made if one.right]
    return Share(len(made), sum(judged), len(judged), len(asked))


def first_choice(record: Mapping) -> str:
    """Return what was predicted before any other choice."""
    return record.get("first", record["choice"])


def solved(kept: Mapping[str, Mapping], names: Iterable[str]) -> int:
    """Return how many of some exercises are solved.

    Args:
        kept: "exercises" of a record of progress.
        names: of the exercises to count.
    """
    return sum(bool(kept.get(name, {}).get("solved")) for name in names)


def titles() -> dict[str, str]:
    """Return the notebooks in their order, {name of the file without its ending: number and name}."""
    others = {Path(station.file).stem: station.title for station in course_map.stations()}
    return {"00_start_here": "0 · Start here"} | others


def by_notebook() -> Table:
    """Return what is done and what is open, notebook by notebook, and all together."""
    (kept, problem), rows = progress.kept(), []
    asked, tasks = list(predictions.table().values()), exercises.NOTEBOOKS
    for stem, title in titles().items():
        mine = predicted(kept["predictions"], [one for one in asked if one.notebook == stem])
        own = [name for name, notebook in tasks.items() if notebook == stem]
        rows.append([title, *_shown(mine), f"{solved(kept['exercises'], own)} of {len(own)}"])
    together = f"{solved(kept['exercises'], tasks)} of {len(tasks)}"
    rows.append(["together", *_shown(predicted(kept["predictions"], asked)), together])
    return Table(["notebook", "predictions made", "right at first", "exercises solved"], rows, problem)


def by_topic() -> Table:
    """Return how well the reader predicted, topic by topic."""
    (kept, problem), asked = progress.kept(), list(predictions.table().values())
    topics = dict.fromkeys(one.topic for one in asked)
    rows = [
        [topic, *_shown(predicted(kept["predictions"], [one for one in asked if one.topic == topic]))]
        for topic in topics
    ]
    return Table(["topic", "predictions made", "right at first"], rows, problem)


def _shown(share: Share) -> tuple[str, str]:
    return f"{share.done} of {share.total}", f"{share.right} of {share.judged}" if share.judged else "–"
