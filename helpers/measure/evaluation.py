"""Anybody's .tflite file that tells cats from dogs, on any pictures: what it takes, what it answers, what it needs."""

import contextlib
import dataclasses
import functools
import itertools
import math
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from helpers.base import console, machine, memory
from helpers.measure import accuracy, input_range, picture_input
from helpers.measure.accuracy import Score
from helpers.measure.picture_input import PictureInput
from helpers.pictures import datasets, own_folder
from helpers.pictures.conventions import CLASSES, SIZE, SPLITS, Arrays, normalise
from helpers.tflite import inspect, interpreter, micro, trial, trial_process
from helpers.tflite.inspect import Graph, Tensor
from helpers.tflite.interpreter import Interpreter

SOURCES = ("photographs", "drawn")  # whatever else data may be called is a folder
CARRIERS = ("DEQUANTIZE", "QUANTIZE", "RESHAPE", "SQUEEZE")  # operators that hand on what the one before has computed
MEMORY = 2**28  # bytes of pictures that are read before they are scored
CLOSE = 0.001  # how far the codes of a probability may reach beyond 0 and 1


def evaluate(file: Path, data: str | None, split: str | None, range_name: str | None, kernels: str) -> list[str]:
    """Score a file and return what there is to say about it, line by line.

    Args:
        file: a .tflite file.
        data, split: see `pictures`.
        range_name: of its inputs, one of `input_range.CONVENTIONS`; None for the one that the file tells.
        kernels: see `interpreter`.

    Raises:
        OSError, RuntimeError, ValueError: with one sentence, if the file or the data are no good.
    """
    takes = picture_input.read(file)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Windows keeps files that are in use
        model = picture_input.of_fixed_size(file, takes, Path(folder))
        answer = answer_of(model, kernels)
        range_name, inputs = input_range.chosen(model, range_name)
        shown = pictures(data, split, takes)
        given, labels = outputs(model, shown, kernels, takes, range_name, answer.numbers)
        said, how = for_cat_and_dog(given, answer)
        lines = [*scored(shown, labels), *preparation(shown, takes), f"Inputs: {inputs}", f"Outputs: {how}"]
        return lines + report(file, Score(said, labels), shown.scope, kernels, model)


# --- what a model gives -----------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Answer:
    """The answer that a model gives.

    Attributes:
        numbers: how many: two, for cat and for dog, or one, for the dog.
        meaning: what the one number is, "probability" or "logit"; None if only its values tell.
        reason: how that is known, in words.
    """

    numbers: int
    meaning: str | None = None
    reason: str = ""


def answer_of(model: Path, kernels: str) -> Answer:
    """Run a model on one black picture and say what its answer is.

    Raises:
        ValueError: TFLite cannot run it, or its answer is none for cat and dog.
    """
    graph = inspect.graphs(model)[0]
    wanted = "two numbers, for cat and for dog, [1, 2], or one, for the dog, [1, 1]"
    if len(graph.outputs) != 1:
        several = picture_input.several(graph, graph.outputs, "output")
        raise ValueError(f"{model.name} should give {wanted}; it has {several}.")
    trial.check(model, kernels)
    details = _output_details(model, kernels)
    shape = details["shape"].tolist()
    if math.prod(shape) not in (1, 2):
        raise ValueError(f"{model.name} should give {wanted}; it gives {shape}. Train a last layer for two classes.")
    output = graph.tensors[graph.outputs[0]]
    if np.dtype(details["dtype"]).kind not in "fiu":
        raise ValueError(f"{model.name} should give real numbers; it gives {output.dtype}.")
    if math.prod(shape) == 2:
        return Answer(2)
    if output.dtype in input_range.INTEGERS and len(output.scale) != 1:
        raise ValueError(
            f"{model.name} should give two numbers, or one with a scale; it gives one {output.dtype} code."
        )
    return _of_one_number(graph, output)


def _output_details(model: Path, kernels: str) -> dict:
    """Return what an interpreter says about the output of a model once it has run: some shapes are open before."""
    runner = interpreter.load(model, kernels)
    try:
        trial_process.run_on_zeros(runner)
        return runner.get_output_details()[0]
    except (RuntimeError, ValueError) as problem:
        raise interpreter.Refused(model.name, str(problem)) from None


def _of_one_number(graph: Graph, output: Tensor) -> Answer:
    """Return what the only number of a model is, as far as the file tells."""
    made, maker = output.index, None
    for step in reversed(graph.operators):
        if made in step.outputs and step.name in CARRIERS:
            made = step.inputs[0]
        elif made in step.outputs:
            maker = step.name
            break
    if maker == "LOGISTIC":
        return Answer(1, "probability", "the last operator is LOGISTIC")
    tensor = graph.tensors[made]
    if tensor.dtype in ("int8", "uint8") and len(tensor.scale) == 1:
        codes = input_range.code_range(tensor)
        within = codes.low >= -CLOSE and codes.high <= 1 + CLOSE
        return Answer(1, "probability" if within else "logit", f"its codes stand for {codes}")
    return Answer(1)


