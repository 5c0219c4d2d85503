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
from IPython.display import DisplayHandle

from helpers.base import data
from helpers.course import progress

KEPT = "Kept in progress.json on this machine, and nowhere else."
_said: dict[str, DisplayHandle] = {}  # the sentences on the screen, which follow the buttons


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


class Ask:
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
        self.boxes = " ".join(f"☐ ({letter})" for letter in prediction.choices)

    def __repr__(self) -> str:
        return f"Your prediction: {self.boxes}"

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        """Return the buttons, and what stands in their place where no kernel runs."""
        widget = widgets.VBox([self.buttons, self.note])._repr_mimebundle_()
        name, choices = self.prediction.name, self.prediction.choices
        page = f'<div data-prediction="{name}" data-choices="{choices}">{self.boxes}</div>'
        still = {"text/html": page, "text/plain": repr(self)}
        return (widget[0] if isinstance(widget, tuple) else widget) | still, {}

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
            _said[name].update(sentence(name), raw=True)


def ask(name: str) -> Ask:
    """Return the buttons of a prediction.

    Raises:
        KeyError: there is no such prediction.
    """
    return Ask(find(name))


@dataclasses.dataclass(frozen=True)
class Said:
    """What the reader said, before the explanation: a line of HTML that follows when they change their mind."""

    prediction: Prediction

    def _ipython_display_(self) -> None:
        name = self.prediction.name
        _said[name] = DisplayHandle(f"said-{name}")
        _said[name].display(sentence(name), raw=True)


def said(name: str) -> Said:
    """Return what the reader said; nothing, if they did not say anything.

    Raises:
        KeyError: there is no such prediction.
    """
    return Said(find(name))


def sentence(name: str) -> dict[str, str]:
    """Return what the reader said, HTML and plain; in pages `web/prediction.js` looks for the same line."""
    spoken = words(_kept(name)[0])
    return {"text/html": f'<p data-said="{name}">{spoken and f"<b>{spoken}</b>"}</p>', "text/plain": spoken}


def _note(record: dict | None) -> str:
    return f"<i>{words(record)} {KEPT}</i>" if record else ""
