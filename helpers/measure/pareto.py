"""Accuracy against cost, for many networks at once: which of them does no other beat?

A network is on the front (Pareto, *Manuale di economia politica*, 1906) if no other is at least as accurate and at
least as cheap, and better in one of the two.  The lecture's claim is about two such fronts, of float32 networks and of
int8 networks: at equal accuracy eight bits are faster, at equal latency more accurate.
"""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from helpers.base import console, machine, metrics
from helpers.base.tables import Table
from helpers.measure import accuracy, latency, picture_input
from helpers.measure.accuracy import Score
from helpers.measure.latency import Timings

if TYPE_CHECKING:
    from helpers.pictures.datasets import Pets

KINDS = ("float32", "int8")
ROUNDS = {"XNNPACK": 60, "built-in": 30, "reference": 9}  # the slower the kernels, the fewer rounds
FILE_SIZE = "bytes"

Files = dict[str, dict[str, Path]]  # {network: {"float32": path, "int8": path}}


def front(costs: Sequence[float], accuracies: Sequence[float]) -> list[int]:
    """Return the positions of the points that no other beats, cheapest first; of equal points the first.

    Args:
        costs: smaller is better.
        accuracies: larger is better; as many as there are costs.
    """
    positions: list[int] = []
    for i in sorted(range(len(costs)), key=lambda i: (costs[i], -accuracies[i], i)):
        if not positions or accuracies[i] > accuracies[positions[-1]]:
            positions.append(i)
    return positions


# --- measuring ----------------------------------------------------------------------------------------------------


def scores(files: Files, pets: "Pets") -> dict[str, dict[str, Score]]:
    """Score every file on the test pictures, scaled to the size that it takes: {network: {kind: score}}."""

    def score(path: Path) -> Score:
        return accuracy.score(path, *pets.arrays("test", size=picture_input.size(path)))

    bar = console.progress(files.items(), "Scoring", "network", len(files))
    return {name: {kind: score(path) for kind, path in pair.items()} for name, pair in bar}


def timings(files: Files, pets: "Pets") -> dict[str, Timings]:
    """Time one picture on every file with every kernel set, all taking turns: {kernel set: timings}.

    The timings know a file by its network and its kind: "0.125 × 48 int8".
    """
    image = pets.arrays("test")[0][0]
    flat = {f"{name} {kind}": path for name, pair in files.items() for kind, path in pair.items()}
    return {kernels: latency.time_files(flat, image, kernels, rounds=rounds) for kernels, rounds in ROUNDS.items()}


# --- the statement ------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Match:
    """What int8 offers in place of one float32 network.

    Attributes:
        network: the float32 network.
        faster: the cheapest int8 network that is at least as accurate; None if there is none.
        speed_up: how many times cheaper that one is; None if there is none.
        better: the most accurate int8 network that is at least as cheap; None if there is none.
        gain: its accuracy less the float32 network's, -1 to 1; None if there is none.
        p_value: of McNemar's test between the two, on the same pictures.
    """

    network: str
    faster: str | None
    speed_up: float | None
    better: str | None
    gain: float | None
    p_value: float


def matches(scores: dict[str, dict[str, Score]], costs: dict[str, dict[str, float]]) -> list[Match]:
    """Return what int8 offers in place of each float32 network on the float32 front, cheapest first.

    Args:
        scores: {network: {"float32": score, "int8": score}}, all on the same pictures in the same order.
        costs: the same with a cost: milliseconds, or bytes.
    """
    names = list(scores)
    best = front(*([values[n]["float32"] for n in names] for values in (costs, _accuracies(scores))))
    return [_match(names[i], scores, costs) for i in best]


def _accuracies(scores: dict[str, dict[str, Score]]) -> dict[str, dict[str, float]]:
    return {name: {kind: score.accuracy for kind, score in pair.items()} for name, pair in scores.items()}


