"""Hand-ins: what one holds, what is refused, and what a teacher sees of five hundred of them."""

import copy
import csv
import json
import os
import re
import time

import pytest

from helpers import collect, report
from helpers.base import metrics
from helpers.course import classroom, exercises, hand_in, predictions, progress

QUESTIONS = "## Three questions\n\n1. Why?"
CODE = "def back(codes, scale, zero_point):\n    return scale * (codes.astype('int32') - zero_point)\n"
MEASURED = {"comparison": {"models": {"int8": {"ratio": {"XNNPACK": {"value": 1.4}}}}}}
SCRIPT = "<script>document.title='seen'</script>"


@pytest.fixture(autouse=True)
def somewhere(tmp_path, monkeypatch):
    """Artifacts and progress of one's own."""
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.delenv(progress.ELSEWHERE, raising=False)
    return tmp_path


def notebook(*texts):
    return json.dumps({"cells": [{"cell_type": "markdown", "source": text} for text in texts]}, ensure_ascii=False)


@pytest.fixture
def notebooks(tmp_path):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for stem in ("00_start_here", "01_train", "04_how_to_quantize"):
        own = (
            "**Your answers.** Double-click here and write. They are part of what `python -m helpers.report` hands in."
        )
        (folder / f"{stem}.ipynb").write_text(notebook(QUESTIONS, f"{own}\n\n1. …\n\n2. …\n\n3. …"), "utf-8")
    return folder


def handed_in(name="Ada", choice="b", **more):
    """Return a hand-in as the course writes it."""
    found = {
        "kind": hand_in.KIND,
        "version": hand_in.VERSION,
        "name": name,
        "made": "2026-11-29T12:00:00",
        "course": "0.2.0",
        "machine": {"processor": "A processor", "system": "Linux x86_64"},
        "progress": {
            "version": 1,
            "predictions": {"bits_of_a_sum": {"choice": choice, "first": choice, "at": "2026-11-29T11:00:00"}},
            "exercises": {"back": {"attempts": 2, "hints": ["subtract first"], "solved": None, "code": CODE}},
        },
        "measurements": {"drawn": copy.deepcopy(MEASURED)},
        "claims": {"drawn": [{"slide": "16", "claim": "faster", "measured": "1.4", "verdict": "holds"}]},
        "answers": {"01_train": "Because."},
        "notebooks": {"01_train": "0" * 64},
    }
    return found | more


# --- one ------------------------------------------------------------------------------------------------------------


def test_a_report_holds_what_was_done_and_says_so(somewhere, notebooks, capsys):
    progress.predicted("bits_of_a_sum", "c")
    exercises.check("codes_of_a_byte", 255)
    metrics.record("drawn", "comparison", MEASURED["comparison"])
    path = notebooks / "01_train.ipynb"
    path.write_text(path.read_text("utf-8").replace("1. …", "1. Because it *is*."), "utf-8")
    report.main(["--name", "Zoë <Lovelace>", "--notebooks", str(notebooks)])
    said = capsys.readouterr().out
    folder = somewhere / "artifacts" / "hand_in"
    assert sorted(path.name for path in folder.iterdir()) == ["zoe-lovelace.html", "zoe-lovelace.json"]
    handed = hand_in.read(folder / "zoe-lovelace.json")
    assert handed["name"] == "Zoë <Lovelace>"
    assert handed["progress"]["predictions"]["bits_of_a_sum"]["choice"] == "c"
    assert handed["progress"]["exercises"]["codes_of_a_byte"]["hints"]
    assert handed["answers"]["01_train"] == "1. Because it *is*." and handed["answers"]["04_how_to_quantize"] == ""
    assert handed["measurements"]["drawn"]["comparison"] == MEASURED["comparison"]
    for words in ("1 prediction, ", "1 exercise (0 solved)", "1 notebook: 01_train", "Nothing has been sent"):
        assert words in said
    page = (folder / "zoe-lovelace.html").read_text("utf-8")
    assert "Zoë &lt;Lovelace&gt;" in page and "<Lovelace>" not in page and "Because it *is*." in page
    assert str(somewhere) not in (folder / "zoe-lovelace.json").read_text("utf-8"), "a path is private"


def test_nothing_done_is_a_report_as_well(notebooks, capsys):
    report.main(["--name", "Ada", "--notebooks", str(notebooks)])
    assert "0 predictions" in capsys.readouterr().out


