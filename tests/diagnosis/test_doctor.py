"""`python -m helpers.doctor`: its page in a terminal, in a browser and as JSON; its exit status; any file at all."""

import json

import numpy as np
import pytest

import browser
import odd_files
from flipped import FLIPS, flipped
from helpers import doctor
from helpers.diagnosis import contents, ranges, weights
from helpers.tflite import edit, inspect

pytest_plugins = ["small", "browser"]


def run(*words):
    """Return the exit status of the command."""
    try:
        doctor.main([str(word) for word in words])
    except SystemExit as ended:
        return ended.code
    return 0


def too_bright(small, broken, tools):
    part, _ = tools

    def change(model):
        entry = part(model, small.files["int8"], "input").quantization
        entry.scale, entry.zeroPoint = [1.0], [-128]

    return broken(small.files["int8"], change, "<b>bright.tflite")


def test_the_page_in_a_terminal(small, broken, tools, capsys):
    assert run(small.files["int8"]) == 0
    good = capsys.readouterr().out
    assert good.startswith("int8.tflite, ") and "\n\nNothing found.\n\n" in good
    headings = ["What is quantized", "Kernels", "Boards"]
    assert all(f"\n{heading}\n{'-' * len(heading)}\n" in good for heading in headings)
    assert run(too_bright(small, broken, tools)) == doctor.SEVERE
    bad = capsys.readouterr().out
    assert "SEVERE: The input reaches to 255" in bad and "What to do: Look at the calibration pictures" in bad
    assert max(map(len, (good + bad).splitlines())) <= 100


def test_the_page_as_json_and_in_a_browser(small, broken, tools, capsys, tmp_path):
    path, page = too_bright(small, broken, tools), tmp_path / "page.html"
    assert run(path, "--json", "--html", page) == doctor.SEVERE
    report = json.loads(capsys.readouterr().out)
    assert report["severe"] and report["file"] == path.name and report["bytes"] == path.stat().st_size
    assert {"name", "severity", "title", "evidence", "advice"} == set(report["findings"][0])
    assert [one["heading"] for one in report["sections"]] == ["What is quantized", "Kernels", "Boards"]
    content = page.read_text("utf-8")
    assert "<b>bright" not in content and "&lt;b&gt;bright" in content and "<script" not in content


@browser.needed
def test_the_page_is_no_wider_than_a_phone(small, tab, tmp_path, capsys):
    run(small.files["int8"], "--float32", small.files["float32"], "--html", tmp_path / "page.html")
    page, seen = tab(360, 740)
    page.goto((tmp_path / "page.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.locator("h2").all_inner_texts()[:2] == ["Findings", "What is quantized"]
    assert seen.requests == [] and seen.errors == []


@pytest.mark.parametrize("words, why", [(["nowhere.tflite"], "There is no model file nowhere.tflite")])
def test_what_cannot_be_examined_is_one_sentence_and_another_status(words, why, capsys):
    assert run(*words) == doctor.NOT_EXAMINED
    printed = capsys.readouterr()
    assert why in printed.err and not printed.out and "Traceback" not in printed.err


def test_a_wrong_folder_leaves_no_page(small, tmp_path, capsys):
    assert run(small.files["int8"], "--pictures", tmp_path / "no", "--html", tmp_path / "a.html") == doctor.NOT_EXAMINED
    assert "There is no folder" in capsys.readouterr().err and not (tmp_path / "a.html").exists()


def test_a_float32_file_of_another_network_is_refused(small, tmp_path, capsys):
    (tmp_path / "other.tflite").write_bytes(odd_files.content(odd_files.READ["open batch"]))
    for other in (tmp_path / "other.tflite", small.files["int8"]):
        assert run(small.files["int8"], "--float32", other) == doctor.NOT_EXAMINED
        assert f"{other.name} should be int8.tflite before it was quantized" in capsys.readouterr().err


# --- any file ---------------------------------------------------------------------------------------------------------


ODD = ("variables (streaming), int8", "WHILE", "sparse int8, rows", "texts", "input [16000]", "custom operator")


@pytest.mark.parametrize("situation", ODD)
def test_every_odd_file_is_examined_or_refused_in_a_sentence(situation, tmp_path, capsys):
    (tmp_path / "odd.tflite").write_bytes(edit.packed(odd_files.READ[situation]()))
    status = run(tmp_path / "odd.tflite")
    printed = capsys.readouterr()
    assert (
        status in (0, doctor.SEVERE)
        and "What is quantized" in printed.out
        or (status == doctor.NOT_EXAMINED and len(printed.err.strip().splitlines()[-1]) > 20)
    )


def test_changed_bytes_are_answered(tmp_path):
    """All that reads the file; what runs it has been tried in a process of its own before."""
    content, path, read = odd_files.content(odd_files.small), tmp_path / "flipped.tflite", 0
    for number in range(FLIPS):
        path.write_bytes(flipped(content, number))
        try:
            whole = contents.read(path)
        except inspect.Unreadable:
            continue
        with np.errstate(all="ignore"):
            ranges.check(whole)
            weights.check(whole)
            contents.what_is_quantized(whole)
        read += 1
    assert FLIPS / 20 < read < FLIPS
