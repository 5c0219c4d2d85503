"""What the lecture claims, held against what was measured: numbers from `artifacts/metrics.json` and nothing else.

Each claim knows the section of the metrics that decides it, the notebook that measures that section, and how a verdict
follows from the numbers.  A verdict begins with one of `VERDICTS`, or names the notebook that is still to be run.

    claims.table(claims.measured(pets), summary.reference())
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from helpers.base import metrics
from helpers.base.tables import Table
from helpers.board import verdicts
from helpers.course import live
from helpers.measure import accuracy

if TYPE_CHECKING:
    from helpers.pictures.datasets import Pets

VERDICTS = ("holds", "holds for", "does not hold here", "not decided here")
CLAIMED = 2.0  # times as fast, the lower end of "2 to 4"
THREE = ("MobileNet v1", "ResNet v2", "Inception v3")  # the networks of slide 16
FOUR = 3.99  # times: from here on a ratio is called 4, for scales and zero points take a little room as well
SMALL = 0.005  # a loss of accuracy below which nobody would speak of one: half a point
SURE = 0.05  # McNemar's p below which a difference is more than chance
Judged = tuple[str, str]  # what was measured, and the verdict, both in words


@dataclasses.dataclass(frozen=True)
class Claim:
    """A sentence of the lecture.

    Attributes:
        slide: where it stands.
        words: what it says, in short.
        section: of metrics.json, whose numbers decide.
        notebook: the one that measures them, and shows them in a figure.
        judge: from the numbers of that section to words and verdict.
    """

    slide: str
    words: str
    section: str
    notebook: str
    judge: Callable[[Mapping], Judged]

    def on(self, sections: Mapping[str, Mapping]) -> Judged:
        """Return what was measured and the verdict, or that it has not been measured.

        A section that an earlier version of the notebook wrote may lack a number; that counts as not measured.
        """
        try:
            return self.judge(sections[self.section])
        except KeyError:
            return "–", f"run {self.notebook}"


def measured(pets: "Pets") -> dict[str, dict]:
    """Return what was measured on this data, {section: numbers}; empty if nothing was."""
    return metrics.read().get(pets.source, {})


def table(
    sections: Mapping[str, Mapping],
    reference: Mapping[str, Mapping] | None = None,
    claims: Sequence[Claim] | None = None,
) -> Table:
    """Return claims with what was measured, the verdict, and the notebook with the figure.

    Args:
        sections: of one data set, from `measured`.
        reference: of another run, shown beside it with its verdicts: `summary.reference()`.
        claims: which; if left out, all.
    """
    heads = ["slide", "the lecture says", "measured", "verdict"]
    if reference is not None:
        heads.append("reference run on photographs")
    rows = []
    for claim in CLAIMS if claims is None else claims:
        beside = [] if reference is None else [": ".join(claim.on(reference)[::-1])]
        rows.append([claim.slide, claim.words, *claim.on(sections), *beside, claim.notebook])
    return Table([*heads, "see"], rows)


def quiz(sections: Mapping[str, Mapping]) -> live.Quiz:
    """Return the claims that have been measured as a quiz: the reader's verdict first, the measured one after it."""
    judged = [(claim, *claim.on(sections)) for claim in CLAIMS]
    return live.quiz(
        [
            (f"Slide {claim.slide}: {claim.words}", _kind(verdict), f"{result} ({verdict})")
            for claim, result, verdict in judged
            if result != "–"
        ],
        VERDICTS,
    )


def _kind(verdict: str) -> str:
    """Return the verdict without the cases that it names."""
    return VERDICTS[1] if verdict.startswith(VERDICTS[1]) else verdict


def missing(sections: Mapping[str, Mapping]) -> list[str]:
    """Return the notebooks that are still to be run before every claim has a verdict, in their order."""
    return sorted({claim.notebook for claim in CLAIMS if claim.on(sections)[0] == "–"})


def to_run(sections: Mapping[str, Mapping]) -> str:
    """Return the command line that measures what is missing, or that nothing is."""
    names = missing(sections)
    if not names:
        return "Every claim has been measured."
    return "Not measured yet. This line, in the project's folder, runs what is missing:\n" + (
        f"python tools/run.py {' '.join(f'--only {name}' for name in names)}"
    )


# --- from numbers to verdicts -------------------------------------------------------------------------------------


def _verdict(holds: bool) -> str:
    return VERDICTS[0] if holds else VERDICTS[2]


