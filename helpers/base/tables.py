"""Small tables that look right in a notebook, on a terminal and to nbval, from plain lists."""

import html
from collections.abc import Iterable, Sequence


class Table:
    """A table of text and numbers: `columns` are its headings, `rows` its lines.

    Numbers stand to the right and text to the left.  Format a number before it goes in: the table prints what it is
    given, so that two runs that agree to the digits shown print the same table.
    """

    def __init__(self, columns: Sequence[str], rows: Iterable[Sequence], caption: str = ""):
        self.columns = [str(name) for name in columns]
        self.rows = [["" if cell is None else str(cell) for cell in row] for row in rows]
        self.caption = caption
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"Each row needs {len(self.columns)} cells, one for each column; found {row}.")

    def _is_number(self, column: int) -> bool:
        """Whether every filled cell of a column starts like a number, so that it is set flush right."""
        cells = [row[column] for row in self.rows if row[column]]
        return bool(cells) and all(cell.lstrip("+-−±<≈ ")[:1].isdigit() or cell in ("–", "nan") for cell in cells)

    def __str__(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        right = [self._is_number(i) for i in range(len(widths))]

        def line(cells: Sequence[str]) -> str:
            padded = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(cells, widths, right, strict=True))
            return "  ".join(padded).rstrip()

        body = [line(self.columns), "  ".join("-" * w for w in widths), *map(line, self.rows)]
        return "\n".join(([self.caption] if self.caption else []) + body)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the table as HTML for JupyterLab, the web and the slides."""
        align = ["right" if self._is_number(i) else "left" for i in range(len(self.columns))]

        def line(cells: Sequence[str], tag: str) -> str:
            pairs = zip(cells, align, strict=True)
            return (
                "<tr>" + "".join(f'<{tag} style="text-align:{a}">{html.escape(c)}</{tag}>' for c, a in pairs) + "</tr>"
            )

        caption = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        head, body = line(self.columns, "th"), "\n".join(line(row, "td") for row in self.rows)
        return f"<table>{caption}<thead>{head}</thead><tbody>\n{body}\n</tbody></table>"
