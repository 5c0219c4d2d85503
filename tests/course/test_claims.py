"""The lecture's claims: verdicts that turn when the numbers do, and no verdict without a number."""

import copy
import json

import pytest

from helpers.base import metrics
from helpers.base.data import project
from helpers.course import claims, summary

FILES = {"moved_bytes": 4_000_000, "weight_bytes": 660_000, "bytes": 700_000, "accuracy": 0.93}
MADE_UP = {
    "comparison": {
        "models": {
            "float32": FILES,
            "int8": {
                "weight_bytes": 165_000,
                "moved_bytes": 1_000_000,
                "bytes": 190_000,
                "accuracy": 0.93,
                "p_value": 1.0,
                "difference": [-0.002, 0.002],
            },
        }
    },
    "board": {
        "flash_bytes": 1 << 20,
        "ram_bytes": 1 << 18,
        "files": {
            "float32": {"bytes": 700_000, "arena_bytes": 400_000},
            "int8": {"bytes": 190_000, "arena_bytes": 100_000},
        },
        "cycles per MAC": {
            "kit": {"float32": [3.2, 5.9], "int8": [3.3, 5.8], "SMLAD": [2.1, 2.9]},
            "without FPU": {"float32": [200.0, 240.0], "int8": [8.0, 10.0]},
        },
    },
    "why": {
        "near zero": {"conv1": 0.5, "conv2": 0.8, "conv3": 0.9},
        "ratio": {"MobileNet v1": 2.7, "ResNet v2": 3.2, "Inception v3": 2.5, "our network": 1.0},
        "energy": {"scalar": 1.1, "circuit": 10.0},
        "area": 28.4,
    },
    "parts": {
        "repairs": {"float32": 0.94, "one spoiled picture": 0.74},
    },
    "fewer_bits": {"float32": 0.90, "file": {"accuracy": 0.88, "p_value": 0.001, "difference": [-0.03, -0.01]}},
    "frontier": {
        "matches": {
            "XNNPACK": [{"speed_up": 1.2}] * 7,
            "reference": [{"speed_up": 1.9}, {"speed_up": None}],
            "bytes": [{"speed_up": 0.5}],
        }
    },
    "bits": {"cliff": {"residual_cnn": 3, "AlexNet-shaped": 2}},
}


def changed(section, *path_and_value):
    """Return the made-up sections with one number changed: section, keys on the way to it, and the new value."""
    sections = copy.deepcopy(MADE_UP)
    *path, last, value = path_and_value
    place = sections[section]
    for key in path:
        place = place[key]
    place[last] = value
    return sections


def judged(sections):
    """Return {claim: (measured, verdict)}."""
    return {row[1]: (row[2], row[3]) for row in claims.table(sections).rows}


