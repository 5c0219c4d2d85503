"""What a notebook of the course must look like: one function for each rule, over a parsed notebook.

Each rule returns its complaints as sentences; an empty list means that the notebook keeps it.
`test_structure.py` holds the course against them, and each of them against a made-up notebook that breaks it.
"""

import re
import statistics
from collections.abc import Callable

from nbformat import NotebookNode

LONGEST_CELL = 20  # non-blank lines
MEDIAN_CELL = 5
COMPARED_CELLS = 3  # at least so many cells of a notebook are compared with their stored output
SHORTEST_ALT = 40  # characters: a description of what a figure shows, not its name
CHECKED = "nbval-check-output"  # the tag by which nbval compares a cell's output
PREDICTION = "prediction"  # the tag of a cell with the buttons of a prediction, or with what the reader said
ANSWERS = "**Your answers.**"  # with which the last cell begins
CLASS = ("<details><summary>For instructors</summary>\n\n", "\n\n</details>")  # around a text for the speaker
SLIDE_TYPES = {"slide", "subslide", "fragment", "skip", "notes", None}

Rule = Callable[[NotebookNode], list[str]]


# --- reading a notebook ------------------------------------------------------------------------------------


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def lines(cell: NotebookNode) -> list[str]:
    return [line for line in cell.source.splitlines() if line.strip()]


def slide_type(cell: NotebookNode) -> str | None:
    return cell.metadata.get("slideshow", {}).get("slide_type")


def prose(cells: list[NotebookNode]) -> str:
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def section(text: str, heading: str) -> str:
    """Return what stands between a heading line and the next one of any level, or ""."""
    match = re.search(rf"^#+ *{re.escape(heading)} *$(.*?)(?=^#|\Z)", text, re.M | re.S)
    return match[1] if match else ""


def items(text: str, numbered: bool = False) -> list[str]:
    """Return the items of the first list in a text, its lines at the margin only."""
    item = re.compile(r"\d+[.)] " if numbered else r"(?:[-*]|\d+[.)]) ")
    lines: list[str] = []
    for line in text.splitlines():
        if item.match(line):
            lines.append(line)
        elif lines and line.strip() and not line.startswith(" "):
            break
    return lines


def objectives(notebook: NotebookNode) -> list[str]:
    """Return the items under "What you will be able to do"."""
    parts = re.split(r"what you will be able to do", prose(notebook.cells), maxsplit=1, flags=re.I)
    return items(parts[1]) if len(parts) == 2 else []


