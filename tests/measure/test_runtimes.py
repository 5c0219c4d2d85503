"""Who runs a file: each kernel set and TensorFlow Lite Micro, with the accuracy or with what is said instead."""

from helpers.measure import accuracy, runtimes
from helpers.tflite import convert, micro

pytest_plugins = ["small"]


def test_who_runs_what(small, tmp_path):
    images, labels = small.pets.arrays("train", 40)
    broken = convert.write(small.files["int8"].read_bytes()[:5000], tmp_path / "half.tflite")
    files = {"int8": small.files["int8"], "dynamic": small.files["dynamic range"], "half": broken}
    table = runtimes.who_runs(files, images, labels)
    assert table.columns == ["file", "bytes", "XNNPACK", "built-in", "reference", "TensorFlow Lite Micro"]
    int8, dynamic, half = table.rows
    share = accuracy.score(small.files["int8"], images, labels, kernels="reference").accuracy
    assert int8[4] == f"{share:.0%} right"
    assert int8[1] == f"{small.files['int8'].stat().st_size:,}"
    assert "is no model TFLite can run" in half[2]
    try:
        micro.arena(small.files["int8"])
    except NotImplementedError:
        assert int8[5] == dynamic[5] == "–"
    else:
        assert int8[5] == int8[4], "the same rounding"
        assert dynamic[5] == "no: Hybrid models are not supported on TFLite Micro"
