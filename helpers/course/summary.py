"""The comparison of all kinds of files: measured once, kept in `metrics.json`, shown wherever it is needed."""

import json
import time
from pathlib import Path

from helpers.base import artifacts, console, data, metrics
from helpers.base.seed import SEED
from helpers.base.tables import Table
from helpers.measure import accuracy, latency, roofline
from helpers.measure.accuracy import Score
from helpers.measure.latency import Timings
from helpers.networks import converted
from helpers.pictures.datasets import Pets
from helpers.tflite import inspect, micro

SECONDS = 30
FEW = {"int16x8": 150}  # pictures; no fast kernels exist for it, and all the pictures would take half a minute
ROUNDS = {"XNNPACK": 40, "built-in": 20, "reference": 10}  # the slower the kernels, the fewer rounds
REFERENCE = data.folder() / "reference_results.json"


def measure_timings(files: dict[str, Path], pets: Pets) -> dict[str, Timings]:
    """Time one picture on every file with every kernel set, {kernel set: timings}."""
    image = pets.arrays("test")[0][0]
    return {kernels: latency.time_files(files, image, kernels, rounds=rounds) for kernels, rounds in ROUNDS.items()}


def record_comparison(
    pets: Pets, files: dict[str, Path], scores: dict[str, Score], timings: dict[str, Timings]
) -> dict:
    """Write the comparison into `metrics.json` and return it: plain numbers, one entry for each file."""
    comparison = {
        "data": pets.title,
        "pictures": pets.counts["test"],
        "seed": SEED,
        "kernels": list(timings),
        "written": time.time(),
        "models": {name: _row(name, files, scores, timings, pets.counts["test"]) for name in files},
    }
    metrics.record(pets.source, "comparison", comparison)
    return comparison


def _row(
    name: str, files: dict[str, Path], scores: dict[str, Score], timings: dict[str, Timings], pictures: int
) -> dict:
    low, high = scores[name].interval
    parts = inspect.bytes_by_purpose(files[name])
    return {
        "bytes": sum(parts.values()),
        "weight_bytes": parts["weights"],
        "moved_bytes": _moved(files[name]),
        "arena_bytes": _arena(files[name]),
        "sha256": artifacts.sha256(files[name]),
        "pictures": len(scores[name].labels),
        "partly": len(scores[name].labels) < pictures,  # then its accuracy is not to be compared
        "same_as_float32": scores[name].same_answers(scores["float32"]),
        "accuracy": scores[name].accuracy,
        "low": low,
        "high": high,
        "p_value": accuracy.mcnemar(scores["float32"].correct, scores[name].correct).p_value,
        "difference": [*accuracy.difference(scores["float32"].correct, scores[name].correct)],
        "milliseconds": {k: vars(t.milliseconds(name)) for k, t in timings.items()},
        "ratio": {k: vars(t.ratio("float32", name)) for k, t in timings.items()},
    }


def _moved(file: Path) -> int | None:
    """Return the bytes that all layers read and write for a picture; None for a file of several number types."""
    try:
        return sum(layer.constant_bytes + layer.moved_bytes for layer in roofline.layers(file))
    except ValueError:
        return None


def _arena(file: Path) -> int | None:
    """Return the tensor arena in bytes; None if TensorFlow Lite Micro is not here or cannot run the file."""
    try:
        return micro.arena_bytes(file)
    except (NotImplementedError, TimeoutError, ValueError):
        return None


def comparison(pets: Pets) -> dict:
    """Return the comparison on this data from `metrics.json`, measuring it first if there is none of these files."""
    stored = metrics.read().get(pets.source, {}).get("comparison")
    files = converted.files(pets)
    if stored is None or any(stored["models"][name]["sha256"] != artifacts.sha256(files[name]) for name in files):
        about = console.duration(SECONDS)
        print(f"The comparison is not there yet: making it now (about {about} on two cores).", flush=True)
        scores = accuracy.score_all(files, *pets.arrays("test"), few=FEW)
        stored = record_comparison(pets, files, scores, measure_timings(files, pets))
    return stored


def newest_comparison() -> dict:
    """Return the comparison that was written last, on whatever data.

    Raises:
        FileNotFoundError: no run has got as far as a comparison.
    """
    comparisons = [sections["comparison"] for sections in metrics.read().values() if "comparison" in sections]
    if not comparisons:
        where = artifacts.root() / metrics.METRICS
        raise FileNotFoundError(f"{where} holds no comparison yet: run 05_tradeoffs, or `make run`.")
    return max(comparisons, key=lambda comparison: comparison["written"])


def comparison_table(comparison: dict | None = None) -> Table:
    """Return the comparison as a table: size, accuracy with interval, McNemar's test, and latency ratios.

    Args:
        comparison: from `comparison` or `record_comparison`; by default the one that was written last.
    """
    comparison = comparison or newest_comparison()
    kernels, data = comparison["kernels"], comparison["data"]
    rows = [
        [name, f"{r['bytes'] / 1e3:,.1f}", _kilobytes(r["arena_bytes"]), *_share(r)]
        + [f"{r['ratio'][k]['value']:.2f}" for k in kernels]
        for name, r in comparison["models"].items()
    ]
    heads = [
        "model",
        "file, kB",
        "arena, kB",
        "accuracy (95% interval)",
        "p",
        *(f"speed-up, {name}" for name in kernels),
    ]
    return Table(heads, rows, f"{data[:1].upper()}{data[1:]}, {comparison['pictures']:,} test pictures")


def _kilobytes(count: int | None) -> str:
    return "–" if count is None else f"{count / 1e3:,.1f}"


def _share(row: dict) -> tuple[str, str]:
    """Return accuracy and p-value in words; how many answers are float32's, if only some pictures have been seen."""
    if row.get("partly"):
        return accuracy.as_float32(row["same_as_float32"], row["pictures"]), "–"
    return f"{row['accuracy']:.1%} ({row['low']:.1%} to {row['high']:.1%})", f"{row['p_value']:.2f}"


# --- the reference run on the photographs -------------------------------------------------------------------------


def reference() -> dict:
    """Return what the suite measured on the photographs, from `data/reference_results.json`.

    Raises:
        FileNotFoundError: the file is not there.
    """
    if not REFERENCE.exists():
        raise FileNotFoundError(f"{REFERENCE.name} is not in data/: get the whole repository.")
    return json.loads(REFERENCE.read_text())


def reference_table() -> Table:
    """Return the comparison of the reference run, with the processor it was measured on in its caption."""
    results = reference()
    table = comparison_table(results["comparison"])
    table.caption = f"Reference run, not yours: {table.caption}, on {results['machine']['processor']}"
    return table
