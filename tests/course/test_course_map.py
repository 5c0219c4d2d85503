"""The map of the course against the notebooks themselves: names, minutes, links, glossary and solutions."""

import csv
import re
from pathlib import Path

import nbformat
import pytest

from helpers import plots
from helpers.base.data import project
from helpers.course import course_map

NOTEBOOKS = sorted((project() / "notebooks").glob("[0-9][0-9]_*.ipynb"))
GLOSSARY = "08_summary.ipynb#Glossary"
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")


def prose(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


SUMMARY = "08_summary.ipynb"  # has the words of all others
PROSE = {path.name: prose(path) for path in sorted(NOTEBOOKS, key=lambda path: (path.name == SUMMARY, path.name))}


# --- the map ------------------------------------------------------------------------------------------------


def test_the_map_has_every_notebook_but_itself_in_order():
    assert [station.file for station in course_map.stations()] == [path.name for path in NOTEBOOKS[1:]]


@pytest.mark.parametrize("station", course_map.stations(), ids=lambda station: station.file)
def test_a_station_has_the_name_and_the_minutes_of_its_notebook(station):
    text = PROSE[station.file]
    assert text.startswith(f"# {station.title}")
    stated = [int(minutes) for minutes in re.findall(r"^## .*\((\d+) minutes\) *$", text, re.M)]
    assert not stated or station.read_minutes == sum(stated)


QUARTERS = ("", "a quarter", "a half", "three quarters")


def spoken(minutes: int) -> str:
    """Return minutes in words, to the nearest quarter of an hour: 'an hour and a quarter'."""
    hours, quarters = divmod(round(minutes / 15), 4)
    if hours == 0:
        return "half an hour" if quarters == 2 else f"{QUARTERS[quarters]} of an hour"
    whole = "an hour" if hours == 1 else f"{('two', 'three')[hours - 2]} hours"
    if hours > 1 and quarters == 2:
        return f"{whole.split()[0]} and a half hours"
    return f"{whole} and {QUARTERS[quarters]}" if quarters else whole


@pytest.mark.parametrize("station", course_map.stations(), ids=lambda station: station.file)
def test_a_notebook_says_how_long_it_takes_a_reader(station):
    (said,) = re.findall(r"^\*\*Time\*\* .*For a reader, (.+)\.$", PROSE[station.file], re.M)
    assert said == spoken(station.read_minutes)


def test_every_box_leads_to_its_notebook():
    stations = course_map.stations()
    page = plots.course_map(stations)._repr_mimebundle_()[0]["text/html"]
    links = dict(re.findall(r'<a href="([^"]+)"[^>]*>([^<]+)</a>', page))
    assert links == {station.file: station.title for station in stations}


def test_the_boxes_lie_inside_the_picture_and_beside_each_other():
    places = list(plots.course_map(course_map.stations()).links)
    for left, bottom, width, height in places:
        assert min(left, bottom) >= 0 and left + width <= 1 and bottom + height <= 1
    for i, (left, bottom, width, height) in enumerate(places):
        for other in places[i + 1 :]:
            beside = left + width <= other[0] or other[0] + other[2] <= left
            assert beside or bottom + height <= other[1] or other[1] + other[3] <= bottom


@pytest.mark.parametrize(("minutes", "words"), [(0, "0 min"), (30, "30 min"), (60, "1 h"), (155, "2 h 35 min")])
def test_hours(minutes, words):
    assert course_map.hours(minutes) == words


def test_the_time_table_adds_up():
    *rows, together = course_map.time_table().rows
    with (project() / "data" / "course.csv").open(encoding="utf-8", newline="") as file:
        minutes = [int(row["read_minutes"]) for row in csv.DictReader(file)]
    assert [row[2] for row in rows] == [course_map.hours(m) for m in minutes]
    assert together[2] == course_map.hours(sum(minutes))


# --- links --------------------------------------------------------------------------------------------------


def headings(text: str) -> set[str]:
    """Return the anchors of the headings, as JupyterLab and nbconvert make them."""
    return {words.strip().replace(" ", "-") for words in re.findall(r"^#+ +(.+)$", text, re.M)}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_between_notebooks_lead_somewhere(path):
    for _, target in LINK.findall(PROSE[path.name]):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.is_file(), target
        assert not anchor or anchor in headings(prose(file)), target


def test_every_exercise_has_a_link_to_a_solution_that_checks_it():
    solutions = nbformat.read(project() / "notebooks" / "solutions" / "solutions.ipynb", as_version=4).cells
    solved, heading = {}, ""
    for cell in solutions:
        if cell.cell_type == "markdown":
            heading = re.match(r"#+ +(.+)", cell.source)[1].replace(" ", "-")
        for name in re.findall(r'exercises\.check\("(\w+)"', cell.source):
            solved[name] = heading
    for path in NOTEBOOKS:
        before = ""
        for cell in nbformat.read(path, as_version=4).cells:
            for name in re.findall(r'exercises\.check\("(\w+)"', cell.source if cell.cell_type == "code" else ""):
                assert f"](solutions/solutions.ipynb#{solved[name]})" in before, f"{path.name}: {name}"
            before = cell.source


# --- the glossary -------------------------------------------------------------------------------------------


def terms() -> list[str]:
    """Return the terms of the glossary without what stands in brackets behind them."""
    text = PROSE["08_summary.ipynb"].split("## Glossary")[1].split("## Recap")[0]
    return [re.sub(r" *\(.*?\)", "", term) for term in re.findall(r"^\| \*\*(.+?)\*\* \|", text, re.M)]


def is_about(word: str, term: str) -> bool:
    """Whether a word of the text is a form of a term: 'calibrating' of 'calibration', 'per-tensor' of 'per tensor'."""
    form = word.strip("*`").lower().replace("-", " ")
    names = [re.sub(r" quantization$", "", name) for name in term.lower().replace("-", " ").split(", ")]
    return any(form.startswith(name[:7]) or f"a{form}"[: len(name)] == f"a{name}" for name in [term.lower(), *names])


def test_the_glossary_is_in_alphabetical_order():
    glossary = [term.lower() for term in terms()]
    assert glossary == sorted(glossary) and len(glossary) > 20


@pytest.mark.parametrize("term", terms())
def test_the_first_use_of_a_term_links_to_the_glossary(term):
    linked = [(name, word) for name, text in PROSE.items() for word, target in LINK.findall(text) if target == GLOSSARY]
    links = [(name, word) for name, word in linked if is_about(word, term)]
    assert len(links) == 1, links
    (name, word), *_ = links
    plain = re.escape(word.strip("*"))
    for earlier, text in PROSE.items():
        if earlier == name:
            break
        unmarked = re.sub(r"`[^`]*`|^(?:#|\||\d+\.|\*\*(?:Needs|Writes)).*$", "", text, flags=re.M)
        assert not re.search(rf"(?<![\w-]){plain}(?![\w-])", unmarked, re.I), f"{earlier} uses {word!r} before {name}"