HOLDS, FOR, NOT, OPEN = claims.VERDICTS
INT8 = ("models", "int8")
RAM = "less RAM, and the board has 256 KB (262 kB)"
LOSS = "accuracy is lost: at 8 bits"
MOST = "at equal accuracy int8 is faster (most networks)"
FOUR_BITS = "accuracy is lost: with 4-bit weights"
WON, LOST = [{"speed_up": 1.5}], [{"speed_up": 0.5}]
KIT, PICO = ("cycles per MAC", "kit"), ("cycles per MAC", "without FPU", "float32")
TURNING = [
    ("4× less memory", ("comparison", *INT8, "weight_bytes", 165_000), "4.00×", HOLDS),
    ("4× less memory", ("comparison", *INT8, "weight_bytes", 330_000), "2.00×", NOT),
    ("4× smaller", ("comparison", *INT8, "bytes", 175_000), "4.00×", HOLDS),
    ("4× smaller", ("comparison", *INT8, "bytes", 190_000), "3.68×", f"{FOR} the weights"),
    ("75% less load on the memory", ("comparison", *INT8, "moved_bytes", 1_016_000), "74.6% less", HOLDS),
    ("75% less load on the memory", ("comparison", *INT8, "moved_bytes", 2_000_000), "4.00 to 2.00 MB", NOT),
    (LOSS, ("comparison", *INT8, "accuracy", 0.93), "+0.00 points (-0.20 to +0.20), p = 1.00", NOT),
    (LOSS, ("comparison", *INT8, "difference", [-0.006, 0.006]), "(-0.60 to +0.60)", OPEN),
    ("2 to 4× faster on a CPU", ("why", "ratio", "ours", 1.0), "MobileNet v1 2.7×, ResNet v2 3.2×, Inc", HOLDS),
    ("2 to 4× faster on a CPU", ("why", "ratio", "ResNet v2", 1.9), "ResNet v2 1.9×", f"{FOR} MobileNet v1, Inception"),
    ("2 to 4× faster on a CPU", ("why", "ratio", dict.fromkeys(claims.THREE, 1.5)), "(XNNPACK)", NOT),
    ("it fits 1 MB of flash", ("board", "files", "int8", "bytes", 190 << 10), "195 of 1,049 kB", HOLDS),
    ("it fits 1 MB of flash", ("board", "files", "int8", "bytes", (1 << 20) + 1), "of 1,049 kB", NOT),
    (RAM, ("board", "files", "int8", "arena_bytes", 1 << 18), "262 kB, of 262", HOLDS),
    (RAM, ("board", "files", "int8", "arena_bytes", (1 << 18) + 1), "of 262", NOT),
    (RAM, ("board", "files", "float32", "arena_bytes", 90_000), "90 to 100 kB", NOT),
    ("most weights lie in a small range", ("why", "near zero", {"a": 0.7, "b": 0.2, "c": 0.6}), "60%", HOLDS),
    ("most weights lie in a small range", ("why", "near zero", {"a": 0.25}), "25%", NOT),
    ("less power", ("why", "energy", {"scalar": 1.1, "circuit": 9.0}), "scalar 1.1×", f"{FOR} circuit"),
    ("less power", ("why", "energy", {"scalar": 1.1}), "scalar 1.1×", NOT),
    ("a lot fewer gates", ("why", "area", 28.4), "28×", HOLDS),
    ("a lot fewer gates", ("why", "area", 1.5), "2×", NOT),
    ("accuracy is lost: done badly", ("parts", "repairs", "float32", 0.94), "-20 points", HOLDS),
    ("accuracy is lost: done badly", ("parts", "repairs", "float32", 0.76), "-2 points", NOT),
    (FOUR_BITS, ("fewer_bits", "float32", 0.90), "-2.00 points (-3.00 to -1.00), p = 0.00", HOLDS),
    (FOUR_BITS, ("fewer_bits", "file", "p_value", 0.3), "p = 0.30", OPEN),
    (FOUR_BITS, ("fewer_bits", "file", {"accuracy": 0.90, "p_value": 1, "difference": [-0.004, 0.004]}), "+0.00", NOT),
    (MOST, ("frontier", "matches", "bytes", []), "XNNPACK 7 of 7, reference 1 of 2", f"{FOR} XNNPACK"),
    (MOST, ("frontier", "matches", {"a": WON * 2, "b": WON * 3 + LOST}), "a 2 of 2, b 3 of 4", OPEN),
    (MOST, ("frontier", "matches", {"a": LOST * 7}), "a 0 of 7", NOT),
    (MOST, ("frontier", "matches", {"a": WON * 5}), "a 5 of 5", HOLDS),
    ("each network can be quantized to another degree", ("bits", "cliff", {"a": 3, "b": None}), "b none", HOLDS),
    ("each network can be quantized to another degree", ("bits", "cliff", {"a": 3, "b": 3}), "a 3, b 3", NOT),
    ("faster arithmetic", ("board", "ram_bytes", 1), "float32 3.2 to 5.9, int8 3.3 to 5.8", f"{FOR} SMLAD"),
    ("faster arithmetic", ("board", *KIT, {"float32": [3, 5], "int8": [4, 6]}), "int8 4 to 6", OPEN),
    ("faster arithmetic", ("board", *KIT, {"float32": [3, 5], "int8": [6, 7]}), "int8 6 to 7", NOT),
    ("faster arithmetic", ("board", *KIT, {"float32": [3, 5], "int8": [1, 2]}), "int8 1 to 2", HOLDS),
    ("without floats it runs on more processors", ("board", "ram_bytes", 1), "20 to 30 times", HOLDS),
    ("without floats it runs on more processors", ("board", *PICO, [9, 240.0]), "1 to 30 times", NOT),
]


@pytest.mark.parametrize(("claim", "change", "measured", "verdict"), TURNING)
def test_a_verdict_follows_from_its_number(claim, change, measured, verdict):
    result = judged(changed(*change))[claim]
    assert measured in result[0]
    assert result[1] == verdict if verdict in (HOLDS, NOT, OPEN) else result[1].startswith(verdict)


