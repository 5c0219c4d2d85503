"""A page of HTML that stands for itself: headings, tables, what somebody wrote; no script, no picture, no network."""

import html

from helpers.base.tables import Table

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
