"""How long a mutant's tests may take, so that a loop that never ends is told from a machine that is busy.

Two clocks: the processor time of the tests' processes, which a loop uses up that does not sleep, and which stands
still while others have the processor; and the time on the wall, which counts for less the more others want to run.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

PROC = Path("/proc")
# So much for what tests share, and so many times what a test takes without any mutant; more is too long.
SHARED_SECONDS = 30.0
TIMES_BY_PROCESSOR, TIMES_BY_WALL = 5.0, 10.0
# More than this between two looks was no time of the tests: this process had to wait, too.
LONGEST_STEP = 1.0
# Where the fields of `/proc/PID/stat` begin after the name, and those of them that are looked at.
SESSION, TIMES = 3, slice(11, 15)


@dataclass(frozen=True)
class Spent:
    """Seconds by both clocks."""

    processor: float
    wall: float

    def since(self, before: "Spent") -> "Spent":
        """What came between."""
        return Spent(self.processor - before.processor, self.wall - before.wall)

    def is_beyond(self, limit: "Spent") -> bool:
        """Whether one of the clocks says that it is too much."""
        return self.processor > limit.processor or self.wall > limit.wall


def limit_of_test(seconds: float) -> Spent:
    """For one test that takes so long without any mutant."""
    return Spent(
        max(SHARED_SECONDS, TIMES_BY_PROCESSOR * seconds), max(SHARED_SECONDS, TIMES_BY_WALL * seconds)
    )


def limit_of_all(seconds: float) -> Spent:
    """For all tests of a mutant; each is run up to three times."""
    return Spent(*[2 * SHARED_SECONDS + TIMES_BY_WALL * seconds] * 2)


class Stopwatch:
    """The clocks of a process and of all that it starts: those of its session. They begin when it is made."""

    def __init__(self, session: int) -> None:
        self._session = session
        self._wall, self._last = 0.0, monotonic()

    def look(self) -> Spent:
        """What was spent until now. Without `/proc` only the wall counts."""
        before, self._last = self._last, monotonic()
        self._wall += min(self._last - before, LONGEST_STEP) / crowding(
            os.getloadavg()[0], os.cpu_count() or 1
        )
        return Spent(processor_seconds(self._session), self._wall)


def crowding(load: float, processors: int) -> float:
    """How many want to run for each processor; never less than one."""
    return max(1.0, load / processors)


def processor_seconds(session: int, proc: Path = PROC) -> float:
    """What the processes of a session have used, with those that they have waited for."""
    ticks = 0
    for stat in proc.glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            # It has just ended.
            continue
        if int(fields[SESSION]) == session:
            ticks += sum(map(int, fields[TIMES]))
    return ticks / os.sysconf("SC_CLK_TCK")
