"""The picture that a .tflite file takes, and how pictures are brought into that form: size, channels, range."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from helpers.base import console
from helpers.measure import input_range
from helpers.pictures.conventions import SIZE
from helpers.tflite import edit, inspect
from helpers.tflite.inspect import Graph

LARGEST = 2048  # pixels a side; a file that says more is broken


@dataclasses.dataclass(frozen=True)
class PictureInput:
    """The picture that a model takes.

    Attributes:
        height, width: in pixels.
        grey: whether it has one channel of grey, and not three of colour.
        channels_first: whether the channels stand before rows and columns, [1, 3, height, width], as in PyTorch.
        size_open: whether the file leaves height or width open, so that the suite's own size stands for it here.
    """

    height: int
    width: int
    grey: bool = False
    channels_first: bool = False
    size_open: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one picture with the axis of the batch."""
        channels = 1 if self.grey else 3
        if self.channels_first:
            return (1, channels, self.height, self.width)
        return (1, self.height, self.width, channels)


def read(model: Path) -> PictureInput:
    """Read from a file what picture it takes.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no .tflite model, or none that takes one picture, in colour or grey.
    """
    graph, raw = inspect.graphs(model)[0], inspect.read_model(model).subgraphs[0]
    if len(graph.inputs) != 1:
        raise ValueError(f"{model.name} should take one picture; it has {several(graph, graph.inputs, 'input')}.")
    tensor = graph.tensors[graph.inputs[0]]
    shape = _with_open_sizes(tensor.shape, raw.tensors[tensor.index].shapeSignature)
    takes = _layout(shape)
    if takes is None:
        raise ValueError(
            f"{model.name} should take one picture, [1, height, width, 3] (1 for grey) or [1, 3, height, width]; "
            f"it takes {shape}."
        )
    if max(takes.height, takes.width) > LARGEST:
        raise ValueError(f"{model.name} should take pictures of at most {LARGEST:,} pixels a side; it takes {shape}.")
    if tensor.dtype not in ("float32", *input_range.INTEGERS):
        raise ValueError(f"{model.name} should take float32, int8, uint8 or int16; it takes {tensor.dtype}.")
    if tensor.dtype in ("int8", "int16") and len(tensor.scale) != 1:
        raise ValueError(f"{model.name} takes {tensor.dtype}, but its input has no scale to quantize with.")
    return takes


def _with_open_sizes(shape: tuple[int, ...], signature: Sequence[int] | None) -> list[int]:
    """Return a shape with -1 for each size that its signature leaves open; in the shape itself, 1 stands for these."""
    if not shape or inspect.length(signature) != len(shape):
        return list(shape)
    return [-1 if free == -1 else n for n, free in zip(shape, signature, strict=True)]


def _layout(shape: list[int]) -> PictureInput | None:
    """Return what a shape says about a picture, None if it is that of something else; -1 is a size left open."""
    if len(shape) != 4:
        return None
    for channels_first, (channels, *sides) in ((False, (shape[3], *shape[1:3])), (True, shape[1:])):
        if channels in (1, 3) and all(side == -1 or side > 0 for side in sides):
            height, width = (SIZE if side == -1 else side for side in sides)
            return PictureInput(height, width, channels == 1, channels_first, -1 in sides)
    return None


def several(graph: Graph, indices: tuple[int, ...], what: str) -> str:
    """Return how many inputs or outputs a graph has, and their shapes: "2 inputs, [1, 4] and [1, 8]"."""
    shapes = " and ".join(str(list(graph.tensors[i].shape)) for i in indices)
    return f"{console.counted(len(indices), what)}{', ' if shapes else ''}{shapes}"


def size(model: Path) -> int:
    """Return the width, and height, of the pictures that a model takes.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no .tflite model, or none that takes a square colour picture.
    """
    takes = read(model)
    if takes != PictureInput(takes.width, takes.width):
        raise ValueError(f"{model.name} should take a square colour picture; it takes {list(takes.shape)}.")
    return takes.width


def of_fixed_size(model: Path, takes: PictureInput, folder: Path) -> Path:
    """Return a file in which the size of a picture is no longer open: the file itself, or a copy in a folder."""
    if not takes.size_open:
        return model
    content = inspect.read_model(model)
    tensor = content.subgraphs[0].tensors[content.subgraphs[0].inputs[0]]
    tensor.shape, tensor.shapeSignature = list(takes.shape), None
    copy = folder / model.name
    copy.write_bytes(edit.packed(content))
    return copy


def fitting(images: np.ndarray, takes: PictureInput) -> np.ndarray:
    """Squeeze pictures, uint8 [n, h, w, 3], into the height and width that a model takes, and make them grey for it."""
    if images.shape[1:3] != (takes.height, takes.width):
        size, how = (takes.width, takes.height), Image.Resampling.BILINEAR
        images = np.stack([np.asarray(Image.fromarray(image).resize(size, how)) for image in images])
    return grey(images) if takes.grey else images


def grey(images: np.ndarray) -> np.ndarray:
    """Turn colour pictures into grey ones: uint8 [n, h, w, 3] to uint8 [n, h, w, 1].

    The weights are those of ITU-R BT.601, 0.299, 0.587 and 0.114, in the 16-bit fixed point of Pillow's
    `convert("L")`, so that the results are the same.
    """
    return (images @ np.array([19595, 38470, 7471]) + 2**15 >> 16).astype(np.uint8)[..., None]


def prepared(inputs: np.ndarray, takes: PictureInput, range_name: str) -> np.ndarray:
    """Bring pictures into the range and the layout that a model takes.

    Args:
        inputs: float32 [n, height, width, channels] in 0 to 1.
        takes: what the model takes.
        range_name: one of `input_range.CONVENTIONS`.
    """
    low, high = input_range.CONVENTIONS[range_name]
    inputs = inputs * np.float32(high - low) + np.float32(low)
    return inputs.transpose(0, 3, 1, 2) if takes.channels_first else inputs
