"""The comparison: from numbers to tables, and verdicts that turn when the numbers do."""

import copy

import pytest

from helpers import artifacts, conversion, evaluation, models, summary

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


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path))
    return tmp_path


def changed(**parts):
    """Return the made-up comparison with other numbers: kind=numbers."""
    found = copy.deepcopy(MADE_UP)
    for kind, numbers in parts.items():
        found["models"][kind] |= numbers
    return found


# --- the newest ----------------------------------------------------------------------------------------------


def test_no_comparison_yet(home):
    with pytest.raises(
        FileNotFoundError, match=r"metrics\.json holds no comparison yet: run 05_tradeoffs, or `make run`"
    ):
        summary.newest_comparison()
    artifacts.record("drawn", "training", {"accuracy": 0.9})
    with pytest.raises(FileNotFoundError, match="no comparison yet"):
        summary.comparison_table()


def test_the_newest_comparison_is_shown(home):
    artifacts.record("photographs", "comparison", MADE_UP | {"written": 2.0, "data": "photographs"})
    artifacts.record("drawn", "comparison", MADE_UP | {"written": 1.0, "data": "drawn pets"})
    artifacts.record("folder", "training", {"accuracy": 0.9})
    assert summary.newest_comparison()["data"] == "photographs"
    assert str(summary.comparison_table()).startswith("Photographs, 2,000 test pictures\n")


# --- the tables ----------------------------------------------------------------------------------------------


def test_the_comparison_as_a_table():
    table = summary.comparison_table(MADE_UP)
    assert table.caption == "Pictures in Photos/Pets, 2,000 test pictures", "a path keeps its capitals"
    assert table.columns[:5] == ["model", "file, kB", "arena, kB", "accuracy (95% interval)", "p"]
    assert table.columns[5:] == ["speed-up, XNNPACK", "speed-up, reference"]
    assert table.rows[0] == ["float32", "700.0", "400.0", "93.0% (92.0% to 94.0%)", "1.00", "1.50", "2.50"]
    assert table.rows[1] == ["int8", "190.0", "100.0", "93.0% (92.0% to 94.0%)", "0.50", "1.50", "2.50"]


@pytest.fixture
def verdicts(monkeypatch):
    """A function that returns the verdicts on a comparison: {claim: (measured, verdict)}."""
    monkeypatch.setattr(summary.training, "trained", lambda pets: models.compact_cnn())  # 92,160 live numbers

    def judge(found):
        monkeypatch.setattr(summary, "comparison", lambda pets: found)
        return {claim: (measured, verdict) for _, claim, measured, verdict in summary.claims_table(None).rows}

    return judge


HOLDS = "holds"
TURNING = [
    ("32 to 8 bits gives 4× less memory", {"int8": {"weight_bytes": 165_000}}, "4.00×", HOLDS),
    ("32 to 8 bits gives 4× less memory", {"int8": {"weight_bytes": 330_000}}, "2.00×", "does not hold here"),
    ("models are 4× smaller", {"int8": {"bytes": 175_000}}, "4.00×", HOLDS),
    ("models are 4× smaller", {"int8": {"bytes": 190_000}}, "3.68×", "not for a small file"),
    ("it fits 1 MB of flash", {"int8": {"bytes": 300_000}}, "700 to 300 kB", HOLDS),
    ("it fits 1 MB of flash", {"int8": {"bytes": 1_100_000}}, "700 to 1,100 kB", "does not fit"),
    ("less RAM, of 256 KB", {}, "400 to 100 kB", HOLDS),
    ("less RAM, of 256 KB", {"int8": {"arena_bytes": 300_000}}, "400 to 300 kB", "does not fit"),
    ("75% less to load", {"int8": {"weight_bytes": 165_000}}, "75%", HOLDS),
    ("75% less to load", {"int8": {"weight_bytes": 330_000}}, "50%", "does not hold here"),
    ("accuracy can be lost", {"int8": {"accuracy": 0.90, "p_value": 0.001}}, "-3.00 points", "a loss was measured"),
    ("accuracy can be lost", {"int8": {"accuracy": 0.92, "p_value": 0.2}}, "-1.00 points", "none that these pictures"),
    ("accuracy can be lost", {"int8": {"accuracy": 0.96, "p_value": 0.001}}, "+3.00 points", "none that these"),
]


