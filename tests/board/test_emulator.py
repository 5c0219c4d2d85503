"""The emulated processors: the codes of their kernels against TFLite's reference kernels, their counts one by one."""

import dataclasses
import itertools
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from emulated_kernels import PAIRS, QUICK
from helpers.board import counts, emulator, programs, routines
from helpers.board.layers import ConvolutionLayer, example
from helpers.board.routines import DEPTHWISE, POINTWISE
from needs import emulated
from one_operator import Operand, build, constant, run
from random_layers import ACTIVATIONS, SCALES, SEEDS, ZERO_POINTS

INT8 = [(core, kernel) for core, kernel in PAIRS if routines.ROUTINES[kernel].kind == "int8"]


# --- layers drawn at random -------------------------------------------------------------------------------------------


@st.composite
def layers(draw, kind, powers):
    """A layer whose sums are multiplied by a power of two or something above it, other ones for each channel."""
    seed = draw(SEEDS)
    rng = np.random.default_rng(seed)
    if kind == POINTWISE:
        pixels, filters, channels = (draw(st.sampled_from(s)) for s in (((2, 2), (1, 4), (4, 3)), (4, 8), (16, 32)))
        shape, strides, padding = (filters, 1, 1, channels), (1, 1), "SAME"
    else:
        pixels = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
        filters = channels = draw(st.sampled_from((4, 8)))
        strides = draw(st.sampled_from(((1, 1), (2, 2))))
        shape, padding = (1, 3, 3, channels), draw(st.sampled_from(("SAME", "VALID")))
        assume(padding == "SAME" or min(pixels) >= 3)
    ends = seed % 3 == 0  # every third time only the ends of the range, where sums are largest
    scale, power = draw(SCALES), draw(powers)
    return ConvolutionLayer(
        rng.choice(np.int8([-128, 127]), (*pixels, channels))
        if ends
        else rng.integers(-128, 128, (*pixels, channels), np.int8),
        rng.choice(np.int8([-127, 127]), shape) if ends else rng.integers(-127, 128, shape, np.int8),
        rng.integers(-20_000, 20_000, filters, np.int32),
        scale,
        draw(ZERO_POINTS),
        rng.uniform(0.3, 1.0, filters if draw(st.booleans()) else 1).astype(np.float32) * np.float32(0.01),
        float(np.float32(scale * 0.01 / 2.0**power)),
        draw(ZERO_POINTS),
        draw(ACTIVATIONS),
        strides,
        padding,
    )


def tflite(layer: ConvolutionLayer) -> np.ndarray:
    """Compute a layer with TFLite's reference kernels."""
    operator, axis = ("CONV_2D", 0) if layer.kind == POINTWISE else ("DEPTHWISE_CONV_2D", 3)
    scales = np.float32(layer.weight_scales)
    inputs = [
        Operand((1, *layer.codes.shape), "int8", layer.input_scale, layer.input_zero_point),
        Operand(layer.weights.shape, "int8", scales, 0, axis, layer.weights),
        constant(layer.bias, np.float32(layer.input_scale) * scales),
    ]
    output = Operand((1, *layer.out_shape), "int8", layer.output_scale, layer.output_zero_point)
    places = {"strideH": layer.strides[0], "strideW": layer.strides[1], "padding": layer.padding}
    if layer.kind == DEPTHWISE:
        places["depthMultiplier"] = 1
    content = build(operator, inputs, output, fusedActivationFunction=layer.activation, **places)
    return run(content, layer.codes[None])[0]


def same_codes(layer: ConvolutionLayer, expected: np.ndarray) -> None:
    """Run all int8 kernels for a layer on all processors, by both compilers, and compare every code."""
    for (core, kernel), compiler in itertools.product(INT8, routines.COMPILERS):
        if routines.ROUTINES[kernel].layer == layer.kind:
            codes, _ = emulator.execute(core, kernel, layer, compiler)
            np.testing.assert_array_equal(codes, expected, f"{kernel} on {core} by {compiler}")


# --- results ----------------------------------------------------------------------------------------------------------


@emulated
@pytest.mark.parametrize("kind", [POINTWISE, DEPTHWISE])
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_every_int8_kernel_gives_the_codes_of_tflite(kind, data):
    layer = data.draw(layers(kind, st.floats(-14.0, 1.5)))
    expected = tflite(layer)
    np.testing.assert_array_equal(layer.expected(), expected)
    same_codes(layer, expected)


