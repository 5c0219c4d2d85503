"""What a network would answer if its weights, its activations, or both had only so many bits.

Every tensor that would be stored as codes is rounded to the numbers that its codes stand for, and the network goes on
in float32: *simulated* or *fake* quantization (Jacob et al., arXiv 1712.05877, section 3; Krishnamoorthi, arXiv
1806.08342).  So any number of bits can be tried, for any part of the network, although no processor here has
arithmetic for it.  The codes are those of `quantization`:

* weights: symmetric, one scale for each output channel or one for the whole tensor, batch normalisation folded in;
* activations: asymmetric, one scale and zero point for each tensor, from the values seen on calibration pictures.

Activations are rounded where TFLite's converter rounds them: the picture that goes in, each layer's output **after**
the ReLU that is fused into it, sums, averages, the logits.  Max pooling and flattening keep the codes of their input.
The probabilities have a fixed step, 1/256 for eight bits.  Biases stay as they are: in a file they are int32, with the
small step scale of the input × scale of the weights, which is next to exact.
"""

import dataclasses
import functools
from collections.abc import Collection, Iterable, Mapping

import numpy as np

from helpers.base import console
from helpers.base.tf import keras, tf
from helpers.measure.accuracy import Score
from helpers.methods import fake_quantization, placement, ranges
from helpers.methods.ranges import Range
from helpers.networks import folding
from helpers.networks.weights import WEIGHTED, channel_axis
from helpers.numbers import quantization
from helpers.pictures.conventions import normalise

BATCH = 100  # pictures at a time
ANSWER_BITS = 8  # of a probability at least: with fewer, cat and dog would often get the same one

