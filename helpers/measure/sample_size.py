"""How many test pictures it takes to notice a loss of accuracy: the power of a test.

Two designs.  Paired: both models see the same pictures, and McNemar's test looks at those that only one of them gets
right.  Apart: each model was scored on pictures of its own, as when one compares with a number from a paper.
"""

import numpy as np
from scipy import stats

LEVEL = 0.05  # a smaller p-value counts as noticed
WANTED = 0.8  # the usual chance one asks for
MOST_PICTURES = 10_000_000


def chance_paired(pictures: int, loss: float, disagreement: float) -> float:
    """Return the chance that McNemar's exact test notices a loss, 0 to 1.

    The number of pictures that only one model gets right is binomial, and so is, among them, the number that only the
    better one gets right; the chances of all cases that end with p < 0.05 are added up (Connor 1987, *Biometrics* 43,
    page 207, has the approximation for many pictures).

    Args:
        pictures: of the test set.
        loss: of accuracy, above 0.
        disagreement: the share of pictures that just one of the two models gets right, at least the loss.

    Raises:
        ValueError: the numbers are not shares, or the loss is larger than the disagreement.
    """
    _check(pictures, loss)
    if not loss <= disagreement <= 1:
        raise ValueError(
            f"Expected a disagreement from the loss, {loss}, to 1; found {disagreement}: a model cannot lose more "
            "pictures than it answers differently."
        )
    counts = np.arange(*stats.binom.ppf([1e-9, 1 - 1e-9], pictures, disagreement).astype(int) + [0, 1])
    better = (disagreement + loss) / (2 * disagreement)  # among those pictures, the share that the better model wins
    return float(
        np.sum(stats.binom.pmf(counts, pictures, disagreement) * stats.binom.sf(_needed(counts) - 1, counts, better))
    )


def _needed(counts: np.ndarray) -> np.ndarray:
    """Return how many of `counts` fair tosses must fall to one side for a two-sided p below 0.05.

    `ppf` gives the smallest number of tosses to the other side that is not rare enough; one less is.
    """
    return counts - stats.binom.ppf(LEVEL / 2, counts, 0.5) + 1


def chance_apart(pictures: int, loss: float, accuracy: float) -> float:
    """Return the chance to notice a loss between two models that were scored on different pictures, 0 to 1.

    The usual test of two shares, with the normal approximation (Fleiss, Levin and Paik 2003, *Statistical Methods for
    Rates and Proportions*, section 4.2).

    Args:
        pictures: of each of the two test sets.
        loss: of accuracy, above 0.
        accuracy: of the better model.

    Raises:
        ValueError: the numbers are not shares, or the loss is larger than the accuracy.
    """
    _check(pictures, loss)
    if not loss <= accuracy <= 1:
        raise ValueError(f"Expected an accuracy from the loss, {loss}, to 1; found {accuracy}.")
    worse, middle = accuracy - loss, accuracy - loss / 2
    if_equal = np.sqrt(2 * middle * (1 - middle))
    if_different = np.sqrt(accuracy * (1 - accuracy) + worse * (1 - worse))
    distance = loss * np.sqrt(pictures) - stats.norm.isf(LEVEL / 2) * if_equal
    return float(stats.norm.cdf(distance / if_different)) if if_different else 1.0


def _check(pictures: int, loss: float) -> None:
    if pictures < 1 or not 0 < loss <= 1:
        raise ValueError(f"Expected at least one picture and a loss above 0, up to 1; found {pictures} and {loss}.")


def pictures_needed(chance, wanted: float = WANTED, **settings: float) -> int:
    """Return the smallest number of pictures, to within 1 %, with which a loss is noticed with a wanted chance.

    Args:
        chance: `chance_paired` or `chance_apart`.
        wanted: chance, above 0 and below 1.
        settings: the arguments of `chance` other than the pictures.

    Raises:
        ValueError: not even ten million pictures are enough.
    """
    if chance(MOST_PICTURES, **settings) < wanted:
        raise ValueError(
            f"Not even {MOST_PICTURES:,} pictures are enough to notice this with a chance of {wanted:.0%}."
        )
    low, high = 1, MOST_PICTURES
    while high > 1.01 * low + 1:
        middle = round((low * high) ** 0.5) if low > 1 else (low + high) // 2
        low, high = (low, middle) if chance(middle, **settings) >= wanted else (middle, high)
    return high
