"""What sweeps find, and how much they tried."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from echo.testing.sweeps.exchanges import Exchange


@dataclass(frozen=True)
class Kind:
    """A kind of finding: its name, what it means, and how bad it is (critical, high, medium, low)."""

    name: str
    title: str
    severity: str
    # What Echo promises beyond LibreChat; a server that is none is told of it, and not held to it.
    stricter: bool = False


@dataclass(frozen=True)
class Finding:
    """One broken promise: of which operation, and the exchanges that show it, the last one to be repeated."""

    sweep: str
    kind: Kind
    operation: str
    detail: str
    exchanges: tuple[Exchange, ...] = ()


@dataclass
class Result:
    """What one sweep came to."""

    sweep: str
    tried: int = 0
    found: list[Finding] = field(default_factory=list)
    # What this server is not held to.
    not_held: list[Finding] = field(default_factory=list)
    # What could not be tried, and why.
    untried: list[str] = field(default_factory=list)
    # Whether the time was over before the end.
    unfinished: bool = False


@dataclass(frozen=True)
class SweepReport:
    """The results of all sweeps of a run."""

    results: tuple[Result, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them, the worst kinds first."""
        order = ("critical", "high", "medium", "low")
        found = (each for result in self.results for each in result.found)
        return tuple(sorted(found, key=lambda each: (order.index(each.kind.severity), each.kind.name)))

    @property
    def not_held(self) -> tuple[Finding, ...]:
        """What the server was seen to do otherwise, and only Echo promises."""
        return tuple(each for result in self.results for each in result.not_held)


def by_kind(findings: tuple[Finding, ...]) -> Iterator[tuple[Kind, list[Finding]]]:
    """The findings of each kind, in their order."""
    for kind in dict.fromkeys(each.kind for each in findings):
        yield kind, [each for each in findings if each.kind == kind]
