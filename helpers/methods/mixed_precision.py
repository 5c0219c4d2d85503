"""Mixed precision under a budget: which layers get how many bits, if all of them together may take so many bytes.

That is a knapsack problem with several choices for each layer.  A greedy rule takes the step that saves most for
what it costs, again and again; dynamic programming finds the best choice there is (Sinha and Zoltners 1979, "The
multiple-choice knapsack problem").  Both need one number for what a layer costs at a number of bits, and that the
costs of layers add up: neither is quite true of accuracy, and the last word is a measurement.
"""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from helpers.base.tf import keras
from helpers.networks.weights import channel_axis, weighted_layers


@dataclasses.dataclass(frozen=True)
class Option:
    """One way to store a layer.

    Attributes:
        bits: of a weight.
        size: bytes, with the scales.
        cost: what it costs the network; less is better.
    """

    bits: int
    size: int
    cost: float


Options = Mapping[str, list[Option]]


def options(model: keras.Model, costs: Mapping[int, Mapping[str, float]], per_channel: bool = True) -> Options:
    """Return the choices for each layer of a network, {layer: options}.

    Args:
        model: without batch normalisation (`folding.fold`).
        costs: {bits: {layer: cost}}, such as from `sensitivity.loss`.
        per_channel: see `stored_bytes`.
    """
    found = {}
    for layer in weighted_layers(model):
        shape = layer.kernel.shape
        sizes = {b: stored_bytes(math.prod(shape), shape[channel_axis(layer)], b, per_channel) for b in costs}
        found[layer.name] = [Option(b, sizes[b], costs[b][layer.name]) for b in costs]
    return found


def uniform(options: Options, bits: int) -> int:
    """Return the bytes of all layers together if each of them has so many bits."""
    return total(options, dict.fromkeys(options, bits)).size


def stored_bytes(weights: int, channels: int, bits: int, per_channel: bool = True) -> int:
    """Return the bytes that a layer's weights take: the codes, packed, and a float32 scale for each channel.

    Args:
        weights, channels: how many there are.
        bits: of one code.
        per_channel: one scale for each output channel, or one for the layer.
    """
    return -(-weights * bits // 8) + 4 * (channels if per_channel else 1)


def greedy(options: Options, budget: int) -> dict[str, int]:
    """Return bits for each layer: from the largest choice down, always the step that costs least for a byte saved.

    Args:
        options: {layer: its choices}.
        budget: bytes for all layers together.

    Raises:
        ValueError: the smallest choices together are larger than the budget.
    """
    _check(options, budget)
    ladder = {name: sorted(choices, key=lambda one: -one.size) for name, choices in options.items()}
    place = dict.fromkeys(ladder, 0)

    def price(name: str) -> float:
        now, below = ladder[name][place[name] : place[name] + 2]
        return (below.cost - now.cost) / (now.size - below.size)

    while sum(ladder[name][i].size for name, i in place.items()) > budget:
        place[min((name for name in ladder if place[name] + 1 < len(ladder[name])), key=price)] += 1
    return {name: ladder[name][i].bits for name, i in place.items()}


def exact(options: Options, budget: int) -> dict[str, int]:
    """Return bits for each layer such that the costs add up to the least that the budget allows.

    Layer by layer, the least cost for every number of bytes is computed from those of the layers before: as many
    numbers as bytes, for each choice.

    Args:
        options, budget: see `greedy`.

    Raises:
        ValueError: see `greedy`.
    """
    _check(options, budget)
    least, chosen = np.zeros(budget + 1), []  # least[b]: of the layers so far within b bytes
    for choices in options.values():
        rows = np.full((len(choices), budget + 1), np.inf)
        for row, one in zip(rows, choices, strict=True):
            row[one.size :] = least[: max(budget + 1 - one.size, 0)] + one.cost
        chosen.append(rows.argmin(axis=0))
        least = rows.min(axis=0)
    bits, left = {}, budget
    for (name, choices), best in zip(reversed(list(options.items())), reversed(chosen), strict=True):
        one = choices[best[left]]
        bits[name], left = one.bits, left - one.size
    return {name: bits[name] for name in options}


def total(options: Options, bits: Mapping[str, int]) -> Option:
    """Return bytes and cost of a choice for all layers; its `bits` are the mean over the layers' bytes, rounded."""
    picked = [next(one for one in choices if one.bits == bits[name]) for name, choices in options.items()]
    size = sum(one.size for one in picked)
    return Option(round(sum(one.bits * one.size for one in picked) / size), size, sum(one.cost for one in picked))


def _check(options: Options, budget: int) -> None:
    least = sum(min(one.size for one in choices) for choices in options.values())
    if least > budget:
        raise ValueError(
            f"Expected a budget of at least {least:,} bytes, the smallest of all choices; found {budget:,}."
        )
