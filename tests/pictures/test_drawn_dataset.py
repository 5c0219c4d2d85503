"""The drawn pets as a data set like cats_vs_dogs, drawn on all cores or on one, and never half."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from helpers.pictures import drawn_dataset, drawn_pets
from helpers.pictures.drawn_pets import CLASSES, draw
from helpers.pictures.painting import SIZE


class FewDrawnPets(drawn_dataset.DrawnCatsVsDogs):
    """The data set with a handful of pictures."""

    COUNTS = {"train": 12, "validation": 2, "test": 6}


@pytest.fixture
def no_progress_bar():
    """Keeps TFDS's bars out of the test report."""
    tfds.disable_progress_bar()
    yield
    tfds.enable_progress_bar()


# --- the data set -----------------------------------------------------------------------------------------------------


def test_features_are_those_of_cats_vs_dogs(tmp_path, monkeypatch):
    """Compared with the definition in TFDS itself, which needs no download."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where it leaves a folder
    ours = drawn_dataset.DrawnCatsVsDogs(data_dir=tmp_path).info
    theirs = tfds.builder("cats_vs_dogs", data_dir=tmp_path).info
    assert repr(ours.features) == repr(theirs.features)
    assert ours.features["label"].names == theirs.features["label"].names == list(CLASSES)
    assert ours.supervised_keys == theirs.supervised_keys


def test_the_data_set_has_the_promised_sizes(tmp_path):
    builder = tfds.builder("drawn_cats_vs_dogs", data_dir=tmp_path)
    assert builder.COUNTS == {"train": 4000, "validation": 500, "test": 2000}
    assert str(builder.version) in builder.RELEASE_NOTES


def test_drawing_leaves_nothing_among_the_temporary_folders(tmp_path, monkeypatch, no_progress_bar):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    FewDrawnPets(data_dir=tmp_path / "drawn").download_and_prepare()
    tfds.load("few_drawn_pets", data_dir=tmp_path / "drawn")
    assert [path.name for path in (tmp_path / "temporary").iterdir()] == []


def test_tfds_load_draws_and_reads_it(tmp_path, no_progress_bar):
    splits, info = tfds.load("few_drawn_pets", data_dir=tmp_path, with_info=True)
    assert {name: split.num_examples for name, split in info.splits.items()} == FewDrawnPets.COUNTS
    for name, count in FewDrawnPets.COUNTS.items():
        examples = list(tfds.as_numpy(splits[name]))
        assert sum(example["label"] for example in examples) == count / 2, "half of them are dogs"
        for example in examples:
            file = example["image/filename"].decode()
            assert example["image"].shape == (SIZE, SIZE, 3)
            assert f"{name}/{info.features['label'].int2str(example['label'])}/" in file
    expected = draw("dog", "test", 5)[0]
    stored = next(e["image"] for e in tfds.as_numpy(splits["test"]) if e["image/filename"].endswith(b"00005.jpg"))
    assert np.abs(stored.astype(int) - expected).mean() < 8


def test_two_builds_give_the_same_bytes(tmp_path, no_progress_bar):
    records = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        FewDrawnPets(data_dir=folder).download_and_prepare()
        records.append({file.name: file.read_bytes() for file in sorted(folder.rglob("*.tfrecord*"))})
    assert len(records[0]) == len(FewDrawnPets.COUNTS)
    assert records[0] == records[1]


def test_an_interrupted_drawing_is_not_taken_for_a_data_set(tmp_path, monkeypatch, no_progress_bar):
    drawn = []

    def interrupted(*arguments):
        if len(drawn) == 14:  # the train split is whole, the next one is not
            raise KeyboardInterrupt
        drawn.append(arguments)
        return draw(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(drawn_pets, "draw", interrupted)
        with pytest.raises(KeyboardInterrupt):
            tfds.load("few_drawn_pets", data_dir=tmp_path)
    assert not list(Path(tmp_path).rglob("dataset_info.json"))
    assert FewDrawnPets(data_dir=tmp_path).info.splits == {}
    assert len(tfds.load("few_drawn_pets", data_dir=tmp_path, split="test")) == FewDrawnPets.COUNTS["test"]


def test_a_folder_left_by_a_killed_process_is_not_taken_for_a_data_set(tmp_path, no_progress_bar):
    """TFDS writes into `incomplete.*` and renames at the end; a kill leaves that folder behind, at worst a full one."""
    FewDrawnPets(data_dir=tmp_path).download_and_prepare()
    home = tmp_path / "few_drawn_pets"
    (home / "1.0.0").rename(home / "incomplete.ABCDEF_1.0.0")
    assert FewDrawnPets(data_dir=tmp_path).info.splits == {}
    with pytest.raises(Exception, match="(?i)not found|download_and_prepare"):
        tfds.load("few_drawn_pets", data_dir=tmp_path, download=False)
    assert len(tfds.load("few_drawn_pets", data_dir=tmp_path, split="train")) == FewDrawnPets.COUNTS["train"]


# --- drawing on all cores ---------------------------------------------------------------------------------------------


@pytest.fixture
def two_cores(monkeypatch):
    """Lets two workers draw even a handful of pictures, whatever this machine has."""
    monkeypatch.setattr(drawn_dataset, "FEW", 0)
    monkeypatch.setattr(drawn_dataset, "cores", lambda: 2)


@pytest.fixture
def started(monkeypatch):
    """The processes that are started."""
    processes = []

    class Watched(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            processes.append(self)

    monkeypatch.setattr(drawn_dataset.subprocess, "Popen", Watched)
    return processes


def fetched(counts=FewDrawnPets.COUNTS):
    """What the workers of a data set give: the files in its order."""
    with drawn_dataset.Workers(counts) as workers:
        return [workers.fetch(*picture) for picture in drawn_dataset.numbers(counts)]


def drawn_here(counts=FewDrawnPets.COUNTS):
    return [drawn_dataset.file(*picture) for picture in drawn_dataset.numbers(counts)]


def all_ended(processes):
    return all(process.returncode is not None and process.stdout.closed for process in processes)


def test_workers_draw_the_same_files_in_the_same_order(two_cores, started, monkeypatch):
    expected = drawn_here()
    monkeypatch.setattr(drawn_pets, "draw", None)  # this process draws nothing
    assert fetched() == expected
    assert len(started) == 2 and all_ended(started)


def test_a_data_set_drawn_by_workers_has_the_same_examples(two_cores, started, tmp_path, monkeypatch, no_progress_bar):
    examples = []
    for folder in (tmp_path / "workers", tmp_path / "alone"):
        splits = tfds.load("few_drawn_pets", data_dir=folder)
        examples.append(
            [(s, e["image/filename"], e["image"].tobytes()) for s in splits for e in splits[s].as_numpy_iterator()]
        )
        monkeypatch.setattr(drawn_dataset, "cores", lambda: 1)
    assert examples[0] == examples[1] and len(examples[0]) == 20
    assert len(started) == 2, "only the first one has workers"


BREAKS = {
    "no Python": ("sys.executable", "/no/such/python"),
    "no name of Python": ("sys.executable", ""),
    "stops at once": ("worker", "raise SystemExit(1)"),
    "stops in the middle": (
        "worker",
        "import itertools; n = d.numbers; d.numbers = lambda c: itertools.islice(n(c), 5)",
    ),
    "stops within a file": (
        "worker",
        "import sys; sys.stdout.buffer.write(b'\\x09\\0\\0\\0\\xff\\xd8'); raise SystemExit",
    ),
    "writes something else": ("worker", "print('Welcome to Python', flush=True)"),
    "writes nothing sensible": ("worker", "d.jpeg = lambda pixels: b'not a picture'"),
}


CALL = "import json, sys; d.work(json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))"


@pytest.mark.parametrize("what", BREAKS)
def test_where_workers_fail_this_process_draws(what, two_cores, started, tmp_path, monkeypatch):
    """A worker's start is changed by a `usercustomize`-like line before it draws."""
    place, change = BREAKS[what]
    if place == "sys.executable":
        monkeypatch.setattr(sys, "executable", change)
    else:
        call = f"from helpers.pictures import drawing_worker as d; {change}\n{CALL}"
        monkeypatch.setattr(drawn_dataset.processes, "command", lambda _, *words: [sys.executable, "-c", call, *words])
    assert fetched() == drawn_here()
    assert all_ended(started)


