"""Live figures: a still picture for pages without a kernel, and a picture that follows its controls."""

import matplotlib.pyplot as plt
import pytest

from helpers import live, plots

VIEW = "application/vnd.jupyter.widget-view+json"


def bar(height: int = 2, colour: str = "blue", width: float = 0.5) -> plots.Picture:
    if height == 5:
        raise ValueError("Five is too high: choose less.")
    figure, axis = plt.subplots(figsize=(2, 2))
    axis.bar(0, height, width=width, color=colour)
    axis.set_ylim(0, 10)
    return plots.Picture(figure, f"A {colour} bar of height {height}.")


def control(figure: live.Live, name: str):
    return next(widget for widget in figure.controls.children if getattr(widget, "description", None) == name)


def test_without_a_kernel_the_picture_of_the_defaults_is_shown():
    data, metadata = live.explore(bar, height=(0, 9))._repr_mimebundle_()
    assert data["image/png"] == bar().png()
    assert metadata["image/png"]["alt"] == data["text/plain"] == "A blue bar of height 2."
    assert data[VIEW]["model_id"]


def test_the_picture_follows_its_controls():
    figure = live.explore(bar, height=(0, 9), colour=["blue", "red"])
    assert control(figure, "height").value == 2
    assert figure.image.value == bar().png()
    control(figure, "height").value = 7
    assert figure.image.value == bar(7).png()
    control(figure, "colour").value = "red"
    assert figure.image.value == bar(7, "red").png()
    assert figure._repr_mimebundle_()[0]["image/png"] == bar().png(), "the still picture stays"


def test_what_cannot_be_drawn_says_why_and_leaves_the_picture():
    figure = live.explore(bar, height=(0, 9))
    control(figure, "height").value = 5
    assert figure.problem.value == "Five is too high: choose less."
    assert figure.image.value == bar().png()
    control(figure, "height").value = 4
    assert (figure.problem.value, figure.image.value) == ("", bar(4).png())


def test_controls_must_fit_the_function():
    with pytest.raises(TypeError, match="found none for 'depth'"):
        live.explore(bar, depth=(0, 1))
    with pytest.raises(TypeError, match="'size' has none"):
        live.explore(lambda size: bar(), size=(0, 1))
