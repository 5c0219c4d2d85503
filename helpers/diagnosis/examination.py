"""The examination of a file: all checks, one after the other, and the tables that go with them."""

import dataclasses
from pathlib import Path

import numpy as np

from helpers.base.tables import Table
from helpers.diagnosis import activations, answers, contents, finding, inputs, kernels, memory, ranges, weights
from helpers.diagnosis.contents import Contents
from helpers.diagnosis.finding import Finding
from helpers.diagnosis.inputs import Inputs
from helpers.tflite import interpreter, trial


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the report: a heading, a table if there is one, sentences below it, and remarks, each on its own."""

    heading: str
    table: Table | None
    words: str = ""
    remarks: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Report:
    """What the doctor has to say about a file.

    Attributes:
        name, bytes: of the file.
        findings: the worst first.
        sections: the tables.
    """

    name: str
    bytes: int
    findings: tuple[Finding, ...]
    sections: tuple[Section, ...]

    @property
    def severe(self) -> bool:
        """Whether there is a severe finding."""
        return any(one.severity == "severe" for one in self.findings)

    @property
    def title(self) -> str:
        """The first line."""
        return f"{self.name}, {self.bytes:,} bytes"

    def table(self) -> Table:
        """Return the findings with their evidence."""
        rows = [[one.severity, one.title, one.evidence] for one in self.findings]
        return Table(["severity", "finding", "evidence"], rows, f"{self.title}. {finding.summary(self.findings)}")

    def section(self, heading: str) -> Section:
        """Return a part of the report by its heading.

        Raises:
            KeyError: there is none.
        """
        return {one.heading: one for one in self.sections}[heading]


def examine(path: Path, pictures: Path | None = None, float32: Path | None = None, pixels: str | None = None) -> Report:
    """Examine a .tflite file.

    Args:
        path: of the file.
        pictures: a folder with pictures of the kind that the network sees in use, in subfolders or not.
        float32: the same network before it was quantized.
        pixels: the range of the pixels that it wants, one of `input_range.CONVENTIONS`; None for what the file tells.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: a file is no .tflite file, or the folder holds no picture, or the file cannot be tried on pictures,
            or the float32 file is another network's, or does not run.
    """
    whole = contents.read(path)
    twin = _twin(whole, float32) if float32 else None
    found = [*ranges.check(whole), *weights.check(whole)]
    sections = [Section("What is quantized", contents.what_is_quantized(whole), contents.by_numbers(whole))]
    try:
        odd = any(one.name == "input_range" for one in found)
        more, parts = _on(whole, twin, inputs.gather(whole, pictures, pixels, odd))
        found, sections = found + more, sections + parts
    except inputs.NoInputs as problem:
        sections.append(Section("Kernels", None, f"Not tried. {problem}"))
    flash, ram, problem = memory.needs(whole)
    found += memory.check(whole, flash, ram)
    words = f"{memory.words(flash, ram)} {memory.NOTE}"
    sections.append(Section("Boards", memory.table(flash, ram), words, (problem,) * (ram is None)))
    return Report(whole.path.name, whole.path.stat().st_size, tuple(finding.worst_first(found)), tuple(sections))


def _twin(whole: Contents, float32: Path) -> Contents:
    """Read the float32 file; a ValueError if it takes or gives other shapes, or no floats."""
    twin = contents.read(float32)
    ends = [[t.shape for t in one.of_role(role)] for one in (whole, twin) for role in ("input", "output")]
    floats = {t.dtype for t in twin.of_role("input")} == {"float32"}
    if ends[:2] != ends[2:] or not floats:
        raise ValueError(
            f"{twin.path.name} should be {whole.path.name} before it was quantized: a float32 input, and the same "
            f"shapes of input and output; found {ends[2]} and {ends[3]} where there are {ends[0]} and {ends[1]}."
        )
    trial.check(twin.path, activations.KERNELS)
    return twin


def _on(whole: Contents, twin: Contents | None, given: Inputs) -> tuple[list[Finding], list[Section]]:
    """Return what the inputs show."""
    (entry,) = whole.of_role("input")
    codes = interpreter.quantize_input(given.values, entry.details)
    said = kernels.ask(whole, codes)
    sections = [Section("Kernels", kernels.table(said), f"Tried on {given.about}", tuple(kernels.remarks(said)))]
    found, first = kernels.check(said), kernels.measure(said)
    if all(one.kernels != activations.KERNELS or one.outputs is None for one in said):
        return found, sections
    exact = kernels.outputs(twin, given.values, activations.KERNELS)[0] if twin else None
    seen = activations.observe(whole, given.values, twin)
    if first is not None and first.parts == 1:
        (made,) = whole.of_role("output")
        outputs = interpreter.dequantize_output(first.outputs, made.details)
        found += answers.check(outputs.astype(np.float32), exact, given.folders)
    found += activations.check(seen, whole, given)
    if twin:
        words = "SQNR against the float32 file; each bit is worth 6 dB. Lost here: how much less than in what it reads."
        sections.append(Section("Layers, the noisiest first", activations.ranking(seen), words))
    return found, sections