def _verdict_for(cases: Mapping[str, bool | None]) -> str:
    """Return whether a claim holds in all of some cases, in some of them, or in none.

    Args:
        cases: {name: whether it holds}; None if the measurement does not decide.
    """
    holding = [name for name, holds in cases.items() if holds]
    if 0 < len(holding) < len(cases):
        return f"{VERDICTS[1]} {', '.join(holding)}"
    if not holding and None in cases.values():
        return VERDICTS[3]
    return _verdict(bool(holding))


def _pair(comparison: Mapping, what: str) -> tuple[float, float]:
    """Return one number of the float32 file and of the int8 file."""
    return comparison["models"]["float32"][what], comparison["models"]["int8"][what]


def _weights(comparison: Mapping) -> Judged:
    before, after = _pair(comparison, "weight_bytes")
    return f"weights {before / after:.2f}×", _verdict(before / after >= FOUR)


def _file(comparison: Mapping) -> Judged:
    before, after = _pair(comparison, "bytes")
    holds = {"the weights": True, "the whole file": before / after >= FOUR}
    return f"file {before / after:.2f}×", _verdict_for(holds)


def _load(comparison: Mapping) -> Judged:
    """All that the layers read and write for a picture: weights, biases and activations."""
    before, after = _pair(comparison, "moved_bytes")
    words = f"{before / 1e6:.2f} to {after / 1e6:.2f} MB for a picture, {1 - after / before:.1%} less (computed)"
    return words, _verdict(round(1 - after / before, 2) >= 0.75)


def _flash(board: Mapping) -> Judged:
    """It fits, and float32 may fit as well: then the claim holds without being a reason."""
    size, room = board["files"]["int8"]["bytes"], board["flash_bytes"]
    before = board["files"]["float32"]["bytes"]
    return f"{size / 1e3:,.0f} of {room / 1e3:,.0f} kB (float32 {before / 1e3:,.0f})", _verdict(size <= room)


def _ram(board: Mapping) -> Judged:
    before, after = (board["files"][kind]["arena_bytes"] for kind in ("float32", "int8"))
    result = f"arena {before / 1e3:,.0f} to {after / 1e3:,.0f} kB, of {board['ram_bytes'] / 1e3:,.0f}"
    return result, _verdict(after < before and after <= board["ram_bytes"])


def _near_zero(why: Mapping) -> Judged:
    """A flat histogram would have a quarter of the weights there.

    That they are concentrated is all that the slide says.  It is no reason for a small scale, which the largest weight
    sets, and the words say so.
    """
    share = float(np.median(list(why["near zero"].values())))
    words = f"{share:.0%} of a layer's weights in the middle quarter of its range (the largest weight sets the scale)"
    return words, _verdict(share > 0.5)


def _speed(why: Mapping) -> Judged:
    """The slide's three networks, timed with the kernels that TensorFlow Lite uses by default."""
    ratios = {name: why["ratio"][name] for name in THREE}
    result = ", ".join(f"{name} {ratio:.1f}×" for name, ratio in ratios.items())
    return f"{result} (XNNPACK)", _verdict_for({name: ratio >= CLAIMED for name, ratio in ratios.items()})


def _energy(why: Mapping) -> Judged:
    result = ", ".join(f"{machine} {times:.1f}×" for machine, times in why["energy"].items())
    return f"estimated: {result}", _verdict_for({machine: times >= 2 for machine, times in why["energy"].items()})


def _gates(why: Mapping) -> Judged:
    return f"area of a multiply-add {why['area']:.0f}× smaller (published)", _verdict(why["area"] > 2)


def _loss(comparison: Mapping) -> Judged:
    """What the int8 file loses."""
    return _lost("int8", _pair(comparison, "accuracy")[0], comparison["models"]["int8"])


def _four_bits(fewer: Mapping) -> Judged:
    """What the file with 4-bit weights loses that the best method without training has made."""
    return _lost("4-bit weights", fewer["float32"], fewer["file"])


def _lost(what: str, before: float, after: Mapping) -> Judged:
    """A loss that is more than chance; none, if more than `SMALL` can be ruled out; else nothing is decided."""
    p_value, (low, high), change = after["p_value"], after["difference"], after["accuracy"] - before
    result = f"{what} {100 * change:+.2f} points ({100 * low:+.2f} to {100 * high:+.2f}), p = {p_value:.2f}"
    if change < 0 and p_value < SURE:
        return result, VERDICTS[0]
    return result, VERDICTS[2] if low > -SMALL else VERDICTS[3]


