"""The live pages of the site: a network loses its bits, one's own pet, one's own progress.

Each is one file with everything inside: networks, pictures, style and script.  It opens from a disk and asks nothing of
the network.  `tools/website.py` writes them.
"""

import base64
import dataclasses
import io
import json
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader
from PIL import Image

import live
from helpers.base import data
from helpers.course import exercises, predictions
from helpers.course import my_course as course
from helpers.networks import converted
from helpers.pictures import datasets
from helpers.tflite import inspect

PICTURES, COLUMNS, QUALITY = 200, 20, 90  # test pictures, on one sheet; WebP's quality
PAGES = {"front": "index.html", "pet": "pet.html", "my_course": "my_course.html"}
WORKERS = {"front": "worker", "pet": "pet_worker"}
LINKS = {  # of each live page, to the others
    "index.html": "A network loses its bits",
    "pet.html": "Your own pet",
    "my_course.html": "My course",
    "course/index.html": "The course",
}
TEMPLATES = Path(__file__).resolve().parent / "templates"
CARD = data.folder() / "checkpoints" / "residual_cnn.json"


def sheet(images) -> str:
    """Return pictures, uint8 [n, size, size, 3], on one sheet, row by row, as the address of a WebP inside the page."""
    size, rows = images.shape[1], -(-len(images) // COLUMNS)
    whole = Image.new("RGB", (COLUMNS * size, rows * size))
    for number, image in enumerate(images):
        whole.paste(Image.fromarray(image), (number % COLUMNS * size, number // COLUMNS * size))
    buffer = io.BytesIO()
    whole.save(buffer, "WEBP", quality=QUALITY, method=6)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def ranges(float32: Path, int8: Path) -> list[list[float] | None]:
    """Return the calibrated ranges of the input and of each operator's output, from an int8 file; None for softmax.

    Args:
        float32: the file that runs in the page.
        int8: the same network, calibrated.

    Raises:
        ValueError: the two have other operators.
    """
    files = [inspect.graph(path) for path in (float32, int8)]
    if [step.name for step, _ in files[0]] != [step.name for step, _ in files[1]]:
        raise ValueError(f"Expected the same operators in {float32.name} and {int8.name}; found others.")
    (entry,) = (tensor for tensor in inspect.tensors(int8) if tensor.role == "input")
    found = [entry, *(output for _, (*_, output) in files[1])]
    last = [step.name for step, _ in files[1]].index("SOFTMAX") + 1
    return [None if i == last else _range(tensor) for i, tensor in enumerate(found)]


def _range(tensor: inspect.Tensor) -> list[float]:
    """Return the real numbers of the smallest and the largest code."""
    scale, zero_point = float(tensor.scale[0]), int(tensor.zero_point[0])
    return [scale * (-128 - zero_point), scale * (127 - zero_point)]


def front(images: np.ndarray, labels: np.ndarray, float32: Path, int8: Path) -> str:
    """Return the front page.

    Args:
        images, labels: pictures that the network has not seen, uint8 [n, 96, 96, 3], and int64 [n].
        float32: the file that runs in the page.
        int8: the same network, calibrated.

    Raises:
        ValueError: see `ranges`.
    """
    layers = [(step, tensors) for step, tensors in inspect.graph(float32) if step.name in inspect.WEIGHED]
    names = [inspect.layer_of(output.name) for _, (*_, output) in layers if len(output.shape) == 4]
    told = {"labels": labels.tolist(), "ranges": ranges(float32, int8), "names": names}
    return _page(
        "front",
        {"network": float32},
        told=json.dumps(told),
        sheet=sheet(images),
        count=len(images),
        weights=f"{sum(tensors[1].data.size for _, tensors in layers):,}",
        calibrated=datasets.CALIBRATION_PICTURES,
    )


def pet(float32: Path, int8: Path, card: dict) -> str:
    """Return the page that takes a reader's own picture.

    Args:
        float32, int8: the files of a network that knows photographs.
        card: what was measured of it, as in `data/checkpoints/residual_cnn.json`.
    """
    files = {"float32": float32, "int8": int8}
    scores = {kind: card["results"]["test"][kind] for kind in files}
    words = {kind: "{accuracy:.1%} ({low:.1%} to {high:.1%})".format(**score) for kind, score in scores.items()}
    return _page(
        "pet",
        files,
        bytes={kind: f"{path.stat().st_size / 1e3:,.0f}" for kind, path in files.items()},
        card=words | {"pictures": f"{scores['int8']['pictures']:,}"},
    )


def my_course() -> str:
    """Return the page that shows a reader's own progress."""
    told = {
        "asked": [dataclasses.asdict(one) for one in predictions.table().values()],
        "tasks": exercises.NOTEBOOKS,
        "titles": course.titles(),
    }
    return _page("my_course", {}, told=json.dumps(told))


def _page(name: str, files: dict[str, Path], **told: object) -> str:
    """Return a page with its networks, its style and its scripts inside.

    Args:
        name: of the template and of the module in `web/`; a worker's is in `WORKERS`.
        files: {name in the page: .tflite file}.
        told: what the template needs besides.
    """
    return (
        Environment(autoescape=False, loader=FileSystemLoader(TEMPLATES))
        .get_template(f"{name}.html.j2")
        .render(
            style=(live.WEB / "live.css").read_text("utf-8"),
            script=live.bundle(live.WEB / f"{name}.js"),
            worker=_worker(WORKERS[name]) if name in WORKERS else "null",
            files={key: base64.b64encode(path.read_bytes()).decode("ascii") for key, path in files.items()},
            links=[(address, words) for address, words in LINKS.items() if address != PAGES[name]],
            **told,
        )
    )


def _worker(name: str) -> str:
    """Return the script of a worker as a string of JavaScript."""
    return json.dumps(f"{live.bundle(live.WEB / f'{name}.js')}modules.{name}.serve();").replace("</", "<\\/")


def pages() -> dict[str, str]:
    """Return the live pages, {name of the file: page}: one of the drawn pets, one of a reader's own picture."""
    pets = datasets.load("drawn", verbose=False)
    files = [converted.file(pets, kind) for kind in ("float32", "int8")]
    known = converted.pretrained_files()
    return {
        PAGES["front"]: front(*pets.arrays("test", PICTURES), *files),
        PAGES["my_course"]: my_course(),
        PAGES["pet"]: pet(known["float32"], known["int8"], json.loads(CARD.read_text("utf-8"))),
    }