def outputs(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    """Return each stored output with its code cell's number, from 1."""
    return [(n, output) for n, cell in enumerate(code_cells(notebook), 1) for output in cell.outputs]


def printed(output: NotebookNode) -> str:
    """Return what an output shows as text."""
    text = output.get("text") or output.get("data", {}).get("text/plain", "")
    return "".join(text)


# --- how it reads ------------------------------------------------------------------------------------------


def short_cells(notebook: NotebookNode) -> list[str]:
    lengths = [len(lines(cell)) for cell in code_cells(notebook)]
    too_long = [
        f"code cell {n} has {length} lines, more than {LONGEST_CELL}"
        for n, length in enumerate(lengths, 1)
        if length > LONGEST_CELL
    ]
    median = statistics.median(lengths or [0])
    return too_long + ([f"the median code cell has {median} lines"] if median > MEDIAN_CELL else [])


def sentence_between_code(notebook: NotebookNode) -> list[str]:
    """The buttons of a prediction, and what the reader said, belong to the text beside them."""
    kinds = ["buttons" if PREDICTION in cell.metadata.get("tags", []) else cell.cell_type for cell in notebook.cells]
    empty = [i for i, cell in enumerate(notebook.cells) if not cell.source.strip()]
    return [f"cell {i + 1} is empty" for i in empty] + [
        f"cells {i} and {i + 1} are both code, with no sentence between them"
        for i in range(1, len(kinds))
        if kinds[i - 1] == kinds[i] == "code"
    ]


def opening(notebook: NotebookNode) -> list[str]:
    first_code = next((i for i, c in enumerate(notebook.cells) if c.cell_type == "code"), len(notebook.cells))
    start = prose(notebook.cells[:first_code])
    problems = [] if start.startswith("# ") else ["it does not open with a title"]
    if "what you will be able to do" not in start.lower():
        problems.append("the opening lacks 'What you will be able to do'")
    if not 3 <= len(objectives(notebook)) <= 5:
        problems.append(f"it names {len(objectives(notebook))} objectives, not 3 to 5")
    for word in ("Needs", "Writes", "Time"):
        if not re.search(rf"^[*_>#|\-\s]*{word}\b", start, re.M):
            problems.append(f"the opening lacks a line that starts with {word!r}")
    return problems


def closing(notebook: NotebookNode) -> list[str]:
    text = prose(notebook.cells)
    headings = re.findall(r"^## *(.+?) *$", text, re.M)
    problems = [] if headings[-2:] == ["Recap", "Three questions"] else ["it does not end with Recap, Three questions"]
    recap, asked = items(section(text, "Recap")), items(section(text, "Three questions"), numbered=True)
    if len(recap) != len(objectives(notebook)):
        problems.append(f"the recap has {len(recap)} items for {len(objectives(notebook))} objectives")
    if len(asked) != 3:
        problems.append(f"it asks {len(asked)} numbered questions, not 3")
    if not notebook.cells[-1].source.startswith(ANSWERS) or notebook.cells[-1].cell_type == "code":
        problems.append("its last cell is not the one for the reader's own answers")
    return problems


def slides(notebook: NotebookNode) -> list[str]:
    """A cell without a type continues its slide. "-" would mean the same, but live slides in JupyterLab hide it."""
    types = [slide_type(cell) for cell in notebook.cells]
    problems = [f"cell {n} has the slide type {kind!r}" for n, kind in enumerate(types, 1) if kind not in SLIDE_TYPES]
    if types and types[0] != "slide":
        problems.append("its first cell begins no slide")
    return problems + ([] if "notes" in types else ["no cell holds speaker notes"])


def notes_are_for_the_class(notebook: NotebookNode) -> list[str]:
    """Notes for the speaker stand in the notebook as well, folded: a reader sees that they are for a class."""
    begin, end = CLASS
    return [
        f"the notes of cell {n} do not begin with {begin!r} and end with {end!r}"
        for n, cell in enumerate(notebook.cells, 1)
        if slide_type(cell) == "notes" and not (cell.source.startswith(begin) and cell.source.endswith(end))
    ]


def alternative_text(notebook: NotebookNode) -> list[str]:
    problems = []
    for n, output in outputs(notebook):
        for kind in ("image/png", "image/svg+xml"):
            alt = output.get("metadata", {}).get(kind, {}).get("alt", "").strip()
            if kind in output.get("data", {}) and len(alt) < SHORTEST_ALT:
                problems.append(f"a figure of code cell {n} is described in {len(alt)} characters: {alt!r}")
            if re.search(r"\.(?:png|svg|jpe?g)\b", alt):
                problems.append(f"a figure of code cell {n} is described by the name of a file: {alt!r}")
    text = prose(notebook.cells)
    problems += [f"a picture in the text has no description: {m}" for m in re.findall(r"!\[\s*\]\([^)]*\)", text)]
    tags = re.findall(r"<img\b[^>]*>", text)
    return problems + [f"no description: {t}" for t in tags if not re.search(r"""\balt=["'][^"']+""", t)]


def headings_in_order(notebook: NotebookNode) -> list[str]:
    """A reader who hears the page, not sees it, finds the way by its headings: one title, and no level left out."""
    headings = re.findall(r"^(#+) +(.+?) *$", re.sub(r"```.*?```", "", prose(notebook.cells), flags=re.S), re.M)
    levels = [0, *(len(marks) for marks, _ in headings)]
    problems = [
        f"the heading {words!r} leaves out a level"
        for before, now, (_, words) in zip(levels, levels[1:], headings, strict=False)
        if now > before + 1
    ]
    titles = [words for marks, words in headings if len(marks) == 1]
    return problems + ([] if len(titles) == 1 else [f"it has {len(titles)} titles: {titles}"])


def tables_have_headers(notebook: NotebookNode) -> list[str]:
    return [
        f"a table of code cell {n} has no header cells that say what a column is"
        for n, output in outputs(notebook)
        for table in re.findall(r"<table.*?</table>", "".join(output.get("data", {}).get("text/html", "")), re.S)
        if "<th" not in table
    ]


def predictions_have_buttons(notebook: NotebookNode) -> list[str]:
    """The buttons follow the question, and what the reader said stands directly before the explanation."""
    problems, cells = [], notebook.cells
    calls = [re.match(r'predictions\.(ask|said)\("(\w+)"\)$', cell.source.strip()) for cell in cells]
    for n, cell in enumerate(cells):
        asks = cell.cell_type == "markdown" and "**Predict.**" in cell.source and "* (a) " in cell.source
        if asks and not (n + 1 < len(cells) and calls[n + 1] and calls[n + 1][1] == "ask"):
            problems.append(f"after the question of cell {n + 1} there are no buttons")
        if calls[n] and PREDICTION not in cell.metadata.get("tags", []):
            problems.append(f"cell {n + 1} lacks the tag {PREDICTION!r}")
        if calls[n] and calls[n][1] == "said" and "(" not in cells[n + 1].source:
            problems.append(f"after cell {n + 1} nothing is explained")
        if calls[n] and calls[n][1] == "said" and slide_type(cells[n + 1]) in ("slide", "subslide"):
            problems.append(f"what was said, in cell {n + 1}, stands on a slide without its explanation")
    names = [[call[2] for call in calls if call and call[1] == kind] for kind in ("ask", "said")]
    return problems + ([] if names[0] == names[1] else [f"asked are {names[0]}, said {names[1]}"])


def predictions_are_explained(notebook: NotebookNode) -> list[str]:
    """Each answer of a *Predict* with choices is taken up afterwards, the wrong ones too."""
    problems = []
    parts = re.split(r"\*\*Predict\.\*\* ", prose(notebook.cells))[1:]
    for part in parts:
        asked = part.partition("\n")[0]
        choices = re.findall(r"^\* \((\w)\) ", part, re.M)
        after = re.sub(r"^\* \(\w\) .*$", "", part, flags=re.M)
        missing = [choice for choice in choices if f"({choice})" not in after]
        if choices and len(choices) < 3:
            problems.append(f"{asked!r} offers {len(choices)} answers, fewer than three")
        if missing:
            problems.append(f"after {asked!r} nothing is said of answer {', '.join(missing)}")
    return problems


# --- what its code may do ----------------------------------------------------------------------------------

FORBIDDEN = {
    "fetches from the network": r"https?://|\b(?:import|from)\s+(?:requests|urllib|httpx|http)\b|\b(?:wget|curl)\b",
    "installs packages": r"^\s*[!%]\s*(?:pip|conda|uv)\b|\bpip3?\b.*\binstall\b",
    "changes sys.path": r"\bsys\.path\b|\bsys\s+import\s+path\b",
    "reads a pickle": r"\bpickle\b|allow_pickle\s*=\s*True",
}


def stays_at_home(notebook: NotebookNode) -> list[str]:
    return [
        f"code cell {n} {what}"
        for n, cell in enumerate(code_cells(notebook), 1)
        for what, pattern in FORBIDDEN.items()
        if re.search(pattern, cell.source, re.M)
    ]


# --- its stored outputs ------------------------------------------------------------------------------------


def executed_in_order(notebook: NotebookNode) -> list[str]:
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        return [f"the cells were not executed once from top to bottom: {counts}"]
    return []


def clean_outputs(notebook: NotebookNode) -> list[str]:
    problems = ["it holds the state of widgets"] if "widgets" in notebook.metadata else []
    for n, output in outputs(notebook):
        if output.output_type == "error":
            problems.append(f"code cell {n} shows an error")
        if output.get("name") == "stderr":
            problems.append(f"code cell {n} writes to standard error: {printed(output)[:80]!r}")
        if "image/jpeg" in output.get("data", {}):
            problems.append(f"code cell {n} stores a JPEG, which is what photographs come as")
        if re.search(r"(?<![\w/.])/(?:home|root|work|Users|tmp|var)/|\b[A-Z]:\\", printed(output)):
            problems.append(f"code cell {n} shows a path of the machine it ran on")
        if "\r" in printed(output):
            problems.append(f"code cell {n} stores a progress bar")
    problems += [
        f"cell {n} keeps what an editor left: {', '.join(sorted(left))}"
        for n, cell in enumerate(notebook.cells, 1)
        if (left := {"execution", "collapsed", "scrolled", "ExecuteTime", "vscode"} & set(cell.metadata))
    ]
    return problems


def drawn_pets(notebook: NotebookNode) -> list[str]:
    """The line of `datasets.load` starts with "Data:"; what stands in brackets says how to get the other source."""
    lines = [line for _, output in outputs(notebook) for line in printed(output).splitlines()]
    sources = [line.split("(")[0] for line in lines if line.startswith("Data:")]
    return [
        f"its outputs are not those of the drawn pets: {source}"
        for source in sources
        if "drawn" not in source or "photograph" in source
    ]


def folded(notebook: NotebookNode) -> list[str]:
    """Whether the code that the deck hides is collapsed in JupyterLab, and no other."""
    return [
        f"code cell {n}: the tag hide-input and jupyter.source_hidden belong together; `make refresh` sets both"
        for n, cell in enumerate(code_cells(notebook), 1)
        if ("hide-input" in cell.metadata.get("tags", []))
        != cell.metadata.get("jupyter", {}).get("source_hidden", False)
    ]


def compared(notebook: NotebookNode) -> list[str]:
    problems, marked = [], 0
    for n, cell in enumerate(code_cells(notebook), 1):
        if "NBVAL_" in cell.source:
            problems.append(f"code cell {n} speaks of tests to its reader: use the tag {CHECKED}")
        if CHECKED not in cell.metadata.get("tags", []):
            continue
        marked += 1
        if not any(printed(output).strip() for output in cell.outputs):
            problems.append(f"code cell {n} is marked, but has no stored text to be compared with")
    if marked < COMPARED_CELLS:
        problems.append(f"only {marked} cells are compared, fewer than {COMPARED_CELLS}")
    return problems


def unique_ids(notebook: NotebookNode) -> list[str]:
    ids = [cell.get("id", "") for cell in notebook.cells]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    return [f"cell ids are missing or stand twice: {', '.join(twice) or 'none'}"] if twice or "" in ids else []


EVERYWHERE: list[Rule] = [
    short_cells,
    stays_at_home,
    alternative_text,
    tables_have_headers,
    clean_outputs,
    drawn_pets,
    unique_ids,
]
COURSE: list[Rule] = [
    *EVERYWHERE,
    sentence_between_code,
    headings_in_order,
    predictions_are_explained,
    predictions_have_buttons,
    opening,
    closing,
    slides,
    notes_are_for_the_class,
    executed_in_order,
    folded,
    compared,
]
