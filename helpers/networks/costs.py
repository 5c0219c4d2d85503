"""What a network costs, layer by layer: parameters, activations, multiply-accumulates."""

import dataclasses

from helpers.base.tables import Table
from helpers.base.tf import keras

layers = keras.layers
FUSED = (layers.BatchNormalization, layers.ReLU, layers.Activation, layers.Softmax)  # they work in the layer before
FREE = (layers.InputLayer, layers.Dropout, layers.Flatten, layers.Reshape)


@dataclasses.dataclass
class LayerCost:
    """What one layer costs for one picture; batch normalisation and activation are counted with their layer.

    Attributes:
        name, shape: the layer and its output without the batch axis.
        parameters: weights and biases, with those of the batch normalisation that follows.
        macs: multiply-accumulate operations.
        live: numbers in memory while the layer runs (its inputs, its output, and what later layers still need).
    """

    name: str
    shape: tuple[int, ...]
    parameters: int
    macs: int
    live: int


def layer_costs(model: keras.Model) -> list[LayerCost]:
    """Return the cost of each layer of a functional Keras model, in the order in which they run."""
    costs: list[LayerCost] = []
    waiting = 0  # parameters of fused layers that come before any other
    owner = {id(t): t for t in model.inputs}  # which stored tensor a tensor is: a fused layer works in place
    for layer in model.layers:
        if isinstance(layer, layers.InputLayer):
            continue
        source = _as_list(layer.input)[0]
        if isinstance(layer, FUSED + FREE):
            owner[id(layer.output)] = owner[id(source)]
            if costs:
                costs[-1].parameters += layer.count_params()
            else:
                waiting += layer.count_params()
            continue
        owner[id(layer.output)] = layer.output
        shape = tuple(layer.output.shape[1:])
        parameters, waiting = layer.count_params() + waiting, 0
        costs.append(LayerCost(layer.name, shape, parameters, _macs(layer), _live(model, layer, owner)))
    return costs


def _as_list(tensors) -> list:
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]


def _live(model: keras.Model, layer: keras.Layer, owner: dict) -> int:
    """Return how many numbers must be in memory while `layer` runs."""
    running = model.layers.index(layer)
    needed = {id(layer.output): layer.output}
    for later in model.layers[running:]:
        for tensor in _as_list(later.input):
            if id(tensor) in owner:
                needed[id(owner[id(tensor)])] = owner[id(tensor)]
    return sum(_size(tensor.shape[1:]) for tensor in needed.values())


def _size(shape: tuple[int, ...]) -> int:
    count = 1
    for length in shape:
        count *= length
    return count


def _macs(layer: keras.Layer) -> int:
    """Return the multiply-accumulates of one layer for one picture; additions alone (pooling) are not counted."""
    if isinstance(layer, layers.DepthwiseConv2D):
        return _size(layer.output.shape[1:]) * _size(layer.kernel_size)
    if isinstance(layer, layers.Conv2D):
        channels_in = layer.input.shape[-1] // layer.groups
        return _size(layer.output.shape[1:]) * _size(layer.kernel_size) * channels_in
    if isinstance(layer, layers.Dense):
        return layer.input.shape[-1] * _size(layer.output.shape[1:])
    return 0


def layer_table(model: keras.Model) -> Table:
    """Return parameters, multiply-accumulates and activation memory of each layer, with totals and the peak.

    Activation memory is what is alive while the layer runs, in kB (1000 bytes), at 4 bytes a number (float32) and at
    1 byte (int8).
    """
    costs = layer_costs(model)
    rows = [
        [
            c.name,
            "×".join(map(str, c.shape)),
            f"{c.parameters:,}",
            f"{c.macs:,}",
            f"{c.live * 4e-3:.1f}",
            f"{c.live * 1e-3:.1f}",
        ]
        for c in costs
    ]
    peak = max(c.live for c in costs)
    rows.append(
        ["total, peak", "", f"{sum(c.parameters for c in costs):,}", f"{sum(c.macs for c in costs):,}"]
        + [f"{peak * 4e-3:.1f}", f"{peak * 1e-3:.1f}"]
    )
    return Table(["layer", "output", "parameters", "multiply-accumulates", "kB in float32", "kB in int8"], rows)
