"""The C kernels in the emulator: their codes against TFLite's reference kernels, their counts one by one."""

import dataclasses
import json
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from helpers import microcontroller
from helpers.base import artifacts, data
from helpers.board import (
    boards,
    building,
    counts,
    cycles,
    emulator,
    estimates,
    processors,
    programs,
    routines,
)
from helpers.board.counts import Count, Counts, build_and_compare, record
from helpers.board.layers import ConvolutionLayer, example
from helpers.board.routines import DEPTHWISE, POINTWISE
from helpers.integer import fixed_point
from helpers.measure import roofline
from one_operator import Operand, build, constant, run

RESIDUAL = data.project() / "data" / "checkpoints" / "residual_cnn_int8.tflite"
PAIRS = [(core, kernel) for core in processors.CORES for kernel in routines.routines_of(core)]
INT8 = [(core, kernel) for core, kernel in PAIRS if routines.ROUTINES[kernel].kind == "int8"]
QUICK = [
    ("Cortex-M0+", "pointwise_i8"),
    ("Cortex-M4F", "depthwise_i8_smlad"),
    ("AArch64 with SDOT", "pointwise_i8_sdot"),
]

emulated = pytest.mark.skipif(not emulator.installed(), reason="unicorn and capstone are not installed here")


@pytest.fixture(scope="module")
def measured():
    """All counts, made once: about seven seconds."""
    return counts.measured()


# --- layers drawn at random -------------------------------------------------------------------------------------------

SCALES = st.floats(1e-3, 1.0).map(lambda x: float(np.float32(x)))
CODES = st.integers(-128, 127)
ACTIVATIONS = st.sampled_from(["NONE", "RELU", "RELU6"])
SEEDS = st.integers(0, 2**32 - 1)


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
        draw(CODES),
        rng.uniform(0.3, 1.0, filters if draw(st.booleans()) else 1).astype(np.float32) * np.float32(0.01),
        float(np.float32(scale * 0.01 / 2.0**power)),
        draw(CODES),
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
    """Run all int8 kernels for a layer on all processors and compare every code."""
    for core, kernel in INT8:
        if routines.ROUTINES[kernel].layer == layer.kind:
            np.testing.assert_array_equal(
                emulator.execute(core, kernel, layer, None)[0], expected, f"{kernel} on {core}"
            )


# --- results --------------------------------------------------------------------------------------------------------


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
@pytest.mark.parametrize("power, shifts", [(-25.0, {-24}), (-33.0, {0}), (6.0, {7})])
def test_the_shifts_are_those_drawn(power, shifts):
    layer = dataclasses.replace(
        example(POINTWISE), weight_scales=np.float32([2.0**power]), input_scale=1, output_scale=1
    )
    multiplier, shift = layer.multipliers()
    assert set(shift.tolist()) == shifts
    assert set(multiplier.tolist()) == ({0} if power < -32 else {2**30})


@emulated
@pytest.mark.parametrize("kind", [POINTWISE, DEPTHWISE])
@given(data=st.data())
@settings(max_examples=8, deadline=None)
def test_float32_kernels_stay_within_the_bound(kind, data):
    layer = data.draw(layers(kind, st.floats(-10.0, 0.0)))
    exact, bound = layer.expected_real()
    for core, kernel in PAIRS:
        if routines.ROUTINES[kernel].layer == kind and routines.ROUTINES[kernel].kind == "float32":
            assert (np.abs(emulator.execute(core, kernel, layer, None)[0] - exact) <= bound).all(), (
                f"{kernel} on {core}"
            )


# --- counts ---------------------------------------------------------------------------------------------------------


@emulated
@pytest.mark.parametrize("core, kernel", QUICK)
def test_two_runs_count_the_same(core, kernel):
    first, second = counts.count(core, kernel), counts.count(core, kernel)
    assert (first, first.mix) == (second, second.mix)
    assert sum(first.mix.values()) == first.instructions


CONDITIONAL = re.compile(r"(eq|ne|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)(\.w|\.f32)?$")


