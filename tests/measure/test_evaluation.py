"""The command `python -m helpers.evaluation`: any .tflite file, any data, a few lines or one sentence."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
from scipy import stats

from flipped import flipped
from helpers import evaluation
from helpers.base import console, data, memory
from helpers.base.tf import keras, tf
from helpers.measure import accuracy, input_range, picture_input
from helpers.measure import evaluation as measured
from helpers.pictures import datasets
from helpers.tflite import convert, interpreter, micro, trial
from helpers.tflite.from_keras import frozen
from one_operator import Operand, build

pytest_plugins = ["tiny"]

PROJECT = data.project()
BROKEN = 30  # files; each is tried in a process of its own


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path_factory, monkeypatch):
    """Let the checked copies of folders be made in a folder of these tests."""
    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path_factory.getbasetemp() / "command"))


@pytest.fixture
def quick(monkeypatch):
    """Spare the processes that a test is not about: the trial of a file, and the measurement of its tensor arena."""
    monkeypatch.setattr(micro, "arena", lambda path: micro.Arena(2000, 345))
    monkeypatch.setattr(trial, "check", lambda path, kernels: None)


def right_answers(model: Path, images: np.ndarray, labels: np.ndarray) -> int:
    """Count right answers picture by picture, with LiteRT alone."""
    ready = Interpreter(str(model))
    ready.allocate_tensors()
    input_details, output_details = ready.get_input_details()[0], ready.get_output_details()[0]
    right = 0
    for image, label in zip(images, labels, strict=True):
        values = image.astype(np.float32) / 255
        if input_details["dtype"] == np.int8:
            scale, zero_point = input_details["quantization"]
            values = np.clip(np.round(values / scale) + zero_point, -128, 127).astype(np.int8)
        ready.set_tensor(input_details["index"], values[None])
        ready.invoke()
        right += int(ready.get_tensor(output_details["index"]).argmax() == label)
    return right


def printed_lines(capsys) -> dict[str, str]:
    """Return what was printed, {what: value}."""
    return dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())


def test_the_command(tiny, drawn, folder):
    """As a reader types it: everything in order on standard output, and nothing but progress bars beside it."""
    command = [sys.executable, "-m", "helpers.evaluation", str(tiny["int8"]), "--data", str(folder)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert not re.search("Traceback|Warning|INFO", done.stderr)
    lines = done.stdout.splitlines()
    inputs, outputs, *rest = lines[1:]
    right = right_answers(tiny["int8"], *drawn)
    low, high = stats.binomtest(right, 24).proportion_ci(0.95, "wilson")
    assert 6 < right < 24
    assert lines[0] == (
        f"Data: pictures in {folder} (--split test scores those that no training of the suite looks at); "
        "scored: 12 cats and 12 dogs"
    )
    assert inputs == (
        "Inputs: 0 to 1, guessed from the scale of the input, whose codes stand for 0 to 1 (--range says otherwise)"
    )
    assert outputs == "Outputs: two numbers, for cat and for dog; the larger one is the answer"
    assert rest[:4] == [
        "Model: int8.tflite, XNNPACK kernels",
        f"Accuracy: {right / 24:.2%} (95% Wilson interval {low:.2%} to {high:.2%})",
        f"Right: {right} of 24 pictures",
        f"Size: {tiny['int8'].stat().st_size:,} bytes",
    ]
    assert re.fullmatch(r"Tensor arena: [\d,]+ bytes \(.*\)|Tensor arena: not known\. .*x86-64.*", rest[4])


def test_splits_are_parts_of_the_whole(tiny, folder, capsys, quick):
    right = {}
    for split in ("train", "validation", "test", "all"):  # the first three from a checked copy, all from the files
        evaluation.main([str(tiny["float32"]), "--data", str(folder), "--split", split])
        printed = printed_lines(capsys)
        right[split] = [int(n) for n in re.findall(r"\d+", printed["Right"])[:2]]
    *parts, whole = right.values()
    assert np.sum(parts, axis=0).tolist() == whole and whole[1] == 24
    assert not [line for line in printed.values() if "all splits" in line]


def test_a_folder_given_by_hand_is_scored_whole_and_one_of_the_environment_is_not(
    tiny, drawn, folder, capsys, monkeypatch, quick
):
    evaluation.main([str(tiny["float32"]), "--data", str(folder)])
    printed = printed_lines(capsys)
    assert printed["Data"].endswith("; scored: 12 cats and 12 dogs")
    assert printed["Right"] == f"{right_answers(tiny['float32'], *drawn)} of 24 pictures"
    evaluation.main([str(tiny["float32"]), "--data", str(folder), "--split", "test"])
    by_hand = printed_lines(capsys)
    monkeypatch.setenv("PTQ_DATASET", str(folder))
    evaluation.main([str(tiny["float32"])])
    printed = printed_lines(capsys)
    assert printed["Data"].endswith(", 2 test; scored: 1 cat and 1 dog of the test split")
    assert printed["Right"] == by_hand["Right"] and re.match(r"[0-2] of 2 pictures of the test split", printed["Right"])


def test_the_data_may_come_from_the_environment(tiny, folder, capsys, monkeypatch, quick):
    monkeypatch.setenv("PTQ_DATASET", str(folder))
    evaluation.main([str(tiny["int8"]), "--kernels", "built-in", "--split", "all"])
    printed = printed_lines(capsys)
    assert printed["Data"].endswith("scored: 12 cats and 12 dogs of all splits")
    assert printed["Right"].endswith(" of 24 pictures of all splits")
    assert printed["Data"].startswith("pictures in ") and printed["Model"] == "int8.tflite, built-in kernels"
    assert printed["Tensor arena"] == "2,345 bytes (2,000 for activations, 345 persistent)"


def test_a_file_without_an_arena_is_scored_all_the_same(tiny, folder, capsys):
    evaluation.main([str(tiny["dynamic range"]), "--data", str(folder)])
    assert printed_lines(capsys)["Tensor arena"].startswith("not known. ")


def test_pictures_come_in_the_size_of_the_model(drawn, folder, tmp_path, capsys, quick):
    from tiny import network

    images = np.stack([np.asarray(Image.fromarray(i).resize((48, 48), Image.Resampling.BILINEAR)) for i in drawn[0]])
    network(images.astype(np.float32) / 255).export(tmp_path / "saved_model", verbose=False)
    model = convert.write(convert.convert("float32", tmp_path / "saved_model"), tmp_path / "small.tflite")
    assert picture_input.size(model) == 48
    evaluation.main([str(model), "--data", str(folder)])
    printed = printed_lines(capsys)
    assert printed["Pictures"] == "squeezed to the 48 × 48 that the model takes"
    assert printed["Right"] == f"{right_answers(model, images, drawn[1])} of 24 pictures"
    evaluation.main([str(model), "--data", str(folder), "--split", "train"])
    assert printed_lines(capsys)["Pictures"] == "resized from 96 × 96 to the 48 × 48 that the model takes"


def test_pictures_of_the_suite_are_scaled_as_everywhere_in_it(folder):
    scaled = next(measured.pictures(str(folder), "train", picture_input.PictureInput(48, 48)).parts)
    for found, expected in zip(scaled, datasets.load(folder, verbose=False).arrays("train", size=48), strict=True):
        assert np.array_equal(found, expected)


def from_function(function, shape, path: Path) -> Path:
    """Write a computation on one float32 tensor as a .tflite file."""
    traced = tf.function(function).get_concrete_function(tf.TensorSpec(shape, tf.float32))
    return convert.write(tf.lite.TFLiteConverter.from_concrete_functions([traced]).convert(), path)


def test_a_file_made_for_one_picture_at_a_time(drawn, folder, tmp_path, capsys, quick):
    weights = np.random.default_rng(0).normal(size=(96 * 96 * 3, 2)).astype(np.float32)
    weights -= weights.mean(axis=0)  # so that brightness does not decide

    def flat(picture):
        return tf.nn.softmax(tf.reshape(picture, [1, 96 * 96 * 3]) @ weights)

    model = from_function(flat, (1, 96, 96, 3), tmp_path / "one.tflite")
    evaluation.main([str(model), "--data", str(folder), "--split", "all"])
    assert printed_lines(capsys)["Right"].startswith(f"{right_answers(model, *drawn)} of 24 ")


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["none.tflite"], r"There is no model file .*none.tflite"),
        ([__file__], r"is no \.tflite file"),
        (["INT8", "--data", "photographs"], r"The photographs are not in .*make photos"),
        (["INT8", "--data", "nowhere"], r"The folder nowhere does not exist"),
        (["INT8", "--data", str(PROJECT)], r"needs two subfolders, cat and dog"),
    ],
)
def test_bad_input_is_one_sentence_and_status_1(words, sentence, tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(SystemExit, match=sentence) as end:
        evaluation.main([str(tiny["int8"]) if word == "INT8" else word for word in words])
    assert isinstance(end.value.code, str) and "\n" not in end.value.code  # Python prints it and exits with status 1


@pytest.mark.parametrize(
    "function, shape, sentence",
    [
        (tf.sin, (1, 4), r"should take one picture, \[1, height, width, 3\] .*; it takes \[1, 4\]"),
        (lambda x: x[:, 0, 0] + 1.0, (1, 96, 96, 3), r"two numbers, for cat and for dog.*it gives \[1, 3\]"),
        (lambda x: tf.zeros((1, 1000)) + x[:, 0, 0, :1], (1, 8, 8, 3), r"it gives \[1, 1000\]\. Train a last layer"),
        (lambda x: x[:, 0, 0, :2] + 1.0, (1, 96, 64, 4), r"should take one picture.*it takes \[1, 96, 64, 4\]"),
        (lambda x: (x[:, 0, 0, :2], x[:, 0, 0, 1:]), (1, 8, 8, 3), r"should give two.*has 2 outputs, \[1, 2\] and"),
        (lambda x: x[:, 0, 0, :2] > 0.5, (1, 8, 8, 3), r"should give real numbers; it gives bool"),
        (
            lambda x: tf.math.log(x[:, 0, 0, :2] - 2),
            (1, 8, 8, 3),
            r"other.tflite should .* for 24 of 24 pictures it gives NaN",
        ),
    ],
)
def test_a_model_for_something_else_is_refused(function, shape, sentence, tmp_path, folder, quick):
    model = from_function(function, shape, tmp_path / "other.tflite")
    with pytest.raises(SystemExit, match=sentence):
        evaluation.main([str(model), "--data", str(folder)])


@pytest.mark.parametrize(
    "inputs, sentence",
    [
        ([Operand((1, 8, 8, 3), "int8"), Operand((1, 8, 8, 3), "int8")], r"it has 2 inputs, \[1, 8, 8, 3\] and \[1, 8"),
        ([Operand(())], r"should take one picture.*it takes \[\]"),
        ([Operand((1, 8, 2049, 3))], r"at most 2,048 pixels a side; it takes \[1, 8, 2049, 3\]"),
        ([Operand((1, 8, 8, 3), "int8")], r"takes int8, but its input has no scale"),
        ([Operand((1, 8, 8, 3), "int32")], r"should take float32, int8, uint8 or int16; it takes int32"),
    ],
)
def test_an_input_that_is_no_picture_is_refused(inputs, sentence, tmp_path):
    (tmp_path / "other.tflite").write_bytes(build("ADD", inputs, Operand((1, 2))))
    with pytest.raises(SystemExit, match=sentence):
        evaluation.main([str(tmp_path / "other.tflite")])


# --- anybody's model -------------------------------------------------------------------------------------------------

CATS, DOGS = (40, 70, 100, 200), (133, 170, 190, 220, 60)  # how bright the pictures are: a dog is brighter than a cat
BRIGHTER = "7 of 9 pictures"  # a model that knows that is right about all but the last of each


@pytest.fixture(scope="module")
def bright_and_dark(tmp_path_factory):
    """A folder of pictures of which the brightness tells the class, in a size that no model here takes."""
    folder, rng = tmp_path_factory.mktemp("bright") / "pets", np.random.default_rng(0)
    for name, levels in (("cat", CATS), ("dog", DOGS)):
        (folder / name).mkdir(parents=True)
        for i, level in enumerate(levels):
            pixels = level + rng.integers(-20, 21, (24, 36, 3)) // 10 * 10
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{i}.png")
    return folder


def brightness(shape, low, high, last) -> keras.Model:
    """Return a network that calls pictures dogs which are brighter than the middle of a range.

    Args:
        shape: of a picture, channels last or first.
        low, high: the range of its pixels.
        last: the last layer's activation, and with a 2 in front one number for each class.
    """
    x = entry = keras.Input(shape)
    if shape[0] == 3:
        x = keras.layers.Permute((2, 3, 1))(x)
    if last.startswith("rescaled "):
        x, low, high = keras.layers.Rescaling(2 / (high - low), -1 - 2 * low / (high - low))(x), -1, 1
    x = keras.layers.AveragePooling2D(2)(x) if None not in shape else x
    x = keras.layers.GlobalAveragePooling2D()(x)
    count, activation = (2 if "2 " in last else 1), last.split()[-1]
    model = keras.Model(entry, keras.layers.Dense(count, activation)(x))
    sides, slope = np.array([-1.0, 1.0])[-count:], 12 / (high - low)
    weights = np.repeat(sides[None] * slope / model.layers[-2].output.shape[-1], model.layers[-2].output.shape[-1], 0)
    model.layers[-1].set_weights([weights, -sides * slope * (low + high) / 2])
    return model


def prepared(folder: Path, shape, low, high) -> tuple[np.ndarray, np.ndarray]:
    """Prepare the pictures as somebody would who has trained such a network: float32 [n, *shape], and labels."""
    files = sorted(folder.glob("*/*.png"))
    *sides, channels = shape if shape[0] != 3 else (*shape[1:], 3)
    height, width = (side or 96 for side in sides)
    pictures = [Image.open(file).convert("L" if channels == 1 else "RGB").resize((width, height), 2) for file in files]
    pixels = np.stack(pictures).reshape(-1, height, width, channels).astype(np.float32) / 255 * (high - low) + low
    labels = np.array([file.parent.name == "dog" for file in files])
    return (pixels.transpose(0, 3, 1, 2) if shape[0] == 3 else pixels), labels


def right_of_keras(model: keras.Model, pixels: np.ndarray, labels: np.ndarray) -> int:
    """Count the right answers of Keras's own predictions."""
    outputs = model.predict(pixels, verbose=0)
    threshold = 0.5 if "sigmoid" in model.layers[-1].activation.__name__ else 0
    said = outputs.argmax(axis=1) if outputs.shape[1] == 2 else outputs[:, 0] > threshold
    return int((said == labels).sum())


