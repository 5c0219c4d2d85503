"""The page that goes with a hand-in: the same content for people to read, without a script and without a picture."""

import html
from collections.abc import Mapping

from helpers.base.console import counted
from helpers.base.tables import Table
from helpers.course import exercises, my_course, predictions

STYLE = """
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; }
table { border-collapse: collapse; margin: 0.5rem 0 1.5rem; }
th, td { padding: 0.25rem 0.8rem; border-bottom: 1px solid #d0d0d0; vertical-align: top; }
pre { background: #f4f4f4; padding: 0.8rem; overflow-x: auto; white-space: pre-wrap; }
.wide { overflow-x: auto; }
.bar { display: inline-block; height: 0.8em; background: #0072b2; vertical-align: baseline; }
.bar.right { background: #009e73; }
@media print { h2 { break-after: avoid; } pre, table { break-inside: avoid; } }
"""


def page(title: str, *sections: tuple[str, str]) -> str:
    """Return a whole page.

    Args:
        title: as text.
        sections: heading as text and content as HTML, one after the other.
    """
    parts = [f"<h2>{html.escape(heading)}</h2>\n{content}" for heading, content in sections]
    body, words = "\n".join(parts), html.escape(title)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{words}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{STYLE}</style>\n</head>\n'
        f"<body>\n<h1>{words}</h1>\n{body}\n</body>\n</html>\n"
    )


def table(columns: list[str], rows: list[list]) -> str:
    """Return a table as HTML that scrolls where it is too wide; a line of text if it has no rows."""
    return f'<div class="wide">{Table(columns, rows)._repr_html_()}</div>' if rows else "<p>Nothing yet.</p>"


def paragraphs(text: str) -> str:
    """Return what somebody wrote as HTML: as it stands, with its line breaks, and nothing in it is carried out."""
    return f"<pre>{html.escape(text)}</pre>"


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
