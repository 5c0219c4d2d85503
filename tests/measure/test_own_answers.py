"""What the files say of one's own pictures: class and confidence, as LiteRT alone gives them."""

import numpy as np

from helpers import plots
from helpers.measure import own_answers
from helpers.measure.own_answers import Answers

pytest_plugins = ["tiny"]


def test_without_a_picture_two_pets_are_drawn(pair, capsys):
    answers = own_answers.compare(None, pair)
    assert capsys.readouterr().out == "Pictures: two drawn pets, because none of yours were given.\n"
    assert answers.names == ["a drawn cat", "a drawn dog"] and answers.images.shape == (2, 96, 96, 3)


def test_the_table_says_class_and_confidence():
    images, says = np.zeros((2, 96, 96, 3), np.uint8), np.array([[0.875, 0.125], [0.25, 0.75]], np.float32)
    answers = Answers(["tom", "rex"], images, {"float32": says, "int8": says[::-1]})
    assert answers.table().rows == [["tom", "cat, 87.5%", "dog, 75.0%"], ["rex", "dog, 75.0%", "cat, 87.5%"]]
    assert answers.confidences("float32").tolist() == [0.875, 0.75]
    alt = plots.own_pets(answers).alt
    assert "rex: float32 says dog, 75.0% and int8 says cat, 87.5%" in alt


def test_the_answers_are_those_of_the_files(drawn, folder, pair):
    from ai_edge_litert.interpreter import Interpreter

    answers = own_answers.compare(folder / "dog" / "12.png", pair)
    ready = Interpreter(str(pair["float32"]))
    ready.allocate_tensors()
    ready.set_tensor(ready.get_input_details()[0]["index"], drawn[0][12:13].astype(np.float32) / 255)
    ready.invoke()
    expected = ready.get_tensor(ready.get_output_details()[0]["index"])
    np.testing.assert_allclose(answers.probabilities["float32"], expected, atol=1e-5)
    np.testing.assert_allclose(answers.probabilities["int8"], expected, atol=0.1)
