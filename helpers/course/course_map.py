"""The map of the course: its notebooks, what each asks, how they hang together, and how long they take.

The rows are in `data/course.csv`; tests hold the minutes against what the notebooks say themselves.
"""

import dataclasses

from helpers.base import data
from helpers.base.tables import Table


@dataclasses.dataclass(frozen=True)
class Station:
    """One notebook of the course.

    Attributes:
        file: its name, to link to.
        title: number and name.
        question: what it answers.
        makes: what later notebooks need of it, None if nothing.
        beyond: what it goes beyond, None if it belongs to that.
        read_minutes: for a reader who does everything in it.
        run_minutes: for two cores that run all cells, in the order of the course.
    """

    file: str
    title: str
    question: str
    makes: str | None
    beyond: str | None
    read_minutes: int
    run_minutes: float


def stations() -> list[Station]:
    """Return the notebooks of the course in their order."""
    return data.records("course.csv", Station)


def time_table() -> Table:
    """Return how long each notebook takes to work through and to run, with the sums."""
    notebooks = stations()
    rows = [[s.title, s.question, hours(s.read_minutes), f"{s.run_minutes:g} min"] for s in notebooks]
    totals = hours(sum(s.read_minutes for s in notebooks)), f"{sum(s.run_minutes for s in notebooks):g} min"
    return Table(["notebook", "question", "to work through", "to run"], [*rows, ["together", "", *totals]])


def hours(minutes: int) -> str:
    """Return minutes as '1 h 45 min'."""
    whole, rest = divmod(minutes, 60)
    return " ".join([f"{whole} h"] * bool(whole) + [f"{rest} min"] * bool(rest)) or "0 min"