@emulated
@pytest.mark.parametrize("kind", [POINTWISE, DEPTHWISE])
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_extreme_multipliers_shift_both_ways(kind, data):
    """From 2^-34, of which nothing is left, to 2^9, where the sums leave 32 bits."""
    layer = data.draw(layers(kind, st.one_of(st.floats(-34.0, -20.0), st.floats(1.0, 9.0))))
    same_codes(layer, layer.expected())


@emulated
@pytest.mark.parametrize("kind", [POINTWISE, DEPTHWISE])
@given(data=st.data())
@settings(max_examples=8, deadline=None)
def test_float32_kernels_stay_within_the_bound(kind, data):
    layer = data.draw(layers(kind, st.floats(-10.0, 0.0)))
    exact, bound = layer.expected_real()
    for (core, kernel), compiler in itertools.product(PAIRS, routines.COMPILERS):
        if routines.ROUTINES[kernel].layer == kind and routines.ROUTINES[kernel].kind == "float32":
            numbers, _ = emulator.execute(core, kernel, layer, compiler)
            assert (np.abs(numbers - exact) <= bound).all(), f"{kernel} on {core} by {compiler}"


# --- what is counted --------------------------------------------------------------------------------------------------

CONDITIONAL = re.compile(r"(eq|ne|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)(\.w|\.f32)?$")


@emulated
@pytest.mark.parametrize("core, kernel", [*QUICK, ("Cortex-M4F", "pointwise_f32_2x2")])
def test_blocks_add_up_to_single_steps(core, kernel):
    """The emulator can also stop at each instruction, which is slow: an independent count.

    It does not stop at those whose condition is not met (after IT), which a processor fetches all the same.
    """
    machine = emulator._Machine(core, programs.load_program(core, "GCC"))
    steps, names = Counter(), {}

    def enter(_, address, size, __):  # the condition of an instruction shows only in its block
        names.update((one.address, one.name) for one in machine.disassemble(address, size))

    machine.uc.hook_add(machine.unicorn.UC_HOOK_BLOCK, enter)
    machine.uc.hook_add(machine.unicorn.UC_HOOK_CODE, lambda _, address, *__: steps.update([address]))
    machine.call(routines.ROUTINES[kernel], example(routines.ROUTINES[kernel].layer))
    mix = Counter()
    for address, times in steps.items():
        mix[names[address]] += times
    counted = counts.count(core, kernel).mix
    different = {name for name in counted if counted[name] != mix[name]}
    assert all(CONDITIONAL.search(name) and counted[name] > mix[name] for name in different)
    assert bool(different) == (core == "Cortex-M4F")


# --- what can go wrong ------------------------------------------------------------------------------------------------


@emulated
def test_a_layer_too_large_for_the_memory():
    large = dataclasses.replace(example(POINTWISE), codes=np.zeros((400, 400, 64), np.int8))
    with pytest.raises(ValueError, match="does not fit into the 8 MiB"):
        emulator.execute("Cortex-M4F", "pointwise_i8", large)


@emulated
@pytest.mark.parametrize(
    "core, kernel",
    [("Cortex-M0+", "pointwise_i8"), ("Cortex-M3", "pointwise_f32"), ("Cortex-M3", "pointwise_i8_smlad")],
)
def test_a_processor_refuses_instructions_that_it_does_not_have(core, kernel):
    """The program of the Cortex-M4F has 32-bit Thumb instructions, an FPU and SMLAD."""
    machine = emulator._Machine(core, programs.load_program("Cortex-M4F", "GCC"))
    with pytest.raises(RuntimeError, match=f"{kernel} broke off in the emulated {re.escape(core)} at address 0x1"):
        machine.call(routines.ROUTINES[kernel], example(POINTWISE))


@emulated
def test_a_phone_without_sdot_refuses_it():
    machine = emulator._Machine("AArch64", programs.load_program("AArch64 with SDOT", "GCC"))
    with pytest.raises(RuntimeError, match="pointwise_i8_sdot broke off in the emulated AArch64"):
        machine.call(routines.ROUTINES["pointwise_i8_sdot"], example(POINTWISE))


@emulated
def test_a_kernel_that_does_not_return(monkeypatch):
    monkeypatch.setattr(emulator, "SECONDS", 0.01)
    with pytest.raises(TimeoutError, match="did not return within 0.01 seconds"):
        counts.count("Cortex-M0+", "pointwise_f32")