Bits = int | Mapping[str, int] | None


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is quantized, and how; by default nothing is.

    Attributes:
        weight_bits: of one weight, 2 to 16, for all layers or as {layer: bits}; None leaves them in float32, and so
            does a mapping with the layers it does not name.
        activation_bits: of one activation, likewise.
        per_channel: one scale for each output channel of the weights; else one for the whole tensor.
        weight_range: what the codes reach to: "min/max" (the weight farthest from zero), a percentile of the weights'
            magnitudes such as 99.9, or "mse" (where the mean squared error is smallest); as {layer: range} for some
            layers, the others have "min/max".
        activation_range: the same for activations; a percentile p cuts off 100 - p percent at either end.
        only: names of the layers and tensors to quantize, all others stay float32; None for all.
        skip: names of those that stay float32.
    """

    weight_bits: Bits = None
    activation_bits: Bits = None
    per_channel: bool = True
    weight_range: Range | Mapping[str, Range] = "min/max"
    activation_range: Range | Mapping[str, Range] = "min/max"
    only: Collection[str] | None = None
    skip: Collection[str] = ()

    def bits(self, kind: str, name: str) -> int | None:
        """Return the bits for the "weight" or the "activation" of this name, None for float32."""
        if name in self.skip or (self.only is not None and name not in self.only):
            return None
        choice = getattr(self, f"{kind}_bits")
        return choice.get(name) if isinstance(choice, Mapping) else choice

    def within(self, kind: str, name: str) -> Range:
        """Return how the range of the "weight" or the "activation" of this name is chosen."""
        choice = getattr(self, f"{kind}_range")
        return choice.get(name, "min/max") if isinstance(choice, Mapping) else choice


class Simulation:
    """A network that can be asked what it would answer with fewer bits.

    Attributes:
        model: the network without batch normalisation.
        layers: names of the layers with weights, in the order in which they run.
        tensors: names of the activations with codes of their own; a layer's output has the name of the layer.
        ranges: {tensor: (smallest, largest value)} on the calibration pictures.
    """

    def __init__(self, model: keras.Model, calibration: np.ndarray):
        """Fold batch normalisation into the weights and look at the range of every activation.

        Args:
            model: a functional Keras model with one input and one output, trained.
            calibration: float32 [n, size, size, 3] in [0, 1], training pictures, as for the converter.

        Raises:
            ValueError: there are no pictures, they do not fit the network, or it has a kind of layer that this module
                does not know.
        """
        self.model = folding.fold(model)
        self._nodes = placement.nodes(self.model)
        self._calibration = self._fitting(calibration, np.float32)
        self.layers = tuple(node.layer.name for node in self._nodes if isinstance(node.layer, WEIGHTED))
        self.tensors = tuple(node.tensor for node in self._nodes if node.tensor)
        self._kernels = {name: self.model.get_layer(name).kernel.numpy() for name in self.layers}
        self._answer = self._nodes[-1].tensor if isinstance(self._nodes[-1].layer, keras.layers.Softmax) else ""
        ends = np.stack([self._extremes(batch) for batch in _batches(self._calibration)])
        pairs = zip(ends[..., 0].min(axis=0), ends[..., 1].max(axis=0), strict=True)
        self.ranges = {name: (float(low), float(high)) for name, (low, high) in zip(self.tensors, pairs, strict=True)}
        self._cache = {}

    # --- asking ---------------------------------------------------------------------------------------------------

    def predict(self, images: np.ndarray, **setting) -> np.ndarray:
        """Return the probabilities, float32 [n, classes].

        Args:
            images: uint8 [n, size, size, 3].
            setting: see `Setting`; without any, the network is the float32 one.

        Raises:
            ValueError: there are no pictures, they do not fit the network, or the setting names what is not there.
        """
        images, rounding = self._fitting(images, np.uint8), self._rounding(self._setting(setting))
        return np.concatenate([self._answers(normalise(batch), *rounding) for batch in _batches(images)])

    def score(self, images: np.ndarray, labels: np.ndarray, **setting) -> Score:
        """Return how often the network is right on labelled pictures; see `predict`.

        Args:
            images: uint8 [n, size, size, 3].
            labels: int64 [n].
            setting: see `Setting`.

        Raises:
            ValueError: there are not as many labels as pictures; see also `predict`.
        """
        if len(labels) != len(images):
            raise ValueError(f"Expected one label for each picture; found {len(labels)} for {len(images)}.")
        return Score(self.predict(images, **setting), labels)

    def sweep(
        self, images: np.ndarray, labels: np.ndarray, vary: str, bits: Iterable[int] = range(8, 1, -1), **setting
    ) -> dict[int, Score]:
        """Score one number of bits after the other, {bits: Score}.

        Args:
            images, labels: see `score`.
            vary: "weight_bits" or "activation_bits".
            bits: to try, one after the other; by default 8 to 2.
            setting: what stays as it is.

        Raises:
            ValueError: something else is to vary; see also `score`.
        """
        if vary not in ("weight_bits", "activation_bits"):
            raise ValueError(f"Expected weight_bits or activation_bits to vary; found {vary!r}.")
        bar = console.progress(list(bits), f"Trying {vary.replace('_', ' ')}", "setting")
        return {b: self.score(images, labels, **{vary: b}, **setting) for b in bar}

    def sensitivity(self, images: np.ndarray, labels: np.ndarray, **setting) -> dict[str, "Sensitivity"]:
        """Quantize one part and leave the rest in float32, and the other way round; the part that hurts most first.

        A part is a layer with its weights and its output, or a tensor such as a sum that has no weights.  With
        `weight_bits` alone the parts are the layers with weights.

        Args:
            images, labels: see `score`.
            setting: see `Setting`; its `only` chooses the parts.

        Returns:
            {part: Sensitivity}, sorted by the accuracy that is left when nothing else is quantized; where that is
            equal, by how far the probabilities move.

        Raises:
            ValueError: the setting quantizes nothing.
        """
        checked = self._setting(setting)
        parts = [name for name in self.tensors if self._is_quantized(checked, name)]
        if not parts:
            raise ValueError("Expected a setting that quantizes something, such as weight_bits=4; found none.")
        exact, results = self.predict(images), {}
        for name in console.progress(parts, "Quantizing one, and all but one", "part"):
            only = self.score(images, labels, **(setting | {"only": {name}}))
            rest = self.score(images, labels, **(setting | {"skip": {name, *checked.skip}}))
            results[name] = Sensitivity(only, rest, float(np.abs(only.probabilities - exact).mean()))
        return dict(sorted(results.items(), key=lambda item: (item[1].only.accuracy, -item[1].shift)))

    def tensor_sqnr(self, images: np.ndarray, **setting) -> dict[str, tuple[float, float]]:
        """Return the signal-to-noise ratio of every tensor in decibels, {tensor: (alone, accumulated)}.

        The signal is what the float32 network has there, the noise is the difference to it.  Alone: the layer gets
        the inputs of the float32 network, so that only its own weights and its own output are quantized.  Accumulated:
        everything before it is quantized as well.  A ratio is infinite where nothing is rounded (or above 100 decibels,
        where only float32's own rounding is left).

        Args:
            images: uint8 [n, size, size, 3].
            setting: see `Setting`.
        """
        images, rounding = self._fitting(images, np.uint8), self._rounding(self._setting(setting))
        powers = sum(self._powers(normalise(batch), *rounding).numpy() for batch in _batches(images))
        return {
            name: (_decibels(signal, alone), _decibels(signal, accumulated))
            for name, (signal, alone, accumulated) in zip(self.tensors, powers, strict=True)
        }

    # --- the parameters -------------------------------------------------------------------------------------------

    def weights(self, layer: str, bits: int | None = None, per_channel: bool = True, within: Range = "min/max"):
        """Return what is left of a layer's weights, float32 in the shape of its kernel.

        Args:
            layer: its name.
            bits: of one weight; None returns the weights as they are.
            per_channel, within: see `Setting`.

        Raises:
            ValueError: there is no such layer, or weights cannot have so many bits.
        """
        self._look_up([layer], self.layers)
        if bits is None:
            return self._kernels[layer]
        key = layer, bits, per_channel, within
        if key not in self._cache:
            axis = channel_axis(self.model.get_layer(layer)) if per_channel else None
            scale = ranges.weight_scales(self._kernels[layer], bits, axis, within)
            self._cache[key] = quantization.fake_quantize(self._kernels[layer], bits, axis, scale)
        return self._cache[key]

    def activation_parameters(self, tensor: str, bits: int = 8, within: Range = "min/max") -> tuple[np.float32, int]:
        """Return scale and zero point of an activation; for eight bits and "min/max" those of the converter's file.

        Args:
            tensor: its name.
            bits: of one code.
            within: see `Setting`.

        Raises:
            ValueError: there is no such tensor, or a code cannot have so many bits.
        """
        self._look_up([tensor], self.tensors)
        if tensor == self._answer:
            bits = self._stored_bits(tensor, bits)
            return np.float32(2.0**-bits), quantization.code_range(bits)[0]
        key = tensor, bits, within
        if key not in self._cache:
            low, high = self.ranges[tensor]
            if within == "mse":
                values, counts = self._histogram(tensor)
                low, high = quantization.best_range(values, bits, counts)
            elif within != "min/max":
                low, high = np.percentile(self._values[tensor], [100 - within, within])
            self._cache[key] = quantization.affine_parameters(low, high, bits)
        return self._cache[key]

    def activations(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the activations of the float32 network, {tensor: float32 [n, ...]}; keep the pictures few."""
        return self._activations(normalise(self._fitting(images, np.uint8)))

    def _activations(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        outputs = [self._float_tensors(batch) for batch in _batches(inputs)]
        return {name: np.concatenate([batch[name] for batch in outputs]) for name in self.tensors}

    @functools.cached_property
    def _values(self) -> dict[str, np.ndarray]:
        """The activations on the calibration pictures."""
        return self._activations(self._calibration)

    def _histogram(self, tensor: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the means and the counts of the values in equally wide bins."""
        if ("histogram", tensor) not in self._cache:
            self._cache["histogram", tensor] = ranges.binned(self._values[tensor])
        return self._cache["histogram", tensor]

    def _rounding(self, setting: Setting) -> tuple[dict, dict]:
        """Return all that a setting changes: {layer: its weights} and {tensor: its grid, see `_grid`}."""
        kernels = {
            name: self.weights(name, setting.bits("weight", name), setting.per_channel, setting.within("weight", name))
            for name in self.layers
        }
        return kernels, {name: self._grid(name, setting) for name in self.tensors}

    def _grid(self, tensor: str, setting: Setting) -> np.ndarray:
        """Return float32 [5]: whether it is rounded (1 or 0), scale, zero point, smallest and largest code."""
        bits = setting.bits("activation", tensor)
        if bits is None:
            return np.zeros(5, np.float32)
        scale, zero_point = self.activation_parameters(tensor, bits, setting.within("activation", tensor))
        return np.float32([1, scale, zero_point, *quantization.code_range(self._stored_bits(tensor, bits))])

    def _stored_bits(self, tensor: str, bits: int) -> int:
        return max(bits, ANSWER_BITS) if tensor == self._answer else bits

    # --- looking at what a reader asks for ------------------------------------------------------------------------

    def _is_quantized(self, setting: Setting, name: str) -> bool:
        weighted = name in self.layers and setting.bits("weight", name) is not None
        return weighted or setting.bits("activation", name) is not None

    def _setting(self, options: dict) -> Setting:
        """Return a setting whose every name and number is possible here.

        Raises:
            ValueError: one is not.
        """
        for key in {"only", "skip"} & set(options):
            if isinstance(options[key], str):  # one name needs no set around it
                options = options | {key: {options[key]}}
        setting = Setting(**options)
        for kind, known in (("weight", self.layers), ("activation", self.tensors)):
            for bits in self._each(getattr(setting, f"{kind}_bits"), known):
                if bits is not None:
                    quantization.code_range(bits)
            for within in self._each(getattr(setting, f"{kind}_range"), known):
                ranges.check_range(within)
        for names in (setting.only or (), setting.skip):
            self._look_up(names, self.tensors)
        return setting

    def _each(self, choice, known: tuple[str, ...]) -> list:
        """Return the values of a mapping, once its names have been looked up, or the one that is for all."""
        self._look_up(choice if isinstance(choice, Mapping) else (), known)
        return list(choice.values()) if isinstance(choice, Mapping) else [choice]

    def _look_up(self, names: Iterable[str], known: tuple[str, ...]) -> None:
        if unknown := sorted(set(names) - set(known)):
            raise ValueError(f"{self.model.name} has no {', '.join(unknown)}; it has {', '.join(known)}.")

    def _fitting(self, pictures: np.ndarray, dtype: type) -> np.ndarray:
        """Return the pictures if the network can take them.

        Raises:
            ValueError: it cannot.
        """
        pictures, shape = np.asarray(pictures), self.model.input_shape[1:]
        fits = pictures.ndim == 4 and all(s in (None, n) for s, n in zip(shape, pictures.shape[1:], strict=True))
        if not fits or len(pictures) == 0 or pictures.dtype != dtype:
            form = "0 to 255" if dtype == np.uint8 else "0 to 1, as from conventions.normalise"
            size = ", ".join("any" if s is None else str(s) for s in shape)
            raise ValueError(
                f"{self.model.name} takes at least one picture, {np.dtype(dtype).name} [n, {size}], {form}; "
                f"found {pictures.dtype.name} {list(pictures.shape)}."
            )
        return pictures

    # --- TensorFlow's part: each function is traced once, and serves all settings ---------------------------------

    def _traced(self, function, with_setting: bool):
        """Return a function of pictures, and of weights and grids if there is a setting, as a TensorFlow graph."""
        specs = [tf.TensorSpec((None, *self.model.input_shape[1:]))]
        if with_setting:
            specs.append({name: tf.TensorSpec(kernel.shape) for name, kernel in self._kernels.items()})
            specs.append({name: tf.TensorSpec((5,)) for name in self.tensors})
        return tf.function(function, autograph=False).get_concrete_function(*specs)

    @functools.cached_property
    def _answers(self):
        return self._traced(
            lambda x, kernels, grids: fake_quantization.run(self._nodes, x, kernels, grids)[-1], with_setting=True
        )

    @functools.cached_property
    def _float_tensors(self):
        return self._traced(
            lambda x: fake_quantization.by_tensor(self._nodes, fake_quantization.run(self._nodes, x)),
            with_setting=False,
        )

    @functools.cached_property
    def _extremes(self):
        def extremes(x):
            outputs = fake_quantization.by_tensor(self._nodes, fake_quantization.run(self._nodes, x)).values()
            return tf.stack([[tf.reduce_min(y), tf.reduce_max(y)] for y in outputs])

        return self._traced(extremes, with_setting=False)

    @functools.cached_property
    def _powers(self):
        """Returns float64 [tensors, 3]: the squares of signal, noise alone and noise accumulated, added up."""

        def powers(x, kernels, grids):
            exact = fake_quantization.run(self._nodes, x)
            rounded = fake_quantization.run(self._nodes, x, kernels, grids)
            alone = fake_quantization.run_apart(self._nodes, exact, kernels, grids)
            rows = []
            for name, signal in fake_quantization.by_tensor(self._nodes, exact).items():
                errors = [fake_quantization.by_tensor(self._nodes, y)[name] - signal for y in (alone, rounded)]
                rows.append([tf.reduce_sum(tf.square(tf.cast(y, tf.float64))) for y in (signal, *errors)])
            return tf.stack(rows)

        return self._traced(powers, with_setting=True)


@dataclasses.dataclass(frozen=True)
class Sensitivity:
    """What one part of a network does to its answers.

    Attributes:
        only: the score with this part quantized and the rest in float32.
        rest: the score with this part in float32 and the rest quantized.
        shift: how far the probabilities move on average when only this part is quantized, 0 to 1.
    """

    only: Score
    rest: Score
    shift: float


def _batches(pictures: np.ndarray) -> Iterable[np.ndarray]:
    return (pictures[i : i + BATCH] for i in range(0, len(pictures), BATCH))


def _decibels(signal: float, noise: float) -> float:
    """Return a ratio of powers in decibels; see `errors.sqnr` for those without noise or without signal."""
    if noise == 0:
        return float("inf")
    return float(10 * np.log10(signal / noise)) if signal > 0 else float("-inf")