@emulated
@pytest.mark.parametrize("core, kernel", [*QUICK, ("Cortex-M4F", "pointwise_f32_blocked")])
def test_blocks_add_up_to_single_steps(core, kernel):
    """The emulator can also stop at each instruction, which is slow: an independent count.

    It does not stop at those whose condition is not met (after IT), which a processor fetches all the same.
    """
    machine = emulator._Machine(processors.CORES[core], programs.load_program(core, None))
    steps, names = Counter(), {}

    def enter(_, address, size, __):  # the condition of an instruction shows only in its block
        code = bytes(machine.uc.mem_read(address, size))
        names.update((one.address, one.mnemonic) for one in machine.decoder.disasm(code, address))

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


@emulated
def test_counts_do_not_depend_on_the_numbers():
    """An int8 loop executes the same instructions whatever the codes, but for the clipping of single results."""
    first, second = (counts.count("Cortex-M3", "pointwise_i8_blocked", example(POINTWISE, seed)) for seed in (0, 1))
    assert first.instructions == pytest.approx(second.instructions, rel=0.01)


@emulated
def test_two_products_an_instruction(measured):
    for kernel, products in (("pointwise_i8_smlad", 2), ("pointwise_f32_blocked", 1)):
        name = "smlad" if products == 2 else "vfma.f32"
        count = measured["Cortex-M4F", kernel]
        assert count.mix[name] * products == count.macs
        assert re.findall(r"^\S+", count.loop, re.MULTILINE).count(name) == (8 if products == 2 else 4)
    sdot = measured["AArch64 with SDOT", "pointwise_i8_sdot"]
    assert sdot.mix["sdot"] * 16 == sdot.macs


@emulated
def test_the_recorded_counts_are_those_of_the_shipped_programs(measured):
    recorded = counts.recorded()
    assert recorded.source == "recorded" and measured.source == "measured"
    assert recorded.counts == measured.counts
    assert set(recorded.counts) == set(PAIRS)


def test_what_the_counts_say():
    """The claims of the notebook, as inequalities: other compilers move the numbers, not these."""
    per_mac = counts.recorded().per_mac
    for core in ("Cortex-M0+", "Cortex-M3", "Cortex-M4"):  # no floating-point unit
        assert per_mac(core, "pointwise_f32") > 10 * per_mac(core, "pointwise_i8")
    assert 15 < per_mac("Cortex-M0+", "pointwise_f32") / per_mac("Cortex-M0+", "pointwise_i8") < 30
    plain, blocked, smlad = (per_mac("Cortex-M4F", f"pointwise_i8{how}") for how in ("", "_blocked", "_smlad"))
    assert per_mac("Cortex-M4F", "pointwise_f32") < plain
    assert smlad < per_mac("Cortex-M4F", "pointwise_f32_blocked") < blocked
    phone = {how: per_mac("AArch64 with SDOT", f"pointwise_{how}") for how in ("f32_neon", "i8_neon", "i8_sdot")}
    assert 1 < phone["f32_neon"] / phone["i8_neon"] < 1.5 < 2 < phone["f32_neon"] / phone["i8_sdot"] < 4


def test_the_manual_turns_the_order_around():
    """On the Cortex-M4F, VFMA takes 3 cycles: float32 has fewer instructions than int8 in blocks, and more cycles."""
    found = counts.recorded()
    real, whole = (found["Cortex-M4F", f"pointwise_{how}_blocked"] for how in ("f32", "i8"))
    assert real.per_mac < whole.per_mac
    assert real.cycles_per_mac[0] > whole.cycles_per_mac[1]


def test_counts_elsewhere_are_called_recorded(monkeypatch, capsys):
    monkeypatch.setattr(emulator, "installed", lambda: False)
    found = counts.instruction_counts(["Cortex-M4F"])
    assert found.source == "recorded" and found.cores() == ["Cortex-M4F"]
    assert "Unicorn is not installed here" in capsys.readouterr().out
    assert microcontroller.main([]) == 0
    assert "1×1 convolution: instructions per multiply-accumulate, recorded" in capsys.readouterr().out
    with pytest.raises(NotImplementedError, match="packages unicorn and capstone are not installed"):
        counts.count("Cortex-M0+", "pointwise_i8")


