"""Which tests are measured by coverage, where it runs at all: those of our own code, not those of whole documents.

With Python 3.11 a tracer makes each line of a process dear, and those of libraries too: two thirds more time. What
goes through every operation, asks other people's clients or installs packages reaches hardly a line that the tests of
each package do not: it comes last in a run and without the tracer. So the percentage that must be reached is one of
the tests that mean the lines.
"""

import os
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from tests.support import quick_tracing

ROOT = Path(__file__).parents[2]
# In the order in which they run, the longest files first: at the end no process of tests waits for another's.
NOT_MEASURED = (
    "tests/contract/test_schemathesis.py",
    "tests/security/test_input.py",
    "tests/security/test_ownership.py",
    "tests/operations/",
    "tests/test_install.py",
    "tests/contract/test_sweeps.py",
    "tests/librechat/test_written.py",
    "tests/mutants/test_workshop.py",
    "tests/librechat/clients/",
    "tests/security/",
    "tests/librechat/",
    "tests/contract/",
    "tests/mutants/",
    "tests/lint/",
)


@cache
def place(test: Path) -> int:
    """When a file's tests run: 0 for all that are measured, and then as they stand in the list."""
    name = test.relative_to(ROOT).as_posix()
    return next((number for number, start in enumerate(NOT_MEASURED, 1) if name.startswith(start)), 0)


def in_order(tests: Iterable[Any]) -> list[Any]:
    """The collected tests, those last that are not measured."""
    return sorted(tests, key=lambda test: place(test.path))


@cache
def stop_measuring(*, children: bool = True) -> None:
    """Take coverage's tracer away for the rest of this process, in all its threads, and from `children` to come."""
    if children:
        for name in [name for name in os.environ if name.startswith("COVERAGE")]:
            del os.environ[name]
    # Not where nobody has imported it.
    if coverage := sys.modules.get("coverage"):
        running = coverage.Coverage.current()
        if running is not None:
            running.stop()
            # The tracer would take itself away the next time it is called: maybe never now.
            sys.settrace(None)
            quick_tracing.end()
