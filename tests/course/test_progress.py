"""Progress: what is kept, what is read, what is refused; predictions with their buttons; the tables of my course."""

import json
import re

import pytest

from helpers.base.data import project
from helpers.course import exercises, my_course, predictions, progress


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """A file of progress of one's own."""
    monkeypatch.setenv(progress.ELSEWHERE, str(tmp_path / "progress.json"))
    return tmp_path / "progress.json"


NAME = "bits_of_a_sum"
RIGHT = r"\((\w)\)(?: (?:or|and) \((\w)\))?(?: is right| alone| can both|[:.] | is the lesson)"  # so explanations begin


# --- the file -------------------------------------------------------------------------------------------------------


def test_nothing_is_there_before_anything_is_done(kept):
    assert progress.read() == {"version": 1, "predictions": {}, "exercises": {}}
    assert not kept.exists()


def test_a_prediction_is_kept_and_the_first_one_beside_it(kept):
    progress.predicted(NAME, "a")
    progress.predicted(NAME, "c")
    progress.predicted(NAME, "b")
    (record,) = json.loads(kept.read_text("utf-8"))["predictions"].values()
    assert (record["choice"], record["first"]) == ("b", "a")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", record["at"])


def test_attempts_and_hints_are_kept_until_it_is_solved(capsys):
    exercises.check("codes_of_a_byte", 255)
    exercises.check("codes_of_a_byte", 255)
    exercises.check("codes_of_a_byte", 8)
    exercises.check("codes_of_a_byte", 2**8)
    exercises.check("codes_of_a_byte", 2**8)  # run again
    record = progress.read()["exercises"]["codes_of_a_byte"]
    assert record["attempts"] == 4 and record["code"] == "256" and record["solved"]
    assert len(record["hints"]) == 2 and "fence posts" in record["hints"][0]


def test_what_was_not_attempted_is_not_counted(capsys):
    exercises.check("codes_of_a_byte", ...)
    exercises.check("quantize", lambda x, scale, zero_point: ...)
    assert progress.read()["exercises"] == {}


def test_the_lines_of_a_function_are_kept(capsys):
    def back(codes, scale, zero_point):
        return codes * 0  # surely wrong

    exercises.check("back", back)
    assert "return codes * 0  # surely wrong" in progress.read()["exercises"]["back"]["code"]


def test_a_function_without_a_source_is_named(capsys):
    exercises.check("weight_scale", max)
    assert progress.read()["exercises"]["weight_scale"]["code"] == "<built-in function max>"


def test_somebody_elses_answers_are_not_kept(kept, capsys, monkeypatch):
    monkeypatch.setattr(progress, "_paused", False)
    progress.pause()
    exercises.check("codes_of_a_byte", 256)
    assert "right" in capsys.readouterr().out and not kept.exists()


def test_it_is_deleted_by_one_call(kept):
    progress.predicted(NAME, "a")
    progress.forget()
    assert not kept.exists()
    progress.forget()  # and again


@pytest.mark.parametrize(
    "content, why",
    [
        ("{", "cannot be read: Expecting property name"),
        ("[]", "it is no record of progress"),
        ('{"version": 1}', "it is no record of progress"),
        ('{"version": 2, "predictions": {}, "exercises": {}}', "its version is 2, and this course reads version 1"),
        (b"\xff\xfe", "can't decode"),
    ],
)
def test_a_file_that_is_none_of_ours_is_named_and_left_alone(kept, capsys, content, why):
    kept.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = kept.read_bytes()
    with pytest.raises(ValueError, match=re.escape(why)) as raised:
        progress.predicted(NAME, "a")
    assert str(kept) in str(raised.value) and "move it away to begin anew" in str(raised.value)
    exercises.check("codes_of_a_byte", 256)  # a check never raises
    assert "right" in (said := capsys.readouterr().out) and "This attempt is not kept" in said
    assert kept.read_bytes() == before


# --- predictions ----------------------------------------------------------------------------------------------------


@pytest.fixture
def screen(monkeypatch):
    """What stands on the screen, {its id: HTML}, as a front end keeps it: an update of what was never shown is lost."""
    shown = {}

    class Handle:
        def __init__(self, display_id):
            self.display_id = display_id

        def display(self, bundle, raw):
            shown[self.display_id] = bundle["text/html"]

        def update(self, bundle, raw):
            shown.update({self.display_id: bundle["text/html"]} if self.display_id in shown else {})

    monkeypatch.setattr(predictions, "DisplayHandle", Handle)
    monkeypatch.setattr(predictions, "_said", {})
    return shown


