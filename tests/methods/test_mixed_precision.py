"""The knapsack: exact against every choice there is, greedy never better, and both within the budget."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import made_up
from helpers.methods import mixed_precision
from helpers.methods.mixed_precision import Option, exact, greedy, stored_bytes, total
from helpers.networks import folding
from helpers.networks.weights import weighted_layers


@st.composite
def problems(draw):
    """Up to five layers with four choices each, and a budget that some choice meets."""
    options = {}
    for name in "abcde"[: draw(st.integers(1, 5))]:
        weights, costs = draw(st.integers(1, 40)), sorted(draw(st.lists(st.floats(0, 10), min_size=4, max_size=4)))
        options[name] = [Option(b, weights * b, c) for b, c in zip((8, 4, 3, 2), costs, strict=True)]
    least, most = (sum(end(one.size for one in choices) for choices in options.values()) for end in (min, max))
    return options, draw(st.integers(least, most))


@settings(max_examples=200, deadline=None)
@given(problems())
def test_exact_is_the_best_of_all_choices_and_greedy_is_no_better(problem):
    options, budget = problem
    every = [
        total(options, dict(zip(options, bits, strict=True)))
        for bits in itertools.product((8, 4, 3, 2), repeat=len(options))
    ]
    best = min(one.cost for one in every if one.size <= budget)
    found, quick = total(options, exact(options, budget)), total(options, greedy(options, budget))
    assert found.size <= budget and quick.size <= budget
    assert found.cost == pytest.approx(best, abs=1e-9)
    assert quick.cost >= found.cost - 1e-9


def test_a_case_in_which_greedy_is_beaten():
    """The cheapest step saves too little, and the next one has to be taken all the same."""
    options = {
        "a": [Option(8, 10, 0.0), Option(4, 9, 0.1)],
        "b": [Option(8, 20, 0.0), Option(4, 10, 5.0)],
    }
    assert greedy(options, 20) == {"a": 4, "b": 4} and total(options, greedy(options, 20)).cost == 5.1
    assert exact(options, 20) == {"a": 8, "b": 4} and total(options, exact(options, 20)).cost == 5.0


def test_bytes_count_the_scales():
    assert stored_bytes(100, 10, 4) == 50 + 40
    assert stored_bytes(101, 10, 4, per_channel=False) == 51 + 4
    assert stored_bytes(3, 1, 3) == 2 + 4, "nine bits take two bytes"


def test_a_budget_below_the_smallest_choice():
    options = {"a": [Option(2, 100, 1.0)]}
    for method in (greedy, exact):
        with pytest.raises(ValueError, match="at least 100 bytes, the smallest of all choices; found 99"):
            method(options, 99)
    assert mixed_precision.exact(options, 100) == {"a": 2}


def test_the_choices_of_a_network_have_its_bytes():
    """conv1 of the short MobileNet, by hand, and all of it with the same bits."""
    model = folding.fold(made_up.short_mobilenet(0))
    costs = {bits: {layer.name: 1.0 / bits for layer in weighted_layers(model)} for bits in (8, 4, 2)}
    choices = mixed_precision.options(model, costs)
    kernel = model.get_layer("conv1").kernel.shape
    weights, channels = math.prod(kernel), kernel[-1]
    assert choices["conv1"] == [
        Option(8, weights + 4 * channels, 1 / 8),
        Option(4, -(-weights // 2) + 4 * channels, 1 / 4),
        Option(2, -(-weights // 4) + 4 * channels, 1 / 2),
    ]
    shape = model.get_layer("depthwise1").kernel.shape
    assert choices["depthwise1"][0].size == math.prod(shape) + 4 * shape[2], "its channels lie along the third axis"
    assert mixed_precision.uniform(choices, 4) == sum(c[1].size for c in choices.values())
    one = mixed_precision.options(model, costs, per_channel=False)
    assert one["conv1"][0].size == weights + 4