def _broken(parts: Mapping) -> Judged:
    """The case of notebook 6 that was made to fail."""
    repairs = parts["repairs"]
    lost = repairs["float32"] - repairs["one spoiled picture"]
    return f"one spoiled picture: {-100 * lost:+.0f} points", _verdict(lost > 0.05)


def _front(frontier: Mapping) -> Judged:
    """For how many float32 networks an int8 network is as accurate and faster.

    A handful of networks is a small sample: only where Wilson's interval of the share lies above a half does the claim
    hold for most networks, and only where it lies below does it not.
    """
    shares = {cost: _held(matches) for cost, matches in frontier["matches"].items() if cost != "bytes"}
    result = ", ".join(f"{cost} {held} of {count}" for cost, (held, count) in shares.items())
    return f"{result} networks", _verdict_for({cost: _most(*share) for cost, share in shares.items()})


def _most(held: int, count: int) -> bool | None:
    """Return whether a share is more than a half; None if its 95 % interval does not decide."""
    low, high = accuracy.wilson(held, count)
    return True if low > 0.5 else False if high < 0.5 else None


def _held(matches: list[Mapping]) -> tuple[int, int]:
    """Return for how many float32 networks there is an int8 one as accurate and faster, and out of how many."""
    return sum((match["speed_up"] or 0) > 1 for match in matches), len(matches)


def _cliffs(bits: Mapping) -> Judged:
    cliffs = bits["cliff"]
    result = ", ".join(f"{name} {'none' if at is None else at}" for name, at in cliffs.items())
    return f"bits where accuracy breaks: {result}", _verdict(len(set(cliffs.values())) > 1)


def _arithmetic(board: Mapping) -> Judged:
    """Cycles for a product on the kit's processor: float32, int8 without and with its DSP instruction.

    They are ranges. Where a range shares numbers with that of float32, nothing is decided.
    """
    ranges = {kind: tuple(ends) for kind, ends in board["cycles per MAC"]["kit"].items()}
    result = ", ".join(f"{kind} {verdicts.words(ends)}" for kind, ends in ranges.items())
    decided = {verdicts.FASTER: True, verdicts.SLOWER: False, verdicts.OVERLAP: None}
    cases = {kind: decided[verdict] for kind, verdict in verdicts.verdicts(ranges).items()}
    return f"cycles a product on the board: {result}", _verdict_for(cases)


def _portable(board: Mapping) -> Judged:
    ranges = board["cycles per MAC"]["without FPU"]
    (low, high), (fewest, most) = ranges["float32"], ranges["int8"]
    words = f"without an FPU, float32 takes {low / most:.0f} to {high / fewest:.0f} times the cycles"
    return words, _verdict(low / most > 2)


COMPARE, BOARD, WHY = "05_tradeoffs", "07_on_the_board", "03_why_quantize"

WHY_WE_QUANTIZE = (
    Claim("9", "4× less memory", "comparison", COMPARE, _weights),
    Claim("9", "it fits 1 MB of flash", "board", BOARD, _flash),
    Claim("11", "less RAM, and the board has 256 KB (262 kB)", "board", BOARD, _ram),
    Claim("12", "most weights lie in a small range", "why", WHY, _near_zero),
    Claim("15", "less power", "why", WHY, _energy),
    Claim("16", "2 to 4× faster on a CPU", "why", WHY, _speed),
    Claim("16", "4× smaller", "comparison", COMPARE, _file),
)

WHAT_IT_COSTS = (
    Claim("39", "accuracy is lost: at 8 bits", "comparison", COMPARE, _loss),
    Claim("39", "accuracy is lost: done badly", "parts", "06_other_parts", _broken),
    Claim("39", "accuracy is lost: with 4-bit weights", "fewer_bits", "09_fewer_bits", _four_bits),
    Claim("39", "at equal accuracy int8 is faster (most networks)", "frontier", COMPARE, _front),
    Claim("43", "each network can be quantized to another degree", "bits", COMPARE, _cliffs),
    Claim("45", "a lot fewer gates", "why", WHY, _gates),
    Claim("45", "faster arithmetic", "board", BOARD, _arithmetic),
    Claim("46", "75% less load on the memory", "comparison", COMPARE, _load),
    Claim("47", "without floats it runs on more processors", "board", BOARD, _portable),
)

CLAIMS = (*WHY_WE_QUANTIZE, *WHAT_IT_COSTS)