def press(asked, letter):
    asked.buttons.value = f"({letter})"


def test_a_button_keeps_the_choice_and_says_it_before_the_explanation(screen):
    asked = predictions.ask(NAME)
    press(asked, "a")  # before the explanation has been run
    assert screen == {}
    predictions.said(NAME)._ipython_display_()
    ((key, sentence),) = screen.items()
    assert sentence == f'<p data-said="{NAME}"><b>You said (a).</b></p>'
    press(asked, "c")
    assert screen == {key: f'<p data-said="{NAME}"><b>You said (a) first, then (c).</b></p>'}
    assert "on this machine, and nowhere else" in asked.note.value


def test_it_is_still_there_in_another_kernel(screen):
    press(predictions.ask(NAME), "a")
    assert predictions.ask(NAME).buttons.value == "(a)"
    predictions.said(NAME)._ipython_display_()
    assert "You said (a)." in "".join(screen.values())


def still(asked):
    bundle, _ = asked._repr_mimebundle_()
    return bundle["text/plain"], bundle["text/html"]


def test_the_stored_question_does_not_depend_on_the_reader():
    before = still(predictions.ask(NAME))
    press(predictions.ask(NAME), "a")
    assert still(predictions.ask(NAME)) == before
    assert before[0] == "Your prediction: ☐ (a) ☐ (b) ☐ (c)"


def test_without_a_choice_there_is_no_sentence_but_its_place(screen):
    predictions.said(NAME)._ipython_display_()
    assert list(screen.values()) == [f'<p data-said="{NAME}"></p>']


def test_a_file_that_cannot_be_written_is_said_below_the_buttons(kept):
    asked = predictions.ask(NAME)
    kept.write_text("[]")
    press(asked, "b")
    assert "it is no record of progress" in asked.note.value


def test_a_prediction_that_is_not_there_is_named():
    with pytest.raises(KeyError, match="There is no prediction 'nonsense'; there are"):
        predictions.ask("nonsense")


def cells(notebook):
    return json.loads((project() / "notebooks" / f"{notebook}.ipynb").read_text("utf-8"))["cells"]


def test_the_table_is_what_the_notebooks_ask_in_their_order():
    """Names, letters, and what the explanation calls right in its first words."""
    asked = []
    for stem in my_course.titles():
        texts = ["".join(cell["source"]) for cell in cells(stem)]
        for n, text in enumerate(texts):
            if not text.startswith('predictions.ask("'):
                continue
            one = predictions.find(text.split('"')[1])
            asked.append(one.name)
            assert one.notebook == stem
            assert "".join(re.findall(r"^\* \((\w)\) ", texts[n - 1], re.M)) == one.choices
            explained = texts[texts.index(f'predictions.said("{one.name}")') + 1]
            found = re.match(RIGHT, explained)
            if found and one.right:
                assert "".join(filter(None, found.groups())) == one.right, (one.name, explained[:80])
    assert asked == list(predictions.table())


# --- my course ------------------------------------------------------------------------------------------------------


def test_the_tables_count_what_was_done(capsys):
    progress.predicted("always_cat", "a")
    progress.predicted("always_cat", "c")  # right, but not at first
    progress.predicted("higher_threshold", "b")
    progress.predicted("most_damage", "c")  # depends on the run: neither right nor wrong
    exercises.check("multiply_accumulates", 48 * 48 * 32 * 3 * 3 * 16)
    rows = {row[0]: row[1:] for row in my_course.by_notebook().rows}
    total = sum(one.notebook == "01_train" for one in predictions.table().values())
    assert rows["1 · Train"] == [f"2 of {total}", "1 of 2", "1 of 1"]
    assert rows["6 · Other parts"][:2] == [f"1 of {3}", "–"]
    together = rows["together"]
    assert together == [f"3 of {len(predictions.table())}", "1 of 2", f"1 of {len(exercises.NOTEBOOKS)}"]
    topics = {row[0]: row[1:] for row in my_course.by_topic().rows}
    assert topics["accuracy"][1] == "1 of 2" and topics["fewer bits"][1] == "–"


def test_a_file_that_cannot_be_read_stops_no_notebook(kept):
    """The tables count nothing, and say why above."""
    kept.write_text("[]")
    for table in (my_course.by_notebook(), my_course.by_topic()):
        assert "it is no record of progress" in str(table) and "0 of" in str(table)


def test_every_exercise_belongs_to_the_notebook_in_which_it_stands():
    for name, notebook in exercises.NOTEBOOKS.items():
        assert any(f'exercises.check("{name}"' in "".join(cell["source"]) for cell in cells(notebook)), name