def test_another_order_is_served_too(two_cores, started):
    with drawn_dataset.Workers(FewDrawnPets.COUNTS) as workers:
        pictures = list(drawn_dataset.numbers(FewDrawnPets.COUNTS))[::-1]
        assert [workers.fetch(*picture) for picture in pictures] == drawn_here()[::-1]
    assert all_ended(started)


def test_an_interrupt_leaves_no_process_behind(two_cores, started, tmp_path, no_progress_bar):
    def interrupt():
        raise KeyboardInterrupt

    builder = FewDrawnPets(data_dir=tmp_path)
    builder.on_picture = interrupt
    with pytest.raises(KeyboardInterrupt):
        builder.download_and_prepare()
    assert len(started) == 2 and all_ended(started)
    assert not list(Path(tmp_path).rglob("dataset_info.json"))


@pytest.mark.parametrize(("cores", "few"), [(1, 0), (4, 100)])
def test_one_core_or_a_few_pictures_start_nothing(cores, few, started, monkeypatch):
    monkeypatch.setattr(drawn_dataset, "cores", lambda: cores)
    monkeypatch.setattr(drawn_dataset, "FEW", few)
    fetched({"test": 3})
    assert started == []


def test_a_script_without_a_main_guard_is_not_run_again(tmp_path):
    """`multiprocessing` would import it once more in every worker where processes are spawned."""
    script = (
        "from helpers.pictures import drawn_dataset\n"
        "drawn_dataset.FEW, drawn_dataset.cores = 0, lambda: 2\n"
        "print('once')\n"
        "with drawn_dataset.Workers({'test': 4}) as workers:\n"
        "    print(len([workers.fetch(*p) for p in drawn_dataset.numbers({'test': 4})]), len(workers.processes))\n"
    )
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=True)
    assert done.stdout == "once\n4 2\n"