def converted(model: keras.Model, pixels: np.ndarray, ends: str, path: Path) -> Path:
    """Write a model as a .tflite file: "float32", or integers with ends of int8, uint8, int16 or "float ends"."""
    computation = frozen(model, None if None in model.input_shape[1:] else 1).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([computation], tf.Module())
    if ends != "float32":
        operators = tf.lite.OpsSet
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = convert.representative_dataset(pixels)
        converter.target_spec.supported_ops = [
            operators.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
            if ends == "int16"
            else operators.TFLITE_BUILTINS_INT8
        ]
    if "int" in ends:
        converter.inference_input_type = converter.inference_output_type = tf.as_dtype(ends)
    with console.quiet():
        return convert.write(converter.convert(), path)


COLOUR = (12, 12, 3)
GUESSED, ASSUMED, RESCALED = "guessed from the scale of the input", "assumed: ", "guessed from the first operators"
LOGISTIC, BY_CODES, BY_VALUES = "the last operator is LOGISTIC", "its codes stand for", "on these pictures it goes from"


@pytest.mark.parametrize(
    "shape, wanted, last, ends, said",
    [
        (COLOUR, "0..1", "sigmoid", "float32", ("0 to 1, " + ASSUMED, "probability of a dog (" + LOGISTIC)),
        (COLOUR, "0..1", "linear", "float32", ("0 to 1, " + ASSUMED, "logit of a dog (" + BY_VALUES)),
        (COLOUR, "0..1", "relu6", "float32", ("0 to 1, " + ASSUMED, "logit of a dog (" + BY_VALUES)),
        (COLOUR, "0..1", "hard_sigmoid", "float32", ("0 to 1, " + ASSUMED, "probability of a dog (" + BY_VALUES)),
        (COLOUR, "0..1", "hard_sigmoid", "int8", ("0 to 1, " + GUESSED, "probability of a dog (" + BY_CODES)),
        (COLOUR, "-1..1", "sigmoid", "int8", ("-1 to 1, " + GUESSED, "probability of a dog (" + LOGISTIC)),
        (COLOUR, "0..1", "linear", "uint8", ("0 to 1, " + GUESSED, "logit of a dog (" + BY_CODES)),
        (COLOUR, "0..255", "2 softmax", "uint8", ("0 to 255, " + GUESSED, "two numbers")),
        (COLOUR, "-1..1", "2 linear", "float ends", ("-1 to 1, " + GUESSED, "two numbers")),
        (COLOUR, "0..1", "sigmoid", "float ends", ("0 to 1, " + GUESSED, "probability of a dog (" + LOGISTIC)),
        (COLOUR, "0..1", "sigmoid", "int16", ("0 to 1, " + ASSUMED, "probability of a dog (" + LOGISTIC)),
        (COLOUR, "0..255", "rescaled sigmoid", "float32", ("0 to 255, " + RESCALED, "probability of a dog")),
        ((12, 12, 1), "0..1", "sigmoid", "int8", ("in grey (weights of ITU-R BT.601)", "probability")),
        ((12, 20, 3), "-1..1", "linear", "int8", ("to the 12 × 20 (height × width) that", "logit")),
        ((3, 12, 20), "0..1", "2 linear", "float32", ("× width) that the model takes, channels first", "two numbers")),
        ((None, None, 3), "0..1", "sigmoid", "float32", ("Pictures: 96 × 96, for the file leaves their", "LOGISTIC")),
    ],
    ids=str,
)
def test_it_answers_as_keras_does(shape, wanted, last, ends, said, bright_and_dark, tmp_path, capsys, quick):
    low, high = input_range.CONVENTIONS[wanted]
    network = brightness(shape, low, high, last)
    pixels, labels = prepared(bright_and_dark, shape, low, high)
    model = converted(network, pixels, ends, tmp_path / "theirs.tflite")
    assert f"{right_of_keras(network, pixels, labels)} of 9 pictures" == BRIGHTER
    evaluation.main([str(model), "--data", str(bright_and_dark)])
    printed = capsys.readouterr().out
    assert f"Right: {BRIGHTER}\n" in printed
    for words in said:
        assert words in printed


