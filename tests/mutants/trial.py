"""One process that tries many mutants: `python -m tests.mutants.trial PLAN NOTES PYTEST-ARGUMENTS`.

To import Echo, and to put together what all tests share, takes a hundred times as long as a test. So this process
does both once, and then runs, for one mutant after the other, the tests that reach it. What it finds it writes into
NOTES, a line each: `killed`, and the test that failed passes again without the mutant; `survived`; or `unsure` where
only a process with that mutant from its beginning can tell (`alone`): what the mutant changes was done before and is
shared, or is left behind.
"""

import json
import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pytest
from _pytest.fixtures import FixtureDef
from _pytest.runner import runtestprotocol
from mutmut.mutation import trampoline
from mutmut.mutation.trampoline import set_mutant_under_test

# mutmut's name for: no mutant, and functions tell when they are called.
TELLING = "stats"


@dataclass(frozen=True)
class Mutant:
    """One mutant, and the ids of the tests that reach it, in the order in which they are run."""

    name: str
    tests: Sequence[str]

    @property
    def function(self) -> str:
        """That it is a mutant of."""
        return function_of(self.name)


def function_of(mutant: str) -> str:
    """The name of the function that has this mutant, as mutmut notes it."""
    return mutant.rpartition("__mutmut_")[0]


class Trial:
    """A plugin that runs, in place of each test once, each mutant's tests until one of them fails."""

    def __init__(self, mutants: Sequence[Mutant], notes: TextIO, *, alone: bool) -> None:
        self._mutants = mutants
        self._notes = notes
        self._alone = alone
        self._items: dict[str, pytest.Item] = {}
        # Those that have passed in this process without a mutant, with all that they share put together.
        self._warm: set[str] = set()
        # The functions that were called since somebody looked, and those that were for what tests share.
        self._called: set[str] = set()
        self._shared: set[str] = set()
        trampoline.record_trampoline_hit = lambda name, caller=None: self._called.add(name)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: FixtureDef[object]) -> Generator[None, object, object]:
        before = set(self._called)
        self._called.clear()
        try:
            return (yield)
        finally:
            if fixturedef.scope != "function":
                self._shared |= self._called
            self._called |= before

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._items = {item.nodeid: item for item in session.items}
        missing = {test for mutant in self._mutants for test in mutant.tests} - self._items.keys()
        if missing:
            raise LookupError(f"No such tests: {missing}")
        # By imports.
        self._shared |= self._called
        for mutant in self._mutants:
            self._note("begun", mutant.name)
            verdict, clean = self._try_alone(mutant) if self._alone else self._try(mutant)
            self._note(verdict, mutant.name)
            if not clean:
                # What the mutant has left behind would make others' tests fail.
                break
        return True

    def _note(self, verdict: str, name: str) -> None:
        print(json.dumps([verdict, name]), file=self._notes, flush=True)

    def _try_alone(self, mutant: Mutant) -> tuple[str, bool]:
        return (
            "survived" if all(self._passes(test, mutant.name) for test in mutant.tests) else "killed"
        ), True

    def _try(self, mutant: Mutant) -> tuple[str, bool]:
        """The verdict, and whether the process is as it was."""
        for test in mutant.tests:
            if test not in self._warm and not self._passes(test, TELLING):
                return "unsure", False
            self._warm.add(test)
            if not self._passes(test, mutant.name):
                clean = self._passes(test, TELLING)
                return ("killed" if clean else "unsure"), clean
        if mutant.function in self._shared:
            return "unsure", True
        return self._again(mutant)

    def _again(self, mutant: Mutant) -> tuple[str, bool]:
        """Whether the tests would have called the mutant: what was kept since the first time is not done again."""
        for test in mutant.tests:
            self._called.clear()
            if not self._passes(test, TELLING):
                return "unsure", False
            if mutant.function not in self._called:
                return "unsure", True
        return "survived", True

    def _passes(self, test: str, mutant: str) -> bool:
        item = self._items[test]
        # What the test before it shares with others, and not with this one.
        item.session._setupstate.teardown_exact(item)
        # Whatever comes next, what is shared stays; only the test's own is taken down.
        others = [other for other in self._items.values() if other is not item]
        nearest = next((other for other in others if other.parent is item.parent), None) or next(
            (other for other in others if other.path == item.path), next(iter(others), None)
        )
        set_mutant_under_test(mutant)
        try:
            reports = runtestprotocol(item, log=False, nextitem=nearest)
        finally:
            set_mutant_under_test(TELLING)
        return not any(report.failed for report in reports)


def main(argv: Sequence[str]) -> int:
    plan, notes, *arguments = argv
    known = json.loads(Path(plan).read_text())
    mutants = [Mutant(name, tests) for name, tests in known["mutants"]]
    set_mutant_under_test(mutants[0].name if known["alone"] else TELLING)
    with Path(notes).open("w") as lines:
        return int(pytest.main([*arguments], plugins=[Trial(mutants, lines, alone=known["alone"])]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
