"""Live figures: a still picture for pages without a kernel, and a picture that follows its controls."""

import matplotlib.pyplot as plt
import pytest

from helpers import plots
from helpers.course import live

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


def test_numbers_in_a_list_are_stops_of_a_slider():
    figure = live.explore(bar, height=[1, 2, 7])
    slider = control(figure, "height")
    assert (slider.options, slider.value) == ((1, 2, 7), 2)
    slider.value = 7
    assert figure.image.value == bar(7).png()


# --- the quiz -----------------------------------------------------------------------------------------------------

JUDGEMENTS = ("true", "false")
STATEMENTS = [("Snow is white & cold", "true", "look <up>"), ("Eight bits hold 255 codes", "false", "256")]


def parts(quiz: live.Quiz, number: int):
    """Return the buttons of a statement and what opens behind them."""
    _, choice, opened = quiz.rows[number].children
    return choice, opened


def test_an_answer_opens_only_behind_a_judgement():
    quiz = live.quiz(STATEMENTS, JUDGEMENTS)
    assert [parts(quiz, n)[1].value for n in range(2)] == ["", ""]
    assert quiz.tally.value == "0 of 2 judged, 0 as measured here"
    parts(quiz, 0)[0].value = "true"
    assert parts(quiz, 0)[1].value == "✓ <b>true</b>: look &lt;up&gt;"
    assert parts(quiz, 1)[1].value == ""
    parts(quiz, 1)[0].value = "true"
    assert parts(quiz, 1)[1].value == "✗ <b>false</b>: 256"
    assert quiz.tally.value == "2 of 2 judged, 1 as measured here"


def test_the_first_judgement_counts():
    quiz = live.quiz(STATEMENTS, JUDGEMENTS)
    choice, opened = parts(quiz, 1)
    choice.value = "true"
    choice.value = "false"
    assert opened.value.startswith("✗") and quiz.tally.value == "1 of 2 judged, 0 as measured here"


def test_without_a_kernel_the_statements_stand_alone():
    data, _ = live.quiz(STATEMENTS, JUDGEMENTS)._repr_mimebundle_()
    assert data[VIEW]["model_id"]
    for shown in (data["text/html"], data["text/plain"]):
        assert "Eight bits hold 255 codes" in shown and shown.count("☐") == 4
        assert "256" not in shown
    assert "white &amp; cold" in data["text/html"]


def test_a_right_judgement_must_be_among_the_choices():
    with pytest.raises(ValueError, match="out of true, false; found 'perhaps'"):
        live.quiz([("It rains", "perhaps", "")], JUDGEMENTS)
