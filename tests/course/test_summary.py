"""The comparison: measured once, kept, and shown as tables."""

import copy

import pytest

from helpers.base import artifacts, metrics
from helpers.course import summary
from helpers.measure import accuracy
from helpers.tflite import convert, interpreter

pytest_plugins = ["small"]

MEDIAN = {"value": 1.5, "low": 1.4, "high": 1.6}
ROW = {
    "bytes": 700_000,
    "weight_bytes": 660_000,
    "sha256": "0" * 64,
    "arena_bytes": 400_000,
    "accuracy": 0.93,
    "low": 0.92,
    "high": 0.94,
    "p_value": 1.0,
    "milliseconds": {"XNNPACK": MEDIAN, "reference": MEDIAN},
    "ratio": {"XNNPACK": MEDIAN, "reference": MEDIAN | {"value": 2.5}},
}
MADE_UP = {
    "data": "pictures in Photos/Pets",
    "pictures": 2000,
    "seed": 20,
    "kernels": ["XNNPACK", "reference"],
    "written": 100.0,
    "models": {
        "float32": ROW,
        "int8": ROW | {"bytes": 190_000, "weight_bytes": 165_000, "arena_bytes": 100_000, "p_value": 0.5},
    },
}


def changed(**parts):
    """Return the made-up comparison with other numbers: kind=numbers."""
    comparison = copy.deepcopy(MADE_UP)
    for kind, numbers in parts.items():
        comparison["models"][kind] |= numbers
    return comparison


# --- the newest -------------------------------------------------------------------------------------------------------


def test_no_comparison_yet(home):
    with pytest.raises(
        FileNotFoundError, match=r"metrics\.json holds no comparison yet: run 05_tradeoffs, or `make run`"
    ):
        summary.newest_comparison()
    metrics.record("drawn", "training", {"accuracy": 0.9})
    with pytest.raises(FileNotFoundError, match="no comparison yet"):
        summary.comparison_table()


def test_the_newest_comparison_is_shown(home):
    metrics.record("photographs", "comparison", MADE_UP | {"written": 2.0, "data": "photographs"})
    metrics.record("drawn", "comparison", MADE_UP | {"written": 1.0, "data": "drawn pets"})
    metrics.record("folder", "training", {"accuracy": 0.9})
    assert summary.newest_comparison()["data"] == "photographs"
    assert str(summary.comparison_table()).startswith("Photographs, 2,000 test pictures\n")


# --- the tables -------------------------------------------------------------------------------------------------------


def test_the_comparison_as_a_table():
    table = summary.comparison_table(MADE_UP)
    assert table.caption == "Pictures in Photos/Pets, 2,000 test pictures", "a path keeps its capitals"
    assert table.columns[:5] == ["model", "file, kB", "arena, kB", "accuracy (95% interval)", "p"]
    assert table.columns[5:] == ["speed-up, XNNPACK", "speed-up, reference"]
    assert table.rows[0] == ["float32", "700.0", "400.0", "93.0% (92.0% to 94.0%)", "1.00", "1.50", "2.50"]
    assert table.rows[1] == ["int8", "190.0", "100.0", "93.0% (92.0% to 94.0%)", "0.50", "1.50", "2.50"]


def test_a_file_that_has_seen_fewer_pictures_is_not_compared_by_its_accuracy():
    few = {"partly": True, "pictures": 150, "same_as_float32": 149}
    table = summary.comparison_table(changed(int8=few))
    assert table.rows[1][3:5] == ["as float32 on 149 of 150", "–"]
    assert "93.0%" not in " ".join(table.rows[1])


def test_an_arena_that_could_not_be_measured_is_a_dash():
    table = summary.comparison_table(changed(int8={"arena_bytes": None}))
    assert table.rows[1][2] == "–"


# --- measured ---------------------------------------------------------------------------------------------------------


def test_a_comparison_is_measured_once_and_kept(at_home, monkeypatch, capsys):
    monkeypatch.setattr(summary, "ROUNDS", dict.fromkeys(interpreter.KERNEL_SETS, 3))
    comparison = summary.comparison(at_home.pets)
    assert "The comparison is not there yet" in capsys.readouterr().out
    images, labels = at_home.pets.arrays("test")
    whole = accuracy.score(at_home.files["float32"], images, labels)
    for kind, row in comparison["models"].items():
        score = accuracy.score(at_home.files[kind], images, labels)
        assert row["bytes"] == at_home.files[kind].stat().st_size
        assert row["sha256"] == artifacts.sha256(at_home.files[kind])
        assert (row["accuracy"], (row["low"], row["high"])) == (score.accuracy, score.interval)
        assert tuple(row["difference"]) == accuracy.difference(whole.correct, score.correct)
        assert row["p_value"] == accuracy.mcnemar(whole.correct, score.correct).p_value
        assert (row["moved_bytes"] or 0) > 0 or kind not in ("float32", "int8")
        assert row["partly"] is (len(score.labels) < at_home.pets.counts["test"])
        assert row["same_as_float32"] == (whole.predictions == score.predictions).sum()
        assert set(row["ratio"]) == set(row["milliseconds"]) == set(interpreter.KERNEL_SETS)
    assert all(ratio["value"] == 1 for ratio in comparison["models"]["float32"]["ratio"].values())
    assert list(comparison["models"]) == list(convert.KINDS)

    monkeypatch.setattr(summary, "measure_timings", None)  # it must not be called again
    assert summary.comparison(at_home.pets) == comparison
    assert summary.newest_comparison() == comparison
    assert "not there yet" not in capsys.readouterr().out
    assert len(summary.comparison_table(comparison).rows) == len(convert.KINDS)


def test_a_comparison_of_other_files_is_measured_again(at_home, monkeypatch):
    monkeypatch.setattr(summary, "ROUNDS", dict.fromkeys(interpreter.KERNEL_SETS, 3))
    comparison = summary.comparison(at_home.pets)
    old = {**comparison["models"], "int8": comparison["models"]["int8"] | {"sha256": "0" * 64, "accuracy": 0.0}}
    metrics.record(at_home.pets.source, "comparison", comparison | {"models": old})
    assert summary.comparison(at_home.pets)["models"]["int8"]["accuracy"] == comparison["models"]["int8"]["accuracy"]