def test_the_table_has_a_line_for_each_kernel():
    table = counts.count_table(counts.recorded(), DEPTHWISE)
    assert table.columns == ["kernel", "Cortex-M0+", "Cortex-M3", "Cortex-M4", "Cortex-M4F"]
    assert [row[0] for row in table.rows] == ["float32, plain loop", "int8, plain loop", "int8, SMLAD"]
    assert table.rows[2][1:3] == ["–", "–"]
    with pytest.raises(ValueError, match="no counts of a 1×1 convolution"):
        counts.count_table(Counts({}, "measured"))


def test_recorded_counts_survive_a_round(tmp_path, monkeypatch):
    found = counts.recorded()
    monkeypatch.setattr(routines, "FOLDER", tmp_path)
    record(found)
    assert counts.recorded() == found
    text = (tmp_path / routines.RECORDED).read_text().replace("pointwise_f32,", "pointwise_f64,", 1)
    (tmp_path / routines.RECORDED).write_text(text)
    with pytest.raises(ValueError, match="core and kernel are known"):
        counts.recorded()


# --- cycles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "core, name, operands, jumped, expected",
    [
        ("Cortex-M0+", "ldrsb", "r2, [r1, r3]", False, (2, 2)),
        ("Cortex-M0+", "muls", "r2, r3, r2", False, (1, 1)),
        ("Cortex-M0+", "bne", "#0x10000", True, (2, 2)),
        ("Cortex-M0+", "bne", "#0x10000", False, (1, 1)),
        ("Cortex-M0+", "bl", "#0x10000", True, (3, 3)),
        ("Cortex-M0+", "push", "{r4, r5, lr}", False, (4, 4)),
        ("Cortex-M0+", "pop", "{r4, r5, pc}", True, (6, 6)),
        ("Cortex-M0+", "ldm", "r0!, {r1, r2}", False, (3, 3)),
        ("Cortex-M4F", "ldr", "r0, [r1], #4", False, (1, 2)),
        ("Cortex-M4F", "smlad", "r0, r1, r2, r0", False, (1, 1)),
        ("Cortex-M4F", "vfma.f32", "s0, s1, s2", False, (3, 4)),
        ("Cortex-M4F", "vldmia", "r3!, {s15}", False, (2, 2)),
        ("Cortex-M4F", "vpush", "{d8, d9}", False, (5, 5)),
        ("Cortex-M4F", "ldrd", "r0, r1, [sp]", False, (3, 3)),
        ("Cortex-M4F", "bne", "#0x10000", True, (2, 4)),
        ("Cortex-M4F", "pop.w", "{r4, pc}", True, (4, 6)),
    ],
)
def test_cycles_are_those_of_the_manual(core, name, operands, jumped, expected):
    assert cycles.cycles_of(core, name, operands, jumped) == expected


def test_processors_without_such_a_table_have_no_cycles():
    assert cycles.cycles_of("AArch64", "sdot", "v0.4s, v1.16b, v2.16b") is None
    assert counts.recorded()["Cortex-M3", "pointwise_i8"].cycles_per_mac is None


@emulated
def test_the_cycles_of_a_loop_by_hand():
    """Each jump back of the innermost loop is one that was taken: as many as its turns, but for the last."""
    count = counts.count("Cortex-M0+", "pointwise_i8")
    fixed = sum(times for name, times in count.mix.items() if not re.match("b|ldr|str|push|pop|ldm|stm", name))
    loads = sum(times for name, times in count.mix.items() if name.startswith(("ldr", "str")))
    assert count.cycles[0] == count.cycles[1] > fixed + 2 * loads + count.mix["bne"]


# --- milliseconds -----------------------------------------------------------------------------------------------------