def for_cat_and_dog(outputs: np.ndarray, answer: Answer) -> tuple[np.ndarray, str]:
    """Return what a model says for cat and for dog, and in words how that was read.

    One probability p of a dog stands for 1 - p and p; one logit z for the two logits 0 and z, of which a softmax is the
    same as the logistic function of z.

    Args:
        outputs: float32 [n, numbers].
        answer: what they are, see `answer_of`.

    Returns:
        float32 [n, 2], the larger number of each row at the answer, and half a line.
    """
    if answer.numbers == 2:
        return outputs, f"two numbers, for {CLASSES[0]} and for {CLASSES[1]}; the larger one is the answer"
    dog, meaning, reason = outputs[:, 0], answer.meaning, answer.reason
    if meaning is None:
        low, high = float(dog.min()), float(dog.max())
        meaning = "probability" if low >= -CLOSE and high <= 1 + CLOSE else "logit"
        reason = f"on these pictures it goes from {low:.3g} to {high:.3g}"
    if meaning == "probability":
        return np.stack([1 - dog, dog], axis=1), f"one number, the probability of a dog ({reason}); a dog above 0.5"
    return np.stack([np.zeros_like(dog), dog], axis=1), f"one number, the logit of a dog ({reason}); a dog above 0"


# --- pictures ---------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Labelled pictures in the size and the colours that a model takes.

    Attributes:
        parts: as many at a time as fit into `MEMORY`: uint8 [n, height, width, channels], and labels, int64 [n].
        about: where they are from.
        scope: which of them these are, in words: "of the test split".
        from_size: width and height of the pictures that are resized; None if the files themselves are read.
        left_out: a sentence for each file that cannot be read; complete once all parts have been taken.
    """

    parts: Iterator[Arrays]
    about: str
    scope: str = ""
    from_size: int | None = None
    left_out: list[str] = dataclasses.field(default_factory=list)


def pictures(data: str | None, split: str | None, takes: PictureInput) -> Pictures:
    """Return the pictures to score: all of a folder that is given by hand, else those of a split.

    Who points at a folder wants to know about its pictures.  The suite's own sources, and a folder that `PTQ_DATASET`
    names for the whole course, have been trained on.

    Args:
        data: see `datasets.load`.
        split: one of `SPLITS`, or "all"; None for the usual one.
        takes: the picture that the model takes.

    Raises:
        FileNotFoundError: the photographs or the folder are not there.
        ValueError: the folder is not laid out as `cat/` and `dog/`, or holds too few pictures.
    """
    if data and data not in SOURCES and split in (None, "all"):
        return _of_folder(Path(data).expanduser(), takes)
    return _of_source(datasets.load(data, verbose=False), split or "test", takes)


def _of_source(pets: datasets.Pets, split: str, takes: PictureInput) -> Pictures:
    """Return the pictures of one split, or of all three."""
    at_once = _at_once(takes)

    def parts() -> Iterator[Arrays]:
        for one in SPLITS if split == "all" else (split,):
            images, labels = pets.arrays(one)
            for i in range(0, len(images), at_once):
                yield picture_input.fitting(_scaled(images[i : i + at_once], takes), takes), labels[i : i + at_once]

    return Pictures(parts(), pets.summary, "of all splits" if split == "all" else f"of the {split} split", SIZE)


def _of_folder(folder: Path, takes: PictureInput) -> Pictures:
    """Return every picture in `cat/` and `dog/`, straight from the files."""
    files, left_out, at_once = own_folder.class_files(folder), [], _at_once(takes)

    def read(name: str) -> Iterator[np.ndarray]:
        for path in console.progress(files[name], f"Scoring the {name}s", "pic"):
            try:
                square = own_folder.read_picture(path, max(takes.height, takes.width))
                yield picture_input.fitting(square[None], takes)[0]
            except (OSError, ValueError) as problem:
                left_out.append(str(problem))

    def parts() -> Iterator[Arrays]:
        for label, name in enumerate(CLASSES):
            images, count = read(name), 0
            while part := list(itertools.islice(images, at_once)):
                count += len(part)
                yield np.stack(part), np.full(len(part), label)
            if count == 0:
                raise ValueError(f"{name}/ needs at least one readable picture. Left out: {' '.join(left_out)}")

    hint = "(--split test scores those that no training of the suite looks at)"
    return Pictures(parts(), f"pictures in {folder} {hint}", left_out=left_out)


def _at_once(takes: PictureInput) -> int:
    """Return how many pictures fit into `MEMORY`."""
    return max(accuracy.BATCH, MEMORY // math.prod(takes.shape))


def _scaled(images: np.ndarray, takes: PictureInput) -> np.ndarray:
    """Scale pictures of the suite to another square, as the whole suite does; for other shapes, see `picture_input`."""
    if takes.height != takes.width or takes.width == SIZE:
        return images
    from helpers.pictures import reading  # TensorFlow scales

    return reading.resize(images, takes.width)


def scored(pictures: Pictures, labels: np.ndarray) -> list[str]:
    """Return the lines that say what was scored, and what could not be read."""
    counts = [console.counted(int((labels == i).sum()), name) for i, name in enumerate(CLASSES)]
    lines = [f"Data: {pictures.about}; scored: {' and '.join(counts)} {pictures.scope}".rstrip()]
    return lines + [f"Left out: {' '.join(pictures.left_out)}"] * bool(pictures.left_out)


def preparation(pictures: Pictures, takes: PictureInput) -> list[str]:
    """Return the line that says what became of the pictures, or none if they went in as the suite has them."""
    size = f"{takes.height} × {takes.width}" + " (height × width)" * (takes.height != takes.width)
    parts = []
    if takes.size_open:
        parts.append(f"{size}, for the file leaves their size open")
    elif (takes.height, takes.width) != (SIZE, SIZE):
        how = f"resized from {pictures.from_size} × {pictures.from_size}" if pictures.from_size else "squeezed"
        parts.append(f"{how} to the {size} that the model takes")
    parts += ["in grey (weights of ITU-R BT.601)"] * takes.grey + ["channels first"] * takes.channels_first
    return [f"Pictures: {', '.join(parts)}"] if parts else []


# --- the score --------------------------------------------------------------------------------------------------------


def outputs(
    model: Path, pictures: Pictures, kernels: str, takes: PictureInput, range_name: str, numbers: int
) -> tuple[np.ndarray, np.ndarray]:
    """Run a model on pictures, and return its outputs, float32 [n, numbers], and the labels, int64 [n].

    Args:
        model: path of a .tflite file.
        pictures: their parts are used up.
        kernels: see `interpreter`.
        takes: the picture that the model takes.
        range_name: of its inputs, one of `input_range.CONVENTIONS`.
        numbers: that it gives for a picture.

    Raises:
        ValueError: TFLite cannot run it on a picture, or its outputs are not a number (NaN).
    """
    to_input = functools.partial(_to_input, takes=takes, range_name=range_name)
    parts = [(_run(model, images, kernels, to_input, numbers), labels) for images, labels in pictures.parts]
    given, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    broken = int(np.isnan(given).any(axis=1).sum())
    if broken:
        raise ValueError(f"{model.name} should give numbers; for {broken:,} of {len(given):,} pictures it gives NaN.")
    return given, labels


def _run(model: Path, images: np.ndarray, kernels: str, to_input: Callable, numbers: int) -> np.ndarray:
    """Run pictures in batches if the model and the memory allow it, else one by one: float32 [n, numbers]."""
    runner, given = interpreter.load(model, kernels), []
    with contextlib.suppress(ValueError, RuntimeError):
        if _batches_fit(runner):
            in_batches = accuracy.predict(model, images, kernels, to_input)
            if in_batches.size == len(images) * numbers:
                return in_batches.reshape(len(images), numbers)
    details = runner.get_input_details()[0]
    try:
        for i in console.progress(range(len(images)), "Scoring", "pic"):
            given.append(interpreter.run(runner, to_input(normalise(images[i : i + 1]), details)))
    except (RuntimeError, ValueError) as problem:
        raise interpreter.Refused(model.name, str(problem)) from None
    return np.stack(given).reshape(len(images), numbers)


def _batches_fit(runner: Interpreter) -> bool:
    """Whether there is memory for all tensors of a model, in as many pictures as `accuracy.predict` takes at once."""
    one = sum(math.prod(t["shape"].tolist()) * np.dtype(t["dtype"]).itemsize for t in runner.get_tensor_details())
    free = memory.available()
    return free is None or one * accuracy.BATCH * machine.THREADS < free / 2


def _to_input(inputs: np.ndarray, details: dict, takes: PictureInput, range_name: str) -> np.ndarray:
    """Bring pictures, float32 [n, height, width, channels] in 0 to 1, into a model's range, layout and type."""
    values = picture_input.prepared(inputs, takes, range_name)
    return np.ascontiguousarray(interpreter.quantize_input(values, details))


def report(model: Path, score: Score, scope: str, kernels: str, run: Path) -> list[str]:
    """Return what there is to say about a scored file, line by line: accuracy, size, tensor arena.

    Args:
        model: path of the file.
        score: what it achieved.
        scope: which pictures these are, see `Pictures`.
        kernels: see `interpreter`.
        run: the file that was run in its place, see `of_fixed_size`.
    """
    low, high = score.interval
    said = np.unique(score.predictions)
    always = f"; it calls every picture a {CLASSES[said[0]]}" if len(said) == 1 else ""
    try:
        arena = micro.arena(run)
        needs = f"{arena.total:,} bytes ({arena.activations:,} for activations, {arena.persistent:,} persistent)"
    except (NotImplementedError, TimeoutError, ValueError) as problem:
        needs = f"not known. {problem}"
    return [
        f"Model: {model.name}, {kernels} kernels",
        f"Accuracy: {score.accuracy:.2%} (95% Wilson interval {low:.2%} to {high:.2%})",
        f"Right: {score.correct.sum():,} of {len(score.labels):,} {' '.join(['pictures', scope]).strip()}{always}",
        f"Size: {model.stat().st_size:,} bytes",
        f"Tensor arena: {needs}",
    ]
