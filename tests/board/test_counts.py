"""The instructions that kernels execute, counted: the same in every run, as recorded, and what they say."""

import re

import pytest

from emulated_kernels import PAIRS, QUICK
from helpers import microcontroller
from helpers.board import counts, emulator, routines
from helpers.board.counts import Counts, record
from helpers.board.layers import example
from helpers.board.routines import DEPTHWISE, POINTWISE
from helpers.integer import fixed_point
from needs import emulated


@pytest.fixture(scope="module")
def measured():
    """All counts, made once: about seven seconds."""
    return counts.measured()


@emulated
@pytest.mark.parametrize("core, kernel", QUICK)
def test_two_runs_count_the_same(core, kernel):
    first, second = counts.count(core, kernel), counts.count(core, kernel)
    assert (first, first.mix) == (second, second.mix)
    assert sum(first.mix.values()) == first.instructions


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


def test_the_fewest_of_each_kind():
    found = counts.recorded().fewest("Cortex-M4F")
    assert {kind: one.kernel for kind, one in found.items()} == {
        "float32": "pointwise_f32_blocked",
        "int8": "pointwise_i8_blocked",
        "SMLAD": "pointwise_i8_smlad",
    }
    assert set(counts.recorded().fewest("Cortex-M0+", routines.DEPTHWISE)) == {"float32", "int8"}


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


@emulated
def test_a_wrong_result_is_not_counted(monkeypatch):
    right = fixed_point.to_codes
    monkeypatch.setattr(fixed_point, "to_codes", lambda *arguments: right(*arguments) ^ 1)
    with pytest.raises(RuntimeError, match="computed 256 of 256 values otherwise than expected"):
        counts.count("Cortex-M3", "pointwise_i8")