def _match(name: str, scores: dict[str, dict[str, Score]], costs: dict[str, dict[str, float]]) -> Match:
    score, cost = scores[name]["float32"], costs[name]["float32"]
    accurate = [n for n in scores if scores[n]["int8"].accuracy >= score.accuracy]
    cheap = [n for n in scores if costs[n]["int8"] <= cost]
    faster = min(accurate, key=lambda n: costs[n]["int8"], default=None)
    better = max(cheap, key=lambda n: (scores[n]["int8"].accuracy, -costs[n]["int8"]), default=None)
    other = scores[better]["int8"] if better else score
    return Match(
        name,
        faster,
        cost / costs[faster]["int8"] if faster else None,
        better,
        other.accuracy - score.accuracy if better else None,
        accuracy.mcnemar(score.correct, other.correct).p_value,
    )


# --- the record ---------------------------------------------------------------------------------------------------


def record(
    pets: "Pets", files: Files, scores: dict[str, dict[str, Score]], timings: dict[str, Timings], section: str
) -> dict:
    """Write accuracy, size and time of every network into `metrics.json` and return them: plain numbers.

    Args:
        pets: the data they were scored on.
        files, scores, timings: as above, by the same names.
        section: of `metrics.json`.
    """
    results = {
        "data": pets.title,
        "pictures": pets.counts["test"],
        "processor": machine.describe()["processor"],
        "kernels": list(timings),
        "written": time.time(),
        "networks": {
            name: {kind: _row(name, kind, pair[kind], scores, timings) for kind in pair} for name, pair in files.items()
        },
    }
    results["matches"] = {
        cost: [vars(match) for match in matches(scores, costs_of(results, cost))] for cost in (*timings, FILE_SIZE)
    }
    metrics.record(pets.source, section, results)
    return results


def _row(name: str, kind: str, path: Path, scores: dict[str, dict[str, Score]], timings: dict[str, Timings]) -> dict:
    low, high = scores[name][kind].interval
    return {
        "bytes": path.stat().st_size,
        "accuracy": scores[name][kind].accuracy,
        "low": low,
        "high": high,
        "milliseconds": {k: vars(t.milliseconds(f"{name} {kind}")) for k, t in timings.items()},
    }


def costs_of(record: dict, cost: str) -> dict[str, dict[str, float]]:
    """Return one cost of every network, {network: {kind: number}}.

    Args:
        record: from `record`.
        cost: a kernel set, for milliseconds, or "bytes".
    """
    return {
        name: {
            kind: row["bytes"] if cost == FILE_SIZE else row["milliseconds"][cost]["value"]
            for kind, row in pair.items()
        }
        for name, pair in record["networks"].items()
    }


def verdict_table(record: dict) -> Table:
    """Return whether the lecture's claim holds, for each cost: over the float32 networks that no other float32 beats.

    The shares have 95 % intervals, as if the networks had been drawn from many of their kind.
    "Sure" are the gains in accuracy that McNemar's test does not put down to chance (p < 0.05).
    """
    rows = [[_cost_name(cost), *_verdict(offers)] for cost, offers in record["matches"].items()]
    heads = [
        "cost",
        "float32 front",
        "int8 as accurate and cheaper",
        "times cheaper",
        "int8 as cheap and better",
        "sure",
    ]
    return Table(heads, rows)


def _cost_name(cost: str) -> str:
    return "file size" if cost == FILE_SIZE else f"time, {cost}"


def _verdict(offers: list[dict]) -> list[str]:
    cheaper = [match["speed_up"] for match in offers if (match["speed_up"] or 0) > 1]
    better = [match for match in offers if (match["gain"] or 0) > 0]
    sure = [match for match in better if match["p_value"] < 0.05]
    span = f"{np.median(cheaper):.1f} ({min(cheaper):.1f} to {max(cheaper):.1f})" if cheaper else "-"
    return [
        f"{len(offers)}",
        _counted(len(cheaper), len(offers)),
        span,
        _counted(len(better), len(offers)),
        f"{len(sure)}",
    ]


def _counted(held: int, count: int) -> str:
    """Return a share of a few networks with its 95 % interval (Wilson): "7 of 7 (65% to 100%)"."""
    if not count:
        return "0 of 0"
    low, high = accuracy.wilson(held, count)
    return f"{held} of {count} ({low:.0%} to {high:.0%})"
