"""The page that goes with a hand-in: the same content for people to read, without a script and without a picture."""

import html
from collections.abc import Mapping

from helpers.base.console import counted
from helpers.base.html_page import page, paragraphs, table
from helpers.course import exercises, my_course, predictions


def of(handed: Mapping) -> str:
    """Return the page of one hand-in.

    Args:
        handed: from `hand_in.collect` or `hand_in.read`.
    """
    machine = handed["machine"]
    made = f"<p>Written on {html.escape(handed['made'])}, with version {html.escape(handed['course'])} of the course, "
    made += f"on {html.escape(str(machine.get('processor')))}, {html.escape(str(machine.get('system')))}.</p>"
    return page(
        f"Post-training quantization: {handed['name']}",
        ("This report", made),
        ("Predictions", _predictions(handed["progress"]["predictions"])),
        ("Exercises", _exercises(handed["progress"]["exercises"])),
        ("Answers to the questions", _answers(handed["answers"])),
        *[(f"Claims, measured on {source}", _claims(found)) for source, found in handed["claims"].items()],
        ("Notebooks", table(["notebook", "SHA-256"], [[*pair] for pair in handed["notebooks"].items()])),
    )


def _predictions(kept: Mapping[str, Mapping]) -> str:
    rows = []
    for one in predictions.table().values():
        if record := kept.get(one.name):
            first = my_course.first_choice(record)
            verdict = ("right" if first in one.right else "wrong") if one.right else "depends on the run"
            rows.append([one.notebook, one.name, f"({first})", f"({record['choice']})", verdict, record.get("at", "")])
    return table(["notebook", "prediction", "said first", "said last", "at first", "when"], rows)


def _exercises(kept: Mapping[str, Mapping]) -> str:
    parts = []
    for name, notebook in exercises.NOTEBOOKS.items():
        if record := kept.get(name):
            state = f"solved, {record['solved']}" if record.get("solved") else "not solved yet"
            attempts = counted(record["attempts"], "attempt")
            hints = "".join(f"<li>{html.escape(str(hint))}</li>" for hint in record["hints"])
            parts.append(
                f"<h3>{html.escape(name)} ({html.escape(notebook)})</h3>\n<p>{html.escape(state)}; {attempts}.</p>"
                + (f"<p>Hints:</p><ul>{hints}</ul>" if hints else "")
                + paragraphs(record["code"])
            )
    return "\n".join(parts) or "<p>None attempted yet.</p>"


def _answers(written: Mapping[str, str]) -> str:
    parts = [f"<h3>{html.escape(stem)}</h3>\n{paragraphs(text)}" for stem, text in written.items() if text]
    return "\n".join(parts) or "<p>None written yet.</p>"


def _claims(found: list[Mapping[str, str]]) -> str:
    columns = ["slide", "claim", "measured", "verdict"]
    return table(columns, [[claim.get(column, "") for column in columns] for claim in found])