def made_up(core, per_mac):
    """Counts of 100 multiply-accumulates of everything on one processor: instructions, 1 to 2 cycles each."""
    return Counts(
        {
            (core, k): Count(core, k, 100, 100 * per_mac, (100 * per_mac, 200 * per_mac))
            for k in routines.routines_of(core)
        },
        "measured",
    )


def test_multiply_accumulates_by_kind():
    found = estimates.macs(RESIDUAL)
    small = 12 * 12 * 96 * 48 * 2 + 6 * 6 * (96 * 64 + 64 * 160 + 96 * 160 + 160 * 64 + 64 * 160)
    assert found[POINTWISE] == small
    assert found["dense layer"] == 160 * 2
    assert found["depthwise convolution"] == 0
    assert sum(found.values()) == sum(layer.macs for layer in roofline.layers(RESIDUAL))


def test_an_estimate_by_hand():
    (first, *_) = estimates.estimates(RESIDUAL, made_up("Cortex-M4F", 3), [boards.KIT])
    total = sum(estimates.macs(RESIDUAL).values())
    assert first.instructions == pytest.approx(3 * total)
    assert first.milliseconds == pytest.approx((3 * total / 64e3, 6 * total / 64e3))
    table = estimates.estimate_table([first])
    assert table.rows[0][:3] == [boards.KIT, "Cortex-M4F at 64 MHz", "float32"]
    assert "not measured" in table.caption


def test_each_board_has_its_processor():
    """The Pico has no FPU and no DSP; a board with another processor is refused."""
    found = estimates.estimates(RESIDUAL, counts.recorded())
    assert [(one.core, one.mhz, one.way) for one in found] == [
        ("Cortex-M4F", 64, "float32"),
        ("Cortex-M4F", 64, "int8"),
        ("Cortex-M4F", 64, "int8, SMLAD"),
        ("Cortex-M0+", 133, "float32"),
        ("Cortex-M0+", 133, "int8"),
    ]
    with pytest.raises(NotImplementedError, match=r"Arduino Uno R3 \(8-bit AVR .* cannot be estimated"):
        estimates.estimates(RESIDUAL, counts.recorded(), ["Arduino Uno R3"])


# --- what can go wrong ------------------------------------------------------------------------------------------------


def test_names_that_do_not_exist():
    with pytest.raises(KeyError, match="Expected one of Cortex-M0"):
        counts.count("Cortex-M7", "pointwise_i8")
    with pytest.raises(KeyError, match="Cortex-M0\\+ has the kernels pointwise_f32, .*found 'pointwise_i8_smlad'"):
        counts.count("Cortex-M0+", "pointwise_i8_smlad")
    with pytest.raises(ValueError, match="Expected '1×1 convolution'"):
        example("dense")
    with pytest.raises(KeyError, match="no count for Cortex-M4F and pointwise_i8"):
        Counts({}, "measured")["Cortex-M4F", "pointwise_i8"]


@pytest.mark.parametrize(
    "kernel, change, said",
    [
        ("depthwise_i8", {}, "computes a 3×3 depthwise convolution; found a 1×1"),
        ("pointwise_i8_smlad", {"codes": np.zeros((1, 3, 64), np.int8)}, "multiples of 2, 2, 4; found 3, 64, 64"),
        ("pointwise_i8", {"strides": (2, 2)}, r"takes stride 1; found \(2, 2\)"),
        (
            "pointwise_i8",
            {"codes": np.zeros((1, 1, 600), np.int8), "weights": np.zeros((64, 1, 1, 600), np.int8)},
            "up to 512 channels; found 600",
        ),
    ],
)
def test_layers_that_a_kernel_does_not_take(kernel, change, said):
    with pytest.raises(ValueError, match=said):
        counts.count("Cortex-M4F", kernel, dataclasses.replace(example(POINTWISE), **change))


@emulated
def test_a_layer_too_large_for_the_memory():
    large = dataclasses.replace(example(POINTWISE), codes=np.zeros((400, 400, 64), np.int8))
    with pytest.raises(ValueError, match="does not fit into the 8 MiB"):
        emulator.execute("Cortex-M4F", "pointwise_i8", large, None)


