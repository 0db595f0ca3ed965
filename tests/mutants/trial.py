"""One process that tries many mutants: `python -m tests.mutants.trial PLAN NOTES PYTEST-ARGUMENTS`.

To import Echo, and to put together what all tests share, takes a hundred times as long as a test. So this process
does the first once, and its copies (forks) the second: they run, for one mutant after the other, the tests that reach
it. What is found is written into NOTES, a line each: `killed`, and the test that failed passes again without the
mutant; `survived`; or `unsure`, where what the mutant changes was done before and is shared, or is left behind. Such
a one is tried again in a copy of its own; `unsure` stays where only a process with that mutant from its beginning can
tell (`alone`), since it is called at the import.
"""

import json
import os
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import pytest
from _pytest.fixtures import FixtureDef
from _pytest.runner import runtestprotocol
from _pytest.scope import Scope
from mutmut.mutation import trampoline
from mutmut.mutation.trampoline import set_mutant_under_test

# mutmut's name for: no mutant, and functions tell when they are called.
TELLING = "stats"
# Noted while a verdict is to come: before the first test, and before each with the mutant, and without any.
BEGUN, WITH_MUTANT, WITHOUT = UNDER_WAY = ("begun", "with it", "without it")


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
        mutants = [replace(each, tests=side_by_side(each.tests, self._items)) for each in self._mutants]
        by_imports = set(self._called)
        self._shared |= by_imports
        if self._alone:
            self._try_alone(mutants[0])
            return True
        left, before = mutants, -1
        while left and len(left) != before:
            before = len(left)
            in_a_copy(self._try_each, left)
            for mutant in left:
                self._settle(mutant, is_imported=mutant.function in by_imports)
            found = self._found()
            left = [mutant for mutant in left if mutant.name not in found]
        return True

    def _settle(self, mutant: Mutant, *, is_imported: bool) -> None:
        """Try once more, in a copy that does all anew, where that tells."""
        verdict = self._found().get(mutant.name)
        if verdict not in (*UNDER_WAY, "unsure"):
            return
        if is_imported:
            self._note("unsure", mutant.name)
            return
        in_a_copy(self._try_alone, mutant)
        if self._found()[mutant.name] in UNDER_WAY:
            # Tests that a mutant ends have noticed it.
            self._note("killed", mutant.name)

    def _try_each(self, mutants: Sequence[Mutant]) -> None:
        """Until one has left something behind that would make others' tests fail."""
        for mutant in mutants:
            self._note(BEGUN, mutant.name)
            verdict, clean = self._try(mutant)
            self._note(verdict, mutant.name)
            if not clean:
                break
        self._end()

    def _try_alone(self, mutant: Mutant) -> None:
        self._note(BEGUN, mutant.name)
        passed = all(self._passes(test, mutant, WITH_MUTANT) for test in mutant.tests)
        self._note("survived" if passed else "killed", mutant.name)
        self._end()

    def _end(self) -> None:
        """Stop what tests share, such as servers."""
        for item in [*self._items.values()][:1]:
            item.session._setupstate.teardown_exact(None)

    def _note(self, verdict: str, name: str, test: str = "") -> None:
        print(json.dumps([verdict, name, test]), file=self._notes, flush=True)

    def _found(self) -> dict[str, str]:
        """What was noted last of each mutant, by this process and its copies."""
        self._notes.seek(0)
        found = {name: verdict for verdict, name, _ in map(json.loads, self._notes)}
        self._notes.seek(0, os.SEEK_END)
        return found

    def _try(self, mutant: Mutant) -> tuple[str, bool]:
        """The verdict, and whether the process is as it was."""
        for test in mutant.tests:
            if test not in self._warm and not self._passes(test, mutant, WITHOUT):
                return "unsure", False
            self._warm.add(test)
            if not self._passes(test, mutant, WITH_MUTANT):
                clean = self._passes(test, mutant, WITHOUT)
                return ("killed" if clean else "unsure"), clean
        if mutant.function in self._shared:
            return "unsure", True
        return self._again(mutant)

    def _again(self, mutant: Mutant) -> tuple[str, bool]:
        """Whether the tests would have called the mutant: what was kept since the first time is not done again."""
        for test in mutant.tests:
            self._called.clear()
            if not self._passes(test, mutant, WITHOUT):
                return "unsure", False
            if mutant.function not in self._called:
                return "unsure", True
        return "survived", True

    def _passes(self, test: str, mutant: Mutant, how: str) -> bool:
        self._note(how, mutant.name, test)
        item = self._items[test]
        # What the test before it shares with others, and not with this one.
        item.session._setupstate.teardown_exact(item)
        # Whatever comes next, what is shared stays; only the test's own is taken down.
        others = [other for other in self._items.values() if other is not item]
        nearest = next((other for other in others if other.parent is item.parent), None) or next(
            (other for other in others if other.path == item.path), next(iter(others), None)
        )
        set_mutant_under_test(mutant.name if how == WITH_MUTANT else TELLING)
        try:
            reports = runtestprotocol(item, log=False, nextitem=nearest)
        finally:
            set_mutant_under_test(TELLING)
        return not any(report.failed for report in reports)


def side_by_side(tests: Sequence[str], items: Mapping[str, pytest.Item]) -> list[str]:
    """In this order, but those together that share what takes long to put together, such as one of two servers."""
    places: dict[object, int] = {}
    for place, test in enumerate(tests):
        places.setdefault(_shared_by(items[test]), place)
    return sorted(tests, key=lambda test: places[_shared_by(items[test])])


def _shared_by(item: pytest.Item) -> object:
    """The parameters of what is made for more than one test, and where it is."""
    made = getattr(item, "callspec", None)
    scopes = (
        {name: scope for name, scope in made._arg2scope.items() if scope > Scope.Function} if made else {}
    )
    wide = any(scope > Scope.Module for scope in scopes.values())
    return item.path.parent if wide else item.path, frozenset((name, made.indices[name]) for name in scopes)


def in_a_copy(task: Callable[[Any], None], argument: Any) -> None:
    """Do a task in a copy of this process, and wait for that."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        task(argument)
    finally:
        os._exit(0)


def main(argv: Sequence[str]) -> int:
    plan, notes, *arguments = argv
    known = json.loads(Path(plan).read_text())
    mutants = [Mutant(name, tests) for name, tests in known["mutants"]]
    set_mutant_under_test(mutants[0].name if known["alone"] else TELLING)
    with Path(notes).open("w+") as lines:
        return int(pytest.main([*arguments], plugins=[Trial(mutants, lines, alone=known["alone"])]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
