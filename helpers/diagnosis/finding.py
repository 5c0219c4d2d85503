"""A finding: what is wrong with a file, how bad it is, what shows it, and what to do."""

import dataclasses
from collections.abc import Iterable, Sequence

from helpers.base.console import counted

SEVERITIES = ("severe", "warning", "note")
NAMED = 3  # places that a sentence names; the others are counted


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that the doctor has to say.

    Attributes:
        name: of the kind of finding, the same in every report: "input_range".
        severity: "severe" (the answers, or the process, are at stake), "warning" (worth a look), "note".
        title: what is wrong, as a sentence without its full stop.
        evidence: the numbers that show it.
        advice: what to do.
    """

    name: str
    severity: str
    title: str
    evidence: str
    advice: str


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings by severity, and in their order where that is equal."""
    return sorted(findings, key=lambda one: SEVERITIES.index(one.severity))


def summary(findings: Sequence[Finding]) -> str:
    """Return how many findings of which severity there are, as a sentence."""
    counts = {severity: sum(one.severity == severity for one in findings) for severity in SEVERITIES}
    if not findings:
        return "Nothing found."
    words = {"severe": f"{counts['severe']} severe", **{kind: counted(counts[kind], kind) for kind in SEVERITIES[1:]}}
    return f"Found: {', '.join(words[kind] for kind, count in counts.items() if count)}."


def places(names: Sequence[str]) -> str:
    """Return the first few names, and how many more there are: "conv1, conv2, conv3 and 4 more"."""
    shown, more = list(names[:NAMED]), len(names) - NAMED
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
