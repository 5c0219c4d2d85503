"""One page with what a student wants at hand: formulas, kinds of files, code, rules of thumb.

Every number is computed from the reference run on photographs, `data/reference_results.json`, or a table of the suite.
"""

import ast
import html
import json
import math

import export
import printing
import site_sources
from helpers.base import data
from helpers.measure import energy
from helpers.tflite import kinds

REFERENCE = data.folder() / "reference_results.json"

# What each kind of file stores, and how it runs.
STORES = {
    "float32": "everything as float32",
    "dynamic range": "weights int8; biases, activations float32",
    "float16": "weights and biases float16; activations float32",
    "int8, float in/out": "as int8; input and output float32",
    "int8": "weights and activations int8, biases int32",
    "int16x8": "weights int8, activations int16, biases int64",
}
RUNS = {
    "float32": "float kernels, everywhere",
    "dynamic range": "activations get int8 scales for each picture; no calibration; not on microcontrollers",
    "float16": "a CPU makes float32 of it first; a GPU can calculate with it",
    "int8, float in/out": "integers inside, a conversion at each end",
    "int8": "integers only: microcontrollers, integer accelerators",
    "int16x8": "integers; few fast kernels",
}
CODE = """\
converter = tf.lite.TFLiteConverter.from_saved_model(folder)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: ([x] for x in inputs)
converter.target_spec.supported_ops = [
    tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
converter.inference_input_type = tf.int8
converter.inference_output_type = tf.int8
open("int8.tflite", "wb").write(converter.convert())"""


def percent(share: float) -> str:
    """Return a share as '97.4%'."""
    return f"{share:.1%}"


def kilobytes(count: float | None) -> str:
    """Return bytes as kB of a thousand, '1,328'; a dash for None."""
    return "–" if count is None else f"{count / 1e3:,.0f}"


def files(models: dict) -> list[dict[str, str]]:
    """Return a row of the table of files for each kind that was measured."""
    whole = models["float32"]["bytes"]
    return [
        {
            "name": kind,
            "stores": STORES[kind],
            "runs": RUNS[kind],
            "kb": kilobytes(models[kind]["bytes"]),
            "smaller": f"{whole / models[kind]['bytes']:.1f}×",
            "accuracy": percent(models[kind]["accuracy"]) + "*" * models[kind]["partly"],
            "arena": kilobytes(models[kind]["arena_bytes"]),
        }
        for kind in kinds.KINDS
    ]


def rules(told: dict) -> list[str]:
    """Return the rules of thumb, HTML, each with what was measured.

    Args:
        told: the reference run.
    """
    models = told["comparison"]["models"]
    before, after = models["float32"], models["int8"]
    return [
        _size(before, after, told["conversion"]["bytes"]["int8"]),
        _accuracy(after),
        _memory(before, after, told["board"]),
        _speed(after["ratio"], told["board"]["cycles per MAC"]["kit"]),
        _energy(),
        _calibration(told["conversion"]["accuracy by calibration"], told["parts"]["repairs"]),
        _four_bits(told["fewer_bits"]),
    ]


def _size(before: dict, after: dict, parts: dict) -> str:
    weights, whole = (before[what] / after[what] for what in ("weight_bytes", "bytes"))
    return (
        f"<b>Size.</b> Weights shrink {weights:.0f} times, the file {whole:.1f} times: "
        f"{kilobytes(parts['quantization parameters'])} kB of scales and zero points are new, names and structure stay."
    )


def _accuracy(after: dict) -> str:
    low, high = (f"{100 * edge:+.1f}".replace("-", "−") for edge in after["difference"])
    return (
        f"<b>Accuracy.</b> int8 gave the answer of float32 for {after['same_as_float32']:,} of {after['pictures']:,} "
        f"pictures; the difference is {low} to {high} points (95%)."
    )


