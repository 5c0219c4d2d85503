"""The figure of one convolution in integers."""

import numpy as np
import pytest

from helpers import plots
from helpers.integer import one_value
from helpers.networks.plans import PRETRAINED_INT8 as SHIPPED


@pytest.fixture(scope="module")
def layer():
    return one_value.first_convolution(SHIPPED, np.random.default_rng(0).integers(-128, 128, (96, 96, 3), np.int8))


@pytest.mark.parametrize("place", [(0, 0, 0), (47, 47, 15), (20, 5, 3)])
def test_it_says_every_step_and_marks_the_value(layer, place):
    picture, steps = plots.one_convolution(layer, *place), one_value.trace(layer, *place)
    assert all(f"{words}: {value:,}" in picture.alt for words, value in steps)
    assert "row {}, column {}, filter {}".format(*place) in picture.alt
    before, after, ledger = picture.figure.axes
    assert [text.get_text() for text in ledger.texts[1::2]] == [f"{value:,}" for _, value in steps]
    assert after.images[0].get_array()[place[0], place[1]] == steps[-1][1]
    assert after.patches[-1].get_xy() == (place[1] - 0.5, place[0] - 0.5)
    assert before.patches[-1].get_xy() == (2 * place[1] - 0.5, 2 * place[0] - 0.5), "stride 2, no padding above"


def test_a_page_gets_all_that_it_needs(layer):
    told = plots.one_convolution(layer, 1, 2, 3)._repr_mimebundle_()[1]["image/png"]["live"]
    assert (told["figure"], told["row"], told["column"], told["channel"]) == ("convolution", 1, 2, 3)
    assert told["multipliers"] == layer.multipliers.tolist()