def test_a_program_that_is_missing_or_another(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"no program cortex-m3.elf for Cortex-M3 in .*--build"):
        counts.count("Cortex-M3", "pointwise_i8", folder=tmp_path)
    shutil.copytree(routines.FOLDER, tmp_path / "data")
    changed = tmp_path / "data" / "cortex-m3.elf"
    content = bytearray(changed.read_bytes())
    content[-1] ^= 1
    changed.write_bytes(content)
    monkeypatch.setattr(routines, "FOLDER", tmp_path / "data")
    with pytest.raises(ValueError, match=r"cortex-m3.elf is not the program that was recorded: its SHA-256"):
        counts.count("Cortex-M3", "pointwise_i8")


@pytest.mark.parametrize("content, said", [(b"MZ", "should begin with"), (b"\x7fELF\x01" + bytes(60), None)])
def test_files_that_are_no_programs(content, said, tmp_path):
    (tmp_path / "cortex-m3.elf").write_bytes(content)
    with pytest.raises((ValueError, RuntimeError), match=said or "no function pointwise_i8|broken ELF"):
        counts.count("Cortex-M3", "pointwise_i8", folder=tmp_path)


def test_a_program_cut_short(tmp_path):
    whole = (routines.FOLDER / "cortex-m3.elf").read_bytes()
    (tmp_path / "cortex-m3.elf").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="is a broken ELF file"):
        counts.count("Cortex-M3", "pointwise_i8", folder=tmp_path)


@emulated
@pytest.mark.parametrize(
    "core, kernel",
    [("Cortex-M0+", "pointwise_i8"), ("Cortex-M3", "pointwise_f32"), ("Cortex-M3", "pointwise_i8_smlad")],
)
def test_a_processor_refuses_instructions_that_it_does_not_have(core, kernel):
    """The program of the Cortex-M4F has 32-bit Thumb instructions, an FPU and SMLAD."""
    machine = emulator._Machine(processors.CORES[core], programs.read_program(routines.FOLDER / "cortex-m4f.elf"))
    with pytest.raises(RuntimeError, match=f"{kernel} broke off in the emulated {re.escape(core)} at address 0x1"):
        machine.call(routines.ROUTINES[kernel], example(POINTWISE))


@emulated
def test_a_phone_without_sdot_refuses_it():
    machine = emulator._Machine(
        processors.CORES["AArch64"], programs.read_program(routines.FOLDER / "aarch64-sdot.elf")
    )
    with pytest.raises(RuntimeError, match="pointwise_i8_sdot broke off in the emulated AArch64"):
        machine.call(routines.ROUTINES["pointwise_i8_sdot"], example(POINTWISE))


@emulated
def test_a_wrong_result_is_not_counted(monkeypatch):
    right = fixed_point.to_codes
    monkeypatch.setattr(fixed_point, "to_codes", lambda *arguments: right(*arguments) ^ 1)
    with pytest.raises(RuntimeError, match="computed 256 of 256 values otherwise than expected"):
        counts.count("Cortex-M3", "pointwise_i8")


@emulated
def test_a_kernel_that_does_not_return(monkeypatch):
    monkeypatch.setattr(emulator, "SECONDS", 0.01)
    with pytest.raises(TimeoutError, match="did not return within 0.01 seconds"):
        counts.count("Cortex-M0+", "pointwise_f32")


def test_no_compiler(monkeypatch, tmp_path):
    monkeypatch.setattr(building, "compilers", lambda core: [])
    with pytest.raises(NotImplementedError, match="cannot be built here: neither arm-none-eabi-gcc"):
        building.rebuilt(tmp_path)
    with pytest.raises(NotImplementedError, match="cannot be built here"):
        build_and_compare(counts.recorded(), tmp_path)
    assert microcontroller.main(["--build"]) == 1


# --- the programs -----------------------------------------------------------------------------------------------------


