"""The answers of a file: one class for every picture, or others than those of the float32 file."""

import numpy as np

from helpers.base.console import counted
from helpers.diagnosis.finding import Finding

ENOUGH = 8  # pictures, below which one class for all of them is no news
OTHER = {"severe": 0.20, "warning": 0.05}  # share of answers that are not those of the float32 file, and at the least


def chosen(outputs: np.ndarray) -> np.ndarray:
    """Return the class that each output names, int64 [n]: the largest of several numbers; of one, whether it is high.

    Args:
        outputs: float32 [n, numbers]; one number is a probability if all lie in 0 to 1, else a logit.
    """
    if outputs.shape[1] > 1:
        return outputs.argmax(axis=1)
    middle = 0.5 if outputs.min() >= 0 and outputs.max() <= 1 else 0.0
    return (outputs[:, 0] > middle).astype(np.int64)


def check(outputs: np.ndarray, exact: np.ndarray | None, folders: int) -> list[Finding]:
    """Return what is wrong with the answers to pictures.

    Args:
        outputs: float32 [n, numbers].
        exact: those of the float32 file; None without.
        folders: of how many subfolders the pictures are, see `Inputs`.
    """
    return [one for one in (one_class(outputs, exact, folders), others(outputs, exact)) if one]


def one_class(outputs: np.ndarray, exact: np.ndarray | None, folders: int) -> Finding | None:
    """Whether every picture gets the same answer."""
    said = chosen(outputs)
    if len(said) < ENOUGH or len(np.unique(said)) > 1 or (folders == 0 and exact is None):
        return None
    varied = exact is not None and len(np.unique(chosen(exact))) > 1
    if exact is not None and not varied:
        return None
    evidence = (
        f"All {len(said)} answers are number {said[0]}; over the pictures the outputs differ by {_spread(outputs):.3g}."
    )
    if varied:
        evidence += f" The float32 file gives {counted(len(np.unique(chosen(exact))), 'different answer')}."
    elif folders > 1:
        evidence += f" The pictures are from {folders} folders."
    return Finding(
        "one_class",
        "severe" if varied or folders > 1 else "warning",
        "The file gives one and the same answer to every picture",
        evidence,
        "Look first at how pictures are prepared (--range), then at the range of the input, then at the first "
        "activation whose noise drowns it (--float32). If the float32 file is as blind, it is the training.",
    )


def _spread(outputs: np.ndarray) -> float:
    return float(np.ptp(outputs, axis=0).max())


def others(outputs: np.ndarray, exact: np.ndarray | None) -> Finding | None:
    """Whether many answers are not those of the float32 file."""
    if exact is None or exact.shape[1] != outputs.shape[1]:
        return None
    differ = chosen(outputs) != chosen(exact)
    if differ.mean() < OTHER["warning"]:
        return None
    return Finding(
        "other_answers",
        "severe" if differ.mean() >= OTHER["severe"] else "warning",
        f"{differ.mean():.0%} of the answers are not those of the float32 file",
        f"{int(differ.sum())} of {len(differ)} inputs.",
        "The table of layers says where the noise comes in.",
    )
