"""Mutants that no test could notice, since they do what the code does: each is named, with the reason.

`equivalents.toml` has them by module, as the lines that are changed. So a mutant counts as equivalent for as long as
those lines stay as they are.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("equivalents.toml")


@dataclass(frozen=True)
class Equivalent:
    """Lines of a module without the blanks around each, what they become, and why nobody can tell."""

    was: str
    becomes: str
    why: str


def read_equivalents(file: Path = FILE) -> Mapping[Path, Sequence[Equivalent]]:
    """The equivalents of each module that has any."""
    found = tomllib.loads(file.read_text())
    return {Path(module): [Equivalent(**each) for each in listed] for module, listed in found.items()}


def is_equivalent(diff: str, equivalents: Iterable[Equivalent]) -> bool:
    """Whether a change is one of these."""
    changed = (_lines(diff, "-"), _lines(diff, "+"))
    return any((each.was, each.becomes) == changed for each in equivalents)


def _lines(diff: str, sign: str) -> str:
    lines = (line for line in diff.splitlines() if not line.startswith(sign * 3))
    return joined(line.removeprefix(sign) for line in lines if line.startswith(sign))


def joined(lines: Iterable[str]) -> str:
    """Lines as the file has them."""
    return " ".join(line.strip() for line in lines)
