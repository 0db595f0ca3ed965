"""Has mutants tried by processes of `tests/mutants/trial.py`, and is not held up by one that hangs."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from tests.mutants.trial import Mutant

# As for all runs of tests here: see `tests/mutants/workshop.py`.
ARGUMENTS = ("-q", "-p", "no:cacheprovider", "-m", "not slow", "--tb=native", "--rootdir=.")
# A busy machine is slow, too: so much for what is shared, and so many times the time of the tests themselves. What
# takes longer is tried once more, with twice that.
SHARED_SECONDS = 45.0
TIMES = 10.0
STARTING_SECONDS = 300.0
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Trier:
    """Tries mutants in a copy of the project that has them."""

    directory: Path
    environment: Mapping[str, str]
    # How long each test takes, by its id.
    seconds: Mapping[str, float]

    def try_all(self, mutants: Sequence[Mutant], processes: int) -> dict[str, str]:
        """What becomes of each: `killed`, `survived`, `no tests`, or `timeout` where the tests hang twice."""
        reached = [mutant for mutant in mutants if mutant.tests]
        with ThreadPoolExecutor(processes) as pool:
            parts = [part for number in range(processes) if (part := reached[number::processes])]
            found = {
                name: status for part in pool.map(self._try_together, parts) for name, status in part.items()
            }
            again = [mutant for mutant in reached if found[mutant.name] in ("unsure", "timeout")]
            alone = dict(pool.map(self._try_alone, again))
        return {mutant.name: "no tests" for mutant in mutants} | found | alone

    def _try_together(self, mutants: Sequence[Mutant]) -> dict[str, str]:
        found: dict[str, str] = {}
        left = list(mutants)
        while left:
            verdicts = self._process(left, alone=False)
            if not verdicts:
                raise RuntimeError("No tests can be run, whatever the mutant.")
            found.update(verdicts)
            left = [mutant for mutant in left if mutant.name not in found]
        return found

    def _try_alone(self, mutant: Mutant) -> tuple[str, str]:
        status = self._process([mutant], alone=True).get(mutant.name, "unsure")
        # Tests that a mutant ends, or keeps from beginning, have noticed it.
        return mutant.name, "killed" if status == "unsure" else status

    def _process(self, mutants: Sequence[Mutant], *, alone: bool) -> dict[str, str]:
        files = sorted({test.split("::")[0] for mutant in mutants for test in mutant.tests})
        with tempfile.TemporaryDirectory() as directory:
            plan, notes = Path(directory, "plan"), Path(directory, "notes")
            plan.write_text(
                json.dumps({"alone": alone, "mutants": [[each.name, list(each.tests)] for each in mutants]})
            )
            notes.touch()
            command = [sys.executable, "-m", "tests.mutants.trial", str(plan), str(notes), *ARGUMENTS, *files]
            process = subprocess.Popen(
                command,
                cwd=self.directory,
                env=dict(self.environment),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                return self._watch(process, mutants, lambda: _read(notes), patience=2 if alone else 1)
            finally:
                _end(process)

    def _watch(
        self,
        process: "subprocess.Popen[bytes]",
        mutants: Sequence[Mutant],
        read: Callable[[], list[tuple[str, str]]],
        *,
        patience: int,
    ) -> dict[str, str]:
        """What the process has found until it ended, or until it took too long for one mutant."""
        limits = {each.name: patience * (SHARED_SECONDS + TIMES * self._seconds_of(each)) for each in mutants}
        # To import and collect is not a mutant's time.
        limit, begun, known = STARTING_SECONDS, monotonic(), 0
        running = True
        while running:
            running = process.poll() is None
            lines = read()
            if len(lines) > known:
                known, begun = len(lines), monotonic()
                limit = limits[lines[-1][1]]
            if running and monotonic() - begun > limit:
                break
            sleep(POLL_SECONDS if running else 0)
        found = {name: verdict for verdict, name in lines if verdict != "begun"}
        # One that the process has not come to an end with has kept it, or ended it.
        if lines and lines[-1][0] == "begun":
            found[lines[-1][1]] = "timeout" if running else "unsure"
        return found

    def _seconds_of(self, mutant: Mutant) -> float:
        return sum(self.seconds.get(test, 0.0) for test in mutant.tests)


def _read(notes: Path) -> list[tuple[str, str]]:
    """Whole lines only."""
    text = notes.read_text()
    return [tuple(json.loads(line)) for line in text[: text.rfind("\n") + 1].splitlines()]


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Servers that its tests have started, too."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def in_order(tests: Sequence[str], seconds: Mapping[str, float]) -> list[str]:
    """The quickest first, yet file by file: a file's tests share what takes long to put together."""
    quickest: dict[str, float] = {}
    for test in tests:
        file = test.split("::")[0]
        quickest[file] = min(seconds.get(test, 0.0), quickest.get(file, float("inf")))
    return sorted(
        tests,
        key=lambda test: (quickest[test.split("::")[0]], test.split("::")[0], seconds.get(test, 0.0), test),
    )
