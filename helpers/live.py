"""A figure that moves with sliders where a kernel runs, and stands still everywhere else.

On the web, in slides and in exported pages there is no kernel; the still picture shown there says the same.
"""

import inspect
from collections.abc import Callable

import ipywidgets as widgets


class Live:
    """A picture with controls; as the last expression of a cell it shows itself, live or still."""

    def __init__(self, plot: Callable, **controls: object):
        self.still = plot()
        self.image = widgets.Image(value=self.still.png(), format="png")
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
        plot: returns a `plots.Picture`; its arguments have defaults, which the still picture shows.
        controls: for each argument that can be moved, what it may be: (low, high) or (low, high, step) for a slider, a
            list of choices, or a widget.

    Raises:
        TypeError: an argument of `plot` has no default, or there is no argument of a control's name.
    """
    defaults = _defaults(plot)
    unknown = [name for name in controls if name not in defaults]
    if unknown:
        raise TypeError(f"Each control needs an argument of its name in the function; found none for {unknown[0]!r}.")
    made = {name: _control(name, choice, defaults[name]) for name, choice in controls.items()}
    return Live(plot, **made)


def _defaults(plot: Callable) -> dict[str, object]:
    """Return the arguments of a function with their defaults."""
    parameters = inspect.signature(plot).parameters
    bare = [name for name, parameter in parameters.items() if parameter.default is parameter.empty]
    if bare:
        raise TypeError(f"Each argument needs a default, which the still picture shows; {bare[0]!r} has none.")
    return {name: parameter.default for name, parameter in parameters.items()}


def _control(name: str, choice: object, default: object) -> widgets.Widget:
    """Return the widget for an argument, set to its default."""
    widget = choice if isinstance(choice, widgets.Widget) else widgets.interactive.widget_from_abbrev(choice)
    widget.value, widget.description = default, name.replace("_", " ")
    if hasattr(widget, "continuous_update"):
        widget.continuous_update = False  # a figure takes a moment to draw
    return widget