@pytest.mark.parametrize(("claim", "numbers", "measured", "verdict"), TURNING)
def test_a_verdict_follows_from_its_number(verdicts, claim, numbers, measured, verdict):
    found = verdicts(changed(**numbers))[claim]
    assert measured in found[0]
    assert found[1].startswith(verdict)


def test_without_a_measured_arena_memory_is_that_of_the_largest_layer(verdicts):
    live = 48 * 48 * (16 + 24)  # of the compact network
    found = verdicts(changed(float32={"arena_bytes": None}, int8={"arena_bytes": None}))
    assert found["less RAM, of 256 KB"][0] == f"{4 * live / 1000:.0f} to {live / 1000:.0f} kB"
    table = summary.comparison_table(changed(int8={"arena_bytes": None}))
    assert table.rows[1][2] == "–"


@pytest.mark.parametrize(
    ("ratios", "count"), [((1.9, 4.1), 0), ((2.0, 4.0), 2), ((1.0, 3.0), 1)], ids=["outside", "limits", "one"]
)
def test_the_verdict_on_speed_counts_kernel_sets(verdicts, ratios, count):
    ratio = {k: MEDIAN | {"value": v} for k, v in zip(MADE_UP["kernels"], ratios, strict=True)}
    measured, verdict = verdicts(changed(int8={"ratio": ratio}))["2 to 4× faster on a CPU"]
    assert measured == f"XNNPACK {ratios[0]:.1f}×, reference {ratios[1]:.1f}×"
    assert verdict == f"in {count} of 2 kernel sets"


# --- measured ------------------------------------------------------------------------------------------------


def test_a_comparison_is_measured_once_and_kept(at_home, monkeypatch, capsys):
    monkeypatch.setattr(summary, "ROUNDS", dict.fromkeys(evaluation.KERNELS, 3))
    found = summary.comparison(at_home.pets)
    assert "The comparison is not there yet" in capsys.readouterr().out
    images, labels = at_home.pets.arrays("test")
    whole = evaluation.score(at_home.files["float32"], images, labels)
    for kind, row in found["models"].items():
        score = evaluation.score(at_home.files[kind], images, labels)
        assert row["bytes"] == at_home.files[kind].stat().st_size
        assert row["sha256"] == artifacts.sha256(at_home.files[kind])
        assert (row["accuracy"], (row["low"], row["high"])) == (score.accuracy, score.interval)
        assert row["p_value"] == evaluation.mcnemar(whole.correct, score.correct).p_value
        assert set(row["ratio"]) == set(row["milliseconds"]) == set(evaluation.KERNELS)
    assert all(ratio["value"] == 1 for ratio in found["models"]["float32"]["ratio"].values())
    assert list(found["models"]) == list(conversion.KINDS)

    monkeypatch.setattr(summary, "measure_timings", None)  # it must not be called again
    assert summary.comparison(at_home.pets) == found
    assert summary.newest_comparison() == found
    assert "not there yet" not in capsys.readouterr().out
    assert len(summary.comparison_table(found).rows) == len(conversion.KINDS)


def test_a_comparison_of_other_files_is_measured_again(at_home, monkeypatch):
    monkeypatch.setattr(summary, "ROUNDS", dict.fromkeys(evaluation.KERNELS, 3))
    found = summary.comparison(at_home.pets)
    old = {**found["models"], "int8": found["models"]["int8"] | {"sha256": "0" * 64, "accuracy": 0.0}}
    artifacts.record(at_home.pets.source, "comparison", found | {"models": old})
    assert summary.comparison(at_home.pets)["models"]["int8"]["accuracy"] == found["models"]["int8"]["accuracy"]