def test_without_a_name_there_is_none(notebooks, monkeypatch):
    with pytest.raises(SystemExit, match="Expected a name; found none"):
        report.main(["--name", "  ", "--notebooks", str(notebooks)])


def test_a_broken_notebook_is_named(notebooks):
    (notebooks / "01_train.ipynb").write_text('{"cells": [')
    with pytest.raises(SystemExit, match="01_train.ipynb is no notebook that can be read"):
        report.main(["--name", "Ada", "--notebooks", str(notebooks)])


@pytest.mark.parametrize(
    "name, file",
    [
        ("Ada Lovelace", "ada-lovelace"),
        ("../../etc", "etc"),
        ("李", "hand-in"),
        ("a" * 200, "a" * 60),
        ("C:\\x", "c-x"),
    ],
)
def test_a_name_becomes_a_safe_file_name(name, file):
    assert hand_in.file_name(name) == file


# --- what is no hand-in ---------------------------------------------------------------------------------------------


def text(**more):
    return json.dumps(handed_in(**more))


BROKEN = {
    "cut.json": (text()[:300], "it breaks off or is no JSON"),
    "empty.json": ("", "it is empty"),
    "other_version.json": (text(version=7), "its version is 7, and this course reads version 1"),
    "huge.json": ('{"x": "' + "x" * hand_in.LARGEST + '"}', "and no hand-in has more than"),
    "utf16.json": (text().encode("utf-16"), "it is not written in UTF-8"),
    "latin1.json": (text(name="Zo\u00eb").replace("\\u00eb", "\u00eb").encode("latin-1"), "it is not written in UTF-8"),
    "list.json": ("[1, 2]", "it is no hand-in of this course"),
    "foreign.json": ('{"name": "package", "version": 1}', "it is no hand-in of this course"),
    "number_for_a_name.json": (text(name=7), "its 'name' should be str, found int"),
    "no_answers.json": (json.dumps({k: v for k, v in handed_in().items() if k != "answers"}), "found nothing"),
    "deep.json": ("[" * 100_000 + "]" * 100_000, "it is nested too deeply for a hand-in"),
    "old_progress.json": (text(progress={"version": 0, "predictions": {}, "exercises": {}}), "its version is 0"),
    "half_a_record.json": (
        text(progress={"version": 1, "predictions": {"a": {}}, "exercises": {}}),
        "its record of 'a' is not as the course writes it",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_refused_in_a_sentence(tmp_path, name):
    content, why = BROKEN[name]
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=re.escape(why)):
        hand_in.read(tmp_path / name)


# --- many -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def class_folder(tmp_path):
    """500 hand-ins, as many different people as numbers, and the broken ones among them."""
    folder = tmp_path / "class"
    folder.mkdir()
    for n in range(500):
        one = handed_in(f"Student {n:03}", "abc"[n % 3])
        one["machine"]["processor"] = f"Processor {n % 7}"
        one["measurements"]["drawn"]["comparison"]["models"]["int8"]["ratio"]["XNNPACK"]["value"] = 1 + n / 500
        one["progress"]["exercises"]["back"] |= {"attempts": 1 + n % 5, "code": CODE.replace("back", f"back_{n}")}
        (folder / f"{n:03}.json").write_text(json.dumps(one))
    for name, (content, _) in BROKEN.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def test_five_hundred_are_read_and_the_broken_ones_named(class_folder, capsys):
    start = time.perf_counter()
    collect.main([str(class_folder)])
    seconds = time.perf_counter() - start
    said = capsys.readouterr().out
    assert seconds < 10
    for name, (_, why) in BROKEN.items():
        (line,) = [line for line in said.splitlines() if line.startswith(f"Left out: {name}: ")]
        assert why in line
    out = class_folder.with_name("class_collected")
    rows = list(csv.DictReader((out / "marks.csv").read_text("utf-8-sig").splitlines()))
    assert [row["name"] for row in rows] == [f"Student {n:03}" for n in range(500)]
    assert rows[1]["right at first"] == "1" and rows[0]["right at first"] == "0"  # (b) is right
    page = (out / "room.html").read_text("utf-8")
    assert "(a)</td><td>167 of 500 (33%)" in page and "(b) ✓</td><td>167 of 500 (33%)" in page
    assert "Speed-up of int8 over float32 on 500 machines" in page
    assert "500× subtract first" in page


def test_a_class_is_read_from_within_its_folder(class_folder, monkeypatch, capsys):
    monkeypatch.chdir(class_folder)
    collect.main(["."])
    assert (class_folder.with_name("class_collected") / collect.MARKS).is_file()


def test_a_script_in_a_name_is_text(tmp_path, capsys):
    """In the page, in the reports, and a formula in the mark book."""
    hostile = handed_in(SCRIPT)
    hostile["progress"]["exercises"]["back"]["hints"] = [SCRIPT]
    hostile["machine"]["processor"] = SCRIPT
    (tmp_path / "a.json").write_text(json.dumps(hostile))
    (tmp_path / "b.json").write_text(json.dumps(handed_in('=HYPERLINK("http://x","y")')))
    collect.main([str(tmp_path), "--out", str(tmp_path / "out")])
    page = (tmp_path / "out" / "room.html").read_text("utf-8")
    assert "<script" not in page
    assert "'=HYPERLINK" in (tmp_path / "out" / "marks.csv").read_text("utf-8-sig")
    from helpers.course import report_page

    assert "<script" not in report_page.of(hostile) and "&lt;script&gt;" in report_page.of(hostile)


def test_code_that_is_alike_is_flagged_and_a_persons_own_is_not(tmp_path):
    spaced = CODE.replace("scale * (", "scale *   (") + "    # my own comment\n"
    different = CODE.replace("zero_point)", "zero_point) + 0")
    for n, (name, code) in enumerate([("Ada", CODE), ("Bea", spaced), ("Cy", different), ("ada", CODE)]):
        one = handed_in(name)
        one["progress"]["exercises"]["back"]["code"] = code
        one["progress"]["exercises"]["codes_of_a_byte"] = {"attempts": 1, "hints": [], "solved": "x", "code": "2**8"}
        (tmp_path / f"{n}.json").write_text(json.dumps(one))
    room = classroom.read(tmp_path)
    assert classroom.alike(room) == [("back", ["0.json", "3.json", "1.json"])]
    assert classroom.twice(room) == {}, "Ada and ada are two spellings"


def test_code_that_is_no_code_is_alike_to_nothing(tmp_path):
    for n in range(2):
        one = handed_in(f"S{n}")
        one["progress"]["exercises"]["back"]["code"] = "def back(:\n" + "x" * 100
        (tmp_path / f"{n}.json").write_text(json.dumps(one))
    assert classroom.alike(classroom.read(tmp_path)) == []


def test_one_name_twice_is_said_and_nothing_is_lost(tmp_path, capsys):
    for n in range(2):
        (tmp_path / f"{n}.json").write_text(json.dumps(handed_in("Ada")))
    collect.main([str(tmp_path), "--out", str(tmp_path / "out")])
    page = (tmp_path / "out" / "room.html").read_text("utf-8")
    assert "One name, several files" in page and "0.json, 1.json" in page
    assert len((tmp_path / "out" / "marks.csv").read_text("utf-8-sig").splitlines()) == 3


def test_a_class_that_measured_nothing_gets_a_page(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(handed_in(measurements={}, claims={})))
    collect.main([str(tmp_path), "--out", str(tmp_path / "out")])
    assert "Speed-up" not in (tmp_path / "out" / "room.html").read_text("utf-8")


def test_folders_without_hand_ins(tmp_path):
    with pytest.raises(SystemExit, match="There is no folder"):
        collect.main([str(tmp_path / "nowhere")])
    with pytest.raises(SystemExit, match="holds no .json file"):
        collect.main([str(tmp_path)])


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="an administrator may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(handed_in()))
    path.chmod(0)
    assert "it cannot be read" in classroom.read(tmp_path).refused["a.json"]


def test_every_prediction_of_a_hand_in_is_counted(tmp_path):
    one = handed_in()
    one["progress"]["predictions"] = {name: {"choice": "a", "at": ""} for name in predictions.table()}
    (tmp_path / "a.json").write_text(json.dumps(one))
    believed = classroom.believed(classroom.read(tmp_path))
    assert list(believed) == list(predictions.table())
    assert all(chosen["a"] == 1 and sum(chosen.values()) == 1 for chosen in believed.values())
