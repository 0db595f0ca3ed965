"""What is known of the tests once mutants were tried: for one module, and for several with a sample of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from tests.mutants.selection import by_package

LIVING = ("survived", "no tests")
# Of a normal distribution, 95 % are within this many standard deviations.
DEVIATIONS = 1.96


@dataclass(frozen=True)
class Score:
    """What became of a module's mutants, each by its name; of `made` ones, where only a sample was tried.

    `equivalent` are those of them that are known to do what the code does.
    """

    module: Path
    status: dict[str, str]
    made: int | None = None
    equivalent: frozenset[str] = frozenset()

    @property
    def survivors(self) -> list[str]:
        """Those that no test noticed, and those that no test reaches."""
        return [
            name for name, status in self.status.items() if status in LIVING and name not in self.equivalent
        ]

    @property
    def late(self) -> list[str]:
        """Those that count as noticed because the tests took too long. A busy machine has the same effect."""
        return [name for name, status in self.status.items() if status == "timeout"]

    @property
    def killed(self) -> int:
        """How many were noticed."""
        return len(self.status) - len(self.survivors) - len(self.equivalent)

    @property
    def line(self) -> str:
        """One line for people."""
        total = len(self.status)
        share = f"{(self.killed + len(self.equivalent)) / total:.0%}" if total else "nothing to mutate"
        sample = f", a sample of {self.made}" if self.made is not None and self.made > total else ""
        late = f"{len(self.late)} of them by the time limit"
        killed = f"{self.killed}/{total} killed{_besides(len(self.equivalent))}"
        return f"{self.module}: {killed} ({share}), {late}{sample}"


def lines_of(scores: Sequence[Score]) -> list[str]:
    """A line for each module, for each package, and for all."""
    packages = by_package(score.module for score in scores)
    return [
        *(score.line for score in scores),
        *(
            estimate(str(package), [score for score in scores if score.module in modules])
            for package, modules in packages.items()
        ),
        estimate("all", scores),
    ]


def estimate(name: str, scores: Sequence[Score]) -> str:
    """One line for people: of all mutants of these modules, which share is killed or equivalent, from where to where.

    A tried mutant stands for as many as its module has for each one that was tried. The interval is Wilson's at 95 %,
    with Kish's effective size of a sample whose members weigh differently.
    """
    tried = [
        (len(score.status), score.made or len(score.status), score.killed, len(score.equivalent))
        for score in scores
        if score.status
    ]
    if not tried:
        return f"{name}: nothing to mutate"
    made = sum(of for _, of, *_ in tried)
    share = sum(of * (killed + equivalent) / total for total, of, killed, equivalent in tried) / made
    size = made**2 / sum(of**2 / total for total, of, *_ in tried)
    low, high = _wilson(share, size)
    total, _, killed, equivalent = map(sum, zip(*tried, strict=True))
    said = f"{killed}/{total} killed{_besides(equivalent)}"
    return f"{name}: {said}, so {share:.0%} ({low:.0%} to {high:.0%}) of all {made}"


def _besides(equivalent: int) -> str:
    return f" and {equivalent} equivalent" if equivalent else ""


def _wilson(share: float, size: float) -> tuple[float, float]:
    square = DEVIATIONS**2 / size
    middle = share + square / 2
    half = DEVIATIONS * sqrt(share * (1 - share) / size + square / size / 4)
    return (middle - half) / (1 + square), (middle + half) / (1 + square)
