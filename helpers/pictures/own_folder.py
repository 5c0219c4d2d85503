"""A folder of one's own with pictures of cats and dogs: checked, brought into one form, split."""

import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from helpers.base import console
from helpers.base.seed import SEED
from helpers.pictures.conventions import CLASSES, SIZE

SMALLEST_CLASS = 10  # pictures a class of one's own must have, so that each of the three splits gets one
SKIPPED_SILENTLY = (".DS_Store", "Thumbs.db", "desktop.ini")


def read_picture(path: os.PathLike, size: int = SIZE) -> np.ndarray:
    """Read any picture that Pillow reads as uint8 [size, size, 3].

    Grey, palette, 16-bit and transparent pictures become RGB (transparency over white), and a camera's orientation
    tag is applied.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no picture, or it is broken.
    """
    path = Path(path)
    try:
        with Image.open(path) as picture:
            picture.load()
            return np.asarray(_to_rgb(ImageOps.exif_transpose(picture)).resize((size, size), Image.Resampling.BILINEAR))
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no file {path}.") from None
    except UnidentifiedImageError:
        raise ValueError(f"{path.name} is no picture that Pillow can read.") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path.name} is a broken picture ({error}).") from None


def _to_rgb(picture: Image.Image) -> Image.Image:
    """Convert any colour mode of Pillow to 8-bit RGB."""
    if picture.mode.startswith(("I", "F")):  # 16 or 32 bits of grey: Pillow's own conversion would clip at 255
        values = np.asarray(picture, np.float64)
        top = 65535 if values.max() > 255 else 255
        picture = Image.fromarray(np.uint8(np.clip(np.round(values * (255 / top)), 0, 255)))
    if "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA"):
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


def fingerprint(path: Path) -> tuple:
    """Return what changes when a file does: path, size, time of the last change."""
    status = path.stat()
    return str(path.resolve()), status.st_size, status.st_mtime_ns


def class_files(folder: Path) -> dict[str, list[Path]]:
    """Return the files of `cat/` and `dog/`, sorted.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: its subfolders are not `cat` and `dog`, or one of them is empty.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"The folder {folder} does not exist. PTQ_DATASET takes 'photographs', 'drawn' "
            "or the path of a folder with the subfolders cat/ and dog/."
        )
    subfolders = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if subfolders != sorted(CLASSES):
        raise ValueError(
            f"{folder} needs two subfolders, cat and dog; found {', '.join(subfolders) or 'none'}. Rename them."
        )
    files = {name: files_below(folder / name) for name in CLASSES}
    for name, paths in files.items():
        if not paths:
            raise ValueError(f"{folder / name} is empty: put pictures of a {name} into it.")
    return files


def files_below(folder: Path) -> list[Path]:
    """Return all files in a folder and below it, sorted, but not the hidden ones.

    Hidden is what begins with a dot, what lies in a folder that does, and the files that systems leave behind
    (`SKIPPED_SILENTLY`).  How the folder itself is called does not matter.
    """
    return sorted(path for path in folder.rglob("*") if path.is_file() and not _is_hidden(path.relative_to(folder)))


def _is_hidden(path: Path) -> bool:
    return path.name in SKIPPED_SILENTLY or any(part.startswith(".") for part in path.parts)


def import_pictures(files: dict[str, list[Path]], target: Path) -> None:
    """Write every readable picture as `target/<split>/<class>/<number>.png`, and name those that were left out."""
    left_out = []
    for name in CLASSES:
        pictures = []
        for path in console.progress(files[name], f"Checking the {name}s", "pic"):
            try:
                pictures.append(read_picture(path))
            except ValueError as error:
                left_out.append(str(error))
        if len(pictures) < SMALLEST_CLASS:
            raise ValueError(
                f"{name}/ needs at least {SMALLEST_CLASS} readable pictures; found {len(pictures)}."
                + (f" Left out: {' '.join(left_out)}" if left_out else "")
            )
        _write_splits(pictures, name, target)
    if left_out:
        print(f"Left out {len(left_out)} files: {' '.join(left_out)}")


def _write_splits(pictures: list[np.ndarray], name: str, target: Path) -> None:
    """Shuffle one class with a fixed seed and write 80 % to train, 10 % to validation and 10 % to test."""
    order = np.random.default_rng(SEED).permutation(len(pictures))
    tenth = max(1, round(len(pictures) / 10))
    parts = {"test": order[:tenth], "validation": order[tenth : 2 * tenth], "train": order[2 * tenth :]}
    for split, indices in parts.items():
        folder = target / split / name
        folder.mkdir(parents=True)
        for i in indices:
            Image.fromarray(pictures[i]).save(folder / f"{i:05d}.png")