def test_every_claim_has_a_case_here():
    assert {case[0] for case in TURNING} == {claim.words for claim in claims.CLAIMS}


@pytest.mark.parametrize(
    ("accuracy", "p_value", "verdict"), [(0.90, 0.001, HOLDS), (0.92, 0.2, NOT), (0.96, 0.001, NOT)]
)
def test_a_loss_must_be_more_than_chance(accuracy, p_value, verdict):
    sections = changed("comparison", *INT8, "accuracy", accuracy)
    sections["comparison"]["models"]["int8"]["p_value"] = p_value
    assert judged(sections)["accuracy is lost: at 8 bits"][1] == verdict


def test_every_verdict_begins_with_one_of_four():
    assert all(verdict.startswith(claims.VERDICTS) for _, verdict in judged(MADE_UP).values())
    assert claims.missing(MADE_UP) == []
    assert claims.to_run(MADE_UP) == "Every claim has been measured."


# --- what was not measured -----------------------------------------------------------------------------------


@pytest.mark.parametrize("section", MADE_UP)
def test_a_missing_section_names_the_notebook_that_makes_it(section):
    without = {name: numbers for name, numbers in MADE_UP.items() if name != section}
    rows = claims.table(without).rows
    lacking = [row for row, claim in zip(rows, claims.CLAIMS, strict=True) if claim.section == section]
    assert lacking
    for row in lacking:
        assert row[2:] == ["–", f"run {row[-1]}", row[-1]]
    assert all(row[2] != "–" for row in rows if row not in lacking)
    names = claims.missing(without)
    assert names == sorted({row[-1] for row in lacking})
    assert claims.to_run(without).endswith(f"python tools/run.py {' '.join(f'--only {name}' for name in names)}")


def test_a_number_that_an_earlier_version_did_not_write_counts_as_not_measured():
    old = copy.deepcopy(MADE_UP)
    del old["why"]["near zero"]
    assert judged(old)["most weights lie in a small range"] == ("–", "run 03_why_quantize")
    assert judged(old)["a lot fewer gates"][1] == HOLDS


def test_nothing_at_all():
    assert set(claims.missing({})) == {claim.notebook for claim in claims.CLAIMS}


def test_the_reference_stands_beside_it():
    reference = changed("why", "area", 1.5)
    table = claims.table(MADE_UP, reference)
    row = next(row for row in table.rows if row[1] == "a lot fewer gates")
    assert row[3:] == [HOLDS, f"{NOT}: area of a multiply-add 2× smaller (published)", "03_why_quantize"]


def test_measured_is_that_of_one_data_set(tmp_path, monkeypatch):
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path))
    metrics.record("drawn", "bits", MADE_UP["bits"])
    drawn, other = (type("Pets", (), {"source": source}) for source in ("drawn", "folder"))
    assert claims.measured(drawn)["bits"] == MADE_UP["bits"]
    assert claims.measured(other) == {}


# --- what the suite itself has -------------------------------------------------------------------------------


def test_the_notebooks_exist_and_record_their_sections():
    for claim in claims.CLAIMS:
        cells = json.loads((project() / "notebooks" / f"{claim.notebook}.ipynb").read_text())["cells"]
        code = "".join(line for cell in cells if cell["cell_type"] == "code" for line in cell["source"])
        recorded = f'metrics.record(pets.source, "{claim.section}"' in code
        assert recorded or f"summary.record_{claim.section}(" in code or f'"{claim.section}")' in code


def test_the_reference_run_has_a_verdict_on_every_claim():
    assert claims.missing(summary.reference()) == []


def test_the_quiz_asks_what_was_measured_and_knows_the_verdicts():
    quiz = claims.quiz(MADE_UP)
    table = {row[1]: row[3] for row in claims.table(MADE_UP).rows}
    assert len(quiz.statements) == len(claims.CLAIMS)
    for words, right, answer in quiz.statements:
        verdict = table[words.partition(": ")[2]]
        assert verdict.startswith(right) and f"({verdict})" in answer and right in claims.VERDICTS
        assert right == FOR or verdict == right
    without = {name: section for name, section in MADE_UP.items() if name != "board"}
    assert len(claims.quiz(without).statements) < len(claims.CLAIMS)
    assert claims.quiz({}).statements == []
