"""A whole picture, counted: the steps of the file, what belongs together, and what is written down of it."""

import dataclasses

import numpy as np
import pytest

from helpers.base import data
from helpers.board import boards, compiled_network, counts, emulator, estimates, inference
from helpers.board.bands import Bands
from helpers.board.compiled_network import VERSIONS, Version
from helpers.measure import roofline
from helpers.networks.plans import PRETRAINED_INT8 as SHIPPED
from needs import emulated

KIT = "Cortex-M4F, SMLAD"


def test_the_recorded_steps_are_those_of_the_file():
    layers = roofline.layers(SHIPPED)
    for version in VERSIONS.values():
        found = inference.recorded()[version.label]
        merged = version.bands.layers if version.bands else 1
        assert found.macs == sum(layer.macs for layer in layers)
        assert len(found.steps) == len(layers) - merged + 1
        assert [step.macs for step in found.steps[1:]] == [layer.macs for layer in layers[merged:]]
        assert found.instructions == sum(found.by_kind().values())
        assert found.ram == found.arena + found.variables + found.stack
        assert (found.cycles[0] <= found.cycles[1]) and found.cycles[0] > found.instructions
    bands = inference.recorded()["Cortex-M4F, SMLAD, in bands"]
    assert bands.steps[0].kind == "layers in bands" and bands.steps[0].layer == "pool1"


def test_what_holds_of_the_network_that_comes_with_the_suite():
    """Plain C takes more than SMLAD, the Cortex-M0+ more than both; bands halve the arena for a few per cent."""
    found = inference.recorded()
    smlad, plain, bands, small = (found[version.label] for version in VERSIONS.values())
    assert smlad.instructions < bands.instructions < 1.06 * smlad.instructions < plain.instructions < small.instructions
    assert bands.arena * 2 == smlad.arena == 110_592
    assert smlad.answer == plain.answer == bands.answer == small.answer
    assert smlad.memory.activations == smlad.arena and smlad.memory.stack == smlad.stack
    assert smlad.memory.source == "recorded on the emulated board"


@emulated
def test_a_picture_is_measured():
    found = inference.measure(SHIPPED, Version("Cortex-M4F", bands=Bands(3)), inference.example(SHIPPED))
    recorded = inference.recorded()[found.label]
    assert found == dataclasses.replace(recorded, source="measured")


def test_without_an_emulator_the_counts_are_the_recorded_ones(monkeypatch, capsys):
    def nothing(*_):
        raise NotImplementedError("There is no emulator here.")

    monkeypatch.setattr(inference, "measure_all", nothing)
    assert inference.instruction_counts(SHIPPED, inference.example(SHIPPED)) == inference.recorded()
    assert capsys.readouterr().out.startswith("There is no emulator here. These counts were recorded with the network")


def test_counts_are_written_and_read(monkeypatch, tmp_path):
    found = inference.recorded()
    monkeypatch.setattr(inference, "FOLDER", tmp_path)
    inference.record(found)
    assert inference.recorded() == found
    text = (tmp_path / inference.RECORDED).read_text()
    (tmp_path / inference.RECORDED).write_text(text.replace(KIT, "Cortex-M4F, magic"))
    with pytest.raises(ValueError, match="the label is known"):
        inference.recorded()


def test_the_example_is_the_same_everywhere():
    codes = inference.example(SHIPPED)
    assert codes.shape == (96, 96, 3) and codes.dtype == np.int8 and codes[0, 0].tolist() == [-33, 2, 66]


def test_estimates_get_the_names_of_versions():
    found = inference.estimated(estimates.estimates(SHIPPED, counts.recorded()))
    assert list(found) == [KIT, "Cortex-M4F, plain C", "Cortex-M0+, plain C"]
    low, high = found[KIT]
    assert low < high < inference.recorded()[KIT].instructions < 1.2 * low


# --- time and energy --------------------------------------------------------------------------------------------------


def test_time_is_cycles_by_the_clock_and_energy_time_by_the_current():
    one = inference.recorded()[KIT]
    one = dataclasses.replace(
        one, steps=(dataclasses.replace(one.steps[0], fewest_cycles=64_000_000, most_cycles=128_000_000),)
    )
    (row,) = inference.table([one]).rows
    assert row[3:5] == ["Arduino Nano 33 BLE Sense", "1,000 to 2,000"]
    assert row[5] == "9.9 to 19.8"  # 3.3 mA at 3 V for a second are 9.9 mJ
    (row,) = inference.table([inference.recorded()["Cortex-M0+, plain C"]]).rows
    assert row[3] == "Raspberry Pi Pico" and row[5] == "–"


def test_the_currents_are_in_the_table(tmp_path, monkeypatch):
    kit = boards.currents()[boards.KIT]
    assert (kit.milliamperes, kit.volts) == (3.3, 3.0) and "Nordic" in kit.source
    broken = tmp_path / "current.csv"
    broken.write_text((data.folder() / "current.csv").read_text().replace("3.3,3.0", "0,3.0"))
    monkeypatch.setattr(data, "folder", lambda: tmp_path)
    with pytest.raises(ValueError, match="larger than 0"):
        boards.currents()


def test_errors_of_a_process_arrive(monkeypatch):
    if emulator.installed():
        with pytest.raises(ValueError, match="The network takes 27,648 codes of type int8; found 12"):
            inference.measure_all(SHIPPED, np.zeros(12, np.int8), [compiled_network.VERSIONS["cortex-m4f"]])
