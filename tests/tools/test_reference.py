"""The results of a run on the photographs: kept whole, or not at all."""

import json

import pytest

import reference
from helpers.base import metrics
from helpers.course import summary


@pytest.fixture(autouse=True)
def own_artifacts(tmp_path, monkeypatch):
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path / "artifacts"))


def test_a_whole_run_is_kept(tmp_path):
    for section in (*reference.SECTIONS, "something else"):
        metrics.record("photographs", section, {"of": section})
    assert reference.main(tmp_path / "results.json") == 0
    kept = json.loads((tmp_path / "results.json").read_text())
    assert list(kept) == list(reference.SECTIONS)
    assert kept["board"]["of"] == "board"


def test_half_a_run_leaves_the_old_results(tmp_path, capsys):
    (tmp_path / "results.json").write_text("{}")
    metrics.record("photographs", "training", {"accuracy": 0.9})
    metrics.record("drawn", "board", {"flash_bytes": 1})
    assert reference.main(tmp_path / "results.json") == 1
    message = capsys.readouterr().err
    assert (
        "holds no conversion, why" in message
        and "fewer_bits on the photographs" in message
        and "training" not in message
    )
    assert (tmp_path / "results.json").read_text() == "{}"


def test_the_results_in_the_repository_are_whole():
    assert set(reference.SECTIONS) <= set(summary.reference())
