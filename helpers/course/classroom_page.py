"""The page of a class: what the room believed before each answer, what was hard, and what thirty machines measured."""

import base64
import html
from collections.abc import Mapping

from helpers.base import html_page
from helpers.base.console import counted
from helpers.base.tables import Table
from helpers.course import classroom, exercises, predictions
from helpers.course.classroom import Room


def of(room: Room, pictures: Mapping[str, tuple[bytes, str]]) -> str:
    """Return the page.

    Args:
        room: from `classroom.read`.
        pictures: {heading: (a PNG, its alternative text)}, shown behind the tables.
    """
    return html_page.page(
        f"What {counted(len(room.handed), 'hand-in')} say",
        ("Handed in", _files(room)),
        ("What the room believed", _believed(room)),
        ("What was hard", _hard(room)),
        ("Code that is alike", _alike(room)),
        *[(heading, _picture(*picture)) for heading, picture in pictures.items()],
    )


def _files(room: Room) -> str:
    refused = [[file, why] for file, why in room.refused.items()]
    twice = [[name, ", ".join(files)] for name, files in classroom.twice(room).items()]
    parts = [f"<p>{counted(len(room.handed), 'file')} read, {len(refused)} left out.</p>"]
    parts += [f"<h3>Left out</h3>{html_page.table(['file', 'why'], refused)}"] if refused else []
    parts += [f"<h3>One name, several files</h3>{html_page.table(['name', 'files'], twice)}"] if twice else []
    return "\n".join(parts)


def _believed(room: Room) -> str:
    """A table for each notebook: a bar for each letter, as long as the share that chose it first."""
    parts, found = [], classroom.believed(room)
    for notebook in dict.fromkeys(one.notebook for one in predictions.table().values()):
        rows = []
        for one in predictions.table().values():
            if one.notebook == notebook and one.name in found:
                rows += _bars(one, found[one.name])
        if rows:
            head = "<tr><th>prediction</th><th>choice</th><th>first choice of</th><th></th></tr>"
            parts.append(f"<h3>{notebook}</h3>\n<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>")
    note = (
        "<p>Green is what the notebook calls right on any machine. Where nothing is green, it depends on the run.</p>"
    )
    return note + "\n".join(parts) if parts else "<p>No predictions were handed in.</p>"


def _bars(one: predictions.Prediction, chosen: Mapping[str, int]) -> list[str]:
    total, rows = sum(chosen.values()), []
    for n, (letter, count) in enumerate(chosen.items()):
        right = letter in (one.right or "")
        bar = f'<span class="bar{" right" if right else ""}" style="width:{12 * count / total:.2f}rem"></span>'
        name, mark = one.name if n == 0 else "", " ✓" if right else ""
        words = f"{count} of {total} ({count / total:.0%})"
        rows.append(f"<tr><td>{name}</td><td>({letter}){mark}</td><td>{words}</td><td>{bar}</td></tr>")
    return rows


def _hard(room: Room) -> str:
    rows = []
    for name, found in classroom.difficulties(room).items():
        hints = "; ".join(f"{count}× {hint}" for hint, count in list(found.hints.items())[:3])
        rows.append([exercises.NOTEBOOKS[name], name, found.tried, found.solved, f"{found.attempts:g}", hints])
    columns = ["notebook", "exercise", "tried by", "solved by", "attempts (median)", "most frequent hints"]
    return html_page.table(columns, rows)


def _alike(room: Room) -> str:
    note = "<p>The same but for comments and spacing. That proves nothing, least of all for a short answer: look.</p>"
    rows = [[name, ", ".join(files)] for name, files in classroom.alike(room)]
    return note + html_page.table(["exercise", "files"], rows) if rows else "<p>None of the longer answers.</p>"


def _picture(png: bytes, alt: str) -> str:
    data = base64.b64encode(png).decode("ascii")
    return f'<img src="data:image/png;base64,{data}" alt="{html.escape(alt)}" style="max-width:100%">'


def summary(room: Room) -> Table:
    """Return the hand-ins and what became of them, as a table for the terminal."""
    rows = [["read", len(room.handed)], ["left out", len(room.refused)]]
    rows.append(["under a name that has more than one", sum(map(len, classroom.twice(room).values()))])
    rows.append(["exercises with code that is alike", len({name for name, _ in classroom.alike(room)})])
    return Table(["hand-ins", "how many"], rows)
