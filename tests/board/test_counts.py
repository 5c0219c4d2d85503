"""The instructions that kernels execute, counted: the same in every run, as recorded, and what they say."""

import re

import pytest

from emulated_kernels import PAIRS, QUICK
from helpers import microcontroller
from helpers.board import counts, emulator, inference, routines
from helpers.board.counts import Count, Counts, record
from helpers.board.layers import example
from helpers.board.routines import DEPTHWISE, POINTWISE
from helpers.integer import fixed_point
from needs import emulated


@pytest.fixture(scope="module")
def measured():
    """All counts, made once: about ten seconds."""
    return {name: counts.measured(name) for name in routines.COMPILERS}


@emulated
@pytest.mark.parametrize("core, kernel", QUICK)
def test_two_runs_count_the_same(core, kernel):
    first, second = counts.count(core, kernel), counts.count(core, kernel)
    assert (first, first.mix) == (second, second.mix)
    assert sum(first.mix.values()) == first.instructions


@emulated
def test_counts_do_not_depend_on_the_numbers():
    """An int8 loop executes the same instructions whatever the codes, but for the clipping of single results."""
    first, second = (counts.count("Cortex-M3", "pointwise_i8_2x2", example(POINTWISE, seed)) for seed in (0, 1))
    assert first.instructions == pytest.approx(second.instructions, rel=0.01)


@emulated
def test_two_products_an_instruction(measured):
    blocks = {"pointwise_i8_smlad": ("smlad", 2, 8), "pointwise_f32_2x2": ("vfma.f32", 1, 4)}
    for kernel, (name, products, times) in (blocks | {"pointwise_f32_4x4": ("vfma.f32", 1, 16)}).items():
        count = measured["GCC"]["Cortex-M4F", kernel]
        assert count.mix[name] * products == count.macs
        assert re.findall(r"^\S+", count.loop, re.MULTILINE).count(name) == times


@emulated
@pytest.mark.parametrize("compiler", routines.COMPILERS)
def test_the_instructions_of_a_phone(measured, compiler):
    """Sixteen products each: one SDOT, or SMULL for eight, SMLAL for eight more, and SADALP to add them up."""
    with_it, without = (measured[compiler]["AArch64 with SDOT", f"pointwise_i8_{how}"] for how in ("sdot", "neon"))
    assert with_it.mix["sdot"] * 16 == with_it.macs
    assert {name: without.mix[name] * 16 for name in ("smull", "smlal2", "sadalp")} == dict.fromkeys(
        ("smull", "smlal2", "sadalp"), without.macs
    )


@emulated
def test_the_recorded_counts_are_those_of_the_shipped_programs(measured):
    recorded = counts.recorded()
    assert tuple(recorded) == tuple(measured) == routines.COMPILERS
    for compiler, found in recorded.items():
        assert found.source == "recorded" and measured[compiler].source == "measured"
        assert found.counts == measured[compiler].counts
        assert set(found.counts) == set(PAIRS)


@pytest.mark.parametrize("compiler", routines.COMPILERS)
def test_what_the_counts_say(compiler):
    """The claims of the notebook, as inequalities: other compilers move the numbers, not these."""
    per_mac = counts.recorded()[compiler].per_mac
    for core in ("Cortex-M0+", "Cortex-M3", "Cortex-M4"):  # no floating-point unit
        assert per_mac(core, "pointwise_f32") > 10 * per_mac(core, "pointwise_i8")
    assert 15 < per_mac("Cortex-M0+", "pointwise_f32") / per_mac("Cortex-M0+", "pointwise_i8") < 30
    for blocks in ("f32_4x4", "i8_2x2"):  # whatever is loaded is used several times
        assert per_mac("Cortex-M4F", f"pointwise_{blocks}") < per_mac("Cortex-M4F", f"pointwise_{blocks[:-4]}")
    assert per_mac("Cortex-M4F", "pointwise_f32_4x4") < per_mac("Cortex-M4F", "pointwise_i8_2x2")
    phone = {how: per_mac("AArch64 with SDOT", f"pointwise_{how}") for how in ("f32_neon", "i8_neon", "i8_sdot")}
    assert 1.1 < phone["f32_neon"] / phone["i8_neon"] < 1.5 < 2 < phone["f32_neon"] / phone["i8_sdot"] < 4


