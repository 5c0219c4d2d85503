"""The doctor's report as a page: for a terminal, for a browser, for another program."""

import html
import json
import textwrap

from helpers.base import html_page
from helpers.diagnosis import finding
from helpers.diagnosis.examination import Report, Section
from helpers.diagnosis.finding import Finding

WIDTH = 100  # letters in a line of a terminal
INDENT = "    "
COLOURS = {"severe": "#b3261e", "warning": "#8a5a00", "note": "#0b5394"}  # each with a word beside it, never alone


def as_text(report: Report) -> str:
    """Return the report for a terminal."""
    findings = [finding.summary(report.findings), *(_finding_text(one) for one in report.findings)]
    return "\n\n".join([report.title, *findings, *map(_section_text, report.sections)])


def _finding_text(one: Finding) -> str:
    parts = [_wrapped(f"{one.severity.upper()}: {one.title}.", "")]
    return "\n".join([*parts, _wrapped(one.evidence, INDENT), _wrapped(f"What to do: {one.advice}", INDENT)])


def _section_text(section: Section) -> str:
    parts = [section.heading, "-" * len(section.heading)]
    parts += [str(section.table)] if section.table else []
    parts += [_wrapped(section.words, "")] if section.words else []
    return "\n".join(parts + [_wrapped(remark, INDENT) for remark in section.remarks])


def _wrapped(words: str, indent: str) -> str:
    return textwrap.fill(words, WIDTH, initial_indent=indent, subsequent_indent=indent)


def as_html(report: Report) -> str:
    """Return the report as a page that needs no network and no script."""
    found = "\n".join([f"<p>{html.escape(finding.summary(report.findings))}</p>", *map(_finding_html, report.findings)])
    sections = [("Findings", found), *((one.heading, _section_html(one)) for one in report.sections)]
    return html_page.page(f"The doctor on {report.title}", *sections)


def _finding_html(one: Finding) -> str:
    colour, title = COLOURS[one.severity], html.escape(one.title)
    return (
        f'<h3><span style="color:{colour}">{one.severity.capitalize()}:</span> {title}</h3>\n'
        f"<p>{html.escape(one.evidence)}</p>\n<p><b>What to do:</b> {html.escape(one.advice)}</p>"
    )


def _section_html(section: Section) -> str:
    table = html_page.table(section.table.columns, section.table.rows) if section.table else ""
    remarks = "".join(f"<li>{html.escape(remark)}</li>" for remark in section.remarks)
    return f"{table}<p>{html.escape(section.words)}</p>" + (f"<ul>{remarks}</ul>" if remarks else "")


def as_json(report: Report) -> str:
    """Return the report for a program: findings with all their words, sections with the cells of their tables."""
    sections = [
        {
            "heading": one.heading,
            "words": one.words,
            "remarks": one.remarks,
            "columns": one.table.columns if one.table else [],
            "rows": one.table.rows if one.table else [],
        }
        for one in report.sections
    ]
    findings = [vars(one) for one in report.findings]
    content = {"file": report.name, "bytes": report.bytes, "severe": report.severe}
    return json.dumps({**content, "findings": findings, "sections": sections}, indent=1, ensure_ascii=False)