@pytest.mark.parametrize("words", [["--range", "-1..1"], ["--range=-1..1"], ["--rang", "-1..1"]])
def test_a_range_that_the_file_does_not_tell(words, bright_and_dark, tmp_path, capsys, quick):
    network = brightness(COLOUR, -1, 1, "sigmoid")
    model = converted(network, prepared(bright_and_dark, COLOUR, -1, 1)[0], "float32", tmp_path / "theirs.tflite")
    evaluation.main([str(model), "--data", str(bright_and_dark)])
    printed = printed_lines(capsys)
    assert printed["Right"] == "5 of 9 pictures; it calls every picture a dog"
    assert printed["Inputs"] == "0 to 1, assumed: a float32 input does not tell (--range says otherwise)"
    evaluation.main([*words, str(model), "--data", str(bright_and_dark)])
    printed = printed_lines(capsys)
    assert printed["Right"] == BRIGHTER and printed["Inputs"] == "-1 to 1, as --range says"


@pytest.mark.parametrize("split", [None, "train"])
def test_with_little_memory_the_answers_are_the_same(split, tiny, folder, capsys, monkeypatch, quick):
    """Pictures are read a few at a time, and run one by one."""
    words, loaded, batches = [str(tiny["int8"]), "--data", str(folder), *(["--split", split] if split else [])], [], []
    evaluation.main(words)
    before = capsys.readouterr().out
    run, predict = measured._run, accuracy.predict
    monkeypatch.setattr(measured, "_run", lambda *given: (loaded.append(len(given[1])), run(*given))[1])
    monkeypatch.setattr(accuracy, "predict", lambda *given: (batches.append(given), predict(*given))[1])
    monkeypatch.setattr(measured, "MEMORY", 1)
    monkeypatch.setattr(memory, "available", lambda: 1)
    evaluation.main(words)
    assert capsys.readouterr().out == before
    assert max(loaded) == accuracy.BATCH and len(loaded) > 1 and not batches