def _memory(before: dict, after: dict, board: dict) -> str:
    ram = board["ram_bytes"]
    fits = [name for name, one in (("float32", before), ("int8", after)) if one["arena_bytes"] < ram]
    return (
        f"<b>RAM.</b> The arena shrinks {before['arena_bytes'] / after['arena_bytes']:.1f} times, to "
        f"{kilobytes(after['arena_bytes'])} kB. Into the {ram / 1024:.0f} KB of the board "
        f"{['neither fits', 'fits ' + ''.join(fits), 'both fit'][len(fits)]}."
    )


def _speed(ratios: dict, cycles: dict) -> str:
    speeds = ", ".join(f"{ratio['value']:.1f} times with {name} kernels" for name, ratio in ratios.items())
    plain, whole, simd = (" to ".join(f"{one:.1f}" for one in cycles[name]) for name in ("int8", "float32", "SMLAD"))
    return (
        f"<b>Speed</b> belongs to kernels and processor: here int8 gained {speeds}. On a Cortex-M4F a "
        f"product takes {plain} cycles in plain int8, {whole} in float32, {simd} with SMLAD."
    )


def _energy() -> str:
    add, product = (energy.energy(what, "float32") / energy.energy(what, "int8") for what in ("add", "multiply"))
    return (
        f"<b>Energy</b> (published, 45 nm): an int8 addition takes 1/{add:.0f} of float32's, a product 1/{product:.0f}."
    )


def _calibration(accuracy: dict, repairs: dict) -> str:
    few, many, raw = (percent(accuracy[name]) for name in ("10 pictures", "300 pictures", "not normalised"))
    return (
        f"<b>Calibration.</b> {few} with 10 pictures, {many} with 300, and {raw} where they were not prepared as in "
        f"training. One spoiled picture among them: {percent(repairs['one spoiled picture'])}."
    )


def _four_bits(few: dict) -> str:
    layer, channel = (few["rungs"]["nearest code"][f"one scale a {what}"] for what in ("layer", "channel"))
    best = max(max(rung.values()) for rung in few["rungs"].values())
    return (
        f"<b>Four bits</b> (a small MobileNet, float32 {percent(few['float32'])}): nearest codes with one scale a "
        f"layer {percent(layer)}, a channel {percent(channel)}; the best method without training {percent(best)}."
    )


def fragment(told: dict | None = None) -> str:
    """Return the sheet as a piece of HTML.

    Args:
        told: the reference run; read from `data/` if left out.

    Raises:
        SiteError: the reference run leaves out what the sheet shows.
    """
    told = told or json.loads(REFERENCE.read_text("utf-8"))
    try:
        comparison, machine = told["comparison"], told["machine"]["processor"]
        models = comparison["models"]
        partly = [kind for kind in kinds.KINDS if models[kind]["partly"]]
        values = {"files": files(models), "rules": rules(told)}
    except LookupError as error:
        raise site_sources.SiteError(f"{REFERENCE.name} leaves out what the cheat sheet shows: {error}.") from None
    ast.parse(CODE)
    return site_sources.template(
        "cheat_sheet.html.j2",
        math=lambda tex: export.formula(tex, "inline"),
        block=lambda tex: export.formula(tex, "block"),
        decibels=f"{20 * math.log10(2):.0f}",
        source=f"{comparison['pictures']:,} {comparison['data']}, {machine}",
        few=", ".join(f"* {kind}: {models[kind]['pictures']:,} pictures only" for kind in partly),
        code=html.escape(CODE),
        lines=len(CODE.splitlines()),
        **values,
    )


def page(sheet: str, points: float) -> str:
    """Return the sheet as a page of its own, to print, with letters of a size in points."""
    style = (site_sources.TEMPLATES / "_static" / "cheat_sheet.css").read_text("utf-8")
    values = {"sheet": sheet, "style": style, "points": points, "math_font": printing.MATH_FONT}
    return site_sources.template("cheat_sheet_print.html.j2", **values)
