"""A reader's own inner loop: checked first, counted second, and what can go wrong."""

import json

import pytest

from helpers.base.data import project
from helpers.board import building, counts, emulator, race, routines
from needs import emulated

compiled = pytest.mark.skipif(not building.compilers(race.CORE), reason="no compiler for the Cortex-M4F")
WITHOUT_ZERO_POINT = race.STARTER.replace("layer->bias[f]", "layer->folded_bias[f]").replace(
    "(x[c] - zero_point)", "x[c]"
)


def ours(name):
    return routines.source(name).replace(name, "race")


def test_the_notebook_begins_with_it():
    notebook = json.loads((project() / "notebooks" / "07_on_the_board.ipynb").read_text("utf-8"))
    assert any(f'loop = """{race.STARTER}"""' in "".join(cell["source"]) for cell in notebook["cells"])
    assert "".join(ours(race.OURS[0]).split()).replace(",channels=", ";intchannels=") == "".join(race.STARTER.split())


@emulated
@compiled
@pytest.mark.parametrize(
    "source, reached",
    [
        (race.STARTER, [False, False, False]),
        (WITHOUT_ZERO_POINT, [True, False, False]),
        (ours(race.OURS[1]), [True, True, False]),
        (ours(race.OURS[2]), [True, True, True]),
    ],
)
def test_the_levels(source, reached):
    found = race.run(source)
    assert race.levels(found) == reached
    assert list(found) == ["race", *race.OURS]
    if source == race.STARTER:
        assert abs(found["race"].instructions - found["pointwise_i8"].instructions) < 20
    assert race.table(source).rows[0][:2] == ["yours", f"{found['race'].per_mac:.2f}"]


@emulated
@compiled
@pytest.mark.parametrize(
    "change, error, words",
    [
        (
            ("zero_point)", "zero_point + 1)"),
            RuntimeError,
            r"race on Cortex-M4F computed .* otherwise than expected, so",
        ),
        (("int32_t sum =", "int32_t sum"), RuntimeError, r"did not compile it: your code:\d+:\d+: error"),
        (("sum += (x[c]", "sum += (*(const int8_t *)0x90000000"), RuntimeError, "race broke off in the emulated"),
        (("void race", "void chase"), ValueError, "Expected C source with the function"),
    ],
)
def test_what_is_wrong_is_said(change, error, words):
    with pytest.raises(error, match=words) as raised:
        race.run(race.STARTER.replace(*change))
    assert "--build" not in str(raised.value) or error is not RuntimeError or "broke off" in str(raised.value)


@emulated
@compiled
def test_a_loop_without_an_end_is_stopped(monkeypatch):
    monkeypatch.setattr(emulator, "SECONDS", 1)
    with pytest.raises(TimeoutError, match="did not return within 1 seconds"):
        race.run(race.STARTER.replace("f++", "f += 0"))


def test_without_a_compiler_ours_are_shown(monkeypatch, capsys):
    monkeypatch.setattr(building, "compilers", lambda core: [])
    shown = race.table(race.STARTER)
    printed = capsys.readouterr().out
    assert printed.startswith("There is no ") and printed.endswith("These are ours, as they were recorded.\n")
    recorded = counts.recorded()["GCC"]
    assert [row[1] for row in shown.rows] == [f"{recorded.per_mac(race.CORE, name):.2f}" for name in race.OURS]