def test_grey_is_that_of_pillow():
    colours = np.random.default_rng(0).integers(0, 256, (3, 500, 40, 3), np.uint8)
    expected = [np.asarray(Image.fromarray(image).convert("L")) for image in colours]
    assert np.array_equal(picture_input.grey(colours)[..., 0], expected)


def test_one_picture_a_class_is_enough_and_unreadable_ones_are_named(tiny, drawn, tmp_path, capsys, quick):
    for i, name in ((0, "cat"), (12, "dog")):
        (tmp_path / "pets" / name).mkdir(parents=True)
        Image.fromarray(drawn[0][i]).save(tmp_path / "pets" / name / "good.png")
    (tmp_path / "pets" / "cat" / "notes.txt").write_text("no picture")
    (tmp_path / "pets" / "dog" / "half.png").write_bytes((tmp_path / "pets" / "dog" / "good.png").read_bytes()[:999])
    evaluation.main([str(tiny["float32"]), "--data", str(tmp_path / "pets")])
    printed = printed_lines(capsys)
    assert printed["Data"].endswith("; scored: 1 cat and 1 dog")
    assert re.fullmatch("notes.txt is no picture .* half.png is a broken picture .*", printed["Left out"])
    assert printed["Right"].startswith(f"{right_answers(tiny['float32'], drawn[0][[0, 12]], np.array([0, 1]))} of 2 ")
    (tmp_path / "pets" / "dog" / "good.png").unlink()
    with pytest.raises(
        SystemExit, match=r"dog/ needs at least one readable picture\. Left out: .*half\.png is a broken"
    ):
        evaluation.main([str(tiny["float32"]), "--data", str(tmp_path / "pets")])


