"""What would make the arena of a file smaller: another plan, additions in place, the first layers in bands."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from helpers.base.tables import Table
from helpers.board import arena, bands
from helpers.board.arena import Buffer
from helpers.board.bands import Bands
from helpers.tflite import inspect


def additions_in_place(path: Path, needed: Sequence[Buffer]) -> list[Buffer]:
    """Let every addition write its result over one of its inputs, if nobody needs that input afterwards.

    Args:
        path: the file.
        needed: from `arena.buffers` or `bands.buffers`.

    Returns:
        The buffers; the result of such an addition has none of its own, and that of the input lasts longer.
    """
    found = {buffer.tensor: buffer for buffer in needed if buffer.tensor is not None}
    for step in inspect.operators(path):
        made = step.outputs[0]
        for read in step.inputs if step.name == "ADD" else ():
            if read in found and found[read].last == found[made].first and found[read].bytes == found[made].bytes:
                found[made] = dataclasses.replace(found[made], first=found.pop(read).first)
                break
    return [*found.values(), *(buffer for buffer in needed if buffer.tensor is None)]


def table(path: Path, cut: Bands) -> Table:
    """Return the arena of a file as it is, and what each way, and all of them, would make of it, in bytes.

    Args:
        path: a .tflite file.
        cut: how its first layers would run in bands.
    """
    whole, in_bands = arena.buffers(path), bands.buffers(path, cut)
    ways = {
        "another plan": whole,
        "additions in place": additions_in_place(path, whole),
        f"the first {cut.layers} layers in bands": in_bands,
        "all of it": additions_in_place(path, in_bands),
    }
    now = arena.plan(whole).head
    rows = [["as it is", f"{arena.peak(whole):,}", f"{now:,}", ""]]
    for name, needed in ways.items():
        head = arena.tight_plan(needed).head
        rows.append([name, f"{arena.peak(needed):,}", f"{head:,}", f"-{now - head:,}" if head < now else "nothing"])
    return Table(["what would help", "alive at the peak", "arena", "saved"], rows)
