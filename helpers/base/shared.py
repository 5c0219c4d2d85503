"""A folder that a class shares: what was made once is there for all, and what one makes anew lies over it.

`PTQ_SHARED` names a folder of artifacts that everybody may read and nobody may write.  Each of its files appears in
one's own folder as a link.  Everything in this project writes beside and renames, so a file that is made anew takes the
place of the link, and the shared one stays as it is.
"""

import contextlib
import functools
import os
from pathlib import Path

VARIABLE = "PTQ_SHARED"
PERSONAL = {"metrics.json", "progress.json", "run_times.json", "html", "site", "slides", "hand_in", "screenshots"}
WRITTEN_IN_PLACE = {"converted_model.tflite"}  # by the lecture's own line, which opens the file itself


def folder() -> Path | None:
    """Return the shared folder, if one is named.

    Raises:
        FileNotFoundError: it is not there.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        return None
    shared = Path(named).expanduser().resolve()
    if not shared.is_dir():
        raise FileNotFoundError(
            f"{VARIABLE} names {shared}, and there is no such folder. Make it, or unset the variable."
        )
    return shared


@functools.cache
def lay_under(own: Path) -> int:
    """Link what the shared folder has into one's own, where that has nothing yet; once in each process.

    Args:
        own: the folder of one's own artifacts.

    Returns:
        how many links were made.

    Raises:
        FileNotFoundError: see `folder`.
    """
    shared, made = folder(), 0
    if shared is None or shared == own.resolve():
        return made
    for file in sorted(shared.rglob("*")):
        place = file.relative_to(shared)
        if place.parts[0] in PERSONAL or place.name in WRITTEN_IN_PLACE or not file.is_file():
            continue
        target = own / place
        if os.path.lexists(target) or any(part.startswith(".") for part in place.parts):
            continue
        with contextlib.suppress(OSError):  # a system without links makes the file anew
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(file)
            made += 1
    return made