def test_a_file_that_ends_a_process_is_not_loaded_in_this_one(tiny, folder, monkeypatch):
    def died(path, kernels):
        raise trial.Died(path.name, f"the {kernels} kernels ended the process")

    monkeypatch.setattr(trial, "check", died)
    monkeypatch.setattr(interpreter, "load", lambda *words: pytest.fail("it was loaded"))
    with pytest.raises(SystemExit, match=r"int8\.tflite is no model TFLite can run: the reference kernels ended"):
        evaluation.main([str(tiny["int8"]), "--data", str(folder), "--kernels", "reference"])


def test_broken_files_get_a_result_or_one_sentence(tiny, bright_and_dark, tmp_path, capsys, monkeypatch):
    """Whatever their bytes are, and without taking this process along: each is tried in another one."""
    monkeypatch.setattr(micro, "arena", lambda path: micro.Arena(2000, 345))
    good = tiny["int8"].read_bytes()
    refused = 0
    for number in range(BROKEN):
        broken = convert.write(flipped(good, number), tmp_path / "broken.tflite")
        try:
            evaluation.main([str(broken), "--data", str(bright_and_dark)])
            assert re.search(r"Right: \d of 9 pictures", capsys.readouterr().out)
        except SystemExit as end:
            refused += 1
            assert isinstance(end.code, str) and "broken.tflite" in end.code and "\n" not in end.code
    assert 0 < refused < BROKEN