def test_programs_and_sources_are_those_of_the_manifest():
    manifest = json.loads((routines.FOLDER / routines.MANIFEST).read_text(encoding="utf-8"))
    assert list(manifest["programs"]) == list(processors.CORES)
    for name, program in manifest["programs"].items():
        assert program["file"] == processors.CORES[name].file
        assert program["sha256"] == artifacts.sha256(routines.FOLDER / program["file"])
        assert program["command"].endswith(f"kernels.c -lgcc -o {program['file']}")
    assert manifest["sources"] == {name: artifacts.sha256(routines.FOLDER / name) for name in routines.SOURCES}, (
        "build again"
    )


@pytest.mark.parametrize("core", processors.CORES)
def test_programs_have_the_kernels_of_their_processor(core):
    found = programs.read_program(routines.FOLDER / processors.CORES[core].file).functions
    assert {name for name in found if name in routines.ROUTINES} == set(routines.routines_of(core))


def gcc():
    return [core for core in processors.CORES if any(c.name == "GCC" for c in building.compilers(core))]


@emulated
@pytest.mark.skipif(not gcc(), reason="neither arm-none-eabi-gcc nor aarch64-linux-gnu-gcc is on the path")
def test_programs_built_here_have_the_same_ratios(tmp_path):
    """The ratio float32 to int8 within 25 % with GCC, of whatever version; never the counts themselves."""
    rows = {row[0]: row[1:] for row in build_and_compare(counts.recorded(), tmp_path).rows}
    assert set(gcc()) <= set(rows)
    for core in gcc():
        before, now, relation = map(float, rows[core])
        assert 0.75 < relation < 1.25
        assert now / before == pytest.approx(relation, abs=0.02)


@emulated
@pytest.mark.skipif(not any(c.name == "Zig" for c in building.compilers("AArch64")), reason="ziglang is not installed")
@pytest.mark.parametrize("core", ["AArch64", "AArch64 with SDOT"])
def test_another_compiler_comes_to_the_same_results(core, tmp_path):
    """`count` compares every result; the vector loops leave a compiler little choice."""
    (zig,) = (c for c in building.compilers(core) if c.name == "Zig")
    building.build(core, Path(tmp_path) / processors.CORES[core].file, zig)
    assert 0.75 < counts.measured([core], folder=tmp_path).ratio(core) / counts.recorded().ratio(core) < 1.25


@pytest.mark.skipif(not gcc(), reason="neither arm-none-eabi-gcc nor aarch64-linux-gnu-gcc is on the path")
def test_a_source_that_does_not_compile(tmp_path, monkeypatch):
    for name in routines.SOURCES:
        shutil.copy(routines.FOLDER / name, tmp_path)
    (tmp_path / "kernels.c").write_text("int kernel(void) { return nothing; }\n")
    monkeypatch.setattr(routines, "FOLDER", tmp_path)
    core = gcc()[0]
    with pytest.raises(RuntimeError, match=f"did not compile kernels.c for {re.escape(core)}: .*error"):
        building.build(core, tmp_path / "new.elf", building.compilers(core)[0])
    assert not (tmp_path / "new.elf").exists()


def test_the_source_of_a_kernel_is_that_function_alone():
    for name in routines.ROUTINES:
        text = routines.source(name)
        assert text.startswith((f"void {name}(", "#define POINTWISE_I8("))
        assert name in text
        assert text.count("{") == text.count("}") > 0
        assert text.count("\nvoid ") == 0
    with pytest.raises(KeyError, match="Expected one of"):
        routines.source("convolve")


def test_the_fewest_of_each_kind():
    found = counts.recorded().fewest("Cortex-M4F")
    assert {kind: one.kernel for kind, one in found.items()} == {
        "float32": "pointwise_f32_blocked",
        "int8": "pointwise_i8_blocked",
        "SMLAD": "pointwise_i8_smlad",
    }
    assert set(counts.recorded().fewest("Cortex-M0+", routines.DEPTHWISE)) == {"float32", "int8"}
