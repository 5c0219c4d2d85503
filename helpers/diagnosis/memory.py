"""Whether a file fits: flash and RAM against every board, and what TensorFlow Lite Micro says."""

import contextlib

from helpers.base.tables import Table
from helpers.board import arena, boards
from helpers.board.arena import Ram
from helpers.board.boards import Board
from helpers.diagnosis.contents import Contents
from helpers.diagnosis.finding import Finding
from helpers.tflite import edit, micro

NOTE = (
    "The file and its tensor arena alone; a program needs flash for its code, and RAM for its stack and its buffers, "
    "besides."
)


def needs(contents: Contents) -> tuple[int, Ram | None, str]:
    """Return the bytes of flash, the tensor arena (None if it cannot be had), and why not.

    Where TensorFlow Lite Micro refuses the file, the activations are planned all the same.
    """
    flash = len(edit.flash_image(contents.path))
    try:
        return flash, arena.ram(contents.path), ""
    except (micro.Refused, micro.TooSlow) as refused:
        with contextlib.suppress(arena.Unplannable):
            return flash, arena.planned(contents.path), str(refused)
        return flash, None, str(refused)


def table(flash: int, ram: Ram | None) -> Table:
    """Return every board with the shares of its flash and its RAM, those with room first."""
    rows = []
    for board in sorted(boards.load().values(), key=lambda one: (not _has_room(one, flash, ram), one.ram_bytes)):
        share = f"{ram.total / board.ram_bytes:.0%}" if ram else "–"
        fits = "yes" if _has_room(board, flash, ram) else "no"
        rows.append([board.name, f"{flash / board.flash_bytes:.0%}", share, fits if ram else "not known"])
    heads = ["board", "of its flash", "of its RAM", "has room"]
    return Table(heads, rows)


def _has_room(board: Board, flash: int, ram: Ram | None) -> bool:
    return flash <= board.flash_bytes and ram is not None and ram.total <= board.ram_bytes


def words(flash: int, ram: Ram | None) -> str:
    """Return what the file needs, as a sentence."""
    if ram is None:
        return f"Flash: {flash:,} bytes. Tensor arena: not known."
    persistent = "" if ram.persistent is None else f", {ram.persistent:,} persistent"
    parts = f"{ram.activations:,} activations{persistent}; {ram.source}"
    return f"Flash: {flash:,} bytes. Tensor arena: {ram.total:,} bytes ({parts})."


def check(contents: Contents, flash: int, ram: Ram | None) -> list[Finding]:
    """Return what stands between a file and a microcontroller; a note only where the file is not meant for one."""
    found, measured = [], ram is not None and ram.persistent is not None
    if not measured and (refusal := micro.refusal(contents.path)):
        found.append(
            Finding(
                "refused_by_micro",
                "warning" if contents.in_codes else "note",
                "TensorFlow Lite Micro does not run this file",
                refusal,
                "For a microcontroller, replace the operator that it names, or convert to full int8; everywhere else "
                "another runtime runs the file.",
            )
        )
    if (
        contents.in_codes
        and ram is not None
        and not any(_has_room(board, flash, ram) for board in boards.load().values())
    ):
        found.append(
            Finding(
                "no_room",
                "note",
                "No board of the table has room for this file",
                words(flash, ram),
                "A smaller input or a narrower network saves most: RAM follows the largest activations, flash the "
                "weights.",
            )
        )
    return found
