"""Has mutants tried by processes of `tests/mutants/trial.py`, and is not held up by one that never ends."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.patience import Spent, Stopwatch, limit_of_all, limit_of_test
from tests.mutants.trial import UNDER_WAY, WITH_MUTANT, Mutant

# As for all runs of tests here: see `tests/mutants/workshop.py`.
ARGUMENTS = ("-q", "-p", "no:cacheprovider", "-m", "not slow", "--tb=native", "--rootdir=.")
# To import and to collect is not a mutant's time.
STARTING = Spent(300.0, 300.0)
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Trier:
    """Tries mutants in a copy of the project that has them."""

    directory: Path
    environment: Mapping[str, str]
    # How long each test takes, by its id.
    seconds: Mapping[str, float]

    def try_all(self, mutants: Sequence[Mutant], processes: int) -> dict[str, str]:
        """What becomes of each: `killed`, `survived`, `no tests`, or `timeout` where a test does not end."""
        reached = [mutant for mutant in mutants if mutant.tests]
        with ThreadPoolExecutor(processes) as pool:
            parts = [part for number in range(processes) if (part := reached[number::processes])]
            found = {
                name: status for part in pool.map(self._try_together, parts) for name, status in part.items()
            }
            again = [mutant for mutant in reached if found[mutant.name] == "unsure"]
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
                return self._watch(process, mutants, Notes(notes))
            finally:
                _end(process)

    def _watch(
        self, process: "subprocess.Popen[bytes]", mutants: Sequence[Mutant], notes: "Notes"
    ) -> dict[str, str]:
        """What the process has found until it ended, or until it took too long for one mutant."""
        whole = {each.name: limit_of_all(sum(map(self._seconds_of, each.tests))) for each in mutants}
        found: dict[str, str] = {}
        stopwatch = Stopwatch(process.pid)
        begun = of_mutant = stopwatch.look()
        # To be kept within until the next news: of the test, and of all tests of the mutant.
        limit = limit_of_mutant = STARTING
        running = True
        while running:
            running = not _has_ended(process)
            spent = stopwatch.look()
            for verdict, name, test in notes.news():
                if found.get(name) not in UNDER_WAY:
                    of_mutant, limit_of_mutant = spent, whole[name]
                found[name] = verdict
                begun, limit = spent, limit_of_test(self._seconds_of(test))
            if spent.since(begun).is_beyond(limit) or spent.since(of_mutant).is_beyond(limit_of_mutant):
                break
        return {name: _final(verdict, timed_out=running) for name, verdict in found.items()}

    def _seconds_of(self, test: str) -> float:
        return self.seconds.get(test, 0.0)


def _has_ended(process: "subprocess.Popen[bytes]") -> bool:
    """After a pause, unless it ends sooner."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(POLL_SECONDS)
    return process.returncode is not None


def _final(verdict: str, *, timed_out: bool) -> str:
    """What is known of a mutant once its process has ended, or was ended since it took too long."""
    if verdict not in UNDER_WAY:
        return verdict
    # A test that hangs without the mutant says nothing of it.
    return "timeout" if timed_out and verdict == WITH_MUTANT else "unsure"


class Notes:
    """What a process has noted, as it comes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def news(self) -> list[tuple[str, str, str]]:
        """The verdicts since the last time, each with the mutant and the test; whole lines only."""
        with self._path.open() as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind("\n") + 1]
        self._read += len(whole.encode())
        return [tuple(json.loads(line)) for line in whole.splitlines()]


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
