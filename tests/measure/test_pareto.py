"""The front of accuracy and cost, against looking at every pair of points, and the statement made of it."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.base import metrics
from helpers.measure import accuracy, pareto
from helpers.measure.accuracy import Score
from helpers.measure.latency import Timings
from helpers.pictures import conventions, datasets, reading
from helpers.tflite import convert

pytest_plugins = ["tiny"]

POINTS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=12)


def beaten(point: tuple, others: list[tuple]) -> bool:
    """Whether another point is at least as cheap and as accurate, and not the same."""
    return any(o[0] <= point[0] and o[1] >= point[1] and o != point for o in others)


@given(POINTS)
def test_the_front_is_what_no_other_point_beats(points):
    found = pareto.front([p[0] for p in points], [p[1] for p in points])
    assert {points[i] for i in found} == {p for p in points if not beaten(p, points)}
    assert len(found) == len({points[i] for i in found}), "equal points stand once"
    assert [points[i][0] for i in found] == sorted(points[i][0] for i in found)


def answers(right: int, of: int = 100) -> Score:
    """Return a score that is right on the first `right` pictures."""
    labels = np.zeros(of, np.int64)
    probabilities = np.full((of, 2), (0.2, 0.8), np.float32)
    probabilities[:right] = (0.8, 0.2)
    return Score(probabilities, labels)


SCORES = {
    "small": {"float32": answers(80), "int8": answers(79)},
    "large": {"float32": answers(90), "int8": answers(90)},
    "silly": {"float32": answers(70), "int8": answers(60)},
}
COSTS = {
    "small": {"float32": 2.0, "int8": 1.0},
    "large": {"float32": 8.0, "int8": 2.0},
    "silly": {"float32": 9.0, "int8": 9.0},
}


def test_what_int8_offers_in_place_of_a_float32_network():
    small, large = pareto.matches(SCORES, COSTS)
    assert (small.network, small.faster, small.speed_up) == ("small", "large", 1.0)
    assert (small.better, small.gain) == ("large", pytest.approx(0.10))
    assert small.p_value == accuracy.mcnemar(answers(80).correct, answers(90).correct).p_value < 0.01
    assert (large.network, large.faster, large.speed_up, large.better) == ("large", "large", 4.0, "large")
    assert large.gain == 0
    assert large.p_value == 1


def test_int8_may_have_nothing_to_offer():
    scores = {"only": {"float32": answers(80), "int8": answers(79)}}
    (found,) = pareto.matches(scores, {"only": {"float32": 1.0, "int8": 1.5}})
    assert dataclasses.astuple(found) == ("only", None, None, None, None, 1.0)


@pytest.fixture
def measured(tiny, drawn, pets, tmp_path, monkeypatch):
    """Two networks that are one, with timings made by hand, in a folder of their own."""
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path))
    files = {name: {kind: tiny[kind] for kind in pareto.KINDS} for name in ("one", "two")}
    scores = {name: {kind: accuracy.score(path, *drawn) for kind, path in files["one"].items()} for name in files}
    rounds = np.array([1.0, 1.1, 0.9])
    seconds = {"one float32": 4e-3, "one int8": 1e-3, "two float32": 8e-3, "two int8": 16e-3}
    timings = {"XNNPACK": Timings({name: rounds * value for name, value in seconds.items()})}
    found = pareto.record(pets, files, scores, timings, "frontier")
    return files, scores, found


def test_the_record_is_kept_as_plain_numbers(measured, pets):
    files, scores, found = measured
    assert metrics.read()["drawn"]["frontier"] == found
    row = found["networks"]["one"]["int8"]
    assert row["bytes"] == files["one"]["int8"].stat().st_size
    assert row["accuracy"] == scores["one"]["int8"].accuracy
    assert row["milliseconds"]["XNNPACK"]["value"] == pytest.approx(1.0)
    assert pareto.costs_of(found, "XNNPACK")["two"] == pytest.approx({"float32": 8.0, "int8": 16.0})
    assert pareto.costs_of(found, "bytes")["two"]["float32"] == files["two"]["float32"].stat().st_size


def test_the_verdict_counts_the_matches(measured):
    _, scores, found = measured
    (match,) = found["matches"]["XNNPACK"]
    table = pareto.verdict_table(found)
    assert [row[0] for row in table.rows] == ["time, XNNPACK", "file size"]
    assert table.rows[0][1] == "1"
    as_accurate = scores["one"]["int8"].accuracy >= scores["one"]["float32"].accuracy
    assert (match["speed_up"] == pytest.approx(4.0)) if as_accurate else match["speed_up"] is None
    assert table.rows[0][2] == ("1 of 1 (21% to 100%)" if as_accurate else "0 of 1 (0% to 79%)")


ONE, NONE = "1 of 1 (21% to 100%)", "0 of 1 (0% to 79%)"  # Wilson's interval of one network says little


@pytest.mark.parametrize(
    ("match", "said"),
    [
        ({"speed_up": 2.0, "gain": 0.01, "p_value": 0.2}, ["1", ONE, "2.0 (2.0 to 2.0)", ONE, "0"]),
        ({"speed_up": 2.0, "gain": 0.01, "p_value": 0.02}, ["1", ONE, "2.0 (2.0 to 2.0)", ONE, "1"]),
        ({"speed_up": 0.5, "gain": -0.01, "p_value": 0.02}, ["1", NONE, "-", NONE, "0"]),
        ({"speed_up": None, "gain": None, "p_value": 1.0}, ["1", NONE, "-", NONE, "0"]),
    ],
)
def test_a_gain_counts_as_sure_only_if_chance_is_a_poor_explanation(match, said):
    assert pareto._verdict([match]) == said


def test_files_are_scored_and_timed_at_their_own_size(tiny, drawn, folder, tmp_path, monkeypatch):
    from tiny import network

    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path))
    monkeypatch.setattr(pareto, "ROUNDS", {"XNNPACK": 2})
    mine = datasets.load(folder, verbose=False)
    network(conventions.normalise(reading.resize(drawn[0], 48))).export(tmp_path / "saved_model", verbose=False)
    half = convert.write(convert.convert("float32", tmp_path / "saved_model"), tmp_path / "half.tflite")
    files = {"whole": {"float32": tiny["float32"]}, "half": {"float32": half}}
    found = pareto.scores(files, mine)
    np.testing.assert_allclose(
        found["half"]["float32"].probabilities, accuracy.predict(half, mine.arrays("test", size=48)[0])
    )
    assert list(pareto.timings(files, mine)["XNNPACK"].seconds) == ["whole float32", "half float32"]
