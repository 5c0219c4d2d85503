"""Predictions with buttons: the choice is kept, and the explanation begins with what the reader said.

    predictions.ask("what_eight_bits_cost")     buttons (a), (b), (c), below the question
    predictions.said("what_eight_bits_cost")    "You said (b).", before the explanation

Nothing is locked: a notebook that is run from top to bottom goes on without a choice.  In pages and on slides the
buttons are those of `web/prediction.js`, which keeps nothing; where no script runs, the letters stand there alone, with
a box for each.
"""

import dataclasses
import functools

import ipywidgets as widgets

from helpers.base import data
from helpers.course import progress

KEPT = "Kept in progress.json on this machine, and nowhere else."
_said: dict[str, widgets.HTML] = {}  # the sentences on the screen, which follow the buttons


@dataclasses.dataclass(frozen=True)
class Prediction:
    """A question whose answer the reader is to guess first; the words stand in the notebook.

    Attributes:
        name: of the prediction.
        notebook: in which it is asked.
        topic: what it is about.
        choices: the letters.
        right: those of them that the explanation calls right on any machine; "" if that depends on the run.
    """

    name: str
    notebook: str
    topic: str
    choices: str
    right: str | None


@functools.cache
def table() -> dict[str, Prediction]:
    """Return all predictions of the course in their order, {name: prediction}."""
    return {one.name: one for one in data.records("predictions.csv", Prediction)}


def find(name: str) -> Prediction:
    """Return a prediction.

    Raises:
        KeyError: there is none of that name.
    """
    if name not in table():
        raise KeyError(f"There is no prediction {name!r}; there are {', '.join(table())}.")
    return table()[name]


def words(record: dict | None) -> str:
    """Return what a reader said, as a sentence; "" if they did not say anything.

    Args:
        record: of one prediction, from `progress.read`.
    """
    if record is None:
        return ""
    first, last = record.get("first", record["choice"]), record["choice"]
    return f"You said ({first})." if first == last else f"You said ({first}) first, then ({last})."


def _kept(name: str) -> tuple[dict | None, str]:
    """Return the record of a prediction, if there is one, and what prevented reading it, if something did."""
    kept, problem = progress.kept()
    return kept["predictions"].get(name), problem


class _Shown:
    """A widget with what stands in its place where no kernel runs."""

    def __init__(self, box: widgets.Widget, still: str, html: str):
        self.box, self.still, self.html = box, still, html

    def __repr__(self) -> str:
        return self.still

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        widget = self.box._repr_mimebundle_()
        still = {"text/html": self.html, "text/plain": self.still}
        return (widget[0] if isinstance(widget, tuple) else widget) | still, {}


class Ask(_Shown):
    """Buttons for the choices of a prediction."""

    def __init__(self, prediction: Prediction):
        self.prediction = prediction
        record, problem = _kept(prediction.name)
        letters = [f"({letter})" for letter in prediction.choices]
        chosen = f"({record['choice']})" if record else None
        self.buttons = widgets.ToggleButtons(options=letters, value=chosen if chosen in letters else None)
        self.buttons.style.button_width = "4em"
        self.note = widgets.HTML(problem or _note(record))
        self.buttons.observe(self._keep, "value")
        boxes = " ".join(f"☐ ({letter})" for letter in prediction.choices)
        page = f'<div data-prediction="{prediction.name}" data-choices="{prediction.choices}">{boxes}</div>'
        super().__init__(widgets.VBox([self.buttons, self.note]), f"Your prediction: {boxes}", page)

    def _keep(self, change: dict) -> None:
        """Keep a choice, and say it wherever this notebook has a sentence for it."""
        name, problem = self.prediction.name, ""
        try:
            progress.predicted(name, change["new"].strip("()"))
        except (OSError, ValueError) as error:
            problem = str(error)
        record, _ = _kept(name)
        self.note.value = problem or _note(record)
        if name in _said:
            _said[name].value = _bold(record)


def ask(name: str) -> Ask:
    """Return the buttons of a prediction.

    Raises:
        KeyError: there is no such prediction.
    """
    return Ask(find(name))


class Said(_Shown):
    """What the reader said, before the explanation; it follows when they change their mind."""

    def __init__(self, prediction: Prediction):
        sentence = _said[prediction.name] = widgets.HTML(_bold(_kept(prediction.name)[0]))
        super().__init__(sentence, "", f'<p data-said="{prediction.name}"></p>')


def said(name: str) -> Said:
    """Return what the reader said; nothing, if they did not say anything.

    Raises:
        KeyError: there is no such prediction.
    """
    return Said(find(name))


def _bold(record: dict | None) -> str:
    return f"<b>{words(record)}</b>" if record else ""


def _note(record: dict | None) -> str:
    return f"<i>{words(record)} {KEPT}</i>" if record else ""
