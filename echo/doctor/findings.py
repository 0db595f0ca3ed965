"""What a check finds: one line for each thing that it looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from echo.settings import Settings


class Status(StrEnum):
    """How it stands: with a warning Echo works, with a failure it does not, or not safely."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it stands, what is wrong, and what to do about it. Never shows a secret."""

    about: str
    status: Status
    what: str
    todo: str = ""


def ok(about: str, what: str) -> Finding:
    """All is well."""
    return Finding(about, Status.OK, what)


def warning(about: str, what: str, todo: str) -> Finding:
    """It works, but somebody should look at it."""
    return Finding(about, Status.WARNING, what, todo)


def failed(about: str, what: str, todo: str) -> Finding:
    """It does not work."""
    return Finding(about, Status.FAILED, what, todo)


def skipped(about: str, what: str) -> Finding:
    """It was not looked at, and why."""
    return Finding(about, Status.SKIPPED, what)


@dataclass(frozen=True)
class Examined:
    """What the checks look at.

    `settings` hold stand-ins for the variables in `unusable`, each with what is wrong with it; None when not even
    that could be had. `offline` says that no provider may be asked.
    """

    settings: Settings | None
    unusable: Mapping[str, str] = field(default_factory=dict)
    env_file: Path | None = None
    offline: bool = False
