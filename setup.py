"""What pyproject.toml cannot say: the pins come from requirements.txt, `data/` and `firmware/` lie in the package."""

import re
from pathlib import Path

from setuptools import find_packages, setup

# Sections of requirements.txt, by the first words of their headings, that who only imports `helpers` can do without.
EXTRAS = {"The notebooks": "notebooks", "The site": "site", "The tests": "tests"}
NEEDED = ""
FOLDERS = ("data", "firmware")  # beside helpers/ in the project, inside it when installed


def pins(text: str) -> dict[str, list[str]]:
    """Return the pins of requirements.txt, {extra: pins}; those of everybody stand under ""."""
    groups: dict[str, list[str]] = {NEEDED: [], **{extra: [] for extra in EXTRAS.values()}}
    extra = NEEDED
    for line in text.splitlines():
        if line.startswith("#"):
            extra = next((EXTRAS[heading] for heading in EXTRAS if line.startswith(f"# {heading}")), NEEDED)
        elif re.match(r"[\w]", line):
            groups[extra].append(line)
    return groups


PINS = pins((Path(__file__).parent / "requirements.txt").read_text("utf-8"))

setup(
    packages=[*find_packages(include=["helpers", "helpers.*"]), *(f"helpers.{folder}" for folder in FOLDERS)],
    package_dir={f"helpers.{folder}": folder for folder in FOLDERS},
    package_data={f"helpers.{folder}": ["**/*"] for folder in FOLDERS},
    install_requires=PINS.pop(NEEDED),
    extras_require=PINS,
)