def test_counts_elsewhere_are_called_recorded(monkeypatch, capsys):
    monkeypatch.setattr(emulator, "installed", lambda: False)
    found = counts.instruction_counts()
    assert [one.source for one in found.values()] == ["recorded", "recorded"]
    assert "Unicorn is not installed here" in capsys.readouterr().out
    assert microcontroller.main([]) == 0
    printed = capsys.readouterr().out
    assert "GCC · 1×1 convolution: instructions per multiply-accumulate, recorded" in printed
    assert "3×3 depthwise convolution on the Cortex-M4F: for one multiply-accumulate" in printed
    assert microcontroller.main(["--record"]) == 1
    assert "Nothing can be counted here" in capsys.readouterr().err
    with pytest.raises(NotImplementedError, match="packages unicorn and capstone are not installed"):
        counts.count("Cortex-M0+", "pointwise_i8")


def test_the_table_has_a_line_for_each_kernel():
    table = counts.count_table(counts.recorded()["GCC"], DEPTHWISE)
    assert table.columns == ["kernel", "Cortex-M0+", "Cortex-M3", "Cortex-M4", "Cortex-M4F"]
    ways = ["float32, plain loop", "float32, 4 channels at a time", "int8, plain loop", "int8, 4 channels at a time"]
    assert [row[0] for row in table.rows] == [*ways, "int8, SMLAD"]
    assert table.rows[4][1:3] == ["–", "–"]
    with pytest.raises(ValueError, match="no counts of a 1×1 convolution"):
        counts.count_table(Counts({}, "measured"))


def test_recorded_counts_survive_a_round(tmp_path, monkeypatch):
    found = counts.recorded()
    monkeypatch.setattr(routines, "FOLDER", tmp_path)
    record(found)
    assert counts.recorded() == found
    text = (tmp_path / routines.RECORDED).read_text().replace("pointwise_f32,", "pointwise_f64,", 1)
    (tmp_path / routines.RECORDED).write_text(text)
    with pytest.raises(ValueError, match="compiler, core and kernel are known"):
        counts.recorded()


@emulated
def test_what_is_recorded_are_all_counts_of_both_compilers(measured, tmp_path, monkeypatch, capsys):
    """Not only those that are shown."""
    asked = lambda compiled, cores=None: Counts(  # noqa: E731
        {pair: one for pair, one in measured[compiled].counts.items() if cores is None or pair[0] in cores}, "measured"
    )
    monkeypatch.setattr(counts, "measured", asked)
    monkeypatch.setattr(routines, "FOLDER", tmp_path)
    whole = inference.recorded()  # that these are the programs' is tested in test_compiled_network.py
    monkeypatch.setattr(inference, "measure_all", lambda *_: whole)
    monkeypatch.setattr(inference, "FOLDER", tmp_path / "network")
    shipped = counts.data.folder() / "microcontroller" / routines.RECORDED
    assert microcontroller.main(["--record"]) == 0
    assert (tmp_path / routines.RECORDED).read_text() == shipped.read_text()
    assert "Zig · 1×1 convolution" in capsys.readouterr().out
    assert inference.recorded() == whole


def test_the_best_of_each_kind():
    found = counts.recorded()["GCC"]
    assert {kind: one.kernel for kind, one in found.best("Cortex-M4F").items()} == {
        "float32": "pointwise_f32_4x4",
        "int8": "pointwise_i8_2x2",
        "SMLAD": "pointwise_i8_smlad",
    }
    assert set(found.best("Cortex-M0+", routines.DEPTHWISE)) == {"float32", "int8"}
    with pytest.raises(KeyError, match="no count of a 3×3 depthwise convolution for AArch64"):
        found.best("AArch64", routines.DEPTHWISE)


def test_the_best_has_the_fewest_cycles_where_they_are_known():
    """A kernel with more instructions can take less time; without a manual only instructions are known."""
    slow, quick = ("pointwise_i8", 100, (300, 400)), ("pointwise_i8_2x2", 200, (200, 250))
    for cycles, best in ((True, "pointwise_i8_2x2"), (False, "pointwise_i8")):
        made_up = [Count("Cortex-M4F", k, 100, n, c if cycles else None) for k, n, c in (slow, quick)]
        found = Counts({(one.core, one.kernel): one for one in made_up}, "measured")
        assert found.best("Cortex-M4F")["int8"].kernel == best


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
