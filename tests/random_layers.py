"""Numbers of layers drawn at random, for Hypothesis: scales, zero points, strides, codes."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

SEEDS = st.integers(0, 2**32 - 1)
SCALES = st.floats(1e-3, 1.0).map(lambda x: float(np.float32(x)))
ZERO_POINTS = st.integers(-128, 127)
ACTIVATIONS = st.sampled_from(["NONE", "RELU", "RELU6"])

PLACES = st.fixed_dictionaries(
    {
        "strides": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "padding": st.sampled_from(["SAME", "VALID"]),
        "dilations": st.tuples(st.integers(1, 2), st.integers(1, 2)),
    }
)

LENGTHS = st.tuples(st.integers(1, 12), st.integers(1, 12))
KERNELS = st.tuples(st.integers(1, 4), st.integers(1, 4))
EFFECTIVE = st.floats(-14.0, 1.5).map(lambda power: 2.0**power)  # input scale * weight scale / output scale
WEIGHED = st.tuples(SCALES, ZERO_POINTS, ZERO_POINTS, EFFECTIVE, ACTIVATIONS, st.booleans(), st.booleans(), SEEDS)
POOLS = st.fixed_dictionaries(
    {"strides": st.tuples(st.integers(1, 3), st.integers(1, 3)), "padding": st.sampled_from(["SAME", "VALID"])}
)
RATIOS = st.floats(0.25, 8.0)  # output scale over input scale

EXAMPLES = settings(max_examples=120, deadline=None)
SIXTY = settings(max_examples=60, deadline=None)


def geometry(places: dict) -> dict:
    """Strides and dilations by their names in the schema."""
    named = {"strideH": places["strides"][0], "strideW": places["strides"][1], "padding": places["padding"]}
    if "dilations" in places:
        named |= {"dilationHFactor": places["dilations"][0], "dilationWFactor": places["dilations"][1]}
    return named


def places_of(lengths, kernel, places) -> tuple[int, int]:
    """Height and width of the output."""
    span = [(k - 1) * d + 1 for k, d in zip(kernel, places.get("dilations", (1, 1)), strict=True)]
    return tuple(
        -(-n // s) if places["padding"] == "SAME" else (n - k) // s + 1
        for n, s, k in zip(lengths, places["strides"], span, strict=True)
    )


def fits(lengths, kernel, places) -> bool:
    """Whether a convolution without padding has an output."""
    span = [(k - 1) * d + 1 for k, d in zip(kernel, places.get("dilations", (1, 1)), strict=True)]
    return places["padding"] == "SAME" or all(k <= n for k, n in zip(span, lengths, strict=True))


def draw_codes(seed: int, shape: tuple[int, ...], low: int = -128) -> np.ndarray:
    """Random codes; every third time only the two ends of the range, where sums are largest."""
    rng = np.random.default_rng(seed)
    if seed % 3 == 0:
        return rng.choice(np.array([low, 127], np.int8), shape)
    return rng.integers(low, 128, shape, dtype=np.int8)
