"""Which test files run which functions: a plugin of pytest, and the table that `tests/mutants/selection.py` reads.

`coverage run -m pytest -p tests.mutants.reach tests/handlers ...` notes the test file with each measured line.
`python -m tests.mutants.reach .coverage` makes of that the table: for each module the test files that run those of
its functions that no test of its own name runs.
"""

import ast
import json
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TABLE = Path(__file__).with_name("reach.json")
# That other test files run a function, too, is no reason to run them all.
ENOUGH = 3
# A word of the module's name in that of the test file is worth so many of the functions that it runs.
NEAR = 3

_last: list[str] = []


def pytest_runtest_logstart(nodeid: str) -> None:
    """What is measured from here on is of this file."""
    # Imported here: the table is read without it.
    from coverage import Coverage  # noqa: PLC0415

    file = nodeid.partition("::")[0]
    running = Coverage.current()
    if running is not None and [file] != _last:
        _last[:] = [file]
        running.switch_context(file)


def beside(
    reached: Mapping[str, Collection[str]],
    own: Iterable[str] = (),
    nearness: Callable[[str], int] = lambda file: 1,
) -> list[str]:
    """The test files that a module needs beside its `own` ones, of those that run a function of it.

    `reached` says which functions each file runs. That file is taken first that runs most of what is left, where a
    function counts for less the more files run it: those say more of other modules. What a file runs counts as many
    times as its `nearness`. A module without tests of its own has `ENOUGH` of them, if there are so many, so that one
    is not all that is known of it.
    """
    own, others = set(own), {file: set(functions) for file, functions in reached.items()}
    spread: dict[str, int] = {}
    for functions in others.values():
        for function in functions:
            spread[function] = spread.get(function, 0) + 1
    left = set(spread) - {function for file in own for function in others.get(file, ())}
    taken: list[str] = []
    while left or (not own and len(taken) < ENOUGH):
        rest = sorted(others.keys() - own - set(taken))
        if not rest:
            break
        # When all are run: a second opinion, of those that say most about the module as a whole.
        wanted = left or set(spread)
        file = max(
            rest, key=lambda each: nearness(each) * sum(1 / spread[name] for name in others[each] & wanted)
        )
        taken.append(file)
        left -= others[file]
    return sorted(taken)


def nearness(module: Path, file: str) -> int:
    """How much the name of a test file has of a module's. What is shared is put together for whoever comes first."""
    words = {part.rstrip("s") for name in module.parts[1:] for part in re.split(r"[_.]", name)}
    return 1 + len(words & {part.rstrip("s") for part in re.split(r"[_./]", file)} - {"test", "py"}) * NEAR


def functions_of(module: Path) -> Iterator[tuple[str, range]]:
    """The functions of a module, each with the lines of its body."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # A text alone is never run.
            first = node.body[1 if ast.get_docstring(node) and len(node.body) > 1 else 0]
            yield f"{node.name}:{node.lineno}", range(first.lineno, (node.end_lineno or node.lineno) + 1)


def reached_of(module: Path, data: Any) -> dict[str, set[str]]:
    """The functions of a module that each test file runs, of coverage's data."""
    contexts: Mapping[int, Sequence[str]] = data.contexts_by_lineno(str(module))
    reached: dict[str, set[str]] = {}
    for function, lines in functions_of(module):
        for file in {file for line in lines for file in contexts.get(line, ()) if file}:
            reached.setdefault(file, set()).add(function)
    return reached


def main() -> None:
    """Write the table."""
    # Imported here: the one is the reader of this one's table, and the other is not always there.
    from coverage import CoverageData  # noqa: PLC0415

    from tests.mutants.selection import mirror_of, modules_to_mutate, named_tests  # noqa: PLC0415

    data = CoverageData(sys.argv[1])
    data.read()
    measured = [Path(file) for file in data.measured_contexts() if file]
    table: dict[str, list[str]] = {}
    for module in modules_to_mutate(ROOT):
        reached = reached_of(ROOT / module, data)
        named = named_tests(ROOT, module)
        own = [file for file in reached if any(Path(file).is_relative_to(path) for path in named)]
        mirror = mirror_of(ROOT, module)
        if not (own if named else any(file.is_relative_to(mirror) for file in measured)):
            # What others run says nothing: the tests that are the module's were not among those that were measured.
            continue
        if found := beside(reached, own, partial(nearness, module)):
            table[module.as_posix()] = found
    TABLE.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
