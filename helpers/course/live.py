"""A figure that moves with sliders where a kernel runs.

In slides and in exported pages there is no kernel; there a figure of `web/` takes the picture's place, if the picture
has one (`style.Picture.live`).  Where no script runs either, the still picture says the same.
"""

import html
import inspect
from collections.abc import Callable, Iterable, Sequence

import ipywidgets as widgets

from helpers.base.tables import Table


class Live:
    """A picture with controls; as the last expression of a cell it shows itself, live or still."""

    def __init__(self, plot: Callable, **controls: object):
        self.still = plot()
        as_drawn = widgets.Layout(align_self="flex-start", max_width="100%")  # a box would stretch it to its own width
        self.image = widgets.Image(value=self.still.png(), format="png", layout=as_drawn)
        self.problem = widgets.HTML()
        self.controls = widgets.interactive(self._draw, **controls)
        self._plot = plot
        self.box = widgets.VBox([*self.controls.children[:-1], self.problem, self.image])

    def _draw(self, **values: object) -> None:
        """Draw anew; what cannot be drawn leaves the last picture and says why."""
        if not hasattr(self, "_plot"):  # `interactive` calls once while it is being made
            return
        try:
            self.image.value, self.problem.value = self._plot(**values).png(), ""
        except ValueError as error:
            self.problem.value = str(error)

    def __repr__(self) -> str:
        return self.still.alt

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        data, metadata = self.still._repr_mimebundle_()
        widget = self.box._repr_mimebundle_()
        return (widget[0] if isinstance(widget, tuple) else widget) | data, metadata


def explore(plot: Callable, **controls: object) -> Live:
    """Return a live figure: `plot` drawn anew whenever a control moves.

    Args:
        plot: returns a `style.Picture`; its arguments have defaults, which the still picture shows.
        controls: for each argument that can be moved, what it may be: (low, high) or (low, high, step) for a slider, a
            list of numbers for a slider that stops there, a list of words to choose from, a text, or a widget.

    Raises:
        TypeError: an argument of `plot` has no default, or there is no argument of a control's name.
    """
    defaults = _defaults(plot)
    unknown = [name for name in controls if name not in defaults]
    if unknown:
        raise TypeError(f"Each control needs an argument of its name in the function; found none for {unknown[0]!r}.")
    return Live(plot, **{name: _control(name, choice, defaults[name]) for name, choice in controls.items()})


def _defaults(plot: Callable) -> dict[str, object]:
    """Return the arguments of a function with their defaults."""
    parameters = inspect.signature(plot).parameters
    bare = [name for name, parameter in parameters.items() if parameter.default is parameter.empty]
    if bare:
        raise TypeError(f"Each argument needs a default, which the still picture shows; {bare[0]!r} has none.")
    return {name: parameter.default for name, parameter in parameters.items()}


def _control(name: str, choice: object, default: object) -> widgets.Widget:
    """Return the widget for an argument, set to its default."""
    if isinstance(choice, list) and all(isinstance(stop, int | float) for stop in choice):
        widget = widgets.SelectionSlider(options=choice, value=default)
    else:
        widget = choice if isinstance(choice, widgets.Widget) else widgets.interactive.widget_from_abbrev(choice)
    widget.value, widget.description = default, name.replace("_", " ")
    if hasattr(widget, "continuous_update"):
        widget.continuous_update = False  # a figure takes a moment to draw
    return widget


# --- a quiz -------------------------------------------------------------------------------------------------------


class Quiz:
    """Statements to be judged one by one; what is true opens only behind a statement that has been judged.

    Where no kernel runs, the statements stand there alone, with a box for each judgement.
    """

    def __init__(self, statements: Iterable[tuple[str, str, str]], judgements: Sequence[str]):
        self.statements, self.judgements = list(statements), list(judgements)
        self.answers: list[str | None] = [None] * len(self.statements)
        self.still = Table(
            ["statement", *self.judgements], [[s, *("☐" for _ in judgements)] for s, *_ in self.statements]
        )
        self.tally = widgets.HTML()
        self.rows = [self._row(number) for number in range(len(self.statements))]
        self.box = widgets.VBox([*self.rows, self.tally])
        self._count()

    def _row(self, number: int) -> widgets.VBox:
        words, right, why = self.statements[number]
        choice = widgets.ToggleButtons(options=self.judgements, value=None)
        opened = widgets.HTML()

        def judge(change: dict) -> None:
            """The first judgement counts; after it the answer is there to be read."""
            self.answers[number] = self.answers[number] or change["new"]
            sign = "✓" if self.answers[number] == right else "✗"
            opened.value = f"{sign} <b>{html.escape(right)}</b>: {html.escape(why)}"
            self._count()

        choice.observe(judge, "value")
        return widgets.VBox([widgets.HTML(f"{number + 1}. {html.escape(words)}"), choice, opened])

    def _count(self) -> None:
        """Say how many have been judged, and how many of those rightly."""
        judged = [(mine, right) for mine, (_, right, _) in zip(self.answers, self.statements, strict=True) if mine]
        hits = sum(mine == right for mine, right in judged)
        self.tally.value = f"{len(judged)} of {len(self.statements)} judged, {hits} as measured here"

    def __repr__(self) -> str:
        return str(self.still)

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        widget = self.box._repr_mimebundle_()
        still = {"text/html": self.still._repr_html_(), "text/plain": str(self.still)}
        return (widget[0] if isinstance(widget, tuple) else widget) | still, {}


def quiz(statements: Iterable[tuple[str, str, str]], judgements: Sequence[str]) -> Quiz:
    """Return statements to be judged; the answer to each opens when the reader has made up their mind.

    Args:
        statements: (what is stated, the right judgement, what was found).
        judgements: the reader's choices.

    Raises:
        ValueError: a right judgement is none of the choices, so that nobody could find it.
    """
    statements = list(statements)
    unknown = [right for _, right, _ in statements if right not in judgements]
    if unknown:
        raise ValueError(f"Expected a judgement out of {', '.join(judgements)}; found {unknown[0]!r}.")
    return Quiz(statements, judgements)
